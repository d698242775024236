//! Frames and protocol headers: what stands around performatives.

use crate::DecodeError;

/// The header that starts SASL.
pub const SASL_HEADER: [u8; 8] = *b"AMQP\x03\x01\x00\x00";
/// The header that starts AMQP itself.
pub const AMQP_HEADER: [u8; 8] = *b"AMQP\x00\x01\x00\x00";

/// The smallest limit a peer may set on frames.
pub const MIN_MAX_FRAME: usize = 512;
/// An AMQP frame with no body, the heartbeat.
pub const HEARTBEAT: [u8; 8] = [0, 0, 0, 8, 2, 0, 0, 0];

/// What kind of frame it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// AMQP.
    Amqp,
    /// SASL, before AMQP.
    Sasl,
}

/// A whole frame, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What kind of frame it is.
    pub kind: Kind,
    /// The session it belongs to.
    pub channel: u16,
    /// What stands between the header and the end.
    pub body: &'a [u8],
    /// Bytes the frame takes in the stream.
    pub size: usize,
}

/// The frame at the start of `input`; `None` while it has not all arrived.
pub fn parse(input: &[u8], max_size: usize) -> Result<Option<Frame<'_>>, DecodeError> {
    let Some(head) = input.first_chunk::<8>() else { return Ok(None) };
    let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let body_at = usize::from(head[4]) * 4;
    if size > max_size || body_at < 8 || body_at > size {
        return Err(DecodeError::Size);
    }
    let kind = match head[5] {
        0 => Kind::Amqp,
        1 => Kind::Sasl,
        other => return Err(DecodeError::Constructor(other)),
    };
    if input.len() < size {
        return Ok(None);
    }
    let channel = u16::from_be_bytes([head[6], head[7]]);
    Ok(Some(Frame { kind, channel, body: &input[body_at..size], size }))
}

/// Writes one frame around what `body` writes.
pub fn write(out: &mut Vec<u8>, kind: Kind, channel: u16, body: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, 2, u8::from(kind == Kind::Sasl)]);
    out.extend_from_slice(&channel.to_be_bytes());
    body(out);
    let size = (out.len() - at) as u32;
    out[at..at + 4].copy_from_slice(&size.to_be_bytes());
}
