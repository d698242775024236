//! Mappings that somebody has paused: their partitions are not read, whatever else holds them.
//!
//! A record goes to all its hubs or to none, so a topic that several mappings take stands while one of them is paused. What was
//! taken before is delivered: a paused mapping drains. To pause is one reason beside others. Who resumes a mapping releases
//! only what was held for that.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::core::Core;
use crate::hold::HoldCause;
use crate::hubs::LaneRoute;
use crate::partitions::{HeldPartition, Intake};

impl Core {
    /// From now on exactly these mappings are paused, by their place in the configuration.
    pub fn pause(&mut self, mappings: BTreeSet<usize>, now: Instant) {
        self.paused = mappings;
        let (partitions, _) = self.partitions.all_mut();
        let mut free = Vec::new();
        for partition in partitions {
            let routes = partition.next.as_ref().map_or(&partition.routes, |next| &next.routes);
            let paused = is_paused(&self.paused, routes);
            partition.paused = paused.then(|| partition.paused.unwrap_or(now));
            let Intake::Held(HeldPartition { why, .. }) = &partition.intake else { continue };
            let waits = match why {
                HoldCause::Paused => paused,
                HoldCause::Reload => partition.next.is_some(),
                _ => continue,
            };
            if !waits {
                free.push(partition.assignment);
            }
        }
        for stay in free {
            self.resume(stay);
        }
    }
}

/// Whether one of the ways of a partition is.
pub(crate) fn is_paused(mappings: &BTreeSet<usize>, routes: &[LaneRoute]) -> bool {
    !mappings.is_empty() && routes.iter().any(|route| mappings.contains(&route.to.mapping))
}
