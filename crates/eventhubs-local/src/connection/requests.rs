//! The links of `$cbs` and `$management`: requests come on one, replies leave on another.

use std::collections::VecDeque;

use amqp::performative::Transfer;

use super::assembly::{Assembly, Delivery};
use super::due::Later;
use super::ingest::CREDIT;
use super::outbox::{Outbox, Sending};
use super::{Connection, Core};
use crate::condition::{Condition, Outcome};
use crate::faults::Site;
use crate::request::{self, Request};
use crate::{address, cbs, management};

/// Requests are small: a token and its properties.
pub(super) const MAX_REQUEST: u64 = 262_144;
/// Replies that wait for credit, at most.
const MAX_WAITING: usize = 256;

/// A node that answers requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Cbs,
    Management,
}

/// A request that arrived, to be answered.
#[derive(Debug)]
pub(super) struct Call {
    node: Node,
    request: Request,
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(super) node: Node,
    /// The link the request names for it.
    pub(super) to: String,
    pub(super) message: Vec<u8>,
}

impl Call {
    /// Does what is asked and encodes the answer.
    pub(super) fn reply(&self, core: &mut Core) -> Reply {
        let answer: request::Reply = match self.node {
            Node::Cbs => {
                cbs::answer(&core.namespace, core.handle.id, &mut core.grants, &self.request)
            }
            Node::Management => {
                management::answer(&core.namespace, core.handle.id, &core.grants, &self.request)
            }
        };
        let to = self.request.reply_to.clone().unwrap_or_default();
        Reply { node: self.node, to, message: answer.encode(&self.request) }
    }

    /// Asks `of` with the place the request is about.
    pub(super) fn at<T>(&self, connection: u64, of: impl FnOnce(Site<'_>) -> T) -> T {
        let name = self.request.text("name").unwrap_or_default();
        let path = address::path(name);
        let (hub, partition) = match self.node {
            Node::Cbs => (path.split('/').next().unwrap_or_default(), address::partition(&path)),
            Node::Management => {
                (name, self.request.text("partition").and_then(|id| id.parse().ok()))
            }
        };
        of(Site { connection, link: None, hub: Some(hub), partition })
    }
}

impl Connection {
    /// Answers a request on `$cbs` or `$management`.
    pub(super) fn answer(&mut self, channel: u16, call: &Call) {
        let (id, faults) = (self.core.handle.id, &self.core.namespace.faults);
        if call.at(id, |site| faults.is_mute(site)) {
            return;
        }
        let delay = call.at(id, |site| faults.latency(site));
        let reply = call.reply(&mut self.core);
        self.watch_tokens();
        match delay {
            Some(delay) => {
                let later = Later::Reply { channel, reply };
                self.core.due.push(self.core.now + delay, later);
            }
            None => self.deliver(channel, &reply),
        }
    }

    /// Queues an answer: on the same session's link from that node if there is one, else on the link of this connection
    /// that the request names.
    pub(super) fn deliver(&mut self, channel: u16, reply: &Reply) {
        let Reply { node, to, message } = reply;
        if let Some(session) = self.sessions.get_mut(&channel)
            && session.reply_from(*node, message)
        {
            return;
        }
        let taken = self.sessions.values_mut().any(|session| session.reply_to(to, message));
        if !taken {
            tracing::debug!(connection = self.core.handle.id, to, "no link for a reply");
        }
    }
}

/// The link requests arrive on.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) node: Node,
    assembly: Assembly,
    delivery_count: u32,
    credit: u32,
}

/// A request link's answer to one frame.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) delivery_id: u32,
    pub(super) settled: bool,
    pub(super) outcome: Outcome,
    pub(super) call: Option<Call>,
}

impl Requests {
    pub(super) fn new(node: Node, assembly: Assembly, delivery_count: u32) -> Self {
        Self { node, assembly, delivery_count, credit: CREDIT }
    }

    /// Delivery count and credit.
    pub(super) fn state(&self) -> (u32, u32) {
        (self.delivery_count, self.credit)
    }

    /// Restores credit once half is used; the delivery count when the client must be told.
    pub(super) fn renew(&mut self) -> Option<u32> {
        if self.credit > CREDIT / 2 {
            return None;
        }
        self.credit = CREDIT;
        Some(self.delivery_count)
    }

    pub(super) fn push(
        &mut self,
        transfer: &Transfer,
        payload: &[u8],
    ) -> Result<Option<Taken>, Condition> {
        let Some(delivery) = self.assembly.push(transfer, payload)? else { return Ok(None) };
        let Delivery { id, settled, payload, .. } = delivery;
        self.delivery_count = self.delivery_count.wrapping_add(1);
        self.credit = self.credit.saturating_sub(1);
        let request = match payload {
            Ok(payload) => Request::decode(&payload).map_err(|error| Condition::decode(&error)),
            Err(size) => Err(Condition::message_too_large(id, size, MAX_REQUEST)),
        };
        let (outcome, call) = match request {
            Ok(request) => (Outcome::Accepted, Some(Call { node: self.node, request })),
            Err(condition) => (Outcome::Rejected(Some(condition)), None),
        };
        Ok(Some(Taken { delivery_id: id, settled, outcome, call }))
    }
}

/// The link replies leave on.
#[derive(Debug)]
pub(super) struct Replies {
    pub(super) node: Node,
    /// The address of the client's end, which requests may name.
    pub(super) target: Option<String>,
    pub(super) outbox: Outbox,
    waiting: VecDeque<Vec<u8>>,
}

impl Replies {
    pub(super) fn new(node: Node, target: Option<String>, settled: bool) -> Self {
        Self { node, target, outbox: Outbox::new(settled), waiting: VecDeque::new() }
    }

    /// Queues a reply; when a client does not read, the oldest is lost.
    pub(super) fn push(&mut self, reply: Vec<u8>) {
        if self.waiting.len() == MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(reply);
    }

    /// Sends what there is credit for; true when something went.
    pub(super) fn pump(&mut self, link: u32, mut sending: Sending<'_>) -> bool {
        let mut progress = false;
        if !self.outbox.carry_on(link, &mut sending) {
            return false;
        }
        while self.outbox.is_free()
            && let Some(reply) = self.waiting.pop_front()
        {
            self.outbox.start(&mut sending, |message| *message = reply);
            progress = true;
            if !self.outbox.carry_on(link, &mut sending) {
                break;
            }
        }
        progress
    }
}
