//! Why something ended, and what became of a delivery.

use super::described_list;
use crate::read::{Fields, Reader};
use crate::{DecodeError, Decoded};

pub(super) const ERROR: u8 = 0x1d;
const RECEIVED: u8 = 0x23;
pub(super) const ACCEPTED: u8 = 0x24;
pub(super) const REJECTED: u8 = 0x25;
pub(super) const RELEASED: u8 = 0x26;
pub(super) const MODIFIED: u8 = 0x27;

/// An AMQP error: a condition, and a text for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason<'a> {
    /// As `amqp:not-found`.
    pub condition: &'a str,
    /// The text; empty if there is none.
    pub description: &'a str,
}

impl<'a> Reason<'a> {
    /// The next field, if it is there.
    pub(super) fn read(fields: &mut Fields<'a>) -> Decoded<Option<Self>> {
        fields.raw()?.map(Self::decode).transpose()
    }

    fn decode(raw: &'a [u8]) -> Decoded<Self> {
        let (code, mut fields) = described_list(&mut Reader::new(raw))?;
        if code != ERROR {
            return Err(DecodeError::Descriptor(code.into()));
        }
        let condition = fields.text()?.ok_or(DecodeError::Missing("condition"))?;
        Ok(Self { condition, description: fields.text()?.unwrap_or_default() })
    }
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It was taken.
    Accepted,
    /// It is not valid, or cannot be taken now; the reason tells.
    Rejected(Option<Reason<'a>>),
    /// It was not looked at.
    Released,
    /// It was not taken.
    Modified {
        /// Whether that counts as an attempt.
        delivery_failed: bool,
    },
}

impl<'a> Outcome<'a> {
    /// Reads the state of a disposition. `None`: it is on its way, and nothing became of it yet.
    pub fn decode(raw: &'a [u8]) -> Decoded<Option<Self>> {
        let (code, mut fields) = described_list(&mut Reader::new(raw))?;
        Ok(Some(match code {
            RECEIVED => return Ok(None),
            ACCEPTED => Self::Accepted,
            REJECTED => Self::Rejected(Reason::read(&mut fields)?),
            RELEASED => Self::Released,
            MODIFIED => Self::Modified { delivery_failed: fields.bool()? },
            other => return Err(DecodeError::Descriptor(other.into())),
        }))
    }
}

pub(super) fn symbolic(name: &str) -> Option<u8> {
    Some(match name {
        "amqp:error:list" => ERROR,
        "amqp:received:list" => RECEIVED,
        "amqp:accepted:list" => ACCEPTED,
        "amqp:rejected:list" => REJECTED,
        "amqp:released:list" => RELEASED,
        "amqp:modified:list" => MODIFIED,
        _ => return None,
    })
}
