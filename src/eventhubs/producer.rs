//! The service's own idempotent producer: what a lane knows of itself as one, and what it may send with which numbers.
//!
//! A number of a producer id stands for the same bytes for ever. A batch that is repeated as it is repeats its numbers, so the
//! service stores it once, whenever the first one arrives. A batch that differs from one that was sent and not accepted may not have
//! its numbers, nor those behind them as long as nobody knows which are used: it could be taken for stored. So the lane attaches with a
//! larger epoch, from which on the service refuses the old one, and goes on with a new id. Where the service says then that the old one was
//! stored before, and the new one has events of it, the new one is in doubt, and is looked for once more.
//!
//! Nothing is lost by it, whatever the service makes of the last number that it is told, and of a larger epoch. Pure: what is said and
//! heard comes in, what is to be said comes out.

mod numbering;

use amqp::client::Offer;
use amqp::sections::lookup;
use amqp::value::Value;
use bytes::Bytes;

pub use numbering::ROOM;
use numbering::{EPOCH, ID, NUMBER};

/// What the peer has to offer.
pub(super) const CAPABILITY: &str = "com.microsoft:idempotent-producer";
/// The service has met a number that does not follow, or a larger epoch.
const OUT_OF_STEP: [&str; 2] =
    ["com.microsoft:out-of-order-sequence", "com.microsoft:producer-epoch-stolen"];

/// Whether a peer says that it counts differently: there is nothing to go on with, and what was sent is in doubt.
pub(super) fn is_out_of_step(condition: &str) -> bool {
    OUT_OF_STEP.contains(&condition)
}

/// Whose numbers they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProducerIdentity {
    pub(super) id: i64,
    pub(super) epoch: i16,
    /// The number of the last event that was accepted.
    pub(super) last: i32,
}

/// A batch that was sent and not accepted.
#[derive(Debug)]
struct Tried {
    message: Bytes,
    /// The number of its last event.
    last: i32,
}

/// What a peer made of an attach.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AttachAnswer {
    /// The batch may be sent.
    Ready,
    /// The link is to be attached once more: what was is settled, and a new id is next.
    Again,
    /// The peer knows nothing of it.
    NotOffered,
    /// The batch may be stored by now, as far as the numbers say.
    Doubtful,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Producer {
    own: Option<ProducerIdentity>,
    tried: Option<Tried>,
}

impl Producer {
    /// Whether the batch may not be sent on a link that is attached, because it would take the numbers of another.
    pub(super) fn has_to_attach(&self, message: &Bytes) -> bool {
        self.own.is_none() || self.tried.as_ref().is_some_and(|tried| tried.message != *message)
    }

    /// The properties of an attach for that batch: nothing, which the service decides, or what is known.
    pub(super) fn asks(&mut self, message: &Bytes) -> [(&'static str, Value); 3] {
        if self.has_to_attach(message) {
            let larger = |own: ProducerIdentity| {
                Some(ProducerIdentity { epoch: own.epoch.checked_add(1)?, ..own })
            };
            self.own = self.own.and_then(larger);
            if self.own.is_none() {
                // Nobody yet, or there is no larger epoch.
                self.forget();
            }
        }
        let of =
            |value: fn(&ProducerIdentity) -> Value| self.own.as_ref().map_or(Value::Null, value);
        [
            (EPOCH, of(|own| Value::Short(own.epoch))),
            (ID, of(|own| Value::Long(own.id))),
            (NUMBER, of(|own| Value::Int(own.last))),
        ]
    }

    /// The answer to an attach for that batch.
    pub(super) fn hears(&mut self, offer: &Offer, message: &Bytes) -> AttachAnswer {
        let Some(told) = told(offer) else { return AttachAnswer::NotOffered };
        let Self { own, tried } = std::mem::take(self);
        let Some(own) = own else {
            self.own = Some(told);
            return AttachAnswer::Ready;
        };
        let is_same = (told.id, told.epoch) == (own.id, own.epoch);
        let was_not_stored = is_same && told.last == own.last;
        match tried {
            None if was_not_stored => {
                self.own = Some(own);
                AttachAnswer::Ready
            }
            None => AttachAnswer::Again,
            // It repeats its numbers, wherever the service is.
            Some(tried) if tried.message == *message => {
                let was_stored = is_same && told.last == tried.last;
                if !(was_stored || was_not_stored) {
                    return AttachAnswer::Doubtful;
                }
                (self.own, self.tried) = (Some(own), Some(tried));
                AttachAnswer::Ready
            }
            Some(tried) if was_not_stored || !numbering::share(&tried.message, message) => {
                AttachAnswer::Again
            }
            Some(_) => AttachAnswer::Doubtful,
        }
    }

    /// The batch with its numbers, which are its own from now on.
    pub(super) fn numbered(&mut self, message: &Bytes) -> Bytes {
        let Some(own) = &self.own else { return message.clone() };
        let (numbered, last) = numbering::number(message, own);
        self.tried = Some(Tried { message: message.clone(), last });
        numbered
    }

    /// What was sent last is accepted.
    pub(super) fn accepted(&mut self) {
        if let (Some(own), Some(tried)) = (&mut self.own, self.tried.take()) {
            own.last = tried.last;
        }
    }

    /// Nothing of what was is of use: the service is to give a new id.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// What a peer says, if it has the capability.
fn told(offer: &Offer) -> Option<ProducerIdentity> {
    if !offer.has(CAPABILITY) {
        return None;
    }
    let number = |name| lookup(&offer.properties, name)?.value().ok()?.as_i64();
    Some(ProducerIdentity {
        id: number(ID)?,
        epoch: number(EPOCH)?.try_into().ok()?,
        last: number(NUMBER)?.try_into().ok()?,
    })
}

#[cfg(test)]
mod tests;
