//! The report for scripts: `docs/check.md` says what each key means. Keys are added, never changed or taken away.

use serde::Serialize;

use super::report::{Finding, Outcome, Pair, Report};

/// Grows when a key changes its meaning.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    good: bool,
    seconds: f64,
    steps: Vec<Taken<'a>>,
    mappings: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Taken<'a> {
    subject: &'static str,
    name: String,
    step: &'static str,
    outcome: Outcome,
    detail: &'a str,
    hint: Option<&'a str>,
    seconds: f64,
}

#[derive(Serialize)]
struct Entry<'a> {
    mapping: usize,
    topic: Option<&'a str>,
    namespace: &'a str,
    hub: &'a str,
    partitioning: &'a str,
    kafka_partitions: Option<i32>,
    hub_partitions: Option<usize>,
    max_message_bytes: Option<u64>,
    largest_event: Option<u64>,
    event_limit: Option<u64>,
    outcome: Outcome,
    detail: &'a str,
    hint: Option<&'a str>,
}

impl<'a> From<&'a Finding> for Taken<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            subject: finding.subject.kind(),
            name: finding.subject.name(),
            step: finding.step,
            outcome: finding.outcome,
            detail: &finding.detail,
            hint: finding.hint.as_deref(),
            seconds: seconds(finding.took),
        }
    }
}

impl<'a> From<&'a Pair> for Entry<'a> {
    fn from(pair: &'a Pair) -> Self {
        Self {
            mapping: pair.mapping,
            topic: pair.topic.as_deref(),
            namespace: &pair.namespace,
            hub: &pair.hub,
            partitioning: &pair.partitioning,
            kafka_partitions: pair.kafka_partitions,
            hub_partitions: pair.hub_partitions,
            max_message_bytes: pair.max_message_bytes,
            largest_event: pair.largest_event,
            event_limit: pair.event_limit,
            outcome: pair.outcome,
            detail: &pair.detail,
            hint: pair.hint.as_deref(),
        }
    }
}

/// To the millisecond.
fn seconds(took: std::time::Duration) -> f64 {
    took.as_millis() as f64 / 1000.0
}

impl Report {
    /// One JSON document.
    pub fn json(&self) -> String {
        let document = Document {
            version: VERSION,
            good: self.is_good(),
            seconds: seconds(self.took),
            steps: self.findings.iter().map(Taken::from).collect(),
            mappings: self.pairs.iter().map(Entry::from).collect(),
        };
        serde_json::to_string_pretty(&document).expect("it has no maps and no own serializers")
    }
}
