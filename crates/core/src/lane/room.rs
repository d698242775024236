//! What has room in a lane.

use std::time::{Duration, Instant};

use crate::batch::{BatchBounds, EVENT_COST};
use crate::trace::Gathered;

use super::{Lane, QUEUE, Room, Seal};

/// A lane that has not moved for this long takes nothing more.
pub const STALLED_AFTER: Duration = Duration::from_secs(2);
/// Batches are no larger until the link has said what it takes: the limit of most tiers.
const USUAL_LINK: usize = 1 << 20;
/// Sealed batches a lane may hold, however fast or slow it is.
const QUEUED: (usize, usize) = (2, 64);

impl Lane {
    pub(super) fn bounds(&self) -> BatchBounds {
        let link = self.link_bytes.unwrap_or(USUAL_LINK);
        let bytes = self.settings.max_bytes.map_or(link, |own| own.min(link));
        BatchBounds { bytes, events: self.settings.max_events, room: self.settings.room }
    }

    /// Whether an event of `weight` bytes, in an envelope of `overhead` bytes with `key`, has room. Seals the open
    /// batch when that makes room.
    pub fn room(
        &mut self,
        weight: usize,
        overhead: usize,
        key: Option<&str>,
        now: Instant,
    ) -> Room {
        // The link's limit decides what can never be sent; a smaller limit of the operator only makes batches smaller.
        if let Some(link) = self.link_bytes {
            let left = link.saturating_sub(self.settings.room);
            if overhead + weight > left {
                return Room::Never(left);
            }
        }
        if self.is_stalled(now) {
            return Room::Later;
        }
        if self.takes(weight, key) {
            return Room::Now;
        }
        if self.sealed.len() < self.queue() {
            self.seal_open(Seal::Full);
            return Room::Now;
        }
        self.full = true;
        Room::Later
    }

    /// Whether the open batch has room for it, or there is none.
    fn takes(&self, weight: usize, key: Option<&str>) -> bool {
        self.open.is_empty() || (self.open.key() == key && self.open.fits(weight, self.bounds()))
    }

    /// Whether the parts of a value have room, all of them at once, of which each may need a batch of its own. They have room
    /// whenever another event has, and make the queue longer by as many as they are: did they wait for more than that, others
    /// could fill the queue each time, and they would wait for ever.
    pub fn room_for_parts(&mut self, now: Instant) -> Room {
        if self.is_stalled(now) {
            return Room::Later;
        }
        if self.sealed.len() < self.queue() {
            return Room::Now;
        }
        self.full = !self.open.is_empty();
        Room::Later
    }

    /// Seals the open batch where one of these parts has no room in it.
    pub fn make_room(&mut self, weight: usize, key: Option<&str>) {
        if !self.takes(weight, key) {
            self.seal_open(Seal::Full);
        }
    }

    /// Sealed batches that may wait.
    fn queue(&self) -> usize {
        let (least, most) = QUEUED;
        // A batch for each key is small: many of them are not much.
        let least = if self.open.key().is_some() { most } else { least };
        let worth = QUEUE.as_micros() / self.pace.as_micros().max(1);
        usize::try_from(worth).unwrap_or(most).clamp(least, most)
    }

    /// Whether a lane that had no room has some again, and some to spare.
    pub fn has_room_again(&self, now: Instant) -> bool {
        !self.is_stalled(now) && self.sealed.len() <= self.queue() / 2
    }

    /// The memory that an event for which [`Lane::room`] said [`Room::Now`] takes beyond what is held. A new batch gets at once as much
    /// as the one before had, up to `start`.
    pub fn memory_for(&self, weight: usize, overhead: usize, start: usize, context: bool) -> usize {
        let memory = self.memory_with(weight, overhead, start);
        self.open.memory_beyond(memory, context) + EVENT_COST
    }

    /// The memory that so many parts take beyond what is held, each of `weight` bytes in an envelope of `overhead`: at most, with
    /// what a batch gets because of the one before.
    pub fn memory_for_parts(
        &self,
        (count, weight): (usize, usize),
        overhead: usize,
        context: bool,
    ) -> usize {
        let needed = overhead + weight;
        let batch = (needed / 8 * 9).max(self.usual).min(self.bounds().bytes).max(needed);
        let context = if context { Gathered::default().memory_for_one() } else { 0 };
        count * (batch + context + EVENT_COST)
    }

    pub(super) fn memory_with(&self, weight: usize, overhead: usize, start: usize) -> usize {
        let overhead = if self.open.is_empty() { overhead } else { 0 };
        self.open.memory_with(overhead + weight, self.usual.min(start), self.bounds())
    }

    /// Whether this lane has made no progress for [`STALLED_AFTER`]: failing, or unanswered.
    pub fn is_stalled(&self, now: Instant) -> bool {
        let since = match (self.trouble, self.flight.as_ref().map(|flight| flight.since)) {
            (Some(trouble), Some(flight)) => Some(trouble.min(flight)),
            (trouble, flight) => trouble.or(flight),
        };
        since.is_some_and(|since| now.saturating_duration_since(since) >= STALLED_AFTER)
    }
}
