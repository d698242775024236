//! What has changed of late: the last thousand log lines that tell of a change, for `GET /events`.
//!
//! A log line is a change when it has a name (`name: "throttled"`), so each change is one line of the log and nothing is told
//! twice. What is kept has the words and fields of the line, whatever `log.level` lets through.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// How many are kept.
const KEPT: usize = 1_000;
/// Bytes of a text that are kept.
const TEXT: usize = 2_000;
/// The field of a line that says for how long something has lasted. In one that warns it makes a reminder, which is no change.
const LASTED: &str = "lasted";
/// Version of the answer's format.
const VERSION: u32 = 1;

/// See the module. Copies share one list.
#[derive(Debug, Clone, Default)]
pub struct Changes(Arc<Mutex<ChangeList>>);

#[derive(Debug, Default)]
struct ChangeList {
    /// Number of the last one.
    last: u64,
    kept: VecDeque<Change>,
}

/// `GET /events`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// Version of this format.
    pub version: u32,
    /// Value of `since` for the next request.
    pub next: u64,
    /// Number of changes after `since` that are no longer stored.
    pub lost: u64,
    /// The changes; the oldest is first.
    pub events: Vec<Change>,
}

/// A change of state, with the text of its log line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Number of the change; it begins at 1 in each process.
    pub id: u64,
    /// Time of the change.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// `info`, `warn` or `error`.
    pub level: String,
    /// Kind of the change: `docs/status.md` lists them.
    pub change: String,
    /// Text of the log line.
    pub message: String,
    /// Fields of the log line.
    pub fields: Map<String, Value>,
}

impl Changes {
    fn list(&self) -> MutexGuard<'_, ChangeList> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The changes after number `since`, 0 for all.
    pub fn since(&self, since: u64) -> Answer {
        let list = self.list();
        let first = list.kept.front().map_or(list.last + 1, |change| change.id);
        // A number of another process is none of this one.
        let since = if since > list.last { 0 } else { since };
        let events = list.kept.iter().filter(|change| change.id > since).cloned().collect();
        Answer {
            version: VERSION,
            next: list.last,
            lost: (first - 1).saturating_sub(since),
            events,
        }
    }

    /// Keeps what the log says, as a part of it.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        self.clone()
    }
}

/// A line without a name of its own is called after its place in the source.
fn is_change(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO
        && metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
        && !metadata.name().starts_with("event ")
}

impl<S: Subscriber> Layer<S> for Changes {
    /// No filter of its own looks at more. A filter would keep what it was last asked of its thread and apply it to the next
    /// line, whichever that is: libraries ask whether they may log, and then do not.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if !is_change(event.metadata()) {
            return;
        }
        let mut text = LineText::default();
        event.record(&mut text);
        let metadata = event.metadata();
        if *metadata.level() < Level::INFO && text.fields.contains_key(LASTED) {
            return;
        }
        let mut list = self.list();
        list.last += 1;
        if list.kept.len() == KEPT {
            list.kept.pop_front();
        }
        let change = Change {
            id: list.last,
            time: Timestamp::now().round(jiff::Unit::Millisecond).unwrap_or_default(),
            level: metadata.level().as_str().to_ascii_lowercase(),
            change: metadata.name().to_owned(),
            message: text.message,
            fields: text.fields,
        };
        list.kept.push_back(change);
    }
}

/// Message and fields of a line.
#[derive(Default)]
struct LineText {
    message: String,
    fields: Map<String, Value>,
}

impl LineText {
    fn keep(&mut self, field: &Field, value: Value) {
        self.fields.insert(field.name().to_owned(), value);
    }
}

impl Visit for LineText {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, cut(value).into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            cut(&text).clone_into(&mut self.message);
        } else {
            self.keep(field, cut(&text).into());
        }
    }
}

/// So much of a text as is kept.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    fn told(changes: &Changes, tell: impl FnOnce()) {
        let subscriber = tracing_subscriber::registry().with(changes.layer());
        tracing::subscriber::with_default(subscriber, tell);
    }

    #[test]
    fn a_line_is_kept_though_another_was_asked_for_before() {
        let changes = Changes::default();
        told(&changes, || {
            for _ in 0..2 {
                // As librdkafka's binding does when a client is made.
                assert!(tracing::enabled!(target: "librdkafka", Level::INFO));
                tracing::info!(name: "halted", "it halts");
            }
        });
        assert_eq!(changes.since(0).events.len(), 2);
    }

    #[test]
    fn a_line_with_a_name_is_kept_with_its_words_and_fields() {
        let changes = Changes::default();
        told(&changes, || {
            tracing::info!("no change");
            let partition = std::fmt::from_fn(|f| f.write_str("orders/3"));
            tracing::warn!(name: "halted", %partition, offset = -7, tries = 2_u64, why = Some("a\nb"), to = None::<u8>, "it {}", "halts");
            tracing::warn!(name: "halted", lasted = "60 s", "a reminder");
            tracing::debug!(name: "halted", "too quiet");
            tracing::info!(name: "halted", target: "librdkafka", "another's");
        });
        let Answer { events, next, lost, .. } = changes.since(0);
        assert_eq!((events.len(), next, lost), (1, 1, 0), "{events:?}");
        let Change { level, change, message, fields, .. } = &events[0];
        assert_eq!((&**level, &**change, &**message), ("warn", "halted", "it halts"));
        let expected = serde_json::json!({
            "partition": "orders/3", "offset": -7, "tries": 2, "why": "a\nb"
        });
        assert_eq!(Value::Object(fields.clone()), expected);
    }

    #[test]
    fn a_thousand_are_kept_and_who_asks_too_late_is_told_how_many_are_missing() {
        let changes = Changes::default();
        told(&changes, || {
            for number in 1..=1_200 {
                tracing::info!(name: "one", number, "one more");
            }
        });
        let ids = |answer: &Answer| answer.events.iter().map(|it| it.id).collect::<Vec<_>>();
        let all = changes.since(0);
        assert_eq!(ids(&all), (201..=1_200).collect::<Vec<_>>());
        assert_eq!((all.next, all.lost), (1_200, 200));
        assert_eq!(changes.since(150).lost, 50);
        let late = changes.since(1_198);
        assert_eq!((ids(&late), late.lost), (vec![1_199, 1_200], 0));
        assert_eq!(ids(&changes.since(1_200)), Vec::<u64>::new());
        assert_eq!(changes.since(9_999).events.len(), 1_000, "the process is another one");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut(&"é".repeat(TEXT)).len(), TEXT);
        assert_eq!(cut(&format!("a{}", "é".repeat(TEXT))).len(), TEXT - 1);
    }
}
