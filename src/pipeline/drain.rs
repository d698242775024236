//! Letting partitions go without leaving anything half done.
//!
//! On a revoke or a stop the partitions take nothing more, their lanes seal at once, and the drain ends when all their
//! events are answered, or at its deadline. Either way what it reports may be committed: a position never passes an
//! unsettled record. After the deadline the events still in flight are duplicates to come, and are counted.

use std::time::Instant;

use crate::offsets::Assignment;
use crate::record::{Position, TopicPartition};

use super::core::Core;
use super::partition::{Intake, Partition};

/// A drain under way.
#[derive(Debug)]
pub(super) struct Drain {
    id: u64,
    stays: Vec<Assignment>,
    deadline: Instant,
}

impl Drain {
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }
}

/// The end of a drain.
#[derive(Debug)]
pub struct Drained {
    /// What [`Core::drain`] was given.
    pub id: u64,
    /// How far each partition is settled; those of which nothing was read are left out.
    pub positions: Vec<(TopicPartition, Position)>,
}

impl Core {
    /// Begins to let partitions go. `id` comes back with the end of it.
    pub fn drain(&mut self, id: u64, names: &[TopicPartition], deadline: Instant) {
        let mut stays = Vec::with_capacity(names.len());
        for name in names {
            let Some(slot) = self.by_name.get(name).copied() else { continue };
            let Some(partition) = &mut self.partitions[slot] else { continue };
            partition.waiting.clear();
            if !matches!(partition.intake, Intake::Halted(_)) {
                partition.intake = Intake::Draining;
            }
            if self.blocked == Some(slot) {
                self.blocked = None;
            }
            stays.push(partition.assignment);
        }
        self.drains.push(Drain { id, stays, deadline });
    }

    /// Drains that ended. Their partitions are let go.
    pub fn finish_drains(&mut self, now: Instant) -> Vec<Drained> {
        let (partitions, mut ended) = (&self.partitions, Vec::new());
        let done = |drain: &mut Drain| {
            let answered = |stay: &Assignment| {
                partition(partitions, *stay).is_none_or(|partition| partition.out == 0)
            };
            now >= drain.deadline || drain.stays.iter().all(answered)
        };
        ended.extend(self.drains.extract_if(.., done));
        ended.into_iter().map(|drain| self.let_go(&drain)).collect()
    }

    fn let_go(&mut self, drain: &Drain) -> Drained {
        let mut positions = Vec::new();
        for stay in &drain.stays {
            let Some(partition) = partition(&self.partitions, *stay) else { continue };
            if partition.out > 0 {
                tracing::warn!(
                    partition = %partition.name, events = partition.out,
                    "let go before everything was acknowledged: these events may be delivered twice"
                );
                self.metrics.records_let_go("deadline", partition.out as u64);
            }
            let position = self.offsets.position(*stay);
            positions.extend(position.map(|position| (partition.name.clone(), position)));
            self.release(stay.slot());
        }
        Drained { id: drain.id, positions }
    }
}

fn partition(partitions: &[Option<Partition>], stay: Assignment) -> Option<&Partition> {
    partitions.get(stay.slot())?.as_ref().filter(|partition| partition.assignment == stay)
}
