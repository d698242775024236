//! What is known of hubs: their partitions, what their links take, and what follows when that changes.

use std::sync::Arc;
use std::time::Instant;

use crate::action::{Action, Note};
use crate::core::Core;
use crate::event::Target;
use crate::hubs::{Berth, Hub};
use crate::scale::HubNumber;

impl Core {
    /// The partitions of a hub, in the service's order: its lanes can be opened, or there are others from now on.
    ///
    /// A hub that has other partitions than before places keys differently, so everything under way to it is delivered
    /// first: from then on all of them are used, in one step. What waits for one that is gone cannot be delivered, and is
    /// read again then.
    pub fn hub_known(&mut self, namespace: &str, hub: &str, ids: &[String], now: Instant) {
        let Some(number) = self.hubs.find(namespace, hub) else { return };
        if ids.is_empty() {
            return;
        }
        let known = &mut self.hubs.all[number];
        known.trouble = None;
        let ids: Arc<[Arc<str>]> = ids.iter().map(|id| id.as_str().into()).collect();
        match &known.ids {
            None => {
                known.ids = Some(ids);
                for outlet in 0..self.hubs.outlets.len() {
                    self.open_lanes(outlet, now);
                }
                self.wake_places(number);
            }
            Some(same) if *same == ids => {
                if known.next_ids.take().is_some() {
                    self.read_again(number, now);
                    self.wake_places(number);
                }
            }
            Some(_) => {
                known.next_ids = Some(ids);
                self.clear_lanes_to_nowhere(number, now);
                self.resize(number, now);
            }
        }
    }

    /// Why the partitions of a hub are not known.
    pub fn hub_trouble(&mut self, namespace: &str, hub: &str, detail: &str) {
        if let Some(number) = self.hubs.find(namespace, hub) {
            self.hubs.all[number].trouble = Some(detail.into());
        }
    }

    /// Opens a lane for each partition of its hub that has none yet at this outlet.
    pub(crate) fn open_lanes(&mut self, outlet: usize, now: Instant) {
        let of = &self.hubs.outlets[outlet];
        let hub = &self.hubs.all[of.hub];
        let Some(ids) = &hub.ids else { return };
        let missing = &ids[of.lanes.len().min(ids.len())..];
        let name = hub.name.clone();
        let (first, once, room) = (of.lanes.len(), of.once, self.once.terms().room);
        let mut opened = Vec::with_capacity(missing.len());
        let mut targets = Vec::with_capacity(missing.len());
        for (number, id) in missing.iter().enumerate() {
            targets.push(match of.gateway {
                true => Target::Gateway { lane: (first + number) as u32 },
                false => Target::Partition(id.to_string()),
            });
            opened.push(self.berths.len());
            self.berths.push(Berth::new(outlet, of, room, hub, id, now));
        }
        self.hubs.outlets[outlet].lanes.extend(opened);
        for target in targets {
            self.act(Action::OpenLane { hub: name.clone(), target, once });
        }
    }

    /// Uses the new partitions of a hub, if nothing is under way to it any more.
    pub(crate) fn resize(&mut self, number: HubNumber, now: Instant) {
        if self.hubs.all[number].next_ids.is_none() || self.scale.held(number) > 0 {
            return;
        }
        let hub = &mut self.hubs.all[number];
        let count = |hub: &Hub| hub.ids.as_ref().map_or(0, |ids| ids.len());
        let before = count(hub);
        hub.ids = hub.next_ids.take();
        let (name, after) = (hub.name.clone(), count(hub));
        for outlet in 0..self.hubs.outlets.len() {
            if self.hubs.outlets[outlet].hub == number {
                let (ids, berths) = (&self.hubs.all[number].ids, &self.berths);
                let same = |(lane, id): &(&usize, &Arc<str>)| berths[**lane].id == **id;
                let lanes =
                    self.hubs.outlets[outlet].lanes.iter().zip(ids.iter().flat_map(|it| &**it));
                let common = lanes.take_while(same).count();
                self.hubs.outlets[outlet].lanes.truncate(common);
                self.open_lanes(outlet, now);
            }
        }
        self.tell(Note::Resized { hub: name, before, after });
        self.read_again(number, now);
        self.wake_places(number);
    }

    /// The links of a hub take batches of so many bytes.
    pub fn hub_takes(&mut self, namespace: &str, hub: &str, max_message_size: u64) {
        if let Some(number) = self.hubs.find(namespace, hub) {
            self.links_take(number, in_memory(max_message_size));
        }
    }

    /// The link of a lane is attached.
    pub fn lane_ready(&mut self, lane: usize, max_message_size: u64) {
        let limit = in_memory(max_message_size);
        self.berths[lane].lane.link_takes(limit);
        self.links_take(self.berths[lane].hub, limit);
    }

    fn links_take(&mut self, number: HubNumber, limit: usize) {
        if self.hubs.all[number].link_bytes.replace(limit) != Some(limit) {
            // What one link of a hub takes, the others do.
            let of_hub = self.berths.iter_mut().filter(|berth| berth.hub == number);
            of_hub.for_each(|berth| berth.lane.link_takes(limit));
        }
    }

    /// A namespace is connected again: what failed for want of a connection is tried soon.
    pub fn namespace_connected(&mut self, namespace: &str, jitter: impl Fn() -> f64, now: Instant) {
        for number in 0..self.berths.len() {
            if *self.hubs.all[self.berths[number].hub].name.namespace == *namespace {
                self.berths[number].lane.reconnect(jitter(), now);
                self.touch(number);
            }
        }
    }
}

fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
