//! Partitions come, go and are lost, and how far they are is committed.

use std::time::Duration;

use crate::record::{Commit, Position, TopicPartition};

use super::plan::{Answer, Place, Tp};
use super::world::{World, name, tp};

impl World {
    pub(super) fn assign(&mut self, at: Tp) {
        self.held.remove(&at);
        self.halted.remove(&at);
        self.polled.remove(&at);
        self.under_way.forget(at);
        let sent_since = self.under_way.labels.get(&at).copied().flatten();
        self.core.assign_after(&name(at), sent_since, self.now);
        self.cursor.insert(at, self.committed.get(&at).copied().unwrap_or(0));
        self.act();
    }

    pub(super) fn rebalance(&mut self, at: Tp, in_time: bool) {
        self.drains += 1;
        let deadline = self.now + Duration::from_secs(20);
        self.core.drain(self.drains, &[name(at)], deadline);
        self.turn();
        for round in 0.. {
            assert!(round < 1_000, "the drain never ended");
            if !in_time {
                self.pass(deadline - self.now);
            }
            let done = self.core.finish_drains(self.now);
            self.act();
            if let [drained] = &done[..] {
                assert_eq!(drained.id, self.drains);
                self.committed(drained.positions.clone());
                self.letters.retain(|(_, of, _)| *of != at);
                self.assign(at);
                return self.turn();
            }
            self.pass(Duration::from_millis(50));
            self.turn();
            self.answer(0, Answer::Accepted);
            self.finish_letters(Ok(()));
        }
    }

    pub(super) fn lose(&mut self, at: Tp) {
        self.core.lose(&[name(at)], self.now);
        self.letters.retain(|(_, of, _)| *of != at);
        self.act();
        self.assign(at);
        self.turn();
    }

    pub(super) fn store(&mut self, place: Place, events: Vec<(Tp, i64)>) {
        let wall = self.wall();
        self.under_way.times.entry(place).or_default().extend(events.iter().map(|_| wall));
        self.by_hub[place.0].extend(&events);
        self.stored.entry(place).or_default().extend(events);
    }

    pub(super) fn committed(&mut self, positions: Vec<(TopicPartition, Commit)>) {
        for (partition, Commit { position: Position(position), sent_since }) in positions {
            self.under_way.labels.insert(tp(&partition), sent_since);
            let before = self.committed.insert(tp(&partition), position).unwrap_or(0);
            assert!(before <= position, "a commit never goes back");
        }
    }

    /// Commits as the pump does: an idle partition stands where the client does, behind what is no record.
    pub(super) fn commit(&mut self) {
        for (stay, partition) in self.core.idle() {
            let Some(next) = self.polled.get(&tp(&partition)).copied() else { continue };
            self.core
                .skip_to(stay, Position(if next % 7 >= 5 { next + 7 - next % 7 } else { next }));
        }
        let positions = self.core.positions_to_commit();
        if !self.plan.once {
            return self.committed(positions);
        }
        for (name, commit) in positions {
            self.under_way.commit(tp(&name), commit, self.now);
        }
    }
}
