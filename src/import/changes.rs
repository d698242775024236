//! What stood between a record and its event, and decided which records there were: transforms, converters, errors.
//!
//! The bridge copies bytes. What was changed or left out before is said, so that nobody finds it out from the events.

use super::Remark;
use super::given::GivenKeys;
use super::plan::{MARK, Plan};

/// Transforms that only change the name of the topic, which a hub that is named does not follow.
const ROUTERS: &[&str] = &["RegexRouter", "TimestampRouter", "MessageTimestampRouter"];
const TRANSFORMS: &str = "has no counterpart: records are copied, not changed";

/// Transforms of single records.
pub(super) fn transforms(given: &mut GivenKeys, prefix: &str, notes: &mut Vec<Remark>) {
    let all = format!("{prefix}transforms");
    let names = given.take_as_is(&all).unwrap_or_default();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let start = format!("{all}.{name}.");
        let class = given.get(&format!("{start}type")).unwrap_or(MARK).to_owned();
        let keys = given.take_all(|key| key.starts_with(&start));
        let key = if keys.is_empty() { all.clone() } else { keys.join(", ") };
        let short = class.rsplit('.').next().unwrap_or_default();
        let (short, part) = short.split_once('$').unwrap_or((short, "record"));
        let part = part.to_lowercase();
        notes.push(match short {
            router if ROUTERS.contains(&router) => {
                Remark::new(key, "changed only the name of the topic; no hub here is named after it")
            }
            "Filter" => Remark::warning(key, "left records out: they are copied now"),
            "MaskField" => Remark::warning(
                key,
                format!("hid fields of the {part}: they can be read in the events now"),
            ),
            _ => Remark::warning(
                key,
                format!("(`{short}`) may have changed or left out records; now the {part} is copied as it is"),
            ),
        });
    }
    let rest = ["transforms.", "predicates"].map(|it| format!("{prefix}{it}"));
    let keys = given.take_all(|key| rest.iter().any(|it| key.starts_with(it.as_str())));
    if !keys.is_empty() {
        notes.push(Remark::new(keys.join(", "), TRANSFORMS));
    }
}

/// Converters; where none is named, a worker's hold if there is one, and bytes are kept else.
pub(super) fn converters(
    given: &mut GivenKeys,
    prefixes: &[String],
    has_worker: bool,
    notes: &mut Vec<Remark>,
) {
    for part in ["key", "value", "header"] {
        let own = format!("{part}.converter");
        let class = given.take_under(prefixes, &own);
        let start = format!("{own}.");
        let schemas = given.take_as_is_under(prefixes, &format!("{start}schemas.enable"));
        given.take_all(|key| {
            prefixes
                .iter()
                .any(|it| key.strip_prefix(it.as_str()).is_some_and(|key| key.starts_with(&start)))
        });
        let Some(class) = class else {
            if part == "value" && has_worker {
                notes.push(Remark::new(
                    own,
                    "is not set, so the worker's applied: unless that one keeps bytes, readers will see another form now",
                ));
            }
            continue;
        };
        notes.extend(converter(part, &class, schemas.as_deref() != Some("false")));
    }
}

fn converter(part: &str, class: &str, schemas: bool) -> Option<Remark> {
    let key = format!("{part}.converter");
    let short = class.rsplit('.').next().unwrap_or_default();
    let is = |text: String| Some(Remark::warning(&key, text));
    match (part, short) {
        (_, "ByteArrayConverter") => None,
        ("header", "SimpleHeaderConverter" | "StringConverter") => {
            Some(Remark::new(key, "is not needed: headers become application properties"))
        }
        (_, "StringConverter") => Some(Remark::new(
            key,
            format!("is not needed: the bytes of the {part} travel as they are"),
        )),
        (_, "JsonConverter") if schemas => is(format!(
            "took the {part} out of `schema` and `payload`, and wrote it again: events hold the bytes of Kafka now, both around it"
        )),
        (_, "JsonConverter") => is(format!(
            "read the {part} as JSON and wrote it again: events hold the bytes of Kafka now"
        )),
        (_, "AvroConverter" | "ProtobufConverter" | "JsonSchemaConverter") => is(format!(
            "decoded the {part} by a schema registry: events hold the bytes of Kafka now, the number of the schema before them"
        )),
        _ => is(format!(
            "(`{short}`) may have changed the {part}: events hold the bytes of Kafka now"
        )),
    }
}

/// What became of records that failed.
pub(super) fn failures(given: &mut GivenKeys, plan: &mut Plan, notes: &mut Vec<Remark>) {
    const KEY: &str = "errors.tolerance";
    plan.dead_letter_topic = given.take("errors.deadletterqueue.topic.name");
    let said = given.take(KEY);
    let has_topic = plan.dead_letter_topic.is_some();
    match said.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("none") if has_topic => notes.push(Remark::new(
            KEY,
            "was `none`: a record that failed ended its task. Now a record that Event Hubs refuses goes to the dead-letter topic, and the others continue",
        )),
        Some("all") if has_topic => {}
        None | Some("none") => {}
        Some("all") => notes.push(Remark::warning(
            KEY,
            "was `all`: records that failed were skipped silently. Now a record that Event Hubs refuses stops its partition, unless `[failure]` is `drop` or `dead_letter`",
        )),
        Some(_) => notes.push(Remark::warning(
            KEY,
            "is neither `none` nor `all`: `[failure]` decides about a record that Event Hubs refuses",
        )),
    }
}

/// Whether records of transactions that were aborted are read; Java's client reads them unless told otherwise.
pub(super) fn isolation(
    given: &mut GivenKeys,
    prefixes: &[String],
    plan: &mut Plan,
    notes: &mut Vec<Remark>,
) {
    const KEY: &str = "isolation.level";
    match given.take_under(prefixes, KEY).as_deref() {
        Some("read_committed") => {}
        Some("read_uncommitted") => {
            plan.client.push(("isolation.level", "read_uncommitted".to_owned()));
        }
        None => notes.push(Remark::new(
            KEY,
            "is not set: Java's default, `read_uncommitted`, also copied aborted records; here it is `read_committed`",
        )),
        Some(_) => notes.push(Remark::new(
            KEY,
            "is neither `read_committed`, which it is here, nor `read_uncommitted`",
        )),
    }
}
