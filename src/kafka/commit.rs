//! The ledger of commits: which positions are wanted, and whether a commit is under way.
//!
//! One commit at a time, be it waited for or not: while the coordinator is away librdkafka keeps commits and sends them
//! again in any order, and an older one that lands last would take the group back.
//!
//! Invariant: only assigned partitions are committed. The lock is held while a commit is handed to librdkafka, so a
//! commit from the pump can not slip in behind the revoke that let its partition go. With each position goes the
//! leader epoch of the last record below it, so that librdkafka notices a truncated log, and the id of the topic it is of.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::identity::{Label, TopicId};
use crate::kafka::native::{self, CommitAnswer};
use crate::kafka::span::Span;
use crate::record::{Commit, Position, TopicPartition};

/// Commit state of the assigned partitions.
#[derive(Debug, Default)]
pub(super) struct Commits {
    state: Mutex<CommitState>,
}

#[derive(Debug, Default)]
struct CommitState {
    partitions: HashMap<TopicPartition, Entry>,
    /// Since when a commit waits for its answer.
    under_way: Option<Instant>,
}

#[derive(Debug, Default)]
struct Entry {
    /// Not confirmed.
    wanted: Option<Commit>,
    /// Whether that is under way.
    is_handed: bool,
    /// Where each leader epoch begins: (first offset read, epoch), oldest first.
    epochs: VecDeque<(i64, i32)>,
    /// The topic this stay began with, and what else is said with each position.
    label: Label,
}

/// librdkafka answers each commit, after a session's time-out at the latest. Should it not, commits go on.
const ANSWER: Duration = Duration::from_mins(5);
/// Epochs change with leaders; more than these between two commits means a cluster in trouble, and the oldest go.
const EPOCHS_KEPT: usize = 16;

impl Commits {
    fn lock(&self) -> MutexGuard<'_, CommitState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These partitions may be committed from now on.
    pub(super) fn assign(&self, partitions: &[TopicPartition]) {
        let mut state = self.lock();
        for partition in partitions {
            state.partitions.insert(partition.clone(), Entry::default());
        }
    }

    /// What is read of `partition` is of the topic with this id.
    pub(super) fn belongs(&self, partition: &TopicPartition, topic: TopicId) {
        if let Some(entry) = self.lock().partitions.get_mut(partition) {
            entry.label.topic = Some(topic);
        }
    }

    /// Only this much of `partition` is read.
    pub(super) fn spans(&self, partition: &TopicPartition, span: Span) {
        if let Some(entry) = self.lock().partitions.get_mut(partition) {
            entry.label.span = Some(span);
        }
    }

    /// The position of `partition` is out of range, and held for that.
    pub(super) fn is_held(&self, partition: &TopicPartition) {
        if let Some(entry) = self.lock().partitions.get_mut(partition) {
            entry.label.held = true;
        }
    }

    /// The assigned partitions, each with the id of the topic it was assigned of.
    pub(super) fn stays(&self) -> Vec<(TopicPartition, Option<TopicId>)> {
        let state = self.lock();
        state.partitions.iter().map(|(p, entry)| (p.clone(), entry.label.topic)).collect()
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

    /// Notes that `positions` are wanted; those of partitions that are not assigned are left out.
    pub(super) fn want(&self, positions: &[(TopicPartition, Commit)]) {
        let mut state = self.lock();
        for (partition, commit) in positions {
            if let Some(entry) = state.partitions.get_mut(partition) {
                entry.wanted = Some(*commit);
                entry.is_handed = false;
            }
        }
    }

    /// Gives all that is wanted to `commit`, under the lock, and says whether it did: not when that is nothing, or when
    /// an earlier commit is still under way.
    pub(super) fn begin<E>(
        &self,
        now: Instant,
        commit: impl FnOnce(&TopicPartitionList) -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut state = self.lock();
        if state.under_way.is_some_and(|since| now.saturating_duration_since(since) < ANSWER) {
            return Ok(false);
        }
        let mut list = TopicPartitionList::new();
        for (partition, entry) in &mut state.partitions {
            if let Some(Commit { position, sent_since }) = entry.wanted {
                let epoch = entry.epoch_below(position);
                let label = Label { sent_since, ..entry.label }.written();
                push(&mut list, partition, position, epoch, label);
            }
        }
        if list.count() == 0 {
            return Ok(false);
        }
        commit(&list)?;
        state.under_way = Some(now);
        let wanted = state.partitions.values_mut().filter(|entry| entry.wanted.is_some());
        wanted.for_each(|entry| entry.is_handed = true);
        Ok(true)
    }

    /// What of `partitions` is wanted and not confirmed.
    pub(super) fn wanted(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Commit)> {
        let state = self.lock();
        let wanted = |p: &TopicPartition| Some((p.clone(), state.partitions.get(p)?.wanted?));
        partitions.iter().filter_map(wanted).collect()
    }

    /// Whether somebody waits for the answer to a commit that was not handed over, because another was under way.
    pub(super) fn is_waited_for(&self) -> bool {
        let waits = |entry: &Entry| {
            !entry.is_handed && entry.wanted.is_some_and(|it| it.sent_since.is_some())
        };
        self.lock().partitions.values().any(waits)
    }

    /// The commit under way is over. What it did not confirm is still wanted. Gives those that were confirmed for somebody who
    /// waits for it, and when they were handed over.
    pub(super) fn end(&self, answer: &CommitAnswer) -> Option<(Vec<TopicPartition>, Instant)> {
        let mut state = self.lock();
        let handed = state.under_way.take();
        if answer.request.is_err() {
            return None;
        }
        let mut awaited = Vec::new();
        for (partition, position, fate) in &answer.fates {
            let Some(entry) = state.partitions.get_mut(partition) else { continue };
            let Some(commit) = entry.wanted.filter(|it| it.position == *position) else { continue };
            // Not one of an earlier stay, or of before it was wanted anew.
            if fate.is_ok() && entry.is_handed {
                entry.wanted = None;
                awaited.extend(commit.sent_since.map(|_| partition.clone()));
            }
        }
        handed.filter(|_| !awaited.is_empty()).map(|handed| (awaited, handed))
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
fn push(
    list: &mut TopicPartitionList,
    partition: &TopicPartition,
    position: Position,
    epoch: i32,
    label: Option<String>,
) {
    let index = list.count();
    let mut element = list.add_partition(&partition.topic, partition.partition);
    element.set_offset(Offset::Offset(position.0)).expect("a position is a valid offset");
    if let Some(label) = label {
        element.set_metadata(label);
    }
    if epoch >= 0 {
        native::set_leader_epoch(list, index, epoch);
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode;

    use super::*;

    fn place(partition: i32) -> TopicPartition {
        TopicPartition::new("t", partition)
    }

    fn answer(partition: i32, position: i64, fate: Result<(), RDKafkaErrorCode>) -> CommitAnswer {
        CommitAnswer { request: Ok(()), fates: vec![(place(partition), Position(position), fate)] }
    }

    const FAILED: Result<(), RDKafkaErrorCode> = Err(RDKafkaErrorCode::NotCoordinator);

    /// What is sent when `wanted` is wanted, by partition.
    fn sent(commits: &Commits, wanted: &[(TopicPartition, Position)]) -> Vec<(i32, i64)> {
        let mut sent = Vec::new();
        let wanted = wanted.iter().map(|(partition, it)| (partition.clone(), (*it).into()));
        commits.want(&wanted.collect::<Vec<_>>());
        let begun = commits.begin(Instant::now(), |list| {
            for element in list.elements() {
                sent.push((element.partition(), element.offset().to_raw().unwrap()));
            }
            Ok::<(), ()>(())
        });
        assert_eq!(begun, Ok(!sent.is_empty()));
        sent.sort_unstable();
        sent
    }

    #[test]
    fn only_assigned_partitions_are_committed() {
        let commits = Commits::default();
        commits.assign(&[place(0), place(1)]);
        commits.release(&[place(1)]);
        let asked = [(place(0), Position(5)), (place(1), Position(6)), (place(2), Position(7))];
        assert_eq!(sent(&commits, &asked[1..]), []);
        assert_eq!(sent(&commits, &asked), [(0, 5)]);
    }

    #[test]
    fn a_failed_commit_is_sent_again_until_it_succeeds_or_is_overtaken() {
        let commits = Commits::default();
        commits.assign(&[place(0), place(1)]);
        assert_eq!(sent(&commits, &[(place(0), Position(5))]), [(0, 5)]);
        commits.end(&answer(0, 5, FAILED));
        assert_eq!(sent(&commits, &[(place(1), Position(2))]), [(0, 5), (1, 2)]);
        commits.end(&answer(1, 2, Ok(())));
        assert_eq!(sent(&commits, &[]), [(0, 5)]);
        commits.end(&CommitAnswer { request: FAILED, ..answer(0, 5, Ok(())) });
        assert_eq!(sent(&commits, &[(place(0), Position(9))]), [(0, 9)]);
        commits.end(&answer(0, 9, Ok(())));
        assert_eq!(sent(&commits, &[]), []);
        commits.want(&[(place(0), Position(11).into())]);
        assert_eq!(commits.begin(Instant::now(), |_| Err("busy")), Err("busy"));
        assert_eq!(sent(&commits, &[]), [(0, 11)]);
    }

    #[test]
    fn a_commit_waits_for_the_one_before() {
        let commits = Commits::default();
        commits.assign(&[place(0)]);
        assert_eq!(sent(&commits, &[(place(0), Position(5))]), [(0, 5)]);
        assert_eq!(sent(&commits, &[(place(0), Position(7))]), []);
        assert_eq!(sent(&commits, &[(place(0), Position(9))]), []);
        commits.end(&answer(0, 5, Ok(())));
        assert_eq!(sent(&commits, &[]), [(0, 9)]);
        // An answer that never comes does not stop it for ever.
        let late = Instant::now() + ANSWER;
        assert_eq!(commits.begin(late, |_| Ok::<(), ()>(())), Ok(true));
    }

    #[test]
    fn a_claim_does_not_wait_for_more_than_the_commit_before() {
        let commits = Commits::default();
        commits.assign(&[place(0), place(1)]);
        assert_eq!(sent(&commits, &[(place(0), Position(5))]), [(0, 5)]);
        let claim = |sent_since| Commit { position: Position(2), sent_since };
        commits.want(&[(place(1), claim(None))]);
        assert!(!commits.is_waited_for(), "any other has time");
        commits.want(&[(place(1), claim(Some(1_800_000_000_000)))]);
        assert_eq!(sent(&commits, &[]), []);
        assert!(commits.end(&answer(0, 5, Ok(()))).is_none());
        assert!(commits.is_waited_for());
        assert_eq!(sent(&commits, &[]), [(1, 2)]);
        assert!(!commits.is_waited_for());
        assert!(commits.end(&answer(1, 2, Ok(()))).is_some());
    }

    #[test]
    fn a_position_carries_the_id_of_its_topic_until_the_partition_is_let_go() {
        let commits = Commits::default();
        let topic = TopicId::new(3, 4).unwrap();
        commits.assign(&[place(0)]);
        let label = || {
            commits.want(&[(place(0), Position(5).into())]);
            commits
                .begin(Instant::now(), |list| Err(native::label(list, 0).to_owned()))
                .unwrap_err()
        };
        assert_eq!(label(), b"");
        commits.belongs(&place(0), topic);
        commits.belongs(&place(1), topic);
        assert_eq!(label(), topic.label().into_bytes());
        assert_eq!(commits.stays(), [(place(0), Some(topic))]);
        commits.release(&[place(0)]);
        commits.assign(&[place(0)]);
        assert_eq!(label(), b"");
    }

    #[test]
    fn a_position_carries_the_epoch_of_the_record_below_it() {
        let commits = Commits::default();
        commits.assign(&[place(0)]);
        for (offset, epoch) in [(0, 3), (10, 4), (20, 7)] {
            commits.epoch_begins(&place(0), offset, epoch);
        }
        for (position, epoch) in [(0, -1), (1, 3), (10, 3), (11, 4), (20, 4), (21, 7), (99, 7)] {
            commits.want(&[(place(0), Position(position).into())]);
            let refused = commits.begin(Instant::now(), |list| Err(native::leader_epoch(list, 0)));
            assert_eq!(refused, Err(epoch), "position {position}");
        }
    }
}
