//! What the core wants done, and what it wants said.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::claim::Blob;
use crate::event::{Cause, Target};
use crate::hubs::HubName;
use crate::labels::{HoldReason, LetGo};
use crate::lane::Seal;
use crate::mapping::{Holds, Policy};
use crate::once::Lookup;
use crate::record::{Commit, Position, TopicPartition};
use crate::step::Reference;
use crate::trace::Origins;

/// One thing to be done; the pump does it.
#[derive(Debug)]
pub enum Action {
    /// Find out the partitions of a hub, now and then again, and tell by [`crate::Core::hub_known`].
    ResolveHub(HubName),
    /// Nothing goes to a hub any more: its partitions need not be known.
    ForgetHub(HubName),
    /// Fetch what a record cannot be shaped without; tell by [`crate::Core::fetched`].
    Fetch(Reference),
    /// Store what is too large for an event; tell by [`crate::Core::stored`]. It is gone once nobody waits for it any more.
    Store(Reference, Weak<Blob>),
    /// Commit this, and tell by [`crate::Core::confirmed`] when Kafka has it.
    Commit(TopicPartition, Commit),
    /// Look which events a hub holds; tell by [`crate::Core::looked_up`]. It is gone once nobody waits for it any more.
    LookUp(Weak<Lookup>),
    /// From then on nothing leaves any more on lanes of which each event is to be stored once, and what is under way there is
    /// given up; without, at once.
    Lease(Option<Instant>),
    /// There is a lane more. Lanes are numbered as they are opened; nothing is sent on it yet.
    OpenLane {
        /// The hub.
        hub: HubName,
        /// Where in the hub.
        target: Target,
        /// Whether each event is to be stored once.
        once: bool,
    },
    /// Send a batch on a lane; the answer comes back by [`crate::Core::settled`].
    Send {
        /// Number of the lane.
        lane: usize,
        /// What to send. Sent again, it is the same bytes.
        message: Bytes,
        /// Where its events come from; only while traces are followed, and of those that have one.
        origins: Option<Origins>,
    },
    /// Stop fetching a partition, and go on from this position when it is resumed: the record there was taken and given
    /// back, or is to be read again. One that is held already goes on from here instead.
    Hold(TopicPartition, Position),
    /// Stop fetching a partition for good.
    Pause(TopicPartition),
    /// Fetch it again.
    Resume(TopicPartition),
    /// Write a record to its dead-letter topic; the answer comes back by [`crate::Core::letter_done`].
    DeadLetter(RefusedRecord),
    /// Log and count.
    Tell(Note),
}

/// A record that Event Hubs will never take, on its way to a dead-letter topic.
#[derive(Debug)]
pub struct RefusedRecord {
    /// Number of the letter.
    pub id: u64,
    /// Where the record stands.
    pub source: TopicPartition,
    /// Its offset.
    pub offset: i64,
    /// Where it goes.
    pub topic: String,
    /// What of it is written.
    pub holds: Holds,
    /// The hub that it was for; where none was chosen, as its mapping says it.
    pub hub: HubName,
    /// Why: a word.
    pub reason: &'static str,
    /// Why: what was said.
    pub detail: String,
}

/// Why a partition halts whose mapping has another policy than to halt.
pub const DEAD_LETTER_FAILED: &str = "dead_letter_failed";

/// What happened, for people and for counters.
#[derive(Debug)]
pub enum Note {
    /// A partition is read from now on.
    Assigned(TopicPartition),
    /// It is not any more.
    Removed(TopicPartition),
    /// A batch was closed.
    Sealed {
        /// The hub.
        hub: HubName,
        /// Why.
        reason: Seal,
        /// How many events it has.
        events: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// A batch was accepted.
    Accepted {
        /// The hub.
        hub: HubName,
        /// How many events it had.
        events: usize,
        /// Their bytes.
        bytes: usize,
        /// From departure to acknowledgement.
        took: Duration,
        /// Age of its oldest record.
        age: Option<Duration>,
    },
    /// A batch is not known to be stored and is sent again.
    Retry {
        /// The hub.
        hub: HubName,
        /// The hub partition, or `gateway`.
        partition: Arc<str>,
        /// Why.
        cause: Cause,
        /// What was said.
        detail: String,
        /// How often it has failed in a row.
        attempts: u32,
        /// How long it waits.
        wait: Duration,
    },
    /// A namespace begins to throttle: the lanes it refuses take turns from now on.
    Throttles {
        /// The hub that said so first.
        hub: HubName,
        /// What it said.
        detail: String,
    },
    /// It has not been heard to for a while: everybody is free.
    ThrottlesNoMore {
        /// The namespace, by its name in the configuration.
        namespace: Arc<str>,
    },
    /// A partition is not read because of this, or is read again.
    Held {
        /// The partition.
        partition: TopicPartition,
        /// Why.
        reason: HoldReason,
        /// Whether it is held.
        held: bool,
    },
    /// A partition has been held for long enough to be worth a word.
    Waits {
        /// The partition.
        partition: TopicPartition,
        /// What it waits for.
        detail: String,
    },
    /// A partition of which that was said is read again.
    Flows {
        /// The partition.
        partition: TopicPartition,
    },
    /// A record can never be stored.
    Refused {
        /// Its partition.
        partition: TopicPartition,
        /// Its offset.
        offset: i64,
        /// What is done about it.
        policy: Policy,
        /// Why: a word.
        reason: &'static str,
        /// Why: what was said.
        detail: String,
        /// The dead-letter topic, if it goes to one.
        to: Option<String>,
    },
    /// A partition stops at a record.
    Halted {
        /// The partition.
        partition: TopicPartition,
        /// The offset of the record.
        offset: i64,
        /// Why: a word.
        reason: &'static str,
        /// Why: what was said.
        detail: String,
    },
    /// Events were not acknowledged when their partition went.
    LetGo {
        /// The partition.
        partition: TopicPartition,
        /// Why.
        reason: LetGo,
        /// How many.
        events: usize,
    },
    /// A hub has other partitions than before, and they are used from now on.
    Resized {
        /// The hub.
        hub: HubName,
        /// How many it had.
        before: usize,
        /// How many it has.
        after: usize,
    },
}
