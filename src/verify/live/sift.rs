//! The entries of a round among all there are: those of its ranges are compared, those of records beyond are kept for a round to come, and an
//! event of a record before is there twice.

use std::collections::HashMap;
use std::io;

use crate::group::{CommandError, Selection};

use super::super::compare::{Comparison, Sums};
use super::super::entry::{EntryKind, SpoolEntry};
use super::super::ledger::{Ledger, MOST};
use super::super::runs::Runs;
use super::super::state::{KafkaRange, VerifyState};

/// Where an entry belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Belongs {
    /// To a record that was compared before.
    Before,
    /// To a record of this round.
    Here,
    /// To a record of a round to come.
    Later,
    /// To a record that is not compared.
    Nowhere,
}

/// Compares the round, and keeps what is of rounds to come. Gives how many events that are, too.
pub(super) fn compare(
    ledger: &mut Ledger,
    meant: &[Selection],
    examples: usize,
) -> Result<(Sums, u64), CommandError> {
    let (state, runs) = ledger.parts();
    let sifted = sift(state, runs, meant, examples);
    sifted.map_err(|error| ledger.failure(&error))
}

fn sift(
    state: &VerifyState,
    runs: &mut Runs,
    meant: &[Selection],
    examples: usize,
) -> io::Result<(Sums, u64)> {
    let ranges = Ranges::of(state, meant);
    let mut comparison = Comparison::continued(examples, state);
    let (mut kept, mut waiting) = (Vec::new(), 0);
    for entry in runs.turn()? {
        let entry = entry?;
        match (ranges.belongs(&entry), entry.kind) {
            (Belongs::Here, _) => comparison.take(entry),
            (Belongs::Before, EntryKind::Last) => comparison.goes_on(&entry),
            (Belongs::Before, EntryKind::Found) => comparison.again(&entry),
            (Belongs::Later, kind) => {
                waiting += u64::from(kind == EntryKind::Found);
                kept.push(entry);
            }
            (Belongs::Before | Belongs::Nowhere, _) => {}
        }
        kept.append(&mut comparison.ends());
        if kept.len() >= MOST {
            runs.add(&mut kept)?;
        }
    }
    let (sums, mut ends) = comparison.end_of_all();
    kept.append(&mut ends);
    runs.add(&mut kept)?;
    Ok((sums, waiting))
}

/// The ranges of a round.
struct Ranges<'a> {
    state: &'a VerifyState,
    sources: HashMap<&'a str, HashMap<i32, &'a KafkaRange>>,
    meant: &'a [Selection],
}

impl<'a> Ranges<'a> {
    fn of(state: &'a VerifyState, meant: &'a [Selection]) -> Self {
        let mut sources: HashMap<&str, HashMap<i32, &KafkaRange>> = HashMap::new();
        for source in &state.sources {
            sources.entry(&source.topic).or_default().insert(source.partition, source);
        }
        Self { state, sources, meant }
    }

    fn belongs(&self, entry: &SpoolEntry) -> Belongs {
        let Some(way) = self.state.ways.get(entry.way as usize) else { return Belongs::Nowhere };
        let source = self.sources.get(way.topic.as_str()).and_then(|all| all.get(&entry.partition));
        match source {
            Some(source) if entry.offset >= source.to => Belongs::Later,
            Some(source) if entry.offset >= source.from => Belongs::Here,
            // Nobody has looked at what stands before the first round of a partition.
            Some(source) if source.fresh => Belongs::Nowhere,
            Some(_) => Belongs::Before,
            None if Selection::any(self.meant, &way.topic, entry.partition) => Belongs::Later,
            None => Belongs::Nowhere,
        }
    }
}

#[cfg(test)]
mod tests;
