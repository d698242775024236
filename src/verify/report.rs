//! What came of it, for people and for scripts. Pure.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::plain;

use super::compare::{Example, Fault, Sums};
use super::state::State;

/// See the module. `docs/operate.md` says what each key of its JSON means.
#[derive(Debug)]
pub struct Report {
    state: State,
    /// What was found.
    pub sums: Sums,
    took: Duration,
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

impl Report {
    pub(super) fn of(state: State, sums: Sums, took: Duration) -> Self {
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

    /// One JSON document.
    pub fn json(&self) -> String {
        let (sums, counts) = (&self.sums, &self.state.counts);
        let faults: serde_json::Map<String, Value> = Fault::ALL
            .iter()
            .map(|fault| (fault.as_str().to_owned(), json!(sums.of(*fault))))
            .collect();
        let samples = sums.examples.iter().map(|example| json!(self.sample(example)));
        let (kafka, hubs) = self.trimmed();
        let document = json!({
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
            "letters_missing": sums.letters_missing,
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
        });
        plain::json(&serde_json::to_string_pretty(&document).expect("its maps have names"))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sums, counts) = (&self.sums, &self.state.counts);
        let word = if sums.is_good() { "all is there" } else { "not all is as it should be" };
        writeln!(
            f,
            "{word}: {} events of {} records expected, {} found",
            sums.expected, counts.records, sums.found
        )?;
        for (fault, says) in [
            (Fault::Missing, "missing"),
            (Fault::Twice, "twice"),
            (Fault::Disorder, "out of order"),
            (Fault::Altered, "altered"),
            (Fault::Misplaced, "on the wrong hub partition"),
            (Fault::Unexpected, "unexpected: their record is filtered or refused"),
        ] {
            writeln!(f, "  {:>10} {says}", sums.of(fault))?;
        }
        for (count, says) in [
            (sums.letters_missing, "refused, and without their dead letter"),
            (sums.filtered, "filtered, as their mapping says"),
            (sums.dead_lettered, "dead-lettered"),
            (sums.dropped, "dropped, as their policy says"),
            (
                sums.no_record,
                "not provable: events whose record is not there (compaction, retention)",
            ),
            (sums.expired, "not provable: older than what their hub partition holds"),
            (sums.unknown, "not provable: records that their mapping cannot place"),
            (counts.others, "events of others"),
        ] {
            if count > 0 {
                writeln!(f, "  {count:>10} {says}")?;
            }
        }
        for example in &sums.examples {
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
        let (kafka, hubs) = self.trimmed();
        for (what, all) in [("kafka", kafka), ("the hubs", hubs)] {
            if !all.is_empty() {
                let some = crate::group::some(&all, 8);
                writeln!(f, "retention of {what} has taken the beginning of {some}")?;
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
