//! AMQP 1.0: values, frames, performatives and message sections on the wire, and a client that speaks it.
//!
//! Written by hand so that every byte that is sent is decided here, and so that decoding borrows instead of allocating.
//! Nothing here knows about Event Hubs or sockets. Decoding never panics and never allocates more than a small multiple
//! of its input.
//!
//! The client is tried against servers that others have written, in `tests/brokers` and `tests/witness.rs`: Apache
//! `ActiveMQ` Artemis 2.41, Apache Qpid Broker-J 9.2, Apache Qpid Proton 0.40, `RabbitMQ` 3.10 with its plugin for AMQP 1.0,
//! and `fe2o3-amqp` 0.18.

pub mod client;
#[cfg(feature = "tokio")]
pub mod driver;
pub mod frame;
pub mod performative;
pub mod read;
pub mod sections;
pub mod value;
pub mod write;

/// Why bytes are not AMQP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It stops in the middle.
    #[error("the value ends early")]
    Truncated,
    /// No type begins so.
    #[error("`{0:#04x}` is not the constructor of a known type")]
    Constructor(u8),
    /// It is a value, and not the one that belongs there.
    #[error("`{found:#04x}` where {expected} is wanted")]
    Mismatch {
        /// What belongs there.
        expected: &'static str,
        /// The constructor that is there.
        found: u8,
    },
    /// Deeper than anything in this protocol.
    #[error("values are nested too deep")]
    Nesting,
    /// A text is none.
    #[error("a string is not UTF-8")]
    Utf8,
    /// A size that lies, or is over a limit.
    #[error("a size or count does not fit what it holds")]
    Size,
    /// Nothing is described so, or not there.
    #[error("`{0:#x}` is not a descriptor known here")]
    Descriptor(u64),
    /// A field that has to be there is not.
    #[error("the mandatory field `{0}` is missing")]
    Missing(&'static str),
}

/// What was decoded, or why not.
pub type Decoded<T> = Result<T, DecodeError>;

#[cfg(test)]
mod tests;
