//! The commits under way: which positions were asked for, which are confirmed, and which have to be asked for again.
//!
//! Invariant: only assigned partitions are committed. The lock is held while a commit is handed to librdkafka, so a
//! commit from the pump can not slip in behind the revoke that let its partition go. With each position goes the
//! leader epoch of the last record below it, so that librdkafka notices a truncated log.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::native;
use crate::record::{Position, TopicPartition};

/// Commit state of the assigned partitions.
#[derive(Debug, Default)]
pub(super) struct Commits {
    partitions: Mutex<HashMap<TopicPartition, Entry>>,
}

#[derive(Debug, Default)]
struct Entry {
    /// Asked for and not confirmed.
    wanted: Option<Position>,
    /// A commit of `wanted` failed.
    failed: bool,
    /// Where each leader epoch begins: (first offset read, epoch), oldest first.
    epochs: VecDeque<(i64, i32)>,
}

/// Epochs change with leaders; more than these between two commits means a cluster in trouble, and the oldest go.
const EPOCHS_KEPT: usize = 16;

impl Commits {
    fn lock(&self) -> MutexGuard<'_, HashMap<TopicPartition, Entry>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These partitions may be committed from now on.
    pub(super) fn assign(&self, partitions: &[TopicPartition]) {
        let mut entries = self.lock();
        for partition in partitions {
            entries.insert(partition.clone(), Entry::default());
        }
    }

    /// These partitions may not be committed any more.
    pub(super) fn release(&self, partitions: &[TopicPartition]) {
        let mut entries = self.lock();
        for partition in partitions {
            entries.remove(partition);
        }
    }

    /// The records of `partition` from `offset` on were written under leader epoch `epoch`.
    pub(super) fn epoch_begins(&self, partition: &TopicPartition, offset: i64, epoch: i32) {
        if let Some(entry) = self.lock().get_mut(partition) {
            if entry.epochs.len() == EPOCHS_KEPT {
                entry.epochs.pop_front();
            }
            entry.epochs.push_back((offset, epoch));
        }
    }

    /// Notes that `positions` are wanted and gives what of them may be committed to `commit`, under the lock.
    /// Nothing is called when nothing is left.
    pub(super) fn ask<T>(
        &self,
        positions: &[(TopicPartition, Position)],
        commit: impl FnOnce(&TopicPartitionList) -> T,
    ) -> Option<T> {
        let mut entries = self.lock();
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (partition, position) in positions {
            if let Some(entry) = entries.get_mut(partition) {
                entry.wanted = Some(*position);
                entry.failed = false;
                push(&mut list, partition, *position, entry.epoch_below(*position));
            }
        }
        (list.count() > 0).then(|| commit(&list))
    }

    /// The answer to an asynchronous commit: `request` is the request's fate, `list` holds the partitions' own.
    pub(super) fn settled(&self, request: bool, list: &TopicPartitionList) {
        let mut entries = self.lock();
        for element in list.elements() {
            let partition = TopicPartition::new(element.topic(), element.partition());
            let Some(entry) = entries.get_mut(&partition) else { continue };
            // An answer to an older request says nothing about the newer one.
            let about_wanted =
                entry.wanted.is_some_and(|wanted| element.offset() == Offset::Offset(wanted.0));
            if about_wanted && request && element.error().is_ok() {
                entry.wanted = None;
            } else if about_wanted {
                entry.failed = true;
            }
        }
    }

    /// What failed and is still wanted.
    pub(super) fn overdue(&self) -> Vec<(TopicPartition, Position)> {
        let entries = self.lock();
        let failed = entries.iter().filter(|(_, entry)| entry.failed);
        failed.filter_map(|(partition, entry)| Some((partition.clone(), entry.wanted?))).collect()
    }
}

impl Entry {
    /// The leader epoch of the last record below `position`; epochs before it are forgotten.
    fn epoch_below(&mut self, position: Position) -> i32 {
        while self.epochs.get(1).is_some_and(|(begin, _)| *begin < position.0) {
            self.epochs.pop_front();
        }
        match self.epochs.front() {
            Some((begin, epoch)) if *begin < position.0 => *epoch,
            _ => -1,
        }
    }
}

/// Adds `position` to `list`. librdkafka's list calls take the next offset as it is, which is what a position is.
fn push(list: &mut TopicPartitionList, partition: &TopicPartition, position: Position, epoch: i32) {
    let index = list.count();
    list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(position.0))
        .expect("a position is a valid offset");
    if epoch >= 0 {
        native::set_leader_epoch(list, index, epoch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(partition: i32) -> TopicPartition {
        TopicPartition::new("t", partition)
    }

    fn answer(partition: i32, position: i64) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        push(&mut list, &place(partition), Position(position), -1);
        list
    }

    #[test]
    fn only_assigned_partitions_are_committed() {
        let commits = Commits::default();
        commits.assign(&[place(0), place(1)]);
        commits.release(&[place(1)]);
        let asked = [(place(0), Position(5)), (place(1), Position(6)), (place(2), Position(7))];
        let committed = commits.ask(&asked, |list| {
            list.elements().iter().map(|e| (e.partition(), e.offset())).collect::<Vec<_>>()
        });
        assert_eq!(committed, Some(vec![(0, Offset::Offset(5))]));
        assert_eq!(commits.ask(&asked[1..], |_| ()), None);
    }

    #[test]
    fn a_failed_commit_is_overdue_until_it_succeeds_or_is_overtaken() {
        let commits = Commits::default();
        commits.assign(&[place(0)]);
        commits.ask(&[(place(0), Position(5))], |_| ());
        assert!(commits.overdue().is_empty(), "not answered yet");
        commits.settled(false, &answer(0, 5));
        assert_eq!(commits.overdue(), [(place(0), Position(5))]);
        commits.ask(&[(place(0), Position(9))], |_| ());
        commits.settled(false, &answer(0, 5));
        assert!(commits.overdue().is_empty(), "an old answer says nothing about the new request");
        commits.settled(true, &answer(0, 9));
        commits.settled(false, &answer(0, 9));
        assert!(commits.overdue().is_empty());
    }

    #[test]
    fn a_position_carries_the_epoch_of_the_record_below_it() {
        let commits = Commits::default();
        commits.assign(&[place(0)]);
        for (offset, epoch) in [(0, 3), (10, 4), (20, 7)] {
            commits.epoch_begins(&place(0), offset, epoch);
        }
        for (position, epoch) in [(0, -1), (1, 3), (10, 3), (11, 4), (20, 4), (21, 7), (99, 7)] {
            let got = commits
                .ask(&[(place(0), Position(position))], |list| native::leader_epoch(list, 0));
            assert_eq!(got, Some(epoch), "position {position}");
        }
    }
}
