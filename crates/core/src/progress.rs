//! How far the partitions are: what may be committed, and how each stands.

use std::time::{Duration, Instant};

use crate::core::Core;
use crate::labels::HoldReason;
use crate::offsets::Assignment;
use crate::partitions::{GivenBack, HeldPartition, Intake, Partition};
use crate::record::{Commit, Position, TopicPartition};

/// How one partition stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionStatus {
    /// The partition.
    pub name: TopicPartition,
    /// Records from the oldest unsettled one on.
    pub in_flight: usize,
    /// How long the oldest unsettled one has been held.
    pub oldest: Duration,
    /// How long ago the oldest record that is not settled was written, taken or given back. Where Kafka has more than was read
    /// and nothing of it came, for how long that has been so.
    pub lag: Duration,
    /// The next offset to commit; `None` when nothing was read yet.
    pub position: Option<Position>,
    /// Records from the position on that Kafka had when it was last asked for its end; `None` while it was not.
    pub behind: Option<u64>,
    /// Whether it is read.
    pub reading: ReadState,
}

/// Whether the records of a partition are read, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadState {
    /// They are.
    Flowing,
    /// The next one has no room: for this reason.
    Held {
        /// What it waits for.
        reason: HoldReason,
        /// Since when.
        since: Instant,
    },
    /// The next one can never be stored, and its mapping stops there.
    Halted,
    /// It goes to another member.
    Draining,
}

impl Core {
    /// Positions that moved since they were last asked for. Where a stay began is none: to commit it would gain nothing, and
    /// whoever waits for a first commit would take it for one. And those that have rested for long: their commit says that nothing
    /// beyond them was sent.
    pub fn positions_to_commit(&mut self) -> Vec<(TopicPartition, Commit)> {
        let (mut moved, mut rested) = (Vec::new(), Vec::new());
        let (rest, wall) = self.once.rest();
        let (partitions, offsets) = self.partitions.all_mut();
        for partition in partitions {
            let stay = partition.assignment;
            let position = offsets.position(stay).filter(|_| offsets.has_moved(stay));
            if position.is_some() && position != partition.committed {
                partition.committed = position;
                moved.extend(
                    position.map(|position| (stay.slot(), partition.name.clone(), position)),
                );
            } else if let (Some(position), Some(once)) = (position, partition.once.as_deref_mut())
                && offsets.in_flight(stay) == 0
                && once.rests(position, wall, rest)
            {
                rested.push((partition.name.clone(), position.into()));
            }
        }
        let commit = |(slot, name, position)| Some((name, self.commit_of(slot, position)?));
        rested.extend(moved.into_iter().filter_map(commit));
        rested
    }

    /// Stays with nothing in flight that are read on: their position may skip what holds no records. Not those that drain,
    /// are held, were held until just now, or have halted: what the client has handed out of them was passed over or given
    /// back, and skipping to where it stands would lose it.
    pub fn idle(&self) -> Vec<(Assignment, TopicPartition)> {
        let offsets = &self.partitions.offsets;
        let idle = |partition: &&Partition| {
            matches!(partition.intake, Intake::Flowing)
                && partition.given_back.is_none()
                && offsets.in_flight(partition.assignment) == 0
                && offsets.position(partition.assignment).is_some()
        };
        let all = self.partitions.iter().filter(idle);
        all.map(|partition| (partition.assignment, partition.name.clone())).collect()
    }

    /// The Kafka client itself stands at `position`, past markers that are no records.
    pub fn skip_to(&mut self, assignment: Assignment, position: Position) {
        self.partitions.offsets.skip_to(assignment, position);
    }

    /// Kafka has records up to `end`, not including it, in a partition that was begun to be read at `start`: how many of them
    /// are not settled. `None` when it is not assigned, or nothing is known of where it stands.
    pub fn end_known(
        &mut self,
        name: &TopicPartition,
        start: Option<Position>,
        end: Position,
        now: Instant,
    ) -> Option<u64> {
        let slot = self.partitions.find(&name.topic, name.partition)?;
        let (partition, offsets) = self.partitions.get_beside(slot)?;
        let position = offsets.position(partition.assignment);
        partition.end = Some((start, end));
        let lag = behind(position.or(start)?, end);
        let in_hand = offsets.in_flight(partition.assignment) > 0 || partition.given_back.is_some();
        partition.unread = match partition.unread {
            _ if lag == 0 || in_hand => None,
            Some(unread) if unread.0 == position => Some(unread),
            _ => Some((position, now)),
        };
        Some(lag)
    }

    /// How every partition stands at this time of day, in milliseconds; also says which have waited for long. To be asked every
    /// second or so.
    pub fn standings(&mut self, now: Instant, wall: i64) -> Vec<PartitionStatus> {
        self.say_held(now);
        let (partitions, offsets) = self.partitions.all_mut();
        let standing = |partition: &mut Partition| {
            let position = offsets.position(partition.assignment);
            let in_flight = offsets.in_flight(partition.assignment);
            if partition.standing.0 != position || in_flight == 0 {
                partition.standing = (position, now);
            }
            let oldest = now.saturating_duration_since(partition.standing.1);
            let age =
                |written: i64| Duration::from_millis(wall.saturating_sub(written).max(0) as u64);
            let lag = if in_flight > 0 {
                offsets.oldest(partition.assignment).map_or(oldest, age)
            } else if let Some(GivenBack { since, written }) = partition.given_back {
                written.map_or_else(|| now.saturating_duration_since(since), age)
            } else {
                let unread = partition.unread.filter(|(at, _)| *at == position);
                unread.map_or(Duration::ZERO, |(_, since)| now.saturating_duration_since(since))
            };
            let reading = match &partition.intake {
                Intake::Flowing => match partition.paused {
                    // Its next record has not come yet.
                    Some(since) => ReadState::Held { reason: HoldReason::Paused, since },
                    None => ReadState::Flowing,
                },
                Intake::Held(HeldPartition { reason, since, .. }) => {
                    ReadState::Held { reason: *reason, since: *since }
                }
                Intake::Halted(_) => ReadState::Halted,
                Intake::Draining => ReadState::Draining,
            };
            let ends = partition.end.and_then(|(start, end)| Some((position.or(start)?, end)));
            let behind = ends.map(|(position, end)| behind(position, end));
            let name = partition.name.clone();
            PartitionStatus { name, in_flight, oldest, lag, position, behind, reading }
        };
        partitions.map(standing).collect()
    }

    /// Partitions that wait, and for what, in words.
    pub fn held(&self, now: Instant) -> Vec<(TopicPartition, String)> {
        let held = |partition: &Partition| match &partition.intake {
            Intake::Held(held) => Some((partition.name.clone(), self.describe(&held.why, now))),
            _ => None,
        };
        self.partitions.iter().filter_map(held).collect()
    }
}

/// Records from `position` to `end`.
fn behind(position: Position, end: Position) -> u64 {
    (end.0 - position.0).max(0) as u64
}
