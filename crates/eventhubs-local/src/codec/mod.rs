//! AMQP 1.0 on the wire: values, frames, performatives and message sections.
//!
//! Written by hand so that the server decides every byte it sends, and so that decoding borrows instead of allocating.
//! Nothing here knows about Event Hubs, sockets or state. Decoding never panics and never allocates more than a small
//! multiple of its input.

pub(crate) mod frame;
pub(crate) mod performative;
pub(crate) mod read;
pub(crate) mod sections;
pub(crate) mod value;
pub(crate) mod write;

/// Why bytes are not AMQP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("the value ends early")]
    Truncated,
    #[error("`{0:#04x}` is not the constructor of a known type")]
    Constructor(u8),
    #[error("`{found:#04x}` where {expected} is wanted")]
    Mismatch { expected: &'static str, found: u8 },
    #[error("values are nested too deep")]
    Nesting,
    #[error("a string is not UTF-8")]
    Utf8,
    #[error("a size or count does not fit what it holds")]
    Size,
    #[error("`{0:#x}` is not a descriptor known here")]
    Descriptor(u64),
    #[error("the mandatory field `{0}` is missing")]
    Missing(&'static str),
}

pub(crate) type Decoded<T> = Result<T, DecodeError>;

#[cfg(test)]
mod tests;
