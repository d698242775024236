//! How far each Kafka partition is settled, and so how far it may be committed.
//!
//! Per partition a deque of (offset, copies outstanding). A record enters once, with a [`Ticket`] for each event made of
//! it; a ticket is given back once, in any order. The commit position is *the offset of the oldest unsettled record, or
//! the last seen + 1*: nothing is assumed about the offsets in between, because compaction and transactions leave holes.
//!
//! A partition that is let go and comes back is a new [`Assignment`]; tickets of the old one change nothing.

use std::collections::VecDeque;

use crate::record::Position;

/// One stay of a partition with this member: from assign to revoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Assignment {
    slot: u32,
    epoch: u32,
}

impl Assignment {
    /// A small number no other live stay has: an index for whatever else is known of the partition.
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

/// The right, and the duty, to settle one event of one record. Not `Clone`: an event is settled once.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a ticket that is dropped holds the commit position back for ever"]
pub struct Ticket {
    assignment: Assignment,
    sequence: u64,
}

impl Ticket {
    /// The stay of the partition this ticket belongs to.
    pub fn assignment(&self) -> Assignment {
        self.assignment
    }

    /// Whether both belong to the same record.
    pub fn same_record(&self, other: &Ticket) -> bool {
        self == other
    }

    /// Whether this record of the same partition was read after the one of `other`.
    pub fn later_than(&self, other: &Ticket) -> bool {
        self.assignment == other.assignment && self.sequence > other.sequence
    }
}

#[derive(Debug)]
struct TrackedOffset {
    offset: i64,
    /// As the record says; `NO_TIME` when it does not.
    written: i64,
    outstanding: u32,
    bytes: u32,
}

const NO_TIME: i64 = i64::MIN;

/// Bytes of memory an unsettled record costs here.
pub const ENTRY: usize = size_of::<TrackedOffset>();

#[derive(Debug, Default)]
struct Slot {
    epoch: u32,
    held: bool,
    /// Sequence of the front entry.
    head: u64,
    entries: VecDeque<TrackedOffset>,
    /// Bytes of the records in `entries`.
    bytes: usize,
    /// Just after the last record seen, whether settled or not.
    seen: Option<Position>,
}

impl Slot {
    fn position(&self) -> Option<Position> {
        self.entries.front().map(|entry| Position(entry.offset)).or(self.seen)
    }
}

/// The settled and unsettled records of every assigned partition.
#[derive(Debug, Default)]
pub struct Offsets {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Entries of all slots.
    entries: usize,
}

impl Offsets {
    /// Begins a stay of a partition.
    pub fn assign(&mut self) -> Assignment {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let state = &mut self.slots[slot as usize];
        state.held = true;
        Assignment { slot, epoch: state.epoch }
    }

    /// Ends a stay: its tickets become stale. Ending it twice changes nothing.
    pub fn release(&mut self, assignment: Assignment) {
        if !self.is_live(assignment) {
            return;
        }
        let slot = &mut self.slots[assignment.slot as usize];
        self.entries -= slot.entries.len();
        *slot = Slot { epoch: slot.epoch.wrapping_add(1), ..Slot::default() };
        self.free.push(assignment.slot);
    }

    /// Whether this stay has not ended.
    pub fn is_live(&self, assignment: Assignment) -> bool {
        self.slots
            .get(assignment.slot as usize)
            .is_some_and(|slot| slot.held && slot.epoch == assignment.epoch)
    }

    /// Whether the record at `offset`, or a later one, has been entered.
    pub fn has_seen(&self, assignment: Assignment, offset: i64) -> bool {
        let seen = self.peek(assignment).and_then(|slot| slot.seen);
        seen.is_some_and(|seen| offset < seen.0)
    }

    /// Enters the record of `bytes` bytes at `offset`, that was `written` then. `None` when it was seen before (the Kafka client may hand a record out twice when
    /// its own pause races a read) or the stay has ended: it must not be sent.
    pub fn track(
        &mut self,
        assignment: Assignment,
        offset: i64,
        bytes: usize,
        written: Option<i64>,
    ) -> Option<Ticket> {
        let slot = self.live(assignment)?;
        if slot.seen.is_some_and(|seen| offset < seen.0) {
            return None;
        }
        let sequence = slot.head + slot.entries.len() as u64;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let written = written.unwrap_or(NO_TIME);
        slot.entries.push_back(TrackedOffset { offset, written, outstanding: 1, bytes });
        slot.bytes += bytes as usize;
        slot.seen = Some(Position::after(offset));
        self.entries += 1;
        Some(Ticket { assignment, sequence })
    }

    /// Another ticket for the same record, which is settled when all of them are.
    pub fn split(&mut self, ticket: &Ticket) -> Ticket {
        if let Some(entry) = self.entry(ticket) {
            entry.outstanding += 1;
        }
        Ticket { assignment: ticket.assignment, sequence: ticket.sequence }
    }

    /// Settles one event. `false` when its partition is no longer held.
    pub fn settle(&mut self, ticket: Ticket) -> bool {
        let Some(entry) = self.entry(&ticket) else { return false };
        entry.outstanding -= 1;
        let slot = &mut self.slots[ticket.assignment.slot as usize];
        while let Some(entry) = slot.entries.pop_front_if(|entry| entry.outstanding == 0) {
            slot.bytes -= entry.bytes as usize;
            slot.head += 1;
            self.entries -= 1;
        }
        true
    }

    /// What may be committed; `None` when nothing was read yet.
    pub fn position(&self, assignment: Assignment) -> Option<Position> {
        self.peek(assignment)?.position()
    }

    /// Whether anything of this stay has been settled: until then its position is where it began.
    pub fn has_moved(&self, assignment: Assignment) -> bool {
        self.peek(assignment).is_some_and(|slot| slot.head > 0)
    }

    /// Moves an idle partition past offsets that hold no records (transaction markers), up to `position`.
    pub fn skip_to(&mut self, assignment: Assignment, position: Position) {
        if let Some(slot) = self.live(assignment)
            && slot.entries.is_empty()
            && slot.seen.is_some_and(|seen| seen < position)
        {
            slot.seen = Some(position);
        }
    }

    /// Records from the oldest unsettled one on: what comes twice after a crash.
    pub fn in_flight(&self, assignment: Assignment) -> usize {
        self.peek(assignment).map_or(0, |slot| slot.entries.len())
    }

    /// When the oldest unsettled record was written, as far as it says so.
    pub fn oldest(&self, assignment: Assignment) -> Option<i64> {
        let oldest = self.peek(assignment)?.entries.front()?;
        (oldest.written != NO_TIME).then_some(oldest.written)
    }

    /// Their bytes.
    pub fn in_flight_bytes(&self, assignment: Assignment) -> usize {
        self.peek(assignment).map_or(0, |slot| slot.bytes)
    }

    /// Tickets that are not given back.
    #[cfg(test)]
    pub(crate) fn outstanding(&self, assignment: Assignment) -> usize {
        let entries = self.peek(assignment).into_iter().flat_map(|slot| &slot.entries);
        entries.map(|entry| entry.outstanding as usize).sum()
    }

    /// Records in flight of all partitions.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Offset of the record a ticket stands for, while it is unsettled and its partition held.
    pub fn offset(&self, ticket: &Ticket) -> Option<i64> {
        self.peek_entry(ticket).map(|entry| entry.offset)
    }

    /// When that record was written, as far as it says so.
    pub fn written(&self, ticket: &Ticket) -> Option<i64> {
        let entry = self.peek_entry(ticket)?;
        (entry.written != NO_TIME).then_some(entry.written)
    }

    fn peek_entry(&self, ticket: &Ticket) -> Option<&TrackedOffset> {
        let slot = self.peek(ticket.assignment)?;
        let index = ticket.sequence.checked_sub(slot.head)?;
        slot.entries.get(usize::try_from(index).ok()?)
    }

    fn peek(&self, assignment: Assignment) -> Option<&Slot> {
        self.is_live(assignment).then(|| &self.slots[assignment.slot as usize])
    }

    fn live(&mut self, assignment: Assignment) -> Option<&mut Slot> {
        self.is_live(assignment).then(|| &mut self.slots[assignment.slot as usize])
    }

    fn entry(&mut self, ticket: &Ticket) -> Option<&mut TrackedOffset> {
        let slot = self.live(ticket.assignment)?;
        let index = ticket.sequence.checked_sub(slot.head)?;
        let entry = slot.entries.get_mut(usize::try_from(index).ok()?)?;
        debug_assert!(entry.outstanding > 0, "an event is settled once");
        Some(entry)
    }
}

#[cfg(test)]
mod tests;
