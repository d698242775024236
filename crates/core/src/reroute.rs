//! Other mappings for a core that runs.
//!
//! A partition whose routes stay the same does not notice. Any other takes no more records until those it has read are delivered
//! by the old routes. Then all of its routes are exchanged in one step, so a record goes wholly by the old ones or wholly by the
//! new ones. What is not delivered by the deadline is dropped, as at the end of a drain: the partition is read again from its
//! position, and its records go by the new routes. A partition that has halted is read again, too, because its record may be
//! delivered now.
//!
//! A partition that no mapping takes any more stands at its position until Kafka takes it away, or a mapping takes it again.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use crate::action::{Action, Note};
use crate::core::Core;
use crate::hubs::LaneRoute;
use crate::labels::LetGo;
use crate::offsets::Assignment;
use crate::once;
use crate::partitions::{Intake, Next, Partition};
use crate::route::{self, Router};

impl Core {
    /// From now on records go as `router` says, and exactly these of its mappings are `paused`. What is under way has `until` to
    /// be delivered by the old routes.
    pub fn reroute(
        &mut self,
        router: Arc<Router>,
        paused: BTreeSet<usize>,
        until: Instant,
        now: Instant,
    ) {
        self.router = router;
        let slots: Vec<_> = self.partitions.iter().map(|it| it.assignment.slot()).collect();
        // What the partitions of a topic share they share afterwards, too.
        let mut known: HashMap<Arc<str>, (Arc<[LaneRoute]>, After)> = HashMap::new();
        for slot in slots {
            let Some(partition) = self.partitions.get(slot) else { continue };
            let (topic, before) =
                (Arc::clone(&partition.name.topic), Arc::clone(&partition.routes));
            let after = match known.get(&topic) {
                Some((routes, after)) if Arc::ptr_eq(routes, &before) => after.clone(),
                _ => {
                    let after = self.after(&topic, &before, now);
                    known.insert(topic, (before, after.clone()));
                    after
                }
            };
            let Some(partition) = self.partitions.get_mut(slot) else { continue };
            partition.next = match after {
                After::Same(routes) => {
                    partition.routes = routes;
                    None
                }
                After::Other(routes) => {
                    if partition.next.is_none() {
                        self.moving.push(partition.assignment);
                    }
                    Some(Next { routes, until })
                }
            };
        }
        self.sweeps = true;
        // Also lets go on what was about to change, and stays as it is.
        self.pause(paused, now);
    }

    /// What follows for a topic that has gone by `before`.
    fn after(&mut self, topic: &str, before: &[LaneRoute], now: Instant) -> After {
        let after = self.router.routes(topic);
        match renumbered(before, &after) {
            Some(same) => After::Same(same),
            None => After::Other(after.into_iter().map(|route| self.route(route, now)).collect()),
        }
    }

    /// Exchanges the routes of partitions of which nothing is under way, or whose deadline is over.
    pub(crate) fn finish_moves(&mut self, now: Instant) {
        for stay in std::mem::take(&mut self.moving) {
            let Some(partition) = self.partitions.of(stay) else { continue };
            let Some(next) = &partition.next else { continue };
            // It goes to another member, or comes back to this one by the ways of then.
            if matches!(partition.intake, Intake::Draining) {
                continue;
            }
            match is_drained(partition) {
                true => self.exchange(stay),
                false if now >= next.until || partition.out == 0 && is_halted(partition) => {
                    self.begin_again(stay, now);
                }
                false => self.moving.push(stay),
            }
        }
        if self.moving.is_empty() && std::mem::take(&mut self.sweeps) {
            self.forget_hubs();
        }
    }

    /// The next deadline.
    pub(crate) fn moves_end(&self) -> Option<Instant> {
        let next = |stay: &Assignment| Some(self.partitions.of(*stay)?.next.as_ref()?.until);
        self.moving.iter().filter_map(next).min()
    }

    /// The next routes of a partition replace the old ones; nothing of it is under way.
    fn exchange(&mut self, stay: Assignment) {
        let slot = stay.slot();
        let Some(partition) = self.partitions.get_mut(slot) else { return };
        let Some(next) = partition.next.take() else { return };
        let name = partition.name.clone();
        let is_held = matches!(partition.intake, Intake::Held(_));
        // It may wait for a hub that is none of the new ones.
        self.end_hold(slot);
        if let Some(partition) = self.partitions.get_mut(slot) {
            let before = std::mem::replace(&mut partition.routes, next.routes);
            partition.once = match (partition.once.take(), once::stay(&partition.routes, None)) {
                (Some(known), Some(_)) => Some(known),
                (_, new) => new,
            };
            let after = Arc::clone(&partition.routes);
            after.iter().for_each(|route| self.scale.uses(route.hub, true));
            before.iter().for_each(|route| self.scale.uses(route.hub, false));
        }
        if is_held {
            self.act(Action::Resume(name));
        }
    }

    /// Drops what is under way of a partition, and has it read again from its position.
    fn begin_again(&mut self, stay: Assignment, now: Instant) {
        let slot = stay.slot();
        let Some(partition) = self.partitions.get_mut(slot) else { return };
        let Some(Next { routes, .. }) = partition.next.take() else { return };
        let (name, events, paused) = (partition.name.clone(), partition.out, partition.paused);
        let position = self.partitions.offsets.position(stay);
        let sent_since =
            position.and_then(|it| self.last_commit_of(slot, it)).and_then(|it| it.sent_since);
        if events > 0 {
            let partition = name.clone();
            self.tell(Note::LetGo { partition, reason: LetGo::Reload, events });
            self.end_lease();
        }
        self.release(&[slot], now);
        self.begin(&name, routes, paused, sent_since, now);
        // Something was read of it, or nothing could be under way.
        if let Some(position) = position {
            self.act(Action::Hold(name.clone(), position));
            self.act(Action::Resume(name));
        }
    }

    /// Hubs to which nothing goes any more need not be asked for.
    fn forget_hubs(&mut self) {
        for number in 0..self.hubs.all.len() {
            let unused = !self.scale.is_used(number);
            let hub = &mut self.hubs.all[number];
            if unused && std::mem::take(&mut hub.watched) {
                let name = hub.name.clone();
                self.act(Action::ForgetHub(name));
            }
        }
    }
}

/// Where the records of a topic go after a reload.
#[derive(Debug, Clone)]
enum After {
    /// Where they went, under the numbers of now.
    Same(Arc<[LaneRoute]>),
    Other(Arc<[LaneRoute]>),
}

/// Whether nothing of a partition is under way, and it stands where its client does.
fn is_drained(partition: &Partition) -> bool {
    partition.out == 0 && partition.again.is_empty() && !is_halted(partition)
}

fn is_halted(partition: &Partition) -> bool {
    matches!(partition.intake, Intake::Halted(_))
}

/// The routes of before, under the numbers and names that their mappings have now; `None` when they are others.
fn renumbered(before: &[LaneRoute], after: &[route::Route]) -> Option<Arc<[LaneRoute]>> {
    let same = |before: &LaneRoute| {
        let mut route = before.clone();
        let after = after.iter().find(|after| before.to.is_same_way(after))?;
        route.to.mapping = after.mapping;
        route.to.name = Arc::clone(&after.name);
        Some(route)
    };
    (before.len() == after.len()).then(|| before.iter().map(same).collect()).flatten()
}
