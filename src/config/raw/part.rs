//! `[mappings.key]` and `[mappings.value]`: how that part of a record is decoded.

use schemars::JsonSchema;
use serde::Deserialize;

/// How to decode a key or value that was written with a schema of a registry. Without `decode` its bytes stay as they are.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Part {
    /// Whose serializer wrote it: `confluent` or `apicurio`. The registry says whether it is Avro, Protobuf or JSON Schema.
    pub(in crate::config) decode: Option<Writer>,
    /// Name of the registry, as in `[registries.NAME]`; by default the only one.
    pub(in crate::config) registry: Option<String>,
    /// Output format: `json`, the default, or `avro`, a file of Avro with one record and its schema.
    pub(in crate::config) to: Option<To>,
    /// Integers of 64 bits: `safe`, the default (text beyond what readers that count in doubles hold exactly), `number`
    /// or `text`.
    pub(in crate::config) integers: Option<Integers>,
    /// Floats that are no number or infinite: `text`, the default, or `null`.
    pub(in crate::config) non_finite: Option<NonFinite>,
    /// Bytes: `base64`, the default, `hex`, or `latin1`, a character for each, as in Avro's own JSON.
    pub(in crate::config) bytes: Option<Bytes>,
    /// Decimals: `text`, the default, so that no reader rounds them, or `number`.
    pub(in crate::config) decimals: Option<TextOrNumber>,
    /// Dates and times: `text` in ISO 8601, the default, or the `number` that was written.
    pub(in crate::config) times: Option<TextOrNumber>,
    /// Fields of Protobuf: `json`, the default (`unitPrice`), or `as_written` (`unit_price`).
    pub(in crate::config) names: Option<Names>,
    /// Whether fields of Protobuf are written that have their default, where their bytes do not show whether they were set.
    pub(in crate::config) defaults: Option<bool>,
    #[schemars(extend("enum" = [8, 4]))]
    /// Bytes of the id that Apicurio's serializers write: 8, the default, or 4 (`Legacy4ByteIdHandler`, and Apicurio 3).
    pub(in crate::config) id_bytes: Option<u32>,
    /// The kind of that id: `global`, the default, or `content` (Apicurio 3).
    pub(in crate::config) ids: Option<Ids>,
    /// Envelope around the JSON: `connect` (a schema beside the payload), and for values `debezium` (the row after a change).
    pub(in crate::config) unwrap: Option<Unwrap>,
    /// What a deleted row becomes, with `unwrap = "debezium"`: a `tombstone`, the default, or `drop`.
    pub(in crate::config) deletes: Option<Deletes>,
    /// How values are compressed, for values only: `gzip` or `zstd`, which is then the `content-encoding` of the event.
    pub(in crate::config) compress: Option<Compress>,
    /// Text that replaces the key, for keys only, with `{header:NAME}`, `{field:PATH}` and the like.
    pub(in crate::config) from: Option<String>,
    /// Whether the key is hashed, for keys only, with the secret of `[mappings.fields]`.
    pub(in crate::config) hash: Option<bool>,
}

impl Part {
    /// The keys beside `decode` that are given.
    pub(in crate::config) fn said(&self) -> Vec<&'static str> {
        let own = [("registry", self.registry.is_some()), ("to", self.to.is_some())];
        let own = own.into_iter().filter_map(|(key, given)| given.then_some(key));
        own.chain(self.forms()).chain(self.of_apicurio()).collect()
    }

    /// Those of them that say which JSON comes out.
    pub(in crate::config) fn forms(&self) -> Vec<&'static str> {
        let forms = [
            ("integers", self.integers.is_some()),
            ("non_finite", self.non_finite.is_some()),
            ("bytes", self.bytes.is_some()),
            ("decimals", self.decimals.is_some()),
            ("times", self.times.is_some()),
            ("names", self.names.is_some()),
            ("defaults", self.defaults.is_some()),
        ];
        forms.into_iter().filter_map(|(key, given)| given.then_some(key)).collect()
    }

    /// Those that say how Apicurio's serializers are set.
    pub(in crate::config) fn of_apicurio(&self) -> Vec<&'static str> {
        let apicurio = [("id_bytes", self.id_bytes.is_some()), ("ids", self.ids.is_some())];
        apicurio.into_iter().filter_map(|(key, given)| given.then_some(key)).collect()
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub(in crate::config) enum $name {
            $($(#[$word_doc])* $word,)+
        }
    )+};
}

words! {
    /// Whose serializer.
    Writer { Confluent, Apicurio }
    /// What comes out.
    To { Json, Avro }
    /// How integers of 64 bits are written.
    Integers { Safe, Number, Text }
    /// How floats that JSON has no numbers for are written.
    NonFinite { Text, Null }
    /// How bytes are written.
    Bytes { Base64, Hex, Latin1 }
    /// How decimals, and dates and times, are written.
    TextOrNumber { Text, Number }
    /// The names of Protobuf's fields.
    Names { Json, AsWritten }
    /// What Apicurio's id counts.
    Ids { Global, Content }
    /// What a part is wrapped in.
    Unwrap { Connect, Debezium }
    /// What a deleted row becomes.
    Deletes { Tombstone, Drop }
    /// How values are compressed.
    Compress { Gzip, Zstd }
}
