//! The sending half of a link: credit, and one message under way in as many frames as it takes.

use amqp::performative::write::{self, TRANSFER_OVERHEAD};
use amqp::performative::{Flow, Transfer};

/// What a session lends its links for sending.
#[derive(Debug)]
pub(super) struct Sending<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) channel: u16,
    pub(super) max_frame: usize,
    /// Transfers the peer still takes on this session.
    pub(super) window: &'a mut u32,
    pub(super) next_outgoing_id: &'a mut u32,
    pub(super) next_delivery_id: &'a mut u32,
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) credit: u32,
    pub(super) delivery_count: u32,
    pub(super) drain: bool,
    /// Whether the receiver wants deliveries settled.
    settled: bool,
    /// The message under way; empty when there is none.
    message: Vec<u8>,
    sent: usize,
    delivery_id: u32,
}

impl Outbox {
    pub(super) fn new(settled: bool) -> Self {
        Self { settled, ..Self::default() }
    }

    /// Whether a new message may start.
    pub(super) fn is_free(&self) -> bool {
        self.message.is_empty() && self.credit > 0
    }

    pub(super) fn is_sending(&self) -> bool {
        !self.message.is_empty()
    }

    pub(super) fn flow(&mut self, flow: &Flow) {
        if let Some(credit) = flow.link_credit {
            // What was sent before the peer knew of it counts against what it grants.
            let seen = flow.delivery_count.unwrap_or(0);
            let end = seen.wrapping_add(credit);
            self.credit = end.wrapping_sub(self.delivery_count);
            if self.credit > u32::MAX / 2 {
                self.credit = 0;
            }
        }
        self.drain = flow.drain;
    }

    /// Ends a drain: when nothing more could be sent, the rest of the credit is used up. Gives the delivery count to
    /// report.
    pub(super) fn drained(&mut self, sent: bool) -> Option<u32> {
        if !self.drain || sent || self.is_sending() {
            return None;
        }
        self.drain = false;
        self.delivery_count = self.delivery_count.wrapping_add(self.credit);
        self.credit = 0;
        Some(self.delivery_count)
    }

    /// Starts a message, which `write` encodes.
    pub(super) fn start(&mut self, sending: &mut Sending<'_>, write: impl FnOnce(&mut Vec<u8>)) {
        debug_assert!(self.is_free());
        write(&mut self.message);
        self.sent = 0;
        self.credit -= 1;
        self.delivery_count = self.delivery_count.wrapping_add(1);
        self.delivery_id = *sending.next_delivery_id;
        *sending.next_delivery_id = sending.next_delivery_id.wrapping_add(1);
    }

    /// Sends frames of the message under way as far as the session's window goes. True when it is all sent.
    pub(super) fn carry_on(&mut self, link: u32, sending: &mut Sending<'_>) -> bool {
        while !self.message.is_empty() {
            if *sending.window == 0 {
                return false;
            }
            let left = &self.message[self.sent..];
            let part = &left[..left.len().min(sending.max_frame - TRANSFER_OVERHEAD)];
            let more = part.len() < left.len();
            let transfer = Transfer {
                handle: link,
                delivery_id: Some(self.delivery_id),
                delivery_tag: Some(&self.delivery_id.to_be_bytes()),
                message_format: Some(0),
                settled: self.settled,
                more,
                aborted: false,
            };
            write::transfer(sending.out, sending.channel, &transfer, part);
            self.sent += part.len();
            *sending.window -= 1;
            *sending.next_outgoing_id = sending.next_outgoing_id.wrapping_add(1);
            if !more {
                self.message.clear();
            }
        }
        true
    }
}
