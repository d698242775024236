//! What the core wants done.

use std::sync::Arc;

use crate::eventhubs::{Envelope, Target};
use crate::record::TopicPartition;

/// One thing to be done; the pump does it.
#[derive(Debug)]
pub enum Action {
    /// Find out the partitions of a hub, and say so by [`super::core::Core::hub_known`]; as long as it takes.
    ResolveHub {
        /// Namespace by its name in the configuration.
        namespace: Arc<str>,
        /// The hub.
        hub: Arc<str>,
    },
    /// Open the link of a lane. Lanes are numbered as they are opened.
    OpenLane {
        /// Namespace by its name in the configuration.
        namespace: Arc<str>,
        /// The hub.
        hub: Arc<str>,
        /// Where in the hub.
        target: Target,
    },
    /// Send a batch on a lane; the answer comes back by [`super::core::Core::settled`].
    Send {
        /// Number of the lane.
        lane: usize,
        /// What to send.
        envelope: Envelope,
    },
    /// Stop fetching a partition.
    Pause(TopicPartition),
    /// Fetch it again.
    Resume(TopicPartition),
    /// Write a record to its dead-letter topic; the answer comes back by [`super::core::Core::letter_done`].
    DeadLetter(Letter),
}

/// A record that Event Hubs will never take, on its way to a dead-letter topic.
#[derive(Debug)]
pub struct Letter {
    /// Number of the letter.
    pub id: u64,
    /// Where the record stands.
    pub source: TopicPartition,
    /// Its offset.
    pub offset: i64,
    /// Where it goes.
    pub topic: String,
    /// Why: a word.
    pub reason: &'static str,
    /// Why: what was said.
    pub detail: String,
}
