//! Letting partitions go without leaving anything half done.
//!
//! On a revoke or a stop the partitions take nothing more, their lanes seal at once, and the drain ends when all their
//! events are answered, or at its deadline. A record that is under way to one of its hubs goes to the others, too: let go in the
//! middle, it would come twice. Either way what it reports may be committed: a position never passes an
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
            partition.keep_halves();
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
                let settled = |it: &Partition| it.out == 0 && it.waiting.is_empty();
                partition(partitions, *stay).is_none_or(settled)
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
            let out = partition.out + partition.waiting.len();
            if out > 0 {
                tracing::warn!(
                    partition = %partition.name, events = out,
                    "let go before everything was acknowledged: these events may be delivered twice"
                );
                self.metrics.records_let_go("deadline", out as u64);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::action::Action;
    use super::super::core::Admitted;
    use super::*;
    use crate::metrics::Metrics;
    use crate::record::Record;
    use crate::route::Router;

    /// The sends that are due, each accepted at once; gives the lanes.
    fn accept_all(core: &mut Core, now: Instant) -> Vec<usize> {
        core.dispatch(now);
        let mut lanes = Vec::new();
        for action in core.take_actions() {
            if let Action::Send { lane, envelope } = action {
                lanes.push(lane);
                core.settled(lane, envelope, Ok(()), 0.0, now, 0);
            }
        }
        lanes
    }

    #[test]
    fn a_record_that_is_half_under_way_is_sent_whole_before_it_is_let_go() {
        let config = crate::config::sample(|config| {
            let mut second = config.mappings[0].clone();
            second.hub = "copy".to_owned();
            config.mappings.push(second);
        });
        let router = Router::new(&config);
        let mut core = Core::new(Arc::new(router), Arc::new(Metrics::default()), 1 << 20);
        let (now, name) = (Instant::now(), TopicPartition::new("orders", 0));
        core.assign(&name, now);
        for hub in ["orders", "copy"] {
            core.hub_known("default", hub, &["0".to_owned()], now);
        }
        core.lane_ready(0, 1 << 20, now);
        let (key, headers) = (Some(b"k".as_slice()), [].as_slice());
        let topic = "orders";
        let record =
            Record { topic, partition: 0, offset: 6, timestamp: None, key, value: key, headers };
        assert_eq!(core.admit(&record, now), Admitted::Blocked, "one hub takes nothing yet");

        core.drain(1, std::slice::from_ref(&name), now + Duration::from_secs(20));
        assert_eq!(accept_all(&mut core, now), [0]);
        assert!(core.finish_drains(now).is_empty(), "the other hub has it not");
        core.lane_ready(1, 1 << 20, now);
        assert_eq!(accept_all(&mut core, now), [1]);
        let drained = core.finish_drains(now).remove(0);
        assert_eq!(drained.positions, [(name, Position(7))]);
    }
}
