//! The commits under way: which positions were asked for, which are confirmed, and which have to be asked for again.
//!
//! One asynchronous commit at a time: while the coordinator is away librdkafka keeps commits and sends them again in
//! any order, and an older one that lands last would take the group back.
//!
//! Invariant: only assigned partitions are committed. The lock is held while a commit is handed to librdkafka, so a
//! commit from the pump can not slip in behind the revoke that let its partition go. With each position goes the
//! leader epoch of the last record below it, so that librdkafka notices a truncated log.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::native;
use crate::record::{Position, TopicPartition};

/// Commit state of the assigned partitions.
#[derive(Debug, Default)]
pub(super) struct Commits {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    partitions: HashMap<TopicPartition, Entry>,
    /// Since when an asynchronous commit waits for its answer.
    under_way: Option<Instant>,
}

#[derive(Debug, Default)]
struct Entry {
    /// Not confirmed.
    wanted: Option<Position>,
    /// `wanted` has been handed to librdkafka, and there is no answer yet.
    asked: bool,
    /// Where each leader epoch begins: (first offset read, epoch), oldest first.
    epochs: VecDeque<(i64, i32)>,
}

/// librdkafka answers each commit, after a session's time-out at the latest. Should it not, commits go on.
const ANSWER: Duration = Duration::from_mins(5);
/// Epochs change with leaders; more than these between two commits means a cluster in trouble, and the oldest go.
const EPOCHS_KEPT: usize = 16;

impl Commits {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These partitions may be committed from now on.
    pub(super) fn assign(&self, partitions: &[TopicPartition]) {
        let mut state = self.lock();
        for partition in partitions {
            state.partitions.insert(partition.clone(), Entry::default());
        }
    }

    /// These partitions may not be committed any more.
    pub(super) fn release(&self, partitions: &[TopicPartition]) {
        let mut state = self.lock();
        for partition in partitions {
            state.partitions.remove(partition);
        }
    }

    /// The records of `partition` from `offset` on were written under leader epoch `epoch`.
    pub(super) fn epoch_begins(&self, partition: &TopicPartition, offset: i64, epoch: i32) {
        if let Some(entry) = self.lock().partitions.get_mut(partition) {
            if entry.epochs.len() == EPOCHS_KEPT {
                entry.epochs.pop_front();
            }
            entry.epochs.push_back((offset, epoch));
        }
    }

    /// Notes that `positions` are wanted, and what of them may be committed, for a commit that is waited for: tell
    /// [`Commits::settled`]. `None` when nothing is left.
    pub(super) fn now(
        &self,
        positions: &[(TopicPartition, Position)],
    ) -> Option<TopicPartitionList> {
        let mut state = self.lock();
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (partition, position) in positions {
            if let Some(entry) = state.partitions.get_mut(partition) {
                entry.wanted = Some(*position);
                entry.ask(partition, &mut list);
            }
        }
        (list.count() > 0).then_some(list)
    }

    /// Notes that `positions` are wanted, and gives all that is wanted and not asked for to `commit`, under the lock.
    /// Nothing is called when that is nothing, or when an earlier commit is still under way.
    pub(super) fn later<E>(
        &self,
        positions: &[(TopicPartition, Position)],
        now: Instant,
        commit: impl FnOnce(&TopicPartitionList) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut state = self.lock();
        for (partition, position) in positions {
            if let Some(entry) = state.partitions.get_mut(partition) {
                entry.wanted = Some(*position);
                entry.asked = false;
            }
        }
        if state.under_way.is_some_and(|since| now.saturating_duration_since(since) < ANSWER) {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        for (partition, entry) in state.partitions.iter_mut().filter(|(_, entry)| !entry.asked) {
            entry.ask(partition, &mut list);
        }
        if list.count() == 0 {
            return Ok(());
        }
        let result = commit(&list);
        if result.is_ok() {
            state.under_way = Some(now);
        } else {
            state.settle(false, &list);
        }
        result
    }

    /// What of `partitions` is wanted and not confirmed.
    pub(super) fn wanted(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Position)> {
        let state = self.lock();
        let wanted = |p: &TopicPartition| Some((p.clone(), state.partitions.get(p)?.wanted?));
        partitions.iter().filter_map(wanted).collect()
    }

    /// The answer to a commit by [`Commits::now`]: `request` is the request's fate, `list` holds the partitions' own.
    pub(super) fn settled(&self, request: bool, list: &TopicPartitionList) {
        self.lock().settle(request, list);
    }

    /// The answer to a commit by [`Commits::later`].
    pub(super) fn answered(&self, request: bool, list: &TopicPartitionList) {
        let mut state = self.lock();
        state.under_way = None;
        state.settle(request, list);
    }
}

impl State {
    fn settle(&mut self, request: bool, list: &TopicPartitionList) {
        for element in list.elements() {
            let partition = TopicPartition::new(element.topic(), element.partition());
            let Some(entry) = self.partitions.get_mut(&partition) else { continue };
            // An answer to an older request says nothing about the newer one.
            let about_wanted =
                entry.wanted.is_some_and(|wanted| element.offset() == Offset::Offset(wanted.0));
            if about_wanted && request && element.error().is_ok() {
                entry.wanted = None;
            } else if about_wanted {
                entry.asked = false;
            }
        }
    }
}

impl Entry {
    /// Adds what is wanted to a request.
    fn ask(&mut self, partition: &TopicPartition, list: &mut TopicPartitionList) {
        let Some(position) = self.wanted else { return };
        self.asked = true;
        push(list, partition, position, self.epoch_below(position));
    }

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

    /// What a commit of `positions` now would send, by partition.
    fn sent(commits: &Commits, positions: &[(TopicPartition, Position)]) -> Vec<(i32, i64)> {
        let mut sent = Vec::new();
        let result = commits.later(positions, Instant::now(), |list| {
            for element in list.elements() {
                sent.push((element.partition(), element.offset().to_raw().unwrap()));
            }
            Ok::<(), ()>(())
        });
        assert_eq!(result, Ok(()));
        sent.sort_unstable();
        sent
    }

    #[test]
    fn only_assigned_partitions_are_committed() {
        let commits = Commits::default();
        commits.assign(&[place(0), place(1)]);
        commits.release(&[place(1)]);
        let asked = [(place(0), Position(5)), (place(1), Position(6)), (place(2), Position(7))];
        assert_eq!(commits.now(&asked).map(|list| list.count()), Some(1));
        assert!(commits.now(&asked[1..]).is_none());
        assert_eq!(sent(&commits, &asked), [(0, 5)]);
    }

    #[test]
    fn a_failed_commit_is_sent_again_until_it_succeeds_or_is_overtaken() {
        let commits = Commits::default();
        commits.assign(&[place(0), place(1)]);
        assert_eq!(sent(&commits, &[(place(0), Position(5))]), [(0, 5)]);
        commits.answered(false, &answer(0, 5));
        assert_eq!(sent(&commits, &[(place(1), Position(2))]), [(0, 5), (1, 2)]);
        commits.answered(true, &answer(1, 2));
        commits.settled(false, &answer(0, 5));
        assert_eq!(sent(&commits, &[(place(0), Position(9))]), [(0, 9)]);
        commits.answered(true, &answer(0, 9));
        commits.settled(false, &answer(0, 9));
        assert_eq!(sent(&commits, &[]), []);
        let refused = commits.later(&[(place(0), Position(11))], Instant::now(), |_| Err("busy"));
        assert_eq!(refused, Err("busy"));
        assert_eq!(sent(&commits, &[]), [(0, 11)]);
    }

    #[test]
    fn a_commit_waits_for_the_one_before() {
        let commits = Commits::default();
        commits.assign(&[place(0)]);
        assert_eq!(sent(&commits, &[(place(0), Position(5))]), [(0, 5)]);
        assert_eq!(sent(&commits, &[(place(0), Position(7))]), []);
        assert_eq!(sent(&commits, &[(place(0), Position(9))]), []);
        commits.answered(true, &answer(0, 5));
        assert_eq!(sent(&commits, &[]), [(0, 9)]);
        // An answer that never comes does not stop it for ever.
        let late = Instant::now() + ANSWER;
        assert_eq!(commits.later(&[(place(0), Position(10))], late, |_| Err(())), Err(()));
    }

    #[test]
    fn a_position_carries_the_epoch_of_the_record_below_it() {
        let commits = Commits::default();
        commits.assign(&[place(0)]);
        for (offset, epoch) in [(0, 3), (10, 4), (20, 7)] {
            commits.epoch_begins(&place(0), offset, epoch);
        }
        for (position, epoch) in [(0, -1), (1, 3), (10, 3), (11, 4), (20, 4), (21, 7), (99, 7)] {
            let list = commits.now(&[(place(0), Position(position))]).unwrap();
            assert_eq!(native::leader_epoch(&list, 0), epoch, "position {position}");
        }
    }
}
