//! Letting partitions go without leaving anything half done.
//!
//! On a revoke or a stop the partitions take nothing more, what is held leaves at once, and the drain ends when all their
//! events are answered, or at its deadline. Either way what it reports may be committed: a position never passes an
//! unsettled record. After the deadline the events still in flight are duplicates to come, and are counted.

use std::time::Instant;

use crate::action::Note;
use crate::core::Core;
use crate::labels::LetGo;
use crate::offsets::Assignment;
use crate::partitions::{Intake, Partition};
use crate::record::{Commit, TopicPartition};

/// A drain under way.
#[derive(Debug)]
pub(crate) struct Drain {
    id: u64,
    stays: Vec<Assignment>,
    deadline: Instant,
}

impl Drain {
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }
}

/// The end of a drain.
#[derive(Debug)]
pub struct Drained {
    /// What [`Core::drain`] was given.
    pub id: u64,
    /// How far each partition is settled; those of which nothing was read are left out.
    pub positions: Vec<(TopicPartition, Commit)>,
}

impl Core {
    /// Begins to let partitions go. `id` comes back with the end of it.
    pub fn drain(&mut self, id: u64, names: &[TopicPartition], deadline: Instant) {
        let mut stays = Vec::with_capacity(names.len());
        for name in names {
            let Some(slot) = self.partitions.find(&name.topic, name.partition) else { continue };
            let Some(partition) = self.partitions.get_mut(slot) else { continue };
            let stay = partition.assignment;
            stays.push(stay);
            if matches!(partition.intake, Intake::Halted(_)) {
                continue;
            }
            if let Intake::Held(held) = std::mem::replace(&mut partition.intake, Intake::Draining) {
                self.forget_held(stay, &held);
            }
        }
        for number in 0..self.berths.len() {
            if !self.berths[number].lane.is_empty() {
                self.berths[number].lane.hurry();
                self.touch(number);
            }
        }
        self.drains.push(Drain { id, stays, deadline });
    }

    /// Drains that ended. Their partitions are let go.
    pub fn finish_drains(&mut self, now: Instant) -> Vec<Drained> {
        let partitions = &self.partitions;
        let answered = |stay: &Assignment| partitions.of(*stay).is_none_or(|it| it.out == 0);
        let done = |drain: &mut Drain| now >= drain.deadline || drain.stays.iter().all(answered);
        let ended: Vec<_> = self.drains.extract_if(.., done).collect();
        if !ended.is_empty() && self.drains.is_empty() {
            for number in 0..self.berths.len() {
                self.berths[number].lane.take_its_time();
                self.touch(number);
            }
        }
        ended.into_iter().map(|drain| self.let_go(&drain, now)).collect()
    }

    fn let_go(&mut self, drain: &Drain, now: Instant) -> Drained {
        let (mut positions, mut slots) = (Vec::new(), Vec::new());
        for stay in &drain.stays {
            let Some(Partition { name, out, .. }) = self.partitions.of(*stay) else { continue };
            let (name, events) = (name.clone(), *out);
            slots.push(stay.slot());
            if events > 0 {
                let partition = name.clone();
                self.tell(Note::LetGo { partition, reason: LetGo::Deadline, events });
                self.end_lease();
            }
            let position = self.partitions.offsets.position(*stay);
            let commit = position.and_then(|it| self.last_commit_of(stay.slot(), it));
            positions.extend(commit.map(|commit| (name, commit)));
        }
        self.release(&slots, now);
        Drained { id: drain.id, positions }
    }
}
