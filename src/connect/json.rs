//! The report for scripts: `docs/check.md` says what each key means. Keys are added, never changed or taken away.

use std::time::Duration;

use serde::Serialize;

use crate::config::{Problem, Problems, Spot, Warning};

use super::report::{CheckReport, Finding, MappedTopic, Outcome};

/// Grows when a key changes its meaning.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    good: bool,
    seconds: f64,
    problems: Vec<ProblemDocument<'a>>,
    warnings: Vec<ProblemDocument<'a>>,
    steps: Vec<Taken<'a>>,
    mappings: Vec<PairDocument<'a>>,
}

#[derive(Serialize)]
struct ProblemDocument<'a> {
    what: &'a str,
    source: &'static str,
    name: &'a str,
    line: Option<usize>,
    why: &'a str,
    hint: &'a str,
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
struct PairDocument<'a> {
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

impl<'a> From<&'a Problem> for ProblemDocument<'a> {
    fn from(problem: &'a Problem) -> Self {
        let Spot { source, name, line } = problem.spot();
        let (what, why, hint) = (problem.what(), problem.why(), problem.hint());
        Self { what, source, name, line, why, hint }
    }
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

impl<'a> From<&'a MappedTopic> for PairDocument<'a> {
    fn from(pair: &'a MappedTopic) -> Self {
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
fn seconds(took: Duration) -> f64 {
    took.as_millis() as f64 / 1000.0
}

/// One JSON document, of a configuration that is wrong.
pub fn wrong(problems: &Problems, took: Duration) -> String {
    document(Some(problems), &[], &CheckReport { took, ..CheckReport::default() })
}

/// One JSON document, of a configuration that is good and of what was found; an empty report is one of nobody asked.
pub fn found(warnings: &[Warning], report: &CheckReport) -> String {
    document(None, warnings, report)
}

fn document(problems: Option<&Problems>, warnings: &[Warning], report: &CheckReport) -> String {
    let problems: Vec<_> =
        problems.into_iter().flat_map(|all| all.iter().map(ProblemDocument::from)).collect();
    let document = Document {
        version: VERSION,
        good: problems.is_empty() && report.is_good(),
        seconds: seconds(report.took),
        problems,
        warnings: warnings.iter().map(|warning| warning.problem().into()).collect(),
        steps: report.findings.iter().map(Taken::from).collect(),
        mappings: report.pairs.iter().map(PairDocument::from).collect(),
    };
    serde_json::to_string_pretty(&document).expect("it has no maps and no own serializers")
}
