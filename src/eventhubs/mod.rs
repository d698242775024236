//! Everything AMQP: the connections of a namespace, a link for each lane in use, tokens, what an answer means, and reading back.
//!
//! The contract with the pipeline stands in this file; how it is kept, in the files beside it.

mod access;
mod advice;
mod connection;
mod content;
mod lane;
mod lease;
mod link;
mod login;
mod namespace;
mod outcome;
mod probe;
mod producer;
mod properties;
mod question;
pub mod reader;
mod requests;
mod seating;
mod session;
mod token;
mod traffic;
mod transport;

pub use bridge_core::encode;
pub use bridge_core::event::{Cause, SendError, Target};
pub use bridge_core::parts;
pub use content::Content;
pub use lane::{Bell, LaneSender};
pub use lease::{Lease, Lessor};
pub use namespace::NamespaceClient;
pub use probe::Admission;
pub use producer::ROOM;
pub use properties::{ConnectError, PartitionProperties};
pub use transport::Passed;

/// What a hub is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubProperties {
    /// Partition ids in the service's order; the key hash is an index into it.
    pub partition_ids: Vec<String>,
}

/// What a lane tells the pump.
#[derive(Debug)]
pub enum LaneEvent {
    /// The link is attached, for a batch that waits for it; batches up to this many bytes may be sent. Repeated after
    /// each attach.
    Ready {
        /// The link's max-message-size.
        max_message_size: u64,
    },
    /// The send in flight ended: whether Event Hubs has it.
    Settled(Result<(), SendError>),
}
