//! Keys and values that were written with a schema of a registry, as JSON.

use std::borrow::Cow;
use std::sync::Arc;

use bridge_core::record::{Header, Record};
use bridge_core::step::{Draft, FetchedValues, Field, Missing};
use bridge_schema::{Form, Framed, Framing, Part, Schema, SchemaId, frame};

use crate::headers::CONTENT_TYPE;
use crate::schemas::{Fetched, reference};
use crate::stop::{Stop, UNREADABLE};

/// Why a record is refused: it names no schema.
const NOT_FRAMED: &str = "not_framed";
/// Its schema is of no use, or there is none.
const NO_SCHEMA: &str = "no_schema";

/// What is decoded of each record.
#[derive(Debug, Default)]
pub struct Decode {
    /// The key.
    pub key: Option<Decoder>,
    /// The value.
    pub value: Option<Decoder>,
}

/// How one part of a record is decoded.
#[derive(Debug)]
pub struct Decoder {
    /// The number of the registry.
    pub registry: u32,
    /// Its name.
    pub name: Arc<str>,
    /// Who frames what is written.
    pub framing: Framing,
    /// What comes out.
    pub to: To,
}

/// What comes out.
#[derive(Debug, Clone, Copy)]
pub enum To {
    /// JSON.
    Json(Form),
    /// A file of Avro with one record, its schema inside.
    Avro,
}

/// What came out, and the schema it was written with.
struct Decoded<'k> {
    bytes: Vec<u8>,
    id: SchemaId,
    schema: &'k Schema,
}

impl Decode {
    /// `record`, decoded; `None` if there is nothing in it to decode.
    pub(crate) fn decode<'r>(
        &self,
        record: &Record<'r>,
        known: &FetchedValues,
    ) -> Result<Option<Draft<'r>>, Stop> {
        // A tombstone stays one, and who has no key has none.
        let key = self.key.as_ref().zip(record.key);
        let value = self.value.as_ref().zip(record.value);
        if key.is_none() && value.is_none() {
            return Ok(None);
        }
        let key = key.map(|(it, bytes)| it.decode(Part::Key, bytes, record.headers, known));
        let key = key.transpose()?;
        let value = value.map(|(it, bytes)| it.decode(Part::Value, bytes, record.headers, known));
        let value = value.transpose()?;
        let mut draft = Draft::of(record);
        if let Some(key) = key {
            draft.key = Some(Cow::Owned(key.bytes));
        }
        if let (Some(value), Some(decoder)) = (value, &self.value) {
            decoder.describe(&value, &mut draft);
            draft.value = Some(Cow::Owned(value.bytes));
        }
        Ok(Some(draft))
    }
}

impl Decoder {
    fn decode<'k>(
        &self,
        part: Part,
        bytes: &[u8],
        headers: &[Header<'_>],
        known: &'k FetchedValues,
    ) -> Result<Decoded<'k>, Stop> {
        let of = match part {
            Part::Key => "key",
            Part::Value => "value",
        };
        let header = |name: &str| {
            let found = headers.iter().rev().find(|header| header.name == name.as_bytes());
            found.and_then(|header| header.value)
        };
        let framed = frame::frame(self.framing, part, bytes, header)
            .map_err(|why| Stop::Refused(NOT_FRAMED, format!("{of}: {why}")))?;
        let Framed { id, payload } = framed;
        let schema = self.schema(id, known)?;
        let mut out = Vec::new();
        let done = match &self.to {
            To::Json(form) => schema.write_json(payload, form, &mut out),
            To::Avro => schema.plain_avro(payload, &mut out),
        };
        let unreadable = |why| Stop::Refused(UNREADABLE, format!("{of}, by schema {id}: {why}"));
        done.map_err(unreadable)?;
        Ok(Decoded { bytes: out, id, schema })
    }

    fn schema<'k>(&self, id: SchemaId, known: &'k FetchedValues) -> Result<&'k Schema, Stop> {
        let reference = reference(self.registry, id);
        let fetched = known.get(&reference).and_then(|thing| thing.downcast_ref::<Fetched>());
        match fetched {
            Some(Ok(schema)) => Ok(schema),
            Some(Err(why)) => {
                let detail = format!("schema {id} of registry `{}`: {why}", self.name);
                Err(Stop::Refused(NO_SCHEMA, detail))
            }
            None => {
                let what = format!("schema {id} of registry `{}`", self.name).into();
                Err(Stop::Missing(Missing { reference, what }))
            }
        }
    }

    /// What the value is now, for readers: what the producer said of it, was said of the bytes.
    fn describe(&self, value: &Decoded<'_>, draft: &mut Draft<'_>) {
        let content_type: &[u8] = match self.to {
            To::Json(_) => b"application/json",
            To::Avro => b"avro/binary",
        };
        draft.headers.retain(|field| *field.name != *CONTENT_TYPE);
        let mut say = |name: &'static [u8], value: Cow<'static, [u8]>| {
            if draft.header(name).is_none() {
                draft.headers.push(Field { name: name.into(), value: Some(value) });
            }
        };
        say(CONTENT_TYPE, content_type.into());
        let id = match value.id {
            SchemaId::Id(id) => id.to_string(),
            SchemaId::GlobalId(id) | SchemaId::ContentId(id) => id.to_string(),
            guid @ SchemaId::Guid(_) => guid.to_string().trim_start_matches("guid ").to_owned(),
        };
        say(b"schema-id", Cow::Owned(id.into_bytes()));
        if let Some(name) = value.schema.name() {
            say(b"schema-name", Cow::Owned(name.as_bytes().to_vec()));
        }
    }
}

#[cfg(test)]
mod tests {
    use bridge_core::step::{Shape, StepOutcome};
    use bridge_schema::{Kind, Source};

    use super::*;
    use crate::Asked;

    const SCHEMA: &str = r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
        {"name": "id", "type": "long"}, {"name": "note", "type": ["null", "string"]}]}"#;
    /// Of schema 7: id 21, note "ok".
    const VALUE: &[u8] = b"\0\0\0\0\x07\x2a\x02\x04ok";

    fn asked(decode: Decode) -> Asked {
        Asked { decode, ..Asked::default() }
    }

    fn decoder() -> Decoder {
        let (framing, to) = (Framing::Confluent, To::Json(Form::default()));
        Decoder { registry: 2, name: "main".into(), framing, to }
    }

    fn record<'a>(
        key: Option<&'a [u8]>,
        value: Option<&'a [u8]>,
        headers: &'a [Header<'a>],
    ) -> Record<'a> {
        let (topic, partition, offset, timestamp) = ("orders", 0, 0, None);
        Record { topic, partition, offset, timestamp, key, value, headers }
    }

    fn knowing(fetched: Fetched) -> FetchedValues {
        let mut known = FetchedValues::default();
        known.put(reference(2, SchemaId::Id(7)), Arc::new(fetched));
        known
    }

    fn schema() -> Schema {
        let (text, references) = (SCHEMA.to_owned(), Vec::new());
        Schema::compile(&Source { kind: Kind::Avro, text, references }).unwrap()
    }

    #[test]
    fn a_value_becomes_json_and_says_what_it_is() {
        let decode = asked(Decode { key: Some(decoder()), value: Some(decoder()) });
        let headers = [
            Header { name: b"content-type", value: Some(b"application/vnd.avro") },
            Header { name: b"schema-name", value: Some(b"the producer's") },
        ];
        let record = record(Some(VALUE), Some(VALUE), &headers);
        let StepOutcome::Shaped(draft) = decode.apply(&record, &knowing(Ok(schema()))) else {
            panic!()
        };
        let json = br#"{"id":21,"note":"ok"}"#;
        assert_eq!(
            (draft.key.as_deref(), draft.value.as_deref()),
            (Some(&json[..]), Some(&json[..]))
        );
        let said = |name: &[u8]| draft.header(name).and_then(|it| it.value.as_deref());
        assert_eq!(
            said(b"content-type"),
            Some(&b"application/json"[..]),
            "it is none of Avro any more"
        );
        assert_eq!(said(b"schema-id"), Some(&b"7"[..]));
        assert_eq!(said(b"schema-name"), Some(&b"the producer's"[..]), "what is there, stays");
        assert_eq!(draft.headers.len(), 3);
    }

    #[test]
    fn a_tombstone_stays_one() {
        let decode = asked(Decode { key: None, value: Some(decoder()) });
        let same = decode.apply(&record(Some(b"k"), None, &[]), &FetchedValues::default());
        assert!(matches!(same, StepOutcome::Same));
        let decode = asked(Decode { key: Some(decoder()), value: Some(decoder()) });
        let shaped = decode.apply(&record(Some(VALUE), None, &[]), &knowing(Ok(schema())));
        let StepOutcome::Shaped(draft) = shaped else { panic!() };
        assert_eq!((draft.value, draft.headers.len()), (None, 0));
        assert_eq!(draft.key.as_deref(), Some(&br#"{"id":21,"note":"ok"}"#[..]));
    }

    #[test]
    fn what_cannot_be_decoded_says_why_and_never_what_it_holds() {
        let decode = asked(Decode { key: None, value: Some(decoder()) });
        let outcome = |value, known: &FetchedValues| match decode
            .apply(&record(None, Some(value), &[]), known)
        {
            StepOutcome::Refused { reason, detail } => (reason, detail),
            StepOutcome::Missing(Missing { what, .. }) => ("missing", what.to_string()),
            other => panic!("{other:?}"),
        };
        let known = knowing(Ok(schema()));
        let (reason, detail) = outcome(b"secret", &known);
        assert_eq!(reason, NOT_FRAMED);
        assert!(detail.starts_with("value: it begins with `0x73`"), "{detail}");
        let (reason, detail) = outcome(b"\0\0\0\0\x07\x2a\x02\x0esecret", &known);
        assert_eq!(
            (reason, &*detail),
            (UNREADABLE, "value, by schema id 7: `Order.note`: the value ends early")
        );
        let missing = outcome(b"\0\0\0\0\x08", &known);
        assert_eq!(missing, ("missing", "schema id 8 of registry `main`".to_owned()));
        let refused = outcome(VALUE, &knowing(Err("it is not valid".to_owned())));
        let detail = "schema id 7 of registry `main`: it is not valid";
        assert_eq!(refused, (NO_SCHEMA, detail.to_owned()));
    }

    #[test]
    fn avro_may_stay_avro_with_its_schema_inside() {
        let decode =
            asked(Decode { key: None, value: Some(Decoder { to: To::Avro, ..decoder() }) });
        let record = record(None, Some(VALUE), &[]);
        let StepOutcome::Shaped(draft) = decode.apply(&record, &knowing(Ok(schema()))) else {
            panic!()
        };
        assert!(draft.value.as_deref().is_some_and(|value| value.starts_with(b"Obj\x01")));
        let content_type = draft.header(b"content-type").and_then(|it| it.value.as_deref());
        assert_eq!(content_type, Some(&b"avro/binary"[..]));
    }
}
