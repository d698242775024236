//! What came of it, for people and for scripts. Pure.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::plain;

use super::compare::{Discrepancy, Example, Sums};
use super::state::{HubState, VerifyState};

/// See the module. `docs/commands.md` says what each key of its JSON means.
#[derive(Debug)]
pub struct VerifyReport {
    state: VerifyState,
    /// What was found.
    pub sums: Sums,
    took: Duration,
}

/// A refused record without its letter, among the faults.
const LETTER_MISSING: &str = "letter_missing";

/// How many there are of a fault at a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtHub<'a> {
    /// The namespace's name in the configuration.
    pub namespace: &'a str,
    /// The hub.
    pub hub: &'a str,
    /// Whether it is of mappings that are delivered effectively once.
    pub once: bool,
    /// In one word.
    pub fault: &'static str,
    /// How many there are.
    pub count: u64,
}

impl AtHub<'_> {
    fn is_beside(&self, other: &Self) -> bool {
        (self.namespace, self.hub, self.once, self.fault)
            == (other.namespace, other.hub, other.once, other.fault)
    }

    /// Whether it is what is promised: at least once is also twice.
    fn is_no_fault(&self) -> bool {
        !self.once && self.fault == Discrepancy::Twice.as_str()
    }
}

/// What differs of an event, in the order of [`Example::differs`].
const PARTS: [&str; 3] = ["key", "headers", "body"];

#[derive(Serialize)]
struct Sample {
    fault: &'static str,
    record: String,
    hub: String,
    hub_partition: Option<String>,
    sequence: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    should_be_in: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differs: Vec<&'static str>,
}

impl VerifyReport {
    pub(super) fn of(state: VerifyState, sums: Sums, took: Duration) -> Self {
        Self { state, sums, took }
    }

    fn sample(&self, example: &Example) -> Sample {
        let way = &self.state.ways[example.way as usize];
        let hub = &self.state.hubs[way.hub];
        let id = |number: u32| hub.lanes.get(number as usize).map(|lane| lane.id.clone());
        let differs = PARTS.iter().zip(example.differs).filter(|(_, differs)| *differs);
        Sample {
            fault: example.fault.as_str(),
            record: format!("{}/{}/{}", way.topic, example.partition, example.offset),
            hub: format!("{}/{}", hub.namespace, hub.hub),
            hub_partition: example.event.and_then(|(number, _)| id(number)),
            sequence: example.event.map(|(_, sequence)| sequence),
            should_be_in: example.should.and_then(id),
            differs: differs.map(|(part, _)| *part).collect(),
        }
    }

    fn trimmed(&self) -> (Vec<String>, Vec<String>) {
        let sources = self.state.sources.iter().filter(|it| it.trimmed);
        let sources = sources.map(|it| format!("{}/{}", it.topic, it.partition)).collect();
        let hubs = self.state.hubs.iter().flat_map(|hub| {
            let lanes = hub.lanes.iter().filter(|lane| lane.trimmed.is_some());
            lanes.map(move |lane| format!("{}/{}/{}", hub.namespace, hub.hub, lane.id))
        });
        (sources, hubs.collect())
    }

    fn readers(&self) -> Vec<&str> {
        let mut readers: Vec<&str> = self.state.hubs.iter().map(|hub| hub.by.as_str()).collect();
        readers.sort_unstable();
        readers.dedup();
        readers
    }

    /// Records that were read.
    pub fn records(&self) -> u64 {
        self.state.counts.records
    }

    /// How many of each fault there are at each hub, also where there is none; those of mappings that are delivered effectively once apart.
    pub fn at_hubs(&self) -> Vec<AtHub<'_>> {
        let mut all: Vec<AtHub<'_>> = Vec::new();
        for (number, way) in self.state.ways.iter().enumerate() {
            let HubState { namespace, hub, .. } = &self.state.hubs[way.hub];
            let (once, number) = (way.once, number as u32);
            let letters = self.sums.letters_missing.get(&number).copied();
            let counts = Discrepancy::ALL.map(|fault| {
                (fault.as_str(), self.sums.faults.get(&(number, fault)).copied().unwrap_or(0))
            });
            let counts = counts.into_iter().chain([(LETTER_MISSING, letters.unwrap_or(0))]);
            for (fault, count) in counts {
                let one = AtHub { namespace, hub, once, fault, count };
                match all.iter_mut().find(|it| it.is_beside(&one)) {
                    Some(known) => known.count += count,
                    None => all.push(one),
                }
            }
        }
        all
    }

    /// Whether every mapping has kept what it promises: an event that is there twice is a fault only where it is to be there once.
    pub fn keeps_promises(&self) -> bool {
        self.at_hubs().iter().all(|at| at.count == 0 || at.is_no_fault())
    }

    /// One JSON document.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(&self.document());
        plain::json(&text.expect("its maps have names"))
    }

    /// What [`VerifyReport::json`] writes.
    pub(super) fn document(&self) -> Value {
        let (sums, counts) = (&self.sums, &self.state.counts);
        let faults: serde_json::Map<String, Value> = Discrepancy::ALL
            .iter()
            .map(|fault| (fault.as_str().to_owned(), json!(sums.of(*fault))))
            .collect();
        let samples = sums.examples.iter().map(|example| json!(self.sample(example)));
        let (kafka, hubs) = self.trimmed();
        json!({
            "version": 1,
            "good": sums.is_good(),
            "read_by": self.readers(),
            "records": counts.records,
            "events": counts.events,
            "expected": sums.expected,
            "found": sums.found,
            "faults": faults,
            "filtered": sums.filtered,
            "dead_lettered": sums.dead_lettered,
            "letters_missing": sums.letters_missing(),
            "dropped": sums.dropped,
            "not_provable": {
                "no_record": sums.no_record,
                "expired": sums.expired,
                "unknown": sums.unknown,
                "trimmed_in_kafka": kafka,
                "trimmed_in_hubs": hubs,
            },
            "others": counts.others,
            "examples": samples.collect::<Vec<_>>(),
            "seconds": { "all": self.took.as_secs_f64(), "reading": counts.seconds },
        })
    }

    /// The examples, a line each.
    pub(super) fn examples(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for example in &self.sums.examples {
            let it = self.sample(example);
            write!(f, "{}: {} in {}", it.fault, plain::line(&it.record), plain::line(&it.hub))?;
            if let (Some(partition), Some(sequence)) = (it.hub_partition, it.sequence) {
                write!(f, ", partition {}, event {sequence}", plain::line(&partition))?;
            }
            if let Some(partition) = it.should_be_in {
                write!(f, ", should be in {}", plain::line(&partition))?;
            }
            if !it.differs.is_empty() {
                write!(f, ", {} differs", it.differs.join(" and "))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sums, counts) = (&self.sums, &self.state.counts);
        let word = if sums.is_good() {
            "every event is in its hub"
        } else {
            "events are missing or different"
        };
        writeln!(
            f,
            "{word}: {} events of {} records expected, {} found",
            sums.expected, counts.records, sums.found
        )?;
        for (fault, says) in [
            (Discrepancy::Missing, "missing"),
            (Discrepancy::Twice, "twice"),
            (Discrepancy::Disorder, "out of order"),
            (Discrepancy::Altered, "altered"),
            (Discrepancy::Misplaced, "on the wrong hub partition"),
            (Discrepancy::Unexpected, "unexpected: the mapping filters or refuses the record"),
        ] {
            writeln!(f, "  {:>10} {says}", sums.of(fault))?;
        }
        for (count, says) in [
            (sums.letters_missing(), "refused, but the dead letter is missing"),
            (sums.filtered, "filtered by their mapping"),
            (sums.dead_lettered, "dead-lettered"),
            (sums.dropped, "dropped by their policy"),
            (
                sums.no_record,
                "not provable: events whose record is no longer in Kafka (compaction, retention)",
            ),
            (sums.expired, "not provable: older than the events of their hub partition"),
            (sums.unknown, "not provable: the mapping gives no place for the record"),
            (counts.others, "events of other senders"),
        ] {
            if count > 0 {
                writeln!(f, "  {count:>10} {says}")?;
            }
        }
        self.examples(f)?;
        let (kafka, hubs) = self.trimmed();
        for (what, all) in [("kafka", kafka), ("the hubs", hubs)] {
            if !all.is_empty() {
                let some = crate::group::some(&all, 8);
                writeln!(f, "retention of {what} has deleted the beginning of {some}")?;
            }
        }
        let readers = self.readers();
        let by = match readers[..] {
            ["microsoft"] => "Microsoft's own client",
            ["bridge"] => "the bridge's own reader",
            _ => "Microsoft's own client and the bridge's own reader",
        };
        write!(f, "{} events read by {by}; {:.1?} in all", counts.events, self.took)
    }
}
