//! Which schema a value was written with, and where its payload begins.
//!
//! | who | in the bytes | in headers (`key` in place of `value` for keys) |
//! |---|---|---|
//! | Confluent | `0`, id of 4 bytes; or `1`, GUID of 16 bytes | `__value_schema_id`, with the same bytes |
//! | Apicurio | `0`, id of 8 bytes, or of 4 | `apicurio.value.globalId` or `apicurio.value.contentId`, of 8 bytes |
//!
//! Headers win, as in both libraries. With Protobuf more is said, and [`Message`] is where.

use std::fmt::{self, Display, Formatter};

/// Which schema a value was written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SchemaId {
    /// Confluent's: an id of the registry.
    Id(u32),
    /// Confluent's: a GUID, the same in every registry.
    Guid([u8; 16]),
    /// Apicurio's: an id of a version of an artifact.
    GlobalId(i64),
    /// Apicurio's: an id of the text, whichever artifact has it.
    ContentId(i64),
}

impl Display for SchemaId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "id {id}"),
            Self::GlobalId(id) => write!(f, "global id {id}"),
            Self::ContentId(id) => write!(f, "content id {id}"),
            Self::Guid(bytes) => {
                f.write_str("guid ")?;
                for (at, byte) in bytes.iter().enumerate() {
                    let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(f, "{dash}{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

/// Who wrote the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Confluent's serializers, and those of others that write the same.
    Confluent,
    /// Apicurio's serializers, as they are set.
    Apicurio {
        /// How wide the id is in the bytes.
        width: Width,
        /// What the id in the bytes counts. An id in headers says it itself.
        counts: Counts,
    },
}

/// How wide Apicurio's id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// `DefaultIdHandler` of Apicurio 2.
    Eight,
    /// `Legacy4ByteIdHandler` of Apicurio 2, and what Apicurio 3 does unless told otherwise.
    Four,
}

/// What Apicurio's id counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// Versions of artifacts: `globalId`, what Apicurio 2 does unless told otherwise.
    Global,
    /// Texts: `contentId`, what Apicurio 3 does unless told otherwise.
    Content,
}

/// Which part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

/// What was framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framed<'a> {
    /// The schema it was written with.
    pub id: SchemaId,
    /// The rest.
    pub payload: Payload<'a>,
}

/// What was written with the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a> {
    /// The bytes after the frame. With Protobuf they may begin by saying which message they are: see [`Message`].
    pub bytes: &'a [u8],
    /// Which message of a Protobuf schema it is. Means nothing with the other kinds.
    pub message: Message<'a>,
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    /// A bare payload; of a Protobuf schema, of its first message.
    fn from(bytes: &'a [u8]) -> Self {
        Self { bytes, message: Message::First }
    }
}

/// Which message of a Protobuf schema a payload is, or where that is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// The first of the schema.
    First,
    /// Confluent's indexes begin the payload.
    Inline,
    /// Confluent's indexes, of the header.
    Indexes(&'a [u8]),
    /// The name of it, of Apicurio's header.
    Name(&'a [u8]),
    /// Apicurio's `Ref` begins the payload: its length, and a message with the name.
    Delimited,
}

/// Why there is no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotFramed {
    /// No bytes at all.
    #[error("it is empty: no id of a schema")]
    Empty,
    /// It begins otherwise: not framed, or framed by something else.
    #[error("it begins with `{0:#04x}`, not with an id of a schema, and no header has one")]
    Magic(u8),
    /// It stops in the middle of the id.
    #[error("it ends before the id of its schema does")]
    Ends,
    /// A header is there and is no id.
    #[error("header `{0}` does not hold the id of a schema")]
    Header(&'static str),
    /// Apicurio's serializer was told to name the schema by artifact or by hash.
    #[error(
        "header `{0}` names its schema otherwise than by id: let its serializer write `globalId` or `contentId`"
    )]
    ByName(&'static str),
    /// Apicurio's serializer was told to write Avro as Avro's JSON.
    #[error("header `{0}` says that it is Avro written as JSON: let its serializer write `BINARY`")]
    Encoding(&'static str),
}

/// Reads the frame of `bytes`, which is `part` of a record. `header` gives the last header of a name.
pub fn frame<'a>(
    framing: Framing,
    part: Part,
    bytes: &'a [u8],
    header: impl Fn(&str) -> Option<&'a [u8]>,
) -> Result<Framed<'a>, NotFramed> {
    match framing {
        Framing::Confluent => confluent(part, bytes, header),
        Framing::Apicurio { width, counts } => apicurio(width, counts, part, bytes, header),
    }
}

fn confluent<'a>(
    part: Part,
    bytes: &'a [u8],
    header: impl Fn(&str) -> Option<&'a [u8]>,
) -> Result<Framed<'a>, NotFramed> {
    let name = match part {
        Part::Key => "__key_schema_id",
        Part::Value => "__value_schema_id",
    };
    if let Some(said) = header(name) {
        let (id, rest) = confluent_id(said).map_err(|_| NotFramed::Header(name))?;
        return Ok(Framed { id, payload: Payload { bytes, message: Message::Indexes(rest) } });
    }
    let (id, bytes) = confluent_id(bytes)?;
    Ok(Framed { id, payload: Payload { bytes, message: Message::Inline } })
}

fn confluent_id(bytes: &[u8]) -> Result<(SchemaId, &[u8]), NotFramed> {
    let (magic, rest) = bytes.split_first().ok_or(NotFramed::Empty)?;
    match magic {
        0 => {
            let (id, rest) = rest.split_first_chunk().ok_or(NotFramed::Ends)?;
            Ok((SchemaId::Id(u32::from_be_bytes(*id)), rest))
        }
        1 => {
            let (id, rest) = rest.split_first_chunk().ok_or(NotFramed::Ends)?;
            Ok((SchemaId::Guid(*id), rest))
        }
        other => Err(NotFramed::Magic(*other)),
    }
}

/// The names of Apicurio's headers for one part of a record.
struct Names {
    global: &'static str,
    content: &'static str,
    /// What names a schema otherwise.
    others: [&'static str; 2],
    encoding: &'static str,
    message: &'static str,
}

const KEY: Names = Names {
    global: "apicurio.key.globalId",
    content: "apicurio.key.contentId",
    others: ["apicurio.key.artifactId", "apicurio.key.contentHash"],
    encoding: "apicurio.key.encoding",
    message: "apicurio.protobuf.type.key",
};

const VALUE: Names = Names {
    global: "apicurio.value.globalId",
    content: "apicurio.value.contentId",
    others: ["apicurio.value.artifactId", "apicurio.value.contentHash"],
    encoding: "apicurio.value.encoding",
    message: "apicurio.protobuf.type",
};

fn apicurio<'a>(
    width: Width,
    counts: Counts,
    part: Part,
    bytes: &'a [u8],
    header: impl Fn(&str) -> Option<&'a [u8]>,
) -> Result<Framed<'a>, NotFramed> {
    let names = match part {
        Part::Key => KEY,
        Part::Value => VALUE,
    };
    let long = |name| {
        let said = header(name)?;
        Some(said.try_into().map(i64::from_be_bytes).map_err(|_| NotFramed::Header(name)))
    };
    let said = match (long(names.global), long(names.content)) {
        (Some(id), _) => Some(SchemaId::GlobalId(id?)),
        (None, Some(id)) => Some(SchemaId::ContentId(id?)),
        (None, None) => None,
    };
    if let Some(id) = said {
        if header(names.encoding).is_some_and(|it| it.eq_ignore_ascii_case(b"json")) {
            return Err(NotFramed::Encoding(names.encoding));
        }
        let message = header(names.message).map_or(Message::Delimited, Message::Name);
        return Ok(Framed { id, payload: Payload { bytes, message } });
    }
    if let Some(name) = names.others.into_iter().find(|name| header(name).is_some()) {
        return Err(NotFramed::ByName(name));
    }
    let (magic, rest) = bytes.split_first().ok_or(NotFramed::Empty)?;
    if *magic != 0 {
        return Err(NotFramed::Magic(*magic));
    }
    let (id, rest) = match width {
        Width::Eight => {
            let (id, rest) = rest.split_first_chunk().ok_or(NotFramed::Ends)?;
            (i64::from_be_bytes(*id), rest)
        }
        Width::Four => {
            let (id, rest) = rest.split_first_chunk().ok_or(NotFramed::Ends)?;
            (i64::from(u32::from_be_bytes(*id)), rest)
        }
    };
    let id = match counts {
        Counts::Global => SchemaId::GlobalId(id),
        Counts::Content => SchemaId::ContentId(id),
    };
    Ok(Framed { id, payload: Payload { bytes: rest, message: Message::Delimited } })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EIGHT: Framing = Framing::Apicurio { width: Width::Eight, counts: Counts::Global };

    /// Reads a value whose only header is this one.
    fn read<'a>(
        framing: Framing,
        bytes: &'a [u8],
        (name, value): (&str, &'a [u8]),
    ) -> Result<Framed<'a>, NotFramed> {
        frame(framing, Part::Value, bytes, |asked| (asked == name).then_some(value))
    }

    const NONE: (&str, &[u8]) = ("other", &[]);

    #[test]
    fn an_id_in_a_header_wins_and_leaves_the_bytes_alone() {
        let header = ("__value_schema_id", &[0, 0, 0, 0, 7, 2, 2][..]);
        let framed = read(Framing::Confluent, &[0, 0, 0, 0, 1], header).unwrap();
        assert_eq!(framed.id, SchemaId::Id(7));
        assert_eq!(framed.payload.bytes, [0, 0, 0, 0, 1]);
        assert_eq!(framed.payload.message, Message::Indexes(&[2, 2]));
        let of_the_key = ("__key_schema_id", &[0, 0, 0, 0, 7][..]);
        let framed = read(Framing::Confluent, &[0, 0, 0, 0, 1, 9], of_the_key).unwrap();
        assert_eq!((framed.id, framed.payload.bytes), (SchemaId::Id(1), &[9][..]));
    }

    #[test]
    fn a_guid_is_written_as_people_write_it() {
        let bytes: Vec<u8> = std::iter::once(1).chain(0xf0..=0xff).chain([9]).collect();
        let framed = read(Framing::Confluent, &bytes, NONE).unwrap();
        assert_eq!(framed.id.to_string(), "guid f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff");
        assert_eq!(framed.payload.bytes, [9]);
    }

    #[test]
    fn what_is_not_framed_says_why() {
        let error = |framing, bytes, header| read(framing, bytes, header).unwrap_err();
        assert_eq!(error(Framing::Confluent, &[], NONE), NotFramed::Empty);
        assert_eq!(error(Framing::Confluent, b"{}", NONE), NotFramed::Magic(b'{'));
        assert_eq!(error(Framing::Confluent, &[0, 0, 0, 1], NONE), NotFramed::Ends);
        assert_eq!(error(Framing::Confluent, &[1; 16], NONE), NotFramed::Ends);
        assert_eq!(error(EIGHT, &[0; 8], NONE), NotFramed::Ends);
        let name = "__value_schema_id";
        assert_eq!(error(Framing::Confluent, &[0; 9], (name, &[7])), NotFramed::Header(name));
        let name = "apicurio.value.globalId";
        assert_eq!(error(EIGHT, &[0; 9], (name, &[7])), NotFramed::Header(name));
        let name = "apicurio.value.artifactId";
        assert_eq!(error(EIGHT, &[0; 9], (name, b"order")), NotFramed::ByName(name));
    }

    #[test]
    fn avro_that_apicurio_wrote_as_json_is_not_taken_for_avro() {
        let header = |name: &str| match name {
            "apicurio.value.globalId" => Some(&[0; 8][..]),
            "apicurio.value.encoding" => Some(&b"JSON"[..]),
            _ => None,
        };
        let error = frame(EIGHT, Part::Value, b"{}", header).unwrap_err();
        assert_eq!(error, NotFramed::Encoding("apicurio.value.encoding"));
    }
}
