//! A round, as a line for people and as a line for scripts. Pure.

use std::fmt;

use serde_json::json;

use crate::plain;

use super::super::compare::Discrepancy;
use super::Round;

/// A time in RFC 3339; one that no calendar has, in milliseconds.
fn time(millis: i64) -> String {
    match jiff::Timestamp::from_millisecond(millis) {
        Ok(time) => format!("{time:.0}"),
        Err(_) => millis.to_string(),
    }
}

impl Round {
    /// One JSON document, in a line.
    pub fn json(&self) -> String {
        let mut document = self.report.document();
        document["round"] = json!(self.number);
        document["compared_until"] = json!(time(self.asked));
        document["promises_kept"] = json!(self.report.keeps_promises());
        document["waiting"] = json!(self.waiting);
        document["partitions_without_position"] = json!(self.uncommitted);
        plain::json(&document.to_string())
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (report, sums) = (&self.report, &self.report.sums);
        let word = match (sums.is_good(), report.keeps_promises()) {
            (true, _) => "every event is in its hub",
            (false, true) => "every event is in its hub, some of them twice",
            (false, false) => "events are missing or different",
        };
        write!(f, "round {}, committed by {}: {word}", self.number, time(self.asked))?;
        write!(f, "; {} records, {} events of them", report.records(), sums.found)?;
        for fault in Discrepancy::ALL {
            if sums.of(fault) > 0 {
                write!(f, ", {} {}", sums.of(fault), fault.as_str())?;
            }
        }
        for (count, says) in [
            (sums.letters_missing(), "without their dead letter"),
            (sums.no_record + sums.expired + sums.unknown, "not provable"),
            (self.waiting, "events not committed yet"),
            (self.uncommitted as u64, "partitions without a position"),
        ] {
            if count > 0 {
                write!(f, ", {count} {says}")?;
            }
        }
        writeln!(f)?;
        report.examples(f)
    }
}
