//! Text with places for what a record says: `{topic}`, `{header:tenant}`, `{field:order.id}`.

use std::fmt;

use regex::Regex;

use bridge_core::fork::{Choose, NoHub};
use bridge_core::record::Record;
use bridge_core::step::Draft;

use crate::json::{Document, Value};
use crate::path::{NoPath, Path};
use crate::stop::{NO_FIELD, Stop, UNREADABLE};
use crate::time;

/// Text that is filled in for each record.
#[derive(Clone)]
pub struct Template {
    written: Box<str>,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Text(Box<str>),
    Topic,
    Partition,
    Offset,
    Timestamp,
    Key,
    Header(Box<str>),
    Field(Path),
}

/// Why text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTemplate {
    /// A brace without the other one.
    #[error("a brace is not closed; `{{{{` is a brace itself")]
    Open,
    /// A place that there is not.
    #[error("there is no `{{{0}}}`")]
    Unknown(String),
    /// A field that is no path.
    #[error("`{{{0}}}` is not a path in a value: {1}")]
    Field(String, NoPath),
    /// A variable that is not set.
    #[error("the environment has no `{0}`")]
    Unset(String),
}

/// The places that there are.
pub const PLACES: &str = "`{topic}`, `{partition}`, `{offset}`, `{timestamp}`, `{key}`, `{header:NAME}`, `{field:PATH}` and `{env:NAME}`";

impl Template {
    /// Reads a template; variables of the environment are filled in at once.
    pub fn parse(
        written: &str,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, NoTemplate> {
        let (mut pieces, mut text, mut rest) = (Vec::new(), String::new(), written);
        while let Some(at) = rest.find(['{', '}']) {
            text.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                text.push_str(brace);
                rest = after;
                continue;
            }
            let inside = rest.find('}').filter(|_| brace == "{").ok_or(NoTemplate::Open)?;
            let (name, after) = (&rest[..inside], &rest[inside + 1..]);
            rest = after;
            if let Some(name) = name.strip_prefix("env:") {
                text.push_str(&environment(name).ok_or_else(|| NoTemplate::Unset(name.into()))?);
                continue;
            }
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text).into()));
            }
            pieces.push(place(name)?);
        }
        text.push_str(rest);
        if !text.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(text.into()));
        }
        Ok(Self { written: written.into(), pieces })
    }

    /// Whether it is empty for every record.
    pub fn is_empty(&self) -> bool {
        matches!(&self.pieces[..], [Piece::Text(text)] if text.trim().is_empty())
    }

    /// The fields of the value that it reads.
    pub fn fields(&self) -> impl Iterator<Item = &Path> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field(path) => Some(path),
            _ => None,
        })
    }

    /// The headers that it reads.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Header(name) => Some(&**name),
            _ => None,
        })
    }

    /// What it is for all records of a topic, with `{topic}` in it, unless it reads more of a record than that.
    pub fn of_topic(&self) -> Option<String> {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => Some(&**text),
            Piece::Topic => Some("{topic}"),
            _ => None,
        });
        pieces.collect()
    }

    /// What it reads that is another for each record, or nearly: nothing could be named by it beforehand.
    pub fn reads_place(&self) -> Option<&'static str> {
        self.pieces.iter().find_map(|piece| match piece {
            Piece::Partition => Some("{partition}"),
            Piece::Offset => Some("{offset}"),
            Piece::Timestamp => Some("{timestamp}"),
            _ => None,
        })
    }

    /// Whether some record of `topic`, or of any topic, may give `name`.
    pub fn may_give(&self, name: &str, topic: Option<&str>) -> bool {
        let pieces = self.pieces.iter().map(|piece| match (piece, topic) {
            (Piece::Text(text), _) => regex::escape(text),
            (Piece::Topic, Some(topic)) => regex::escape(topic),
            _ => ".*".to_owned(),
        });
        let whole = format!("^(?s:{})$", pieces.collect::<String>());
        Regex::new(&whole).is_ok_and(|whole| whole.is_match(name))
    }

    /// The template, filled in. `draft` is as far as the record was shaped, and `value` what its value holds.
    pub(crate) fn fill(
        &self,
        record: &Record<'_>,
        draft: &Draft<'_>,
        value: Option<Value<'_>>,
    ) -> Result<Vec<u8>, Stop> {
        let header = |name: &str| draft.header(name.as_bytes()).and_then(|it| it.value.as_deref());
        let filled = self.fill_by(record, draft.key.as_deref(), header, value);
        filled.map_err(|lacks| Stop::Refused(NO_FIELD, lacks))
    }

    /// The same, wherever key and headers are; or what is lacking.
    fn fill_by<'r>(
        &self,
        record: &Record<'_>,
        key: Option<&[u8]>,
        header: impl Fn(&str) -> Option<&'r [u8]>,
        value: Option<Value<'_>>,
    ) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        let mut number = itoa::Buffer::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend(text.as_bytes()),
                Piece::Topic => out.extend(record.topic.as_bytes()),
                Piece::Partition => out.extend(number.format(record.partition).as_bytes()),
                Piece::Offset => out.extend(number.format(record.offset).as_bytes()),
                Piece::Timestamp => {
                    let time = record.timestamp.and_then(time::rfc3339);
                    out.extend(time.ok_or_else(|| self.lacks("a timestamp"))?.as_bytes());
                }
                Piece::Key => out.extend(key.ok_or_else(|| self.lacks("a key"))?),
                Piece::Header(name) => {
                    let found = header(name);
                    out.extend(found.ok_or_else(|| self.lacks(&format!("header `{name}`")))?);
                }
                Piece::Field(path) => {
                    let found = value.and_then(|root| path.one(root)).and_then(|it| it.plain());
                    let found = found.ok_or_else(|| self.lacks(&format!("field `{path}`")))?;
                    out.extend(found.as_bytes());
                }
            }
        }
        Ok(out)
    }

    fn lacks(&self, what: &str) -> String {
        format!("it has no {what}, and `{}` needs it", self.written)
    }
}

impl Choose for Template {
    fn hub(&self, record: &Record<'_>) -> Result<Vec<u8>, NoHub> {
        let refuse = |reason, detail| NoHub { reason, detail };
        let value = record.value.filter(|_| self.fields().next().is_some());
        let value = value.map(Document::parse).transpose();
        let value = value.map_err(|why| refuse(UNREADABLE, format!("value: {why}")))?;
        let header = |name: &str| {
            let mut named = record.headers.iter().rev().filter(|it| it.name == name.as_bytes());
            named.next().and_then(|it| it.value)
        };
        let filled = self.fill_by(record, record.key, header, value.as_ref().map(Document::root));
        filled.map_err(|lacks| refuse(NO_FIELD, lacks))
    }
}

fn place(name: &str) -> Result<Piece, NoTemplate> {
    Ok(match name.split_once(':') {
        None if name == "topic" => Piece::Topic,
        None if name == "partition" => Piece::Partition,
        None if name == "offset" => Piece::Offset,
        None if name == "timestamp" => Piece::Timestamp,
        None if name == "key" => Piece::Key,
        Some(("header", header)) if !header.is_empty() => Piece::Header(header.into()),
        Some(("field", path)) => {
            let path = Path::parse(path).map_err(|why| NoTemplate::Field(name.into(), why))?;
            if !path.is_one() {
                let why = NoPath { what: "it names more than one field", column: 1 };
                return Err(NoTemplate::Field(name.into(), why));
            }
            Piece::Field(path)
        }
        _ => return Err(NoTemplate::Unknown(name.into())),
    })
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As it is filled in: another variable makes another template.
        write!(f, "{:?}", self.pieces)
    }
}

#[cfg(test)]
mod tests {
    use bridge_core::record::Header;

    use super::*;
    use crate::json::Document;
    use crate::sample::record;

    fn parse(text: &str) -> Result<Template, NoTemplate> {
        Template::parse(text, |name| (name == "HOST").then(|| "h{1}".to_owned()))
    }

    #[test]
    fn a_template_is_filled_in() {
        let headers = [Header { name: b"t", value: Some(b"\xff") }];
        let record = record(Some(b"k"), Some(br#"{"a": {"b": 1.50}}"#), &headers);
        let document = Document::parse(record.value.unwrap()).unwrap();
        let fill = |text: &str| {
            parse(text).unwrap().fill(&record, &Draft::of(&record), Some(document.root()))
        };
        let all = "{topic}/{partition}/{offset} {timestamp} {key} {field:a.b} {env:HOST} {{x}}";
        let expected = b"orders/3/42 2026-01-01T00:00:00Z k 1.50 h{1} {x}";
        assert_eq!(fill(all).unwrap(), expected);
        assert_eq!(fill("{header:t}").unwrap(), b"\xff");
        for lacking in ["{header:u}", "{field:a}", "{field:c}"] {
            assert!(matches!(fill(lacking), Err(Stop::Refused(NO_FIELD, _))), "{lacking}");
        }
    }

    /// The last header of a name counts, as elsewhere; nothing of a record is in what is said.
    #[test]
    fn a_record_names_its_hub() {
        let header = |value: Option<&'static [u8]>| Header { name: b"t", value };
        let headers = [header(Some(b"a")), header(Some(b"b"))];
        let null = [header(Some(b"a")), header(None)];
        let json = br#"{"tenant": {"id": "c", "secret": 1}}"#;
        let hub = |text: &str, headers, value| {
            parse(text).unwrap().hub(&record(Some(b"k"), value, headers))
        };
        let named = |text: &str| hub(text, &headers, Some(json)).unwrap();
        assert_eq!(named("tenant-{header:t}"), b"tenant-b");
        assert_eq!(named("{topic}.{key}-{field:tenant.id}"), b"orders.k-c");
        for (text, headers, value, reason) in [
            ("{header:u}", &headers, Some(&json[..]), NO_FIELD),
            ("{header:t}", &null, Some(json), NO_FIELD),
            ("{field:tenant}", &headers, Some(json), NO_FIELD),
            ("{field:tenant.id}", &headers, None, NO_FIELD),
            ("{field:tenant.id}", &headers, Some(b"secret"), UNREADABLE),
        ] {
            let refusal = hub(text, headers, value).unwrap_err();
            assert_eq!(refusal.reason, reason, "{text}");
            assert!(!refusal.detail.contains("secret"), "{}", refusal.detail);
        }
        assert!(hub("{header:t}", &headers, Some(b"no json")).is_ok(), "it is not looked at");
    }

    #[test]
    fn what_a_template_may_give_is_known() {
        let of_topic = |text: &str| parse(text).unwrap().of_topic();
        assert_eq!(of_topic("{env:HOST}-{topic}").as_deref(), Some("h{1}-{topic}"));
        assert_eq!(of_topic("{topic}-{key}"), None);
        let may = |text: &str, name, topic| parse(text).unwrap().may_give(name, topic);
        assert!(may("tenant-{header:t}", "tenant-a.b", None));
        assert!(may("{topic}-{key}-x", "orders-a-x", Some("orders")));
        assert!(may("{topic}-{key}-x", "orders-a-x", None));
        assert!(!may("{topic}-{key}-x", "orders-a-x", Some("returns")));
        assert!(!may("tenant-{header:t}", "tenants", None));
        assert!(!may("a.{key}", "abc", None), "a dot is a dot");
        assert_eq!(parse("{key}{offset}").unwrap().reads_place(), Some("{offset}"));
        let of = parse("{header:a}{key}").unwrap();
        assert_eq!((of.headers().collect::<Vec<_>>(), of.reads_place()), (vec!["a"], None));
    }

    #[test]
    fn what_is_no_template_is_told() {
        for text in ["{", "a}", "{x}", "{env:NO}", "{field:a..b}", "{header:}", "{field:a[*]}"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("").unwrap().is_empty() && !parse("{topic}").unwrap().is_empty());
    }
}
