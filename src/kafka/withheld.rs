//! Partitions that stand: those whose records the queue passes over, because they are to be read again from an earlier
//! place, and those that the pump has paused.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::record::{Position, TopicPartition};

/// Why a partition is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// There is a gap in front of its next record, until it is assigned anew.
    Broken,
    /// It is held, and goes on from here when it is resumed.
    Held(Position),
}

/// See the module. Only assigning a partition anew ends what is broken.
#[derive(Debug, Default)]
pub(super) struct Withheld {
    state: Mutex<WithheldState>,
    /// Grows with each change of what is passed over.
    changes: AtomicU64,
}

#[derive(Debug, Default)]
struct WithheldState {
    passed_over: HashMap<TopicPartition, Why>,
    /// librdkafka keeps a pause across assignments.
    paused: HashSet<TopicPartition>,
}

impl Withheld {
    fn lock(&self) -> MutexGuard<'_, WithheldState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was found out about a partition holds as long as this number does. It is asked for first.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Whether records of `partition` are passed over.
    pub(super) fn is(&self, partition: &TopicPartition) -> bool {
        self.lock().passed_over.contains_key(partition)
    }

    pub(super) fn is_broken(&self, partition: &TopicPartition) -> bool {
        self.lock().passed_over.get(partition) == Some(&Why::Broken)
    }

    /// Records of `partition` are passed over until it is assigned anew.
    pub(super) fn breaks(&self, partition: &TopicPartition) {
        let mut state = self.lock();
        state.passed_over.insert(partition.clone(), Why::Broken);
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Records of these partitions are passed over until they are let go. What is broken stays so.
    pub(super) fn hold(&self, held: &[(TopicPartition, Position)]) {
        let mut state = self.lock();
        for (partition, position) in held {
            let why = state.passed_over.entry(partition.clone()).or_insert(Why::Held(*position));
            if *why != Why::Broken {
                *why = Why::Held(*position);
            }
        }
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Which of `partitions` are held, and where.
    pub(super) fn held(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Position)> {
        let state = self.lock();
        if state.passed_over.is_empty() {
            return Vec::new();
        }
        let held = |partition: &TopicPartition| match state.passed_over.get(partition)? {
            Why::Held(position) => Some((partition.clone(), *position)),
            Why::Broken => None,
        };
        partitions.iter().filter_map(held).collect()
    }

    /// Everything that is held.
    pub(super) fn all_held(&self) -> HashSet<TopicPartition> {
        let state = self.lock();
        let held = state.passed_over.iter().filter(|(_, why)| **why != Why::Broken);
        held.map(|(partition, _)| partition.clone()).collect()
    }

    /// Nothing is known against these partitions that are held.
    pub(super) fn let_go(&self, held: &[TopicPartition]) {
        let mut state = self.lock();
        for partition in held {
            state.passed_over.remove(partition);
        }
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Notes which partitions the pump has paused.
    pub(super) fn set_paused(&self, partitions: &[TopicPartition], paused: bool) {
        let mut state = self.lock();
        for partition in partitions {
            if paused {
                state.paused.insert(partition.clone());
            } else {
                state.paused.remove(partition);
            }
        }
    }

    /// Takes out of `partitions` what is still paused from an earlier assignment.
    pub(super) fn take_paused(&self, partitions: &[TopicPartition]) -> Vec<TopicPartition> {
        let mut state = self.lock();
        partitions.iter().filter_map(|partition| state.paused.take(partition)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_broken_stays_so_until_it_is_assigned_anew() {
        let withheld = Withheld::default();
        let place = |partition| TopicPartition::new("t", partition);
        let before = withheld.changes();
        withheld.breaks(&place(0));
        assert_ne!(withheld.changes(), before);
        withheld.hold(&[(place(0), Position(7)), (place(1), Position(8))]);
        withheld.hold(&[(place(1), Position(5))]);
        assert!(withheld.is_broken(&place(0)) && !withheld.is_broken(&place(1)));
        assert!(withheld.is(&place(1)) && !withheld.is(&place(2)));
        let all = [place(0), place(1), place(2)];
        assert_eq!(withheld.held(&all), [(place(1), Position(5))]);
        withheld.let_go(&[place(1)]);
        assert!(withheld.is(&place(0)) && !withheld.is(&place(1)));
        withheld.let_go(&[place(0)]);
        assert!(!withheld.is(&place(0)));
    }
}
