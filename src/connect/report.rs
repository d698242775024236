//! What was found: facts, without a word on how they are shown.

use std::fmt;
use std::time::{Duration, Instant};

/// What was found, in the order in which it was asked.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// One for each step of each subject.
    pub findings: Vec<Finding>,
    /// One for each topic and hub that a mapping brings together.
    pub pairs: Vec<MappedTopic>,
    /// How long it all took.
    pub took: Duration,
}

/// What became of a step. Ordered: the last one is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// Good to know; nothing has to be done.
    Note,
    /// The bridge runs, and something may go wrong later.
    Warning,
    /// Not tried, because an earlier step failed.
    Skipped,
    /// Nobody answered, or not the one who should.
    Failed,
    /// Somebody said no.
    Refused,
}

impl Outcome {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }

    /// Whether the bridge would not run.
    pub fn is_bad(self) -> bool {
        self >= Self::Failed
    }
}

/// What a step is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One of `kafka.brokers`.
    Broker(String),
    /// All brokers together.
    Cluster,
    /// The consumer group.
    Group(String),
    /// A topic.
    Topic(String),
    /// A namespace of Event Hubs, by its name in the configuration.
    Namespace(String),
    /// A registry of schemas, by its name in the configuration.
    Registry(String),
    /// The container for values that are too large, by its URL.
    Container(String),
    /// A hub of a namespace.
    Hub(String, String),
}

impl Subject {
    /// What kind of thing it is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Broker(_) => "broker",
            Self::Cluster => "cluster",
            Self::Group(_) => "group",
            Self::Topic(_) => "topic",
            Self::Namespace(_) => "namespace",
            Self::Registry(_) => "registry",
            Self::Container(_) => "container",
            Self::Hub(..) => "hub",
        }
    }

    /// Its name; a hub's begins with that of its namespace.
    pub fn name(&self) -> String {
        match self {
            Self::Broker(name)
            | Self::Group(name)
            | Self::Topic(name)
            | Self::Namespace(name)
            | Self::Registry(name)
            | Self::Container(name) => name.clone(),
            Self::Cluster => "kafka".to_owned(),
            Self::Hub(namespace, name) => format!("{namespace}/{name}"),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("cluster"),
            other => write!(f, "{} {}", other.kind(), other.name()),
        }
    }
}

/// What became of one step.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What it is about.
    pub subject: Subject,
    /// The step.
    pub step: &'static str,
    /// What became of it.
    pub outcome: Outcome,
    /// What was learned, or why not.
    pub detail: String,
    /// What to do.
    pub hint: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// A topic and the hub a mapping sends it to.
#[derive(Debug, Clone)]
pub struct MappedTopic {
    /// Place of the mapping in the configuration, from 0.
    pub mapping: usize,
    /// The topic; `None` when the mapping's pattern matches none.
    pub topic: Option<String>,
    /// Name of the namespace.
    pub namespace: String,
    /// The hub.
    pub hub: String,
    /// As it is written in the configuration.
    pub partitioning: String,
    /// Partitions of the topic.
    pub kafka_partitions: Option<i32>,
    /// Partitions of the hub.
    pub hub_partitions: Option<usize>,
    /// `max.message.bytes` of the topic.
    pub max_message_bytes: Option<u64>,
    /// Bytes that the event of a record of that size takes.
    pub largest_event: Option<u64>,
    /// Bytes that the hub takes.
    pub event_limit: Option<u64>,
    /// What the two are to each other.
    pub outcome: Outcome,
    /// Why.
    pub detail: String,
    /// What to do.
    pub hint: Option<String>,
}

/// An outcome with its words.
pub(super) struct StepResult {
    pub(super) outcome: Outcome,
    pub(super) detail: String,
    pub(super) hint: Option<String>,
}

impl StepResult {
    pub(super) fn new(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: detail.into(), hint: None }
    }

    pub(super) fn ok(detail: impl Into<String>) -> Self {
        Self::new(Outcome::Ok, detail)
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same, unless it has a hint that knows better.
    pub(super) fn or_hint(self, hint: impl Into<String>) -> Self {
        if self.hint.is_some() { self } else { self.hint(hint) }
    }

    /// An error's text, which may end in a hint of its own.
    pub(super) fn bad(outcome: Outcome, text: &str) -> Self {
        match text.rsplit_once("; hint: ") {
            Some((detail, hint)) => Self::new(outcome, detail).hint(hint),
            None => Self::new(outcome, text),
        }
    }
}

/// The steps of one subject, taken in order.
pub(super) struct Steps {
    subject: Subject,
    left: std::vec::IntoIter<&'static str>,
    since: Instant,
    findings: Vec<Finding>,
}

impl Steps {
    pub(super) fn new(subject: Subject, plan: Vec<&'static str>) -> Self {
        Self { subject, left: plan.into_iter(), since: Instant::now(), findings: Vec::new() }
    }

    /// The next step is over, after the time since the last one.
    pub(super) fn took(&mut self, said: StepResult) {
        let took = self.since.elapsed();
        self.after(took, said);
        self.since = Instant::now();
    }

    /// The next step is over; its time is known.
    pub(super) fn after(&mut self, took: Duration, said: StepResult) {
        let Some(step) = self.left.next() else { return };
        let StepResult { outcome, detail, hint } = said;
        let subject = self.subject.clone();
        self.findings.push(Finding { subject, step, outcome, detail, hint, took });
    }

    /// The steps before `step` are not taken.
    pub(super) fn skip_to(&mut self, step: &str) {
        while self.next().is_some_and(|next| next != step) {
            self.after(Duration::ZERO, StepResult::new(Outcome::Skipped, ""));
        }
    }

    /// What is next.
    pub(super) fn next(&self) -> Option<&'static str> {
        self.left.as_slice().first().copied()
    }

    /// All of it; what was not taken is skipped.
    pub(super) fn end(mut self) -> Vec<Finding> {
        while self.next().is_some() {
            self.after(Duration::ZERO, StepResult::new(Outcome::Skipped, ""));
        }
        self.findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_a_failure_is_skipped() {
        let mut steps = Steps::new(Subject::Cluster, vec!["resolve", "connect", "log in"]);
        steps.took(StepResult::ok("127.0.0.1"));
        steps.took(StepResult::bad(Outcome::Failed, "refused; hint: open the port"));
        let findings = steps.end();
        let outcomes: Vec<_> = findings.iter().map(|it| (it.step, it.outcome)).collect();
        assert_eq!(
            outcomes,
            [("resolve", Outcome::Ok), ("connect", Outcome::Failed), ("log in", Outcome::Skipped)]
        );
        assert_eq!(findings[1].detail, "refused");
        assert_eq!(findings[1].hint.as_deref(), Some("open the port"));
    }
}
