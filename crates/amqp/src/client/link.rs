//! The two ends that a link can have here.

use std::collections::VecDeque;

use bytes::Bytes;

use super::event::{DeliveryId, LinkId};
use super::settings::Credit;
use crate::performative::{Flow, Role, Transfer};

/// How far a link has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Asked for.
    Attaching,
    Attached,
    /// The peer refused it; its detach is still to come.
    Refused,
    /// The detach is sent, and the peer's is still to come. Nothing may be said on it any more.
    Detaching,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: LinkId,
    pub(super) name: String,
    pub(super) state: State,
    pub(super) peer_handle: Option<u32>,
    pub(super) end: LinkEnd,
}

impl Link {
    pub(super) fn role(&self) -> Role {
        match self.end {
            LinkEnd::Sender(_) => Role::Sender,
            LinkEnd::Receiver(_) => Role::Receiver,
        }
    }
}

#[derive(Debug)]
pub(super) enum LinkEnd {
    Sender(Sender),
    Receiver(Receiver),
}

/// A message that is not all sent.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) id: DeliveryId,
    pub(super) payload: Bytes,
    pub(super) format: u32,
    /// Its number on the session, once its first frame was made.
    pub(super) number: Option<u64>,
    /// The peer has answered already: the rest is not sent.
    pub(super) cut: bool,
}

/// We send.
#[derive(Debug, Default)]
pub(super) struct Sender {
    /// Messages that may be begun.
    pub(super) credit: u32,
    delivery_count: u32,
    pub(super) waiting: VecDeque<Message>,
    /// Whether it is among those whose turn comes.
    pub(super) queued: bool,
    drain: bool,
}

impl Sender {
    /// Whether a frame of it could be made, if the session takes it.
    pub(super) fn is_ready(&self) -> bool {
        match self.waiting.front() {
            Some(message) => message.number.is_some() || self.credit > 0,
            None => false,
        }
    }

    pub(super) fn begins(&mut self) {
        self.credit = self.credit.saturating_sub(1);
        self.delivery_count = self.delivery_count.wrapping_add(1);
    }

    pub(super) fn flow(&mut self, flow: &Flow) {
        if let Some(credit) = flow.link_credit {
            let seen = flow.delivery_count.unwrap_or(0);
            self.credit = still_granted(credit, seen, self.delivery_count);
        }
        self.drain = flow.drain;
    }

    /// Uses credit up that is to be used up and for which there is nothing.
    pub(super) fn drained(&mut self) -> bool {
        let drained = self.drain && self.credit > 0 && self.waiting.is_empty();
        if drained {
            self.delivery_count = self.delivery_count.wrapping_add(self.credit);
            self.credit = 0;
        }
        drained
    }

    pub(super) fn delivery_count(&self) -> u32 {
        self.delivery_count
    }
}

/// What is left of a grant: what was sent before the peer knew of it counts against it.
pub(super) fn still_granted(granted: u32, seen: u32, sent: u32) -> u32 {
    let unseen = sent.wrapping_sub(seen);
    // A peer that has seen more than there was is not believed.
    if unseen > u32::MAX / 2 { granted } else { granted.saturating_sub(unseen) }
}

/// The peer sends.
#[derive(Debug)]
pub(super) struct Receiver {
    /// Messages that it may have under way, where that is kept up here.
    kept: Option<u32>,
    pub(super) credit: u32,
    pub(super) delivery_count: u32,
    /// Bytes of the largest message.
    pub(super) largest: usize,
    assembly: Vec<u8>,
    /// The number of the one that is under way, and whether it is settled.
    under_way: Option<(u32, bool)>,
}

/// What a frame made of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It goes on.
    More,
    /// It is there; its number, if the peer wants to hear what became of it.
    Whole(Bytes, Option<u32>),
    /// The peer has taken it back.
    Aborted,
}

impl Receiver {
    pub(super) fn new(credit: Credit, largest: usize) -> Self {
        let (assembly, under_way) = (Vec::new(), None);
        let (kept, credit) = match credit {
            Credit::Kept(most) => (Some(most), 0),
            Credit::ByHand(first) => (None, first),
        };
        Self { kept, credit, delivery_count: 0, largest, assembly, under_way }
    }

    pub(super) fn transfer(
        &mut self,
        transfer: &Transfer<'_>,
        payload: &[u8],
    ) -> Result<Arrival, &'static str> {
        let (number, settled) = if let Some((number, settled)) = self.under_way {
            (number, settled || transfer.settled)
        } else {
            let number = transfer.delivery_id.ok_or("a message without a delivery-id")?;
            if self.credit == 0 {
                return Err("a message without credit");
            }
            self.credit -= 1;
            self.delivery_count = self.delivery_count.wrapping_add(1);
            (number, transfer.settled)
        };
        self.under_way = Some((number, settled));
        if transfer.aborted {
            self.over();
            return Ok(Arrival::Aborted);
        }
        if self.assembly.len() + payload.len() > self.largest {
            return Err("a message that is larger than was allowed");
        }
        self.assembly.extend_from_slice(payload);
        if transfer.more {
            return Ok(Arrival::More);
        }
        let message = Bytes::from(self.over());
        Ok(Arrival::Whole(message, (!settled).then_some(number)))
    }

    fn over(&mut self) -> Vec<u8> {
        self.under_way = None;
        std::mem::take(&mut self.assembly)
    }

    /// Whether it is time to say that more may come.
    pub(super) fn renew(&mut self) -> bool {
        let due = self.kept.filter(|most| self.credit <= most / 2);
        self.credit = due.unwrap_or(self.credit);
        due.is_some()
    }
}
