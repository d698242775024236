//! The words for the Event Hubs side: where events go, and what a failed send means.

use std::time::Duration;

use crate::words;

/// Where the events of a lane go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// One partition of the hub (`hub/Partitions/ID`).
    Partition(String),
    /// The hub; the service hashes the envelope's key. `lane` only tells such lanes apart.
    Gateway {
        /// Number of the lane.
        lane: u32,
    },
}

/// Why a batch is not known to be stored, by what the caller must do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Send the same again, not before `after` if the service named a time.
    #[error("{cause}: {detail}")]
    Retry {
        /// For the metric and for the choice of backoff.
        cause: Cause,
        /// The least wait the service asked for.
        after: Option<Duration>,
        /// What the peer or the system said.
        detail: String,
        /// Whether it may be stored all the same: it may have left, and no answer came.
        doubtful: bool,
    },
    /// Larger than the link takes: split it, or give the single event to the failure policy.
    #[error("larger than the {limit} bytes that the link accepts")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Event Hubs will never take this content.
    #[error("refused with {condition}: {detail}")]
    Refused {
        /// The AMQP condition.
        condition: String,
        /// What the peer said.
        detail: String,
    },
}

words! {
    /// Why a send must be repeated: `bridge_send_retries_total`.
    #[derive(Hash)]
    pub enum Cause {
        /// The service is throttling.
        Throttled = "throttled",
        /// The connection could not be made or was lost.
        Connection = "connection",
        /// The link was refused or detached.
        Link = "link",
        /// No answer in time; the batch may or may not be stored.
        Timeout = "timeout",
        /// AMQP `released`: not stored.
        Released = "released",
        /// AMQP `modified`: not stored.
        Modified = "modified",
        /// Not allowed to send, at least now.
        Unauthorized = "unauthorized",
        /// The hub or partition does not exist, at least now.
        NotFound = "not_found",
        /// An internal or unknown condition of the service.
        Service = "service",
        /// Kafka has not confirmed for too long that the partitions are still of this member.
        Fenced = "fenced",
    }
}
