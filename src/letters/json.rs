//! What scripts read: `docs/commands.md` says what each key means. Keys are added, never changed or taken away.

use serde::Serialize;

use crate::group::exact;
use crate::record::Header;

use super::counts::{LetterCount, Sort};
use super::entries::LetterEntry;
use super::letter::hint;
use super::listing::TopicContent;
use super::{FoundLetter, Listing, Purge, Purged, What};
use crate::plain;

/// Grows when a key changes its meaning.
const VERSION: u32 = 1;

fn written(document: &impl Serialize) -> String {
    let document = serde_json::to_string_pretty(document);
    plain::json(&document.expect("it has no maps and no own serializers"))
}

#[derive(Serialize)]
struct Listed<'a> {
    version: u32,
    complete: bool,
    letters: u64,
    not_letters: u64,
    topics: Vec<OneTopic<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<Vec<Kind<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_counted: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<Vec<Single>>,
    missing: &'a [String],
    unread: Vec<Rest>,
}

#[derive(Serialize)]
struct OneTopic<'a> {
    name: &'a str,
    records: u64,
    letters: u64,
    not_letters: u64,
}

#[derive(Serialize)]
struct Kind<'a> {
    source: &'a str,
    reason: &'a str,
    hub: Option<&'a str>,
    namespace: Option<&'a str>,
    letters: u64,
    first: Option<String>,
    last: Option<String>,
}

#[derive(Serialize)]
struct Single {
    letter: String,
    time: Option<String>,
    reason: String,
    topic: String,
    partition: i32,
    offset: i64,
    hub: Option<String>,
    namespace: Option<String>,
}

#[derive(Serialize)]
struct Rest {
    topic: String,
    partition: i32,
    from: Option<i64>,
    why: String,
}

impl<'a> From<(&'a Sort, &LetterCount)> for Kind<'a> {
    fn from((sort, count): (&'a Sort, &LetterCount)) -> Self {
        let hub = sort.hub.as_ref();
        Self {
            source: &sort.source,
            reason: &sort.reason,
            hub: hub.map(|(hub, _)| hub.as_str()),
            namespace: hub.map(|(_, namespace)| namespace.as_str()),
            letters: count.letters,
            first: count.first.and_then(exact),
            last: count.last.and_then(exact),
        }
    }
}

impl From<LetterEntry> for Single {
    fn from(it: LetterEntry) -> Self {
        let (hub, namespace) = it.hub.unzip();
        Self {
            letter: format!("{}/{}", it.at, it.offset),
            time: it.time.and_then(exact),
            reason: it.reason,
            topic: it.source.topic.to_string(),
            partition: it.source.partition,
            offset: it.source_offset,
            hub,
            namespace,
        }
    }
}

impl Listing {
    /// One JSON document.
    pub fn json(&self) -> String {
        let sum = self.held();
        let topics = self.topics.iter().map(|(name, held)| {
            let TopicContent { records, letters, others } = *held;
            OneTopic { name, records, letters, not_letters: others }
        });
        let unread = self.unread.iter().map(|it| Rest {
            topic: it.rest.partition.topic.to_string(),
            partition: it.rest.partition.partition,
            from: Some(it.rest.from),
            why: it.why.clone(),
        });
        let unknown = self.unknown.iter().map(|it| Rest {
            topic: it.topic.to_string(),
            partition: it.partition,
            from: None,
            why: "cannot read the offsets of its log".to_owned(),
        });
        let (counts, not_counted, entries) = match &self.what {
            What::Counts(counts) => {
                let kinds = counts.sorts.iter().map(Kind::from).collect();
                (Some(kinds), Some(counts.others.letters), None)
            }
            What::Entries(entries) => {
                (None, None, Some(entries.sorted().into_iter().map(Single::from).collect()))
            }
        };
        written(&Listed {
            version: VERSION,
            complete: self.is_whole(),
            letters: sum.letters,
            not_letters: sum.others,
            topics: topics.collect(),
            counts,
            not_counted,
            entries,
            missing: &self.missing,
            unread: unread.chain(unknown).collect(),
        })
    }
}

#[derive(Serialize)]
struct Whole {
    version: u32,
    letter: String,
    is_letter: bool,
    time: Option<String>,
    reason: Option<String>,
    detail: Option<String>,
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    hub: Option<String>,
    namespace: Option<String>,
    headers: Vec<Named>,
    key: Option<Body>,
    value: Option<Body>,
    hint: &'static str,
}

#[derive(Serialize)]
struct Named {
    name: Body,
    value: Option<Body>,
}

/// Bytes: as text, if they are one, or else in hexadecimal.
#[derive(Serialize)]
struct Body {
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).ok().map(str::to_owned);
        let hex = text.is_none().then(|| plain::hex(bytes));
        Self { bytes: bytes.len(), text, hex }
    }
}

impl From<&Header<'_>> for Named {
    fn from(header: &Header<'_>) -> Self {
        Self { name: header.name.into(), value: header.value.map(Body::from) }
    }
}

impl FoundLetter {
    /// One JSON document, with all of it.
    pub fn json(&self) -> String {
        self.with(|record, letter| {
            let origin = letter.map(|letter| &letter.origin);
            let headers = letter.map_or(record.headers, |letter| letter.record.headers);
            let (hub, namespace) = origin.and_then(|it| it.hub).unzip();
            let detail = origin.and_then(|it| it.detail);
            written(&Whole {
                version: VERSION,
                letter: format!("{}/{}/{}", record.topic, record.partition, record.offset),
                is_letter: letter.is_some(),
                time: record.timestamp.and_then(exact),
                reason: origin.map(|it| it.reason.to_owned()),
                detail: detail.map(|detail| String::from_utf8_lossy(detail).into_owned()),
                topic: origin.map(|it| it.topic.to_owned()),
                partition: origin.map(|it| it.partition),
                offset: origin.map(|it| it.offset),
                hub: hub.map(str::to_owned),
                namespace: namespace.map(str::to_owned),
                headers: headers.iter().map(Named::from).collect(),
                key: record.key.map(Body::from),
                value: record.value.map(Body::from),
                hint: hint(origin),
            })
        })
    }
}

#[derive(Serialize)]
struct Planned<'a> {
    version: u32,
    deleted: bool,
    goes: i64,
    stays: i64,
    missing: &'a [String],
    partitions: Vec<Part<'a>>,
}

#[derive(Serialize)]
struct Part<'a> {
    topic: &'a str,
    partition: i32,
    begin: i64,
    after: i64,
    end: i64,
    goes: i64,
    stays: i64,
    error: Option<String>,
}

impl Purge {
    /// One JSON document; `done` is what came of it, if it was carried out.
    pub fn json(&self, done: Option<&Purged>) -> String {
        let parts = self.parts.iter().map(|part| {
            let answer = done.and_then(|done| done.answer(&part.partition));
            Part {
                topic: &part.partition.topic,
                partition: part.partition.partition,
                begin: part.log.0,
                after: part.after,
                end: part.log.1,
                goes: part.goes(),
                stays: part.stays(),
                error: answer.and_then(|answer| answer.as_ref().err()).map(ToString::to_string),
            }
        });
        written(&Planned {
            version: VERSION,
            deleted: done.is_some(),
            goes: self.goes(),
            stays: self.stays(),
            missing: &self.missing,
            partitions: parts.collect(),
        })
    }
}
