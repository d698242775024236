//! Envelopes that records come in: what is inside becomes the record.

use std::borrow::Cow;

use bridge_core::step::{Draft, Field};

use crate::headers::{CONTENT_TYPE, set};
use crate::json::{Document, Value};
use crate::stop::{NO_ENVELOPE, Stop};

/// The property that says what Debezium saw, under the name that its own converter gives it.
const OPERATION: &[u8] = b"__op";

/// An envelope of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// Connect's JSON with its schema: the payload is what counts.
    Connect,
    /// Debezium's change event, with or without Connect's schema around it: the row as it is now is what counts.
    Debezium(Deletes),
}

/// What becomes of rows that were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletes {
    /// They become tombstones.
    Tombstone,
    /// They are filtered.
    Drop,
}

impl Envelope {
    /// Opens the value of `draft`. A tombstone has no envelope.
    pub(crate) fn open_value(self, draft: &mut Draft<'_>) -> Result<(), Stop> {
        let Some(value) = draft.value.take() else { return Ok(()) };
        let document = parse("value", &value)?;
        let root = document.root();
        let (inside, operation) = match self {
            Self::Connect => (payload("value", root)?, None),
            Self::Debezium(deletes) => {
                let change = payload("value", root).unwrap_or(root);
                let operation = change.member("op").and_then(|it| it.text());
                let Some(operation) = operation.filter(|it| it.len() == 1) else {
                    let detail = "value: it is not a change event of Debezium: it has no `op`";
                    return Err(Stop::Refused(NO_ENVELOPE, detail.to_owned()));
                };
                (row(change, &operation, deletes)?, Some(operation))
            }
        };
        let opened = (!inside.is_null()).then(|| inside.raw().as_bytes().to_vec());
        if let Some(operation) = operation {
            set(draft, OPERATION, operation.into_owned().into_bytes());
        }
        if opened.is_some() && draft.header(CONTENT_TYPE).is_none() {
            let value = Some(Cow::Borrowed(&b"application/json"[..]));
            draft.headers.push(Field { name: CONTENT_TYPE.into(), value });
        }
        draft.value = opened.map(Cow::Owned);
        Ok(())
    }
}

/// Opens the key of `draft`, which is in Connect's envelope. Text, numbers and the like become plain text.
pub(crate) fn open_key(draft: &mut Draft<'_>) -> Result<(), Stop> {
    let Some(key) = draft.key.take() else { return Ok(()) };
    let document = parse("key", &key)?;
    let inside = payload("key", document.root())?;
    let plain = inside.plain().unwrap_or(inside.raw().into());
    draft.key = (!inside.is_null()).then(|| Cow::Owned(plain.as_bytes().to_vec()));
    Ok(())
}

fn parse<'v>(of: &'static str, bytes: &'v [u8]) -> Result<Document<'v>, Stop> {
    Document::parse(bytes).map_err(|why| Stop::not_json(of, why))
}

fn payload<'d>(of: &str, root: Value<'d>) -> Result<Value<'d>, Stop> {
    if let (Some(_), Some(payload)) = (root.member("schema"), root.member("payload")) {
        return Ok(payload);
    }
    let detail = "it is not Connect's JSON: it has no `schema` and `payload`";
    Err(Stop::Refused(NO_ENVELOPE, format!("{of}: {detail}")))
}

/// The row after a change; `null` for one that is deleted.
fn row<'d>(change: Value<'d>, operation: &str, deletes: Deletes) -> Result<Value<'d>, Stop> {
    match (operation, change.member("after")) {
        ("d", _) if deletes == Deletes::Drop => Err(Stop::Filtered("delete")),
        ("d", after) => after.filter(Value::is_null).ok_or_else(|| {
            let detail = "value: it is a delete of Debezium, and its `after` is not `null`";
            Stop::Refused(NO_ENVELOPE, detail.to_owned())
        }),
        (_, Some(after)) if !after.is_null() => Ok(after),
        // Of a table that was truncated, of a message: there is no row.
        _ => Err(Stop::Filtered("no_row")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::record;

    type Opened = Result<(Option<String>, Option<String>), Stop>;

    fn opened(envelope: Envelope, value: &str) -> Opened {
        let record = record(None, Some(value.as_bytes()), &[]);
        let mut draft = Draft::of(&record);
        envelope.open_value(&mut draft)?;
        let text = |it: &[u8]| String::from_utf8(it.to_vec()).unwrap();
        let operation = draft.header(OPERATION).and_then(|it| it.value.as_deref()).map(text);
        Ok((draft.value.as_deref().map(text), operation))
    }

    #[test]
    fn the_row_as_it_is_now_becomes_the_value() {
        let debezium = Envelope::Debezium(Deletes::Tombstone);
        let change = r#"{"before": null, "after": {"id": 1, "price": 9.90}, "op": "c"}"#;
        let row = Some(r#"{"id": 1, "price": 9.90}"#.to_owned());
        assert_eq!(opened(debezium, change).unwrap(), (row.clone(), Some("c".into())));
        let with_schema = format!(r#"{{"schema": {{}}, "payload": {change}}}"#);
        assert_eq!(opened(debezium, &with_schema).unwrap(), (row, Some("c".into())));
        let delete = r#"{"before": {"id": 1}, "after": null, "op": "d"}"#;
        assert_eq!(opened(debezium, delete).unwrap(), (None, Some("d".into())));
        let dropped = opened(Envelope::Debezium(Deletes::Drop), delete);
        assert!(matches!(dropped, Err(Stop::Filtered("delete"))));
        assert!(matches!(opened(debezium, r#"{"op": "t"}"#), Err(Stop::Filtered("no_row"))));
        for other in ["{}", "[]", r#"{"op": 1, "after": {}}"#, r#"{"op": "d"}"#] {
            let refused = opened(debezium, other);
            assert!(matches!(refused, Err(Stop::Refused(NO_ENVELOPE, _))), "{other}");
        }
    }

    #[test]
    fn the_payload_of_connect_becomes_the_value() {
        let inside = opened(Envelope::Connect, r#"{"schema": {}, "payload": {"a":1.0}}"#).unwrap();
        assert_eq!(inside.0.as_deref(), Some(r#"{"a":1.0}"#));
        let none = opened(Envelope::Connect, r#"{"schema": {}, "payload": null}"#).unwrap();
        assert_eq!(none.0, None);
        for other in [r#"{"payload": 1}"#, "1"] {
            let refused = opened(Envelope::Connect, other);
            assert!(matches!(refused, Err(Stop::Refused(NO_ENVELOPE, _))));
        }
        assert!(matches!(opened(Envelope::Connect, "x"), Err(Stop::Refused("unreadable", _))));
    }

    #[test]
    fn a_key_is_plain_text_where_it_can_be() {
        for (payload, key) in [("\"k\"", "k"), ("7", "7"), (r#"{"id": 7}"#, r#"{"id": 7}"#)] {
            let text = format!(r#"{{"schema": {{}}, "payload": {payload}}}"#);
            let record = record(Some(text.as_bytes()), None, &[]);
            let mut draft = Draft::of(&record);
            open_key(&mut draft).unwrap();
            assert_eq!(draft.key.as_deref(), Some(key.as_bytes()));
        }
    }
}
