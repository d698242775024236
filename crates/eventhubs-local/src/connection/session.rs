//! A session: its windows, and what becomes of the frames for its links.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use amqp::performative::{
    Attach, Begin, Detach, Disposition, Flow, Role, Transfer, write as reply,
};

use super::Core;
use super::due::Later;
use super::ingest::{CREDIT, Place, Verdict};
use super::link::{Kind, Link};
use super::requests::{Call, Node};
use crate::condition::{Condition, Outcome};
use crate::faults::Site;
use crate::numbers;
use crate::registry::LinkView;

/// Transfers a client may send ahead; renewed at half.
const INCOMING_WINDOW: u32 = 5_000;
const OUTGOING_WINDOW: u32 = 5_000;
/// How long the answer to a detach on `$cbs` waits for the session's end, which makes it needless: a client that has
/// forgotten the link already takes the answer for an error.
const DETACH_PATIENCE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) struct Session {
    pub(super) channel: u16,
    pub(super) serial: u64,
    next_incoming_id: u32,
    /// Transfers taken since the client last heard of the window.
    unannounced: u32,
    pub(super) next_outgoing_id: u32,
    pub(super) next_delivery_id: u32,
    /// Transfers the client still takes.
    pub(super) remote_window: u32,
    /// The handle whose turn to send is next.
    pub(super) turn: u32,
    handle_max: u32,
    pub(super) links: BTreeMap<u32, Link>,
    /// The links the server sends on, which are few among those of a client that sends.
    pub(super) senders: BTreeSet<u32>,
}

impl Session {
    pub(super) fn begin(channel: u16, begin: Begin, core: &mut Core) -> Self {
        let handle_max = core.namespace.settings.handle_max;
        reply::begin(
            &mut core.out,
            channel,
            &Begin {
                remote_channel: Some(channel),
                next_outgoing_id: 0,
                incoming_window: INCOMING_WINDOW,
                outgoing_window: OUTGOING_WINDOW,
                handle_max,
            },
        );
        Self {
            channel,
            serial: core.next_serial(),
            next_incoming_id: begin.next_outgoing_id,
            unannounced: 0,
            next_outgoing_id: 0,
            next_delivery_id: 0,
            remote_window: begin.incoming_window,
            turn: 0,
            handle_max,
            links: BTreeMap::new(),
            senders: BTreeSet::new(),
        }
    }

    /// Attaches a link, or refuses it as the service does: an attach without ends, then a detach.
    pub(super) fn attach(&mut self, core: &mut Core, attach: &Attach<'_>) -> Result<(), Condition> {
        if attach.handle > self.handle_max || self.links.contains_key(&attach.handle) {
            let text = format!("handle {} cannot be attached", attach.handle);
            return Err(Condition::new("amqp:session:handle-in-use", text));
        }
        let view = LinkView {
            name: attach.name.to_owned(),
            sender: attach.role == Role::Sender,
            address: super::attach::address(attach).unwrap_or_default().to_owned(),
        };
        let (hub, partition) = super::attach::place(&view.address);
        let (connection, link) = (core.handle.id, Some(attach.name));
        let site = Site { connection, link, hub: hub.as_deref(), partition };
        if core.namespace.faults.is_mute(site) {
            self.keep(
                core,
                attach.handle,
                Link { view, entity: None, kind: Kind::Gone, used: core.now },
            );
            return Ok(());
        }
        let delay = core.namespace.faults.latency(site);
        let from = core.out.len();
        let (kind, entity) = match super::attach::accept(core, attach) {
            Ok(accepted) => {
                let (channel, limit) = (self.channel, accepted.max_message_size);
                let answer = accepted.producer.as_ref().map(numbers::answer);
                let (offered, told) = answer.as_ref().map(|(it, told)| (&**it, &**told)).unzip();
                let admission = Attach {
                    offered_capabilities: offered,
                    properties: told,
                    ..admission(attach, limit)
                };
                reply::attach(&mut core.out, channel, &admission);
                (accepted.kind, accepted.entity)
            }
            Err(condition) => {
                reply::attach(&mut core.out, self.channel, &refusal(attach));
                let (channel, handle) = (self.channel, attach.handle);
                let error = Some(condition.reason());
                reply::detach(&mut core.out, channel, &Detach { handle, closed: true, error });
                (Kind::Gone, None)
            }
        };
        if matches!(kind, Kind::Ingest(_) | Kind::Requests(_)) {
            let delivery_count = attach.initial_delivery_count.unwrap_or(0);
            self.grant(core, attach.handle, delivery_count, CREDIT);
        }
        core.hold_back(from, delay);
        self.keep(core, attach.handle, Link { view, entity, kind, used: core.now });
        Ok(())
    }

    fn keep(&mut self, core: &Core, handle: u32, link: Link) {
        if link.is_live() {
            core.handle.links().insert((self.channel, handle), link.view.clone());
        }
        if link.sends() {
            self.senders.insert(handle);
        }
        self.links.insert(handle, link);
    }

    /// None of the links is live any more.
    pub(super) fn end(self, core: &Core) {
        let mut live = core.handle.links();
        for handle in self.links.keys() {
            live.remove(&(self.channel, *handle));
        }
    }

    /// A link is not live any more.
    fn retire(&mut self, core: &Core, handle: u32) {
        core.handle.links().remove(&(self.channel, handle));
        self.senders.remove(&handle);
    }

    /// Tells the client how much it may send on a link.
    fn grant(&mut self, core: &mut Core, handle: u32, delivery_count: u32, credit: u32) {
        let link = Flow {
            handle: Some(handle),
            delivery_count: Some(delivery_count),
            link_credit: Some(credit),
            ..Flow::default()
        };
        self.write_flow(core, link);
    }

    pub(super) fn write_flow(&mut self, core: &mut Core, link: Flow) {
        self.unannounced = 0;
        let flow = Flow {
            next_incoming_id: Some(self.next_incoming_id),
            incoming_window: INCOMING_WINDOW,
            next_outgoing_id: self.next_outgoing_id,
            outgoing_window: OUTGOING_WINDOW,
            ..link
        };
        reply::flow(&mut core.out, self.channel, &flow);
    }

    pub(super) fn flow(&mut self, core: &mut Core, flow: &Flow) -> Result<(), Condition> {
        let seen = flow.next_incoming_id.unwrap_or(0);
        let window = seen.wrapping_add(flow.incoming_window).wrapping_sub(self.next_outgoing_id);
        // A window that ends before what was already sent is closed, not huge.
        self.remote_window = if window > u32::MAX / 2 { 0 } else { window };
        if flow.incoming_window > u32::MAX / 2 {
            self.remote_window = flow.incoming_window;
        }
        let Some(handle) = flow.handle else {
            if flow.echo {
                self.write_flow(core, Flow::default());
            }
            return Ok(());
        };
        let link = self.links.get_mut(&handle).ok_or_else(unattached)?;
        if let Some(outbox) = link.outbox() {
            outbox.flow(flow);
        }
        if flow.echo {
            let state = match &link.kind {
                Kind::Ingest(ingest) => (ingest.delivery_count, ingest.credit),
                Kind::Outlet(outlet) => (outlet.outbox.delivery_count, outlet.outbox.credit),
                Kind::Replies(replies) => (replies.outbox.delivery_count, replies.outbox.credit),
                Kind::Requests(requests) => requests.state(),
                Kind::Gone | Kind::Leaving => return Ok(()),
            };
            self.grant(core, handle, state.0, state.1);
        }
        Ok(())
    }

    pub(super) fn transfer(
        &mut self,
        core: &mut Core,
        transfer: &Transfer,
        payload: &[u8],
    ) -> Result<Option<Call>, Condition> {
        self.next_incoming_id = self.next_incoming_id.wrapping_add(1);
        self.unannounced += 1;
        if self.unannounced >= INCOMING_WINDOW / 2 {
            self.write_flow(core, Flow::default());
        }
        let place = Place { channel: self.channel, serial: self.serial, handle: transfer.handle };
        let link = self.links.get_mut(&transfer.handle).ok_or_else(unattached)?;
        match &mut link.kind {
            Kind::Ingest(ingest) => {
                link.used = core.now;
                let verdict = ingest.push(core, place, transfer, payload);
                self.conclude(core, transfer.handle, verdict);
                Ok(None)
            }
            Kind::Requests(requests) => {
                let Some(taken) = requests.push(transfer, payload)? else { return Ok(None) };
                if !taken.settled {
                    self.write_settled(core, taken.delivery_id, &taken.outcome);
                }
                self.renew_requests(core, transfer.handle);
                Ok(taken.call)
            }
            Kind::Gone | Kind::Leaving => Ok(None),
            Kind::Outlet(_) | Kind::Replies(_) => {
                Err(Condition::new("amqp:not-allowed", "a transfer on the server's own link"))
            }
        }
    }

    /// Acts on what a sender link made of a frame. What is wrong with a delivery costs the link, not the connection.
    fn conclude(&mut self, core: &mut Core, handle: u32, verdict: Result<Verdict, Condition>) {
        match verdict {
            Ok(Verdict::Silent) => {}
            Ok(Verdict::Settle { delivery_id, outcome }) => {
                self.settle(core, handle, delivery_id, &outcome);
            }
            Ok(Verdict::Detach(condition)) | Err(condition) => {
                self.force_off(core, handle, &condition);
            }
        }
    }

    /// Answers a delivery and gives credit back.
    pub(super) fn settle(&mut self, core: &mut Core, handle: u32, id: u32, outcome: &Outcome) {
        let Some(Link { kind: Kind::Ingest(ingest), .. }) = self.links.get_mut(&handle) else {
            return;
        };
        ingest.settled();
        let grant = ingest.top_up().then_some((ingest.delivery_count, ingest.credit));
        self.write_settled(core, id, outcome);
        if let Some((delivery_count, credit)) = grant {
            self.grant(core, handle, delivery_count, credit);
        }
    }

    fn write_settled(&self, core: &mut Core, id: u32, outcome: &Outcome) {
        let channel = self.channel;
        reply::disposition(&mut core.out, channel, Role::Receiver, (id, id), outcome.wire());
    }

    fn renew_requests(&mut self, core: &mut Core, handle: u32) {
        let Some(Link { kind: Kind::Requests(requests), .. }) = self.links.get_mut(&handle) else {
            return;
        };
        if let Some(count) = requests.renew() {
            self.grant(core, handle, count, CREDIT);
        }
    }

    /// Receivers' own dispositions change nothing; one that waits for an answer gets it.
    pub(super) fn disposition(&mut self, core: &mut Core, disposition: Disposition<'_>) {
        if disposition.role == Role::Receiver && !disposition.settled {
            let (channel, range) = (self.channel, (disposition.first, disposition.last));
            let outcome = Outcome::Accepted.wire();
            reply::disposition(&mut core.out, channel, Role::Sender, range, outcome);
        }
    }

    pub(super) fn detach(&mut self, core: &mut Core, detach: Detach<'_>) {
        let Detach { handle, closed, .. } = detach;
        let Some(link) = self.links.get_mut(&handle) else { return };
        let of_cbs = match &link.kind {
            Kind::Gone => {
                self.links.remove(&handle);
                return;
            }
            Kind::Requests(requests) => requests.node == Node::Cbs,
            Kind::Replies(replies) => replies.node == Node::Cbs,
            _ => false,
        };
        let (connection, faults) = (core.handle.id, &core.namespace.faults);
        let mute = link.site(connection).is_some_and(|site| faults.is_mute(site));
        let delay = link.site(connection).and_then(|site| faults.latency(site));
        link.kind = Kind::Leaving;
        self.retire(core, handle);
        if mute {
            self.links.remove(&handle);
        } else if of_cbs {
            let (channel, serial) = (self.channel, self.serial);
            let later = Later::AnswerDetach { channel, serial, handle, closed };
            core.due.push(std::time::Instant::now() + DETACH_PATIENCE, later);
        } else {
            let from = core.out.len();
            self.answer_detach(core, handle, closed);
            core.hold_back(from, delay);
        }
    }

    pub(super) fn answer_detach(&mut self, core: &mut Core, handle: u32, closed: bool) {
        self.links.remove(&handle);
        reply::detach(&mut core.out, self.channel, &Detach { handle, closed, error: None });
    }

    pub(super) fn detach_where(
        &mut self,
        core: &mut Core,
        reason: impl Fn(&Link) -> Option<Condition>,
    ) {
        let live = self.links.iter().filter(|(_, link)| link.is_live());
        let chosen: Vec<(u32, Condition)> =
            live.filter_map(|(handle, link)| Some((*handle, reason(link)?))).collect();
        for (handle, condition) in chosen {
            self.force_off(core, handle, &condition);
        }
    }

    fn force_off(&mut self, core: &mut Core, handle: u32, condition: &Condition) {
        let Some(link) = self.links.get_mut(&handle) else { return };
        let faults = &core.namespace.faults;
        let delay = link.site(core.handle.id).and_then(|site| faults.latency(site));
        link.kind = Kind::Gone;
        self.retire(core, handle);
        let from = core.out.len();
        let error = Some(condition.reason());
        reply::detach(&mut core.out, self.channel, &Detach { handle, closed: true, error });
        core.hold_back(from, delay);
    }
}

/// Answers an attach: the same link seen from the other end.
fn admission<'a>(attach: &Attach<'a>, max_message_size: u64) -> Attach<'a> {
    Attach {
        role: attach.role.peer(),
        snd_settle_mode: attach.snd_settle_mode.or(Some(2)),
        rcv_settle_mode: attach.rcv_settle_mode.or(Some(0)),
        source: attach.source.or(Some(&reply::EMPTY_SOURCE)),
        target: attach.target.or(Some(&reply::EMPTY_TARGET)),
        initial_delivery_count: (attach.role == Role::Receiver).then_some(0),
        max_message_size: Some(max_message_size),
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
        ..*attach
    }
}

/// A refused link has neither source nor target.
fn refusal<'a>(attach: &Attach<'a>) -> Attach<'a> {
    Attach { source: None, target: None, ..admission(attach, 0) }
}

fn unattached() -> Condition {
    Condition::new("amqp:session:unattached-handle", "no link is attached with that handle")
}
