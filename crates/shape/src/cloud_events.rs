//! `CloudEvents`: from the binding of Kafka to the binding of AMQP, and plain records into `CloudEvents`.
//!
//! | | binary | structured |
//! |---|---|---|
//! | Kafka | headers `ce_NAME`; `content-type` is the type of the data | the value is the event as JSON; `content-type: application/cloudevents+json` |
//! | AMQP | properties `cloudEvents:NAME`; `content-type` as before | the same |
//!
//! Attributes are written in their canonical text, which the binding of AMQP allows for all of them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_core::record::Record;
use bridge_core::step::{Draft, Field};

use crate::headers::{CONTENT_TYPE, set};
use crate::json::{Document, Value, quote};
use crate::stop::{NO_CLOUD_EVENT, Stop, UNREADABLE};
use crate::template::Template;
use crate::time;

const KAFKA: &[u8] = b"ce_";
const AMQP: &[u8] = b"cloudEvents:";
const STRUCTURED: &[u8] = b"application/cloudevents";
const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];

/// What events are.
#[derive(Debug)]
pub struct CloudEvents {
    /// How they are written; `None` is as the record is.
    pub mode: Option<Mode>,
    /// What plain records become; `None` refuses them.
    pub make: Option<Make>,
}

/// How a `CloudEvent` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Attributes are properties, and the data is the body.
    Binary,
    /// The body is a JSON object with all of it.
    Structured,
}

/// The attributes of a plain record. Its `time` is its timestamp.
#[derive(Debug)]
pub struct Make {
    /// `source`.
    pub source: Template,
    /// `type`.
    pub kind: Template,
    /// `id`.
    pub id: Template,
    /// `subject`.
    pub subject: Option<Template>,
}

/// Names and values.
pub(crate) type Attributes = Vec<(String, String)>;

impl Make {
    fn templates(&self) -> impl Iterator<Item = &Template> {
        [&self.source, &self.kind, &self.id].into_iter().chain(&self.subject)
    }
}

impl CloudEvents {
    /// The templates of all attributes.
    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.make.iter().flat_map(Make::templates)
    }

    /// The attributes of a plain record; `None` of one that is a `CloudEvent` already.
    pub(crate) fn attributes(
        &self,
        record: &Record<'_>,
        draft: &Draft<'_>,
        value: Option<Value<'_>>,
    ) -> Result<Option<Attributes>, Stop> {
        if is_structured(draft) || draft.header(b"ce_specversion").is_some() {
            return Ok(None);
        }
        let Some(make) = &self.make else {
            let detail = "it has no header `ce_specversion`, and no `content-type` of CloudEvents";
            return wrong(detail.to_owned());
        };
        let fill = |name: &str, template: &Template| {
            let filled = template.fill(record, draft, value)?;
            let text = String::from_utf8(filled).ok().filter(|it| !it.is_empty());
            let Some(text) = text else {
                return wrong(format!("`{name}` of its CloudEvent would be empty, or not UTF-8"));
            };
            Ok((name.to_owned(), text))
        };
        let mut all = vec![("specversion".to_owned(), "1.0".to_owned())];
        all.push(fill("id", &make.id)?);
        all.push(fill("source", &make.source)?);
        all.push(fill("type", &make.kind)?);
        if let Some(subject) = &make.subject {
            all.push(fill("subject", subject)?);
        }
        if let Some(time) = record.timestamp.and_then(time::rfc3339) {
            all.push(("time".to_owned(), time));
        }
        Ok(Some(all))
    }

    /// Makes a `CloudEvent` of `draft`; `made` are its attributes if it was none.
    pub(crate) fn bind(&self, draft: &mut Draft<'_>, made: Option<Attributes>) -> Result<(), Stop> {
        let attributes = match made {
            Some(made) => made,
            None if is_structured(draft) => {
                if self.mode != Some(Mode::Binary) {
                    return Ok(());
                }
                open(draft)?
            }
            None => taken(draft)?,
        };
        if self.mode == Some(Mode::Structured) {
            return close(draft, &attributes);
        }
        for (name, value) in attributes {
            let name = [AMQP, name.as_bytes()].concat();
            draft.headers.push(Field { name: name.into(), value: Some(value.into_bytes().into()) });
        }
        Ok(())
    }
}

fn is_structured(draft: &Draft<'_>) -> bool {
    let said = content_type(draft).unwrap_or_default();
    said.get(..STRUCTURED.len()).is_some_and(|it| it.eq_ignore_ascii_case(STRUCTURED))
}

fn content_type<'d>(draft: &'d Draft<'_>) -> Option<&'d [u8]> {
    draft.header(CONTENT_TYPE).and_then(|it| it.value.as_deref())
}

/// The type without its parameters.
fn media(content_type: &[u8]) -> Vec<u8> {
    let media = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    media.trim_ascii().to_ascii_lowercase()
}

/// Whether data of that type is JSON.
fn is_json(content_type: &[u8]) -> bool {
    let media = media(content_type);
    media.ends_with(b"/json") || media.ends_with(b"+json")
}

fn wrong<T>(detail: String) -> Result<T, Stop> {
    Err(Stop::Refused(NO_CLOUD_EVENT, detail))
}

/// Of several of one name the last counts. There may be as many as a record holds.
fn last_of_each(mut attributes: Attributes) -> Attributes {
    let names = attributes.iter().enumerate().map(|(index, (name, _))| (name.as_str(), index));
    let last: HashSet<usize> = names.collect::<HashMap<_, _>>().into_values().collect();
    let mut index = 0..;
    attributes.retain(|_| index.next().is_some_and(|it| last.contains(&it)));
    attributes
}

/// Takes the attributes out of the headers of a record that is a `CloudEvent` of the binary mode.
fn taken(draft: &mut Draft<'_>) -> Result<Attributes, Stop> {
    let mut attributes = Attributes::new();
    for name in REQUIRED {
        let header = format!("ce_{name}");
        let said = draft.header(header.as_bytes()).and_then(|it| it.value.as_deref());
        if said.is_none_or(<[u8]>::is_empty) {
            return wrong(format!("it is a CloudEvent without header `{header}`"));
        }
    }
    for field in &draft.headers {
        let Some(name) = field.name.strip_prefix(KAFKA) else { continue };
        let Some(value) = field.value.as_deref() else { continue };
        let (Ok(name), Ok(value)) = (str::from_utf8(name), str::from_utf8(value)) else {
            return wrong("a header with an attribute of its CloudEvent is not UTF-8".to_owned());
        };
        attributes.push((name.to_owned(), value.to_owned()));
    }
    draft.headers.retain(|it| !it.name.starts_with(KAFKA));
    Ok(last_of_each(attributes))
}

/// Opens a `CloudEvent` of the structured mode: the value becomes its data.
fn open(draft: &mut Draft<'_>) -> Result<Attributes, Stop> {
    let media = media(content_type(draft).unwrap_or_default());
    if media != b"application/cloudevents+json" && media != STRUCTURED {
        return wrong("it is a CloudEvent in another format than JSON, or several".to_owned());
    }
    let value = draft.value.take().unwrap_or_default();
    let document = Document::parse(&value).map_err(|why| Stop::not_json("value", why))?;
    let root = document.root();
    let said = root.member("datacontenttype").and_then(|it| it.text());
    let data = data(root, said.as_deref())?;
    let mut attributes = Attributes::new();
    for member in root.members() {
        let name = member.name.text().unwrap_or_default();
        if member.value.is_null() || matches!(&*name, "data" | "data_base64" | "datacontenttype") {
            continue;
        }
        let Some(plain) = member.value.plain() else {
            return wrong("an attribute of its CloudEvent is a list or an object".to_owned());
        };
        attributes.push((name.into_owned(), plain.into_owned()));
    }
    let is_there = |name: &&&str| attributes.iter().any(|(other, _)| other == **name);
    if let Some(name) = REQUIRED.iter().find(|name| !is_there(name)) {
        return wrong(format!("it is a CloudEvent without `{name}`"));
    }
    draft.headers.retain(|it| *it.name != *CONTENT_TYPE);
    let of_data = said.or_else(|| data.is_some().then(|| "application/json".into()));
    if let Some(of_data) = of_data {
        set(draft, CONTENT_TYPE, of_data.into_owned().into_bytes());
    }
    draft.value = data.map(Cow::Owned);
    Ok(last_of_each(attributes))
}

fn data(root: Value<'_>, content_type: Option<&str>) -> Result<Option<Vec<u8>>, Stop> {
    if let Some(encoded) = root.member("data_base64").filter(|it| !it.is_null()) {
        let bytes = encoded.text().and_then(|it| STANDARD.decode(it.as_bytes()).ok());
        return match bytes {
            Some(bytes) => Ok(Some(bytes)),
            None => wrong("`data_base64` of its CloudEvent is not base64".to_owned()),
        };
    }
    let Some(data) = root.member("data") else { return Ok(None) };
    let of_json = content_type.is_none_or(|it| is_json(it.as_bytes()));
    // Text of a type that is not JSON stands for itself.
    let plain = data.text().filter(|_| !of_json);
    Ok(Some(
        plain.map_or_else(|| data.raw().as_bytes().to_vec(), |it| it.into_owned().into_bytes()),
    ))
}

/// Makes one JSON object of `attributes` and the data that is the value.
fn close(draft: &mut Draft<'_>, attributes: &[(String, String)]) -> Result<(), Stop> {
    let mut out = vec![b'{'];
    for (name, value) in attributes {
        member(name, &mut out);
        quote(value, &mut out);
    }
    let said = content_type(draft).map(<[u8]>::to_vec);
    let mut of_data = match said.as_deref().map(str::from_utf8) {
        Some(Ok(said)) => Some(said),
        Some(Err(_)) => return wrong("header `content-type` is not UTF-8".to_owned()),
        None => None,
    };
    if let Some(data) = draft.value.as_deref() {
        let document = Document::parse(data);
        let is_text = of_data.is_some_and(|it| it.starts_with("text/"));
        if of_data.map_or(document.is_ok(), |it| is_json(it.as_bytes())) {
            of_data = of_data.or(Some("application/json"));
            let wrong = |why| format!("value: its `content-type` says JSON, and {why}");
            let document = document.map_err(|why| Stop::Refused(UNREADABLE, wrong(why)))?;
            member("data", &mut out);
            out.extend(document.root().raw().as_bytes());
        } else if let Some(text) = str::from_utf8(data).ok().filter(|_| is_text) {
            member("data", &mut out);
            quote(text, &mut out);
        } else {
            member("data_base64", &mut out);
            quote(&STANDARD.encode(data), &mut out);
        }
    }
    if let Some(of_data) = of_data {
        member("datacontenttype", &mut out);
        quote(of_data, &mut out);
    }
    out.push(b'}');
    draft.value = Some(Cow::Owned(out));
    set(draft, CONTENT_TYPE, &b"application/cloudevents+json; charset=UTF-8"[..]);
    Ok(())
}

fn member(name: &str, out: &mut Vec<u8>) {
    if out.len() > 1 {
        out.push(b',');
    }
    quote(name, out);
    out.push(b':');
}
