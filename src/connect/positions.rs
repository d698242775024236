//! The positions of the group, in words. Pure.

use crate::config::OutOfRange;
use crate::kafka::{Gone, Positions};

use super::report::{Outcome, StepResult};

/// How many are named.
const NAMED: usize = 3;

/// What was found of `total` partitions.
pub(super) fn said(positions: &Positions, total: i32, policy: OutOfRange) -> StepResult {
    let Positions { committed, unknown, gone, anew } = positions;
    let mut outcome = Outcome::Ok;
    let mut parts = vec![format!("committed for {committed} of {total} partitions")];
    if *unknown > 0 {
        outcome = Outcome::Note;
        parts.push(format!("cannot read the logs of {unknown}"));
    }
    if !anew.is_empty() {
        outcome = Outcome::Note;
        let names = list(anew.iter().map(|topic| format!("`{topic}`")), anew.len());
        parts.push(format!("created again since, and read from the beginning: {names}"));
    }
    if gone.is_empty() {
        return StepResult::new(outcome, parts.join("; "));
    }
    let place = |it: &Gone| {
        let Gone { topic, partition, committed, log: (first, end), .. } = it;
        format!("{topic}/{partition} at {committed}, which holds {first} to {end}")
    };
    let sum = |of: fn(&Gone) -> i64| gone.iter().map(of).sum::<i64>();
    let (lost, skipped, again) = (sum(|it| it.lost), sum(|it| it.skipped), sum(|it| it.again));
    let follows = match policy {
        OutOfRange::Earliest => format!(
            "reading continues at the first record; at most {lost} records are lost, and {again} are sent again"
        ),
        OutOfRange::Latest => {
            format!(
                "reading continues at the end; at most {lost} records are lost, and {skipped} skipped"
            )
        }
        OutOfRange::Halt => {
            format!(
                "they are paused (held) until a position is set; at most {lost} records are lost"
            )
        }
    };
    let names = list(gone.iter().map(place), gone.len());
    parts.push(format!("{} are no longer in their logs ({names}): {follows}", gone.len()));
    StepResult::new(Outcome::Warning, parts.join("; "))
        .hint("`kafka.out_of_range` decides; while no bridge runs, `offsets set` sets a position")
}

/// The first few, and how many more.
fn list(all: impl Iterator<Item = String>, count: usize) -> String {
    let named = all.take(NAMED).collect::<Vec<_>>().join(", ");
    match count.saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_told_with_what_follows_and_only_a_few_are_named() {
        let gone = |partition| Gone {
            topic: "orders".to_owned(),
            partition,
            committed: 5,
            log: (12, 20),
            lost: 7,
            skipped: 8,
            again: 0,
        };
        let gone = (0..5).map(gone).collect();
        let positions = Positions { committed: 9, gone, ..Positions::default() };
        for (policy, words) in [
            (OutOfRange::Earliest, "at most 35 records are lost, and 0 are sent again"),
            (OutOfRange::Latest, "at most 35 records are lost, and 40 skipped"),
            (OutOfRange::Halt, "paused (held) until a position is set"),
        ] {
            let said = said(&positions, 10, policy);
            assert_eq!(said.outcome, Outcome::Warning);
            for words in [words, "9 of 10", "orders/2 at 5, which holds 12 to 20 and 2 more"] {
                assert!(said.detail.contains(words), "`{words}` is not in {}", said.detail);
            }
            assert!(!said.detail.contains("orders/3"), "{}", said.detail);
        }
        let good = Positions { committed: 3, ..Positions::default() };
        assert_eq!(said(&good, 3, OutOfRange::Halt).outcome, Outcome::Ok);
    }
}
