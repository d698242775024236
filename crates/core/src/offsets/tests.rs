use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[test]
fn position_is_the_oldest_unsettled_or_after_the_last() {
    let mut offsets = Offsets::default();
    let p = offsets.assign();
    assert_eq!(offsets.position(p), None, "nothing was read");
    let first = offsets.track(p, 10, 7, None).unwrap();
    let second = offsets.track(p, 15, 7, None).unwrap();
    assert_eq!(offsets.position(p), Some(Position(10)));
    assert!(offsets.settle(second));
    assert_eq!(offsets.position(p), Some(Position(10)), "10 is still out");
    assert!(!offsets.has_moved(p));
    assert!(offsets.settle(first));
    assert_eq!(offsets.position(p), Some(Position(16)));
    assert!(offsets.has_moved(p));
}

#[test]
fn a_late_acknowledgement_of_an_earlier_stay_changes_nothing() {
    let mut offsets = Offsets::default();
    let p = offsets.assign();
    let late = offsets.track(p, 10, 7, None).unwrap();
    offsets.release(p);
    let again = offsets.assign();
    let ticket = offsets.track(again, 10, 7, None).unwrap();
    assert!(!offsets.settle(late));
    assert_eq!(offsets.position(again), Some(Position(10)));
    assert!(offsets.settle(ticket));
    assert_eq!(offsets.position(again), Some(Position(11)));
    assert_eq!(offsets.position(p), None);
}

#[test]
fn a_record_for_two_hubs_is_settled_by_both() {
    let mut offsets = Offsets::default();
    let p = offsets.assign();
    let one = offsets.track(p, 3, 7, None).unwrap();
    let other = offsets.split(&one);
    assert!(offsets.settle(one));
    assert_eq!(offsets.position(p), Some(Position(3)));
    assert!(offsets.settle(other));
    assert_eq!(offsets.position(p), Some(Position(4)));
}

#[test]
fn a_repeated_record_gets_no_ticket() {
    let mut offsets = Offsets::default();
    let p = offsets.assign();
    let ticket = offsets.track(p, 3, 7, None).unwrap();
    assert!(offsets.track(p, 3, 7, None).is_none());
    assert!(offsets.track(p, 2, 7, None).is_none());
    assert!(offsets.settle(ticket));
}

#[test]
fn only_an_idle_partition_skips_markers() {
    let mut offsets = Offsets::default();
    let p = offsets.assign();
    offsets.skip_to(p, Position(7));
    assert_eq!(offsets.position(p), None, "a partition never read has no position to move");
    let ticket = offsets.track(p, 7, 7, None).unwrap();
    offsets.skip_to(p, Position(9));
    assert_eq!(offsets.position(p), Some(Position(7)), "7 is still out");
    assert!(offsets.settle(ticket));
    offsets.skip_to(p, Position(9));
    assert_eq!(offsets.position(p), Some(Position(9)));
    offsets.skip_to(p, Position(5));
    assert_eq!(offsets.position(p), Some(Position(9)), "never backwards");
}

/// The rule itself, kept in a map.
#[derive(Default)]
struct Oracle {
    unsettled: BTreeMap<i64, u32>,
    seen: Option<i64>,
}

impl Oracle {
    fn position(&self) -> Option<Position> {
        let oldest = self.unsettled.keys().next().copied().map(Position);
        oldest.or(self.seen.map(Position::after))
    }
}

#[derive(Debug, Clone)]
enum Step {
    Track { partition: usize, gap: i64, copies: u32 },
    Settle { pick: usize },
    Reassign { partition: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3usize, 1..5i64, 1..4u32)
            .prop_map(|(partition, gap, copies)| Step::Track { partition, gap, copies }),
        6 => any::<usize>().prop_map(|pick| Step::Settle { pick }),
        1 => (0..3usize).prop_map(|partition| Step::Reassign { partition }),
    ]
}

proptest! {
    #[test]
    fn agrees_with_the_oracle(steps in prop::collection::vec(step(), 1..400)) {
        let mut offsets = Offsets::default();
        let mut stays: Vec<(Assignment, Oracle)> =
            (0..3).map(|_| (offsets.assign(), Oracle::default())).collect();
        let mut tickets: Vec<(usize, i64, Ticket)> = Vec::new();
        for step in steps {
            match step {
                Step::Track { partition, gap, copies } => {
                    let (stay, oracle) = &mut stays[partition];
                    let offset = oracle.seen.unwrap_or(0) + gap;
                    let first = offsets.track(*stay, offset, 7, None).unwrap();
                    for _ in 1..copies {
                        tickets.push((partition, offset, offsets.split(&first)));
                    }
                    tickets.push((partition, offset, first));
                    oracle.unsettled.insert(offset, copies);
                    oracle.seen = Some(offset);
                }
                Step::Settle { pick } if !tickets.is_empty() => {
                    let index = pick % tickets.len();
                    let (partition, offset, ticket) = tickets.swap_remove(index);
                    let (stay, oracle) = &mut stays[partition];
                    let live = ticket.assignment() == *stay;
                    prop_assert_eq!(offsets.settle(ticket), live);
                    if live {
                        let left = oracle.unsettled.get_mut(&offset).unwrap();
                        *left -= 1;
                        if *left == 0 {
                            oracle.unsettled.remove(&offset);
                        }
                    }
                }
                Step::Settle { .. } => {}
                Step::Reassign { partition } => {
                    offsets.release(stays[partition].0);
                    stays[partition] = (offsets.assign(), Oracle::default());
                }
            }
            for (stay, oracle) in &stays {
                prop_assert_eq!(offsets.position(*stay), oracle.position());
                prop_assert!(oracle.unsettled.len() <= offsets.in_flight(*stay));
            }
        }
    }
}
