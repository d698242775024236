//! Partitions come, go and are lost.

use std::time::Duration;

use super::plan::{Answer, Tp};
use super::world::{World, name};

impl World {
    pub(super) fn assign(&mut self, at: Tp) {
        self.held.remove(&at);
        self.halted.remove(&at);
        self.polled.remove(&at);
        self.core.assign(&name(at), self.now);
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
                self.now = deadline;
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
            self.now += Duration::from_millis(50);
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
}
