//! The place of a record that is too large for its hub: its value goes elsewhere, or in parts, or it has none.

use std::time::Instant;

use crate::claim::Claim;
use crate::core::Core;
use crate::encode::{self, Layout};
use crate::hold::HoldCause;
use crate::hubs::{Berth, LaneRoute};
use crate::lane::Room;
use crate::mapping;
use crate::offsets::Ticket;
use crate::parts::Split;
use crate::record::Record;

use super::{Exit, Fate, Oversized};

impl Core {
    /// What becomes of a record whose event is too large.
    pub(super) fn place_large<'a>(
        &mut self,
        record: &'a Record<'a>,
        route: &'a LaneRoute,
        exit: Exit,
        too_large: &Oversized,
        now: Instant,
    ) -> Result<Fate<'a>, HoldCause> {
        match &route.to.failure.too_large {
            mapping::TooLarge::Policy => Ok(too_large.refuse()),
            mapping::TooLarge::ClaimCheck(_) => self.claim(record, route, exit, too_large, now),
            mapping::TooLarge::Split => self.split(record, route, exit, too_large, now),
        }
    }

    fn claim<'a>(
        &mut self,
        record: &'a Record<'a>,
        route: &'a LaneRoute,
        exit: Exit,
        too_large: &Oversized,
        now: Instant,
    ) -> Result<Fate<'a>, HoldCause> {
        let Some(claim) = Claim::of(record, &route.to.failure.too_large) else {
            return Ok(too_large.refuse());
        };
        let room = claim.event(record, &route.layout, |event| self.room_for(&exit, event, now));
        match room {
            Ok(Err(why)) => Err(why),
            Ok(Ok(Ok(()))) if self.has_stored(&claim) => {
                Ok(Fate::Claim(exit, Box::new(claim), record, &route.layout))
            }
            Ok(Ok(Ok(()))) => {
                // It may have sealed its open batch.
                self.touch(exit.lane);
                Err(self.store(&claim, record.value.unwrap_or_default()))
            }
            // Its headers alone are too large.
            Ok(Ok(Err(_))) | Err(_) => Ok(too_large.refuse()),
        }
    }

    fn split<'a>(
        &mut self,
        record: &'a Record<'a>,
        route: &'a LaneRoute,
        exit: Exit,
        too_large: &Oversized,
        now: Instant,
    ) -> Result<Fate<'a>, HoldCause> {
        let layout = &*route.layout;
        let split = match Split::of(record, layout, exit.by_key, too_large.limit) {
            Ok(split) => split,
            Err(because) => {
                let (reason, detail) = too_large.told();
                return Ok(Fate::Refuse(reason, format!("{detail}; {because}")));
            }
        };
        let Berth { lane, hub, .. } = &mut self.berths[exit.lane];
        let why = match lane.room_for_parts(now) {
            Room::Now => {
                let context = exit.context.is_some();
                let memory = lane.memory_for_parts(split.size(), split.overhead(), context);
                if self.scale.admits(*hub, memory) {
                    return Ok(Fate::Split(exit, split, record, layout));
                }
                HoldCause::Share(*hub)
            }
            Room::Later | Room::Never(_) => HoldCause::Lane(exit.lane),
        };
        // Its open batch may leave at once.
        self.touch(exit.lane);
        Err(why)
    }

    /// Pushes all parts of a record into its lane, each with a ticket of its own.
    pub(super) fn push_parts(
        &mut self,
        slot: usize,
        exit: Exit,
        split: &Split,
        (record, layout): (&Record<'_>, &Layout),
        ticket: Ticket,
        now: Instant,
    ) {
        let push = |event: &encode::EventPlan<'_>| {
            let key = event.partition_key().filter(|_| exit.by_key);
            self.berths[exit.lane].lane.make_room(event.weight(), key);
            let part = self.partitions.offsets.split(&ticket);
            self.push(slot, exit, event, part, record.timestamp, now);
        };
        let pushed = split.events(record, layout, push);
        debug_assert!(pushed.is_ok(), "it was measured");
        // The first one, which is of no part.
        self.partitions.offsets.settle(ticket);
    }
}

impl Oversized {
    fn told(&self) -> (&'static str, String) {
        encode::too_large(self.size, self.limit)
    }

    /// As the policy says.
    fn refuse<'a>(&self) -> Fate<'a> {
        let (reason, detail) = self.told();
        Fate::Refuse(reason, detail)
    }
}
