//! A session: what its links share, which is two windows, the numbers of messages, and the handles.

mod receiving;
mod sending;

pub(super) use sending::Turn;

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::event::{DeliveryId, Event, LinkId, Offer, SessionId, Why};
use super::link::{Link, LinkEnd, Message, Receiver, Sender, State};
use super::output::Output;
use super::{Attach, Wants};
use crate::performative::write::{self, far_source, own_source, symbol_map, symbols, terminus};
use crate::performative::{self as wire, Begin, Detach, Reason, Role};

/// Transfer frames that the peer may send before it hears from us.
const INCOMING_WINDOW: u32 = 4_096;
/// Of our own there is no limit.
const OUTGOING_WINDOW: u32 = u32::MAX;

/// What a session needs of its connection.
#[derive(Debug)]
pub(super) struct Outside<'a> {
    pub(super) output: &'a mut Output,
    pub(super) events: &'a mut VecDeque<Event>,
    pub(super) max_frame: usize,
}

/// What a peer did that it must not do.
pub(super) type Broken = String;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Beginning,
    Open,
    /// The end is sent: nothing may be said on it any more.
    Ending,
}

/// A message whose answer is still to come.
#[derive(Debug)]
struct Unsettled {
    handle: u32,
    id: DeliveryId,
    /// Where in the stream its last byte stands; `None` while there are frames to come.
    end: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) phase: Phase,
    pub(super) peer_channel: Option<u16>,
    handle_max: u32,
    /// Transfer frames that the peer takes.
    window: u32,
    next_outgoing_id: u32,
    /// The number of the next message. On the wire there are its lower 32 bits.
    next_number: u64,
    unsettled: BTreeMap<u64, Unsettled>,
    next_incoming_id: u32,
    unannounced: u32,
    /// By our handle.
    links: Vec<Option<Link>>,
    /// Our handles, by the peer's.
    peers: HashMap<u32, u32>,
    /// Links that wait for the window.
    pub(super) stalled: VecDeque<LinkId>,
}

impl Session {
    pub(super) fn begin(id: SessionId, output: &mut Output) -> Self {
        let begin = Begin {
            remote_channel: None,
            next_outgoing_id: 0,
            incoming_window: INCOMING_WINDOW,
            outgoing_window: OUTGOING_WINDOW,
            handle_max: u32::MAX,
        };
        output.make(|out| write::begin(out, id.channel, &begin));
        Self {
            id,
            phase: Phase::Beginning,
            peer_channel: None,
            handle_max: 0,
            window: 0,
            next_outgoing_id: 0,
            next_number: 0,
            unsettled: BTreeMap::new(),
            next_incoming_id: 0,
            unannounced: 0,
            links: Vec::new(),
            peers: HashMap::new(),
            stalled: VecDeque::new(),
        }
    }

    pub(super) fn begun(&mut self, channel: u16, begin: &Begin) {
        self.peer_channel = Some(channel);
        self.handle_max = begin.handle_max;
        self.window = begin.incoming_window;
        self.next_incoming_id = begin.next_outgoing_id;
        if self.phase == Phase::Beginning {
            self.phase = Phase::Open;
        }
    }

    /// Links that it can have.
    pub(super) fn places(&self) -> usize {
        (self.handle_max as usize).saturating_add(1)
    }

    /// Transfer frames that the peer takes now.
    pub(super) fn window(&self) -> u32 {
        self.window
    }

    pub(super) fn link(&mut self, id: LinkId) -> Option<&mut Link> {
        let link = self.links.get_mut(id.handle as usize)?.as_mut()?;
        (link.id == id).then_some(link)
    }

    pub(super) fn sender(&mut self, id: LinkId) -> Option<&mut Sender> {
        match &mut self.link(id)?.end {
            LinkEnd::Sender(sender) => Some(sender),
            LinkEnd::Receiver(_) => None,
        }
    }

    /// Asks for a link; `None` when the peer takes no more.
    pub(super) fn attach(
        &mut self,
        (attach, wants): (&Attach<'_>, &Wants<'_>),
        serial: u32,
        output: &mut Output,
    ) -> Option<LinkId> {
        let free = self.links.iter().position(Option::is_none).unwrap_or(self.links.len());
        if self.phase != Phase::Open || free >= self.places() {
            return None;
        }
        let handle = free as u32;
        let id = LinkId { session: self.id, handle, serial };
        let (role, end) = match attach.receives {
            None => (Role::Sender, LinkEnd::Sender(Sender::default())),
            Some(it) => (Role::Receiver, LinkEnd::Receiver(Receiver::new(it.credit, it.largest))),
        };
        let (source, target) = match attach.receives {
            None => (own_source(attach.own), terminus(role, attach.address)),
            Some(it) => {
                (far_source(attach.address, it.selector), terminus(Role::Sender, attach.own))
            }
        };
        let receives = attach.receives.as_ref();
        let settled = receives.is_some_and(|it| it.settled);
        let of_source = receives.map_or(&[][..], |it| it.capabilities);
        let wanted = [of_source, wants.capabilities].concat();
        let desired = symbols(&wanted);
        let properties = (!wants.properties.is_empty()).then(|| symbol_map(wants.properties));
        let frame = wire::Attach {
            name: attach.name,
            handle,
            role,
            snd_settle_mode: Some(u8::from(settled)),
            rcv_settle_mode: Some(0),
            source: Some(&source),
            target: Some(&target),
            initial_delivery_count: (role == Role::Sender).then_some(0),
            max_message_size: receives.map(|it| it.largest as u64),
            offered_capabilities: None,
            desired_capabilities: (!wanted.is_empty()).then_some(&*desired),
            properties: properties.as_deref(),
        };
        output.make(|out| write::attach(out, self.id.channel, &frame));
        let name = attach.name.to_owned();
        let link = Link { id, name, state: State::Attaching, peer_handle: None, end };
        match self.links.get_mut(free) {
            Some(place) => *place = Some(link),
            None => self.links.push(Some(link)),
        }
        Some(id)
    }

    pub(super) fn attached(
        &mut self,
        attach: &wire::Attach<'_>,
        outside: &mut Outside<'_>,
    ) -> Result<(), Broken> {
        let role = attach.role.peer();
        let known = self.links.iter_mut().flatten().find(|link| {
            link.name == attach.name && link.role() == role && link.peer_handle.is_none()
        });
        let link = known.ok_or_else(|| format!("a link `{}` without a request", attach.name))?;
        link.peer_handle = Some(attach.handle);
        if self.peers.insert(attach.handle, link.id.handle).is_some() {
            return Err(format!("handle {} is used twice", attach.handle));
        }
        if link.state != State::Attaching {
            return Ok(());
        }
        let there = match &link.end {
            LinkEnd::Sender(_) => attach.target,
            LinkEnd::Receiver(_) => attach.source,
        };
        if there.is_none() {
            link.state = State::Refused;
            return Ok(());
        }
        link.state = State::Attached;
        let max_message_size = attach.max_message_size.filter(|size| *size > 0);
        let (link_id, offer) = (link.id, Offer::of(attach));
        outside.events.push_back(Event::Attached { link: link_id, max_message_size, offer });
        if let LinkEnd::Receiver(receiver) = &mut link.end {
            // Microsoft's own library leaves it out; that is 0.
            receiver.delivery_count = attach.initial_delivery_count.unwrap_or(0);
            let (id, first) = (link.id, receiver.credit);
            if first > 0 {
                self.say_credit(id, outside.output);
            }
            self.renew(id, outside.output);
        }
        Ok(())
    }

    /// Ends a link from here. What was not sent will not be.
    pub(super) fn detach(&mut self, id: LinkId, outside: &mut Outside<'_>) {
        let channel = self.id.channel;
        let is_open = self.phase == Phase::Open;
        let Some(link) = self.link(id) else { return };
        if !is_open || matches!(link.state, State::Refused | State::Detaching) {
            return;
        }
        link.state = State::Detaching;
        let waiting = match &mut link.end {
            LinkEnd::Sender(sender) => std::mem::take(&mut sender.waiting),
            LinkEnd::Receiver(_) => VecDeque::new(),
        };
        self.drop_waiting(id, waiting, outside);
        let detach = Detach { handle: id.handle, closed: true, error: None };
        outside.output.make(|out| write::detach(out, channel, &detach));
    }

    /// A message that was not all sent ends so: the peer cannot have it.
    fn drop_waiting(
        &mut self,
        link: LinkId,
        waiting: VecDeque<Message>,
        outside: &mut Outside<'_>,
    ) {
        for message in waiting {
            let known = message.number.and_then(|number| self.unsettled.remove(&number));
            // One that was answered before it was all sent has had its event.
            if message.number.is_none() || known.is_some() {
                let (delivery, sent) = (message.id, false);
                outside.events.push_back(Event::Unsettled { link, delivery, sent });
            }
        }
    }

    pub(super) fn detached(&mut self, detach: &Detach<'_>, outside: &mut Outside<'_>) {
        let Some(handle) = self.peers.remove(&detach.handle) else { return };
        let Some(link) = self.links[handle as usize].take() else { return };
        let asked = link.state == State::Detaching;
        let failure = detach.error.map(Into::into);
        let why = if asked && failure.is_none() { Why::Asked } else { Why::Peer(failure) };
        if !asked && self.phase == Phase::Open {
            let answer = Detach { handle, closed: detach.closed, error: None };
            outside.output.make(|out| write::detach(out, self.id.channel, &answer));
        }
        self.bury(link, why, outside);
    }

    fn bury(&mut self, link: Link, why: Why, outside: &mut Outside<'_>) {
        let id = link.id;
        if let LinkEnd::Sender(sender) = link.end {
            let written = outside.output.written();
            let of_link = |it: &Unsettled| it.handle == id.handle && it.end.is_some();
            let numbers = self.unsettled.iter().filter(|(_, it)| of_link(it));
            let numbers: Vec<u64> = numbers.map(|(number, _)| *number).collect();
            for unsettled in numbers.iter().filter_map(|number| self.unsettled.remove(number)) {
                let sent = unsettled.end.is_some_and(|end| end <= written);
                let (link, delivery) = (id, unsettled.id);
                outside.events.push_back(Event::Unsettled { link, delivery, sent });
            }
            self.drop_waiting(id, sender.waiting, outside);
        }
        outside.events.push_back(Event::Detached { link: id, why });
    }

    pub(super) fn end(&mut self, output: &mut Output) {
        if self.phase != Phase::Ending {
            self.phase = Phase::Ending;
            output.make(|out| write::end(out, self.id.channel, None));
        }
    }

    /// The peer has ended it.
    pub(super) fn ended(mut self, error: Option<Reason<'_>>, outside: &mut Outside<'_>) {
        let asked = self.phase == Phase::Ending;
        if !asked {
            outside.output.make(|out| write::end(out, self.id.channel, None));
        }
        let failure = error.map(super::event::Failure::from);
        let asked = asked && failure.is_none();
        let links = if asked { Why::Asked } else { Why::Session(failure.clone()) };
        let own = if asked { Why::Asked } else { Why::Peer(failure) };
        self.is_over(&links, own, outside);
    }

    /// Ends with all that is on it.
    pub(super) fn is_over(&mut self, links: &Why, own: Why, outside: &mut Outside<'_>) {
        for link in std::mem::take(&mut self.links).into_iter().flatten() {
            self.bury(link, links.clone(), outside);
        }
        outside.events.push_back(Event::Ended { session: self.id, why: own });
    }
}
