//! What must hold of a world, whatever happened in it.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::labels::HoldReason;
use crate::mapping::Policy;
use crate::progress::ReadState;

use super::forked::chosen;
use super::plan::{Answer, Group, Mode, Tp};
use super::world::{World, key, record_at_or_after, tp};

impl World {
    /// Every record below a committed position is in each of its hubs, or in the dead-letter topic, or dropped by policy.
    pub(super) fn assert_nothing_lost(&self) {
        let stored: Vec<BTreeSet<_>> =
            self.by_hub.iter().map(|log| log.iter().copied().collect()).collect();
        for (at, offset) in &self.read {
            let below = *offset < self.committed.get(at).copied().unwrap_or(0);
            let dropped = self.plan.policy == Policy::Drop && self.plan.is_refused(*at, *offset);
            if below && !dropped && !self.dead.contains(&(*at, *offset)) {
                // By the ways of one time, whole.
                let is_in = |group: &Group| {
                    let hub = if group.forks {
                        chosen(&group.hubs, *offset)
                    } else {
                        Some(group.hubs[0])
                    };
                    hub.is_some_and(|hub| stored[hub].contains(&(*at, *offset)))
                        || self.registry.filters(group.hubs[0], *at, *offset)
                };
                let mut ways = self.versions[at.0].iter().filter(|hubs| !hubs.is_empty());
                let safe = ways.any(|hubs| self.plan.groups(hubs).iter().all(is_in));
                assert!(safe, "{at:?}/{offset} is committed and not in all of its hubs");
            }
        }
    }

    /// In each hub partition, first deliveries of one Kafka partition come in Kafka order; in each hub, those of one key.
    pub(super) fn assert_order(&self) {
        let by_partition = |at: &Tp, _| (*at, None::<String>);
        // A hub of another size places keys differently: of what was let go in flight before, only keys keep their order.
        let constant = self.stored.iter().filter(|((hub, _), _)| !self.resized.contains(hub));
        let goes_on =
            |(at, offset): &(Tp, i64)| self.rerouted.get(at).is_none_or(|last| offset > last);
        let of = |log: &[(Tp, i64)]| log.iter().copied().filter(goes_on).collect::<Vec<_>>();
        constant.for_each(|(_, log)| assert_first_in_order(&of(log), by_partition));
        let by_key = |at: &Tp, offset| (*at, key(offset));
        let keyed = |log: &Vec<(Tp, i64)>| {
            let mut keyed = of(log);
            keyed.retain(|(_, offset)| key(*offset).is_some());
            keyed
        };
        self.by_hub.iter().for_each(|log| assert_first_in_order(&keyed(log), by_key));
    }

    /// How far a partition is behind in time is the age of its oldest record that is not settled. A record says its offset as
    /// the time it was written.
    pub(super) fn assert_lag(&mut self) {
        const WALL: i64 = 1 << 40;
        for standing in self.core.standings(self.now, WALL) {
            let at = tp(&standing.name);
            match standing.reading {
                ReadState::Held { reason: HoldReason::Paused, .. } => {
                    assert!(self.is_paused(at), "{at:?}");
                }
                ReadState::Held { .. } => assert!(self.held.contains(&at), "{at:?}"),
                ReadState::Flowing => assert!(!self.held.contains(&at), "{at:?}"),
                ReadState::Halted | ReadState::Draining => {}
            }
            let oldest = match standing.position {
                Some(position) if standing.in_flight > 0 => position.0,
                _ if self.held.contains(&at) => record_at_or_after(self.cursor[&at]),
                _ => continue,
            };
            assert_eq!(WALL - standing.lag.as_millis() as i64, oldest, "{at:?}");
        }
        self.act();
    }

    /// Everything is well: what was read and is not committed is read again and stored, and then nothing is left to do.
    pub(super) fn come_to_rest(&mut self) {
        self.modes.fill(Mode::Good);
        self.pause(BTreeSet::new());
        self.units = None;
        self.map_all();
        self.resolve();
        let mut quiet = 0;
        for round in 0.. {
            assert!(round < 100_000, "it never rests: held {:?}", self.held);
            self.now += Duration::from_secs(6);
            self.turn();
            quiet += 1;
            while self.answer(0, Answer::Accepted) {
                quiet = 0;
                self.turn();
            }
            self.finish_letters(Ok(()));
            self.fetch_all();
            self.store_all();
            for at in self.partitions() {
                let last = self.read.range(..=(at, i64::MAX)).next_back().copied();
                let behind =
                    last.is_some_and(|(of, offset)| of == at && offset >= self.cursor[&at]);
                if behind && self.read(at, 5) > 0 {
                    quiet = 0;
                }
            }
            if quiet == 3 {
                break;
            }
        }
        self.commit();
        assert_eq!(self.core.deadline(), None, "at rest nothing is due");
    }
}

fn assert_first_in_order<K: std::hash::Hash + Eq + std::fmt::Debug>(
    log: &[(Tp, i64)],
    group: impl Fn(&Tp, i64) -> K,
) {
    let (mut last, mut seen) = (HashMap::new(), BTreeSet::new());
    for (at, offset) in log {
        if seen.insert((*at, *offset)) {
            let before = last.insert(group(at, *offset), *offset).unwrap_or(-1);
            assert!(before < *offset, "{at:?}/{offset} came after {before}");
        }
    }
}
