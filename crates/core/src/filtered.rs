//! Records of which no event is made, because their mapping says so: settled, and counted.

use std::sync::Arc;

use crate::core::Core;
use crate::offsets::Ticket;

/// How many records one mapping has filtered for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filtered {
    /// The mapping, by what it takes and where to.
    pub mapping: Arc<str>,
    /// Why: a word.
    pub reason: &'static str,
    /// How many.
    pub records: u64,
}

impl Core {
    /// No event is made of a record.
    pub(crate) fn filter(
        &mut self,
        slot: usize,
        ticket: Ticket,
        route: usize,
        reason: &'static str,
    ) {
        let Some(partition) = self.partitions.get(slot) else { return };
        let mapping = &partition.routes[route].to.name;
        let is_it = |it: &&mut Filtered| Arc::ptr_eq(&it.mapping, mapping) && it.reason == reason;
        match self.filtered.iter_mut().find(is_it) {
            Some(known) => known.records += 1,
            None => {
                self.filtered.push(Filtered { mapping: Arc::clone(mapping), reason, records: 1 });
            }
        }
        self.partitions.offsets.settle(ticket);
        self.wake_itself(slot);
    }

    /// What was filtered since this was last asked.
    pub fn take_filtered(&mut self) -> Vec<Filtered> {
        std::mem::take(&mut self.filtered)
    }
}
