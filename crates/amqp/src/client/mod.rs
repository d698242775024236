//! A client's end of a connection, without I/O: bytes in, bytes out, and the time handed in.
//!
//! ```
//! use std::time::Instant;
//! use amqp::client::{Connection, Login, Settings};
//!
//! let settings = Settings::new("example.servicebus.windows.net", "me", Login::Anonymous);
//! let mut connection = Connection::new(settings, Instant::now());
//! // The driver writes what is there, feeds what comes, and acts on what it is told.
//! let mut slices = [std::io::IoSlice::new(&[])];
//! assert_eq!(connection.slices(&mut slices), 1);
//! assert_eq!(&slices[0][..4], b"AMQP");
//! assert!(connection.event().is_none());
//! ```
//!
//! What was asked for is answered by an event, or by the event that tells the end of what it was asked of. Nothing here
//! waits, and nothing has a deadline but the connection's silence: who asks decides how long the answer may take.
//!
//! A message is begun when the peer has given credit, and made into frames only when there is room to write them. So it
//! is known of each whether the peer can have it: see [`Event::Unsettled`] and [`Connection::withdraw`].
#![doc = include_str!("differences.md")]

mod event;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod handshake;
mod incoming;
mod link;
mod output;
mod session;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::IoSlice;
use std::time::{Duration, Instant};

use bytes::Bytes;

pub use event::{Answer, DeliveryId, End, Event, Failure, LinkId, Offer, SessionId, Why};
pub use settings::{Attach, Credit, Login, Receives, Settings, Wants};

use crate::frame::HEARTBEAT;
use crate::performative::write;
use handshake::Handshake;
use link::Message;
use output::Output;
use session::{Phase, Session, Turn};

/// Frames are made while less than this is to be written.
const OUT_HIGH: usize = 256 * 1024;
/// No peer that reads lets more than this wait to be written: beside messages it is what was asked for, and answers.
const OUT_MOST: usize = 16 * 1024 * 1024;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    settings: Settings,
    /// Until it is open.
    handshake: Option<Handshake>,
    input: Vec<u8>,
    output: Output,
    events: VecDeque<Event>,
    /// By our channel.
    sessions: BTreeMap<u16, Session>,
    /// Our channels, by the peer's.
    peers: HashMap<u16, u16>,
    /// The links whose turn to send comes.
    ready: VecDeque<LinkId>,
    channel_max: u16,
    max_frame: usize,
    /// The peer wants to hear something so often.
    heartbeat: Option<Duration>,
    heard: Instant,
    said: Instant,
    serial: u32,
    deliveries: u64,
    closing: bool,
    end: Option<End>,
}

impl Connection {
    /// Begins; the first bytes are there to be written.
    pub fn new(settings: Settings, now: Instant) -> Self {
        let mut output = Output::default();
        let handshake = Some(Handshake::begin(&mut output));
        let max_frame = settings.max_frame as usize;
        Self {
            settings,
            handshake,
            input: Vec::new(),
            output,
            events: VecDeque::new(),
            sessions: BTreeMap::new(),
            peers: HashMap::new(),
            ready: VecDeque::new(),
            channel_max: 0,
            max_frame,
            heartbeat: None,
            heard: now,
            said: now,
            serial: 0,
            deliveries: 0,
            closing: false,
            end: None,
        }
    }

    /// What happened since it was asked last.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether the peer's limits are known, and it has not ended.
    pub fn is_open(&self) -> bool {
        self.handshake.is_none() && self.end.is_none()
    }

    /// Whether it has ended. What is still to be written may be.
    pub fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// How it ended, if it has.
    pub fn how_it_ended(&self) -> Option<End> {
        self.end.clone()
    }

    /// When something was heard last.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// Sessions that the peer lets it have.
    pub fn sessions(&self) -> usize {
        usize::from(self.channel_max) + 1
    }

    /// Links that the peer lets a session have.
    pub fn links(&self, session: SessionId) -> usize {
        self.find(session).map_or(0, Session::places)
    }

    fn find(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id.channel).filter(|session| session.id == id)
    }

    /// Does what is due: a sign of life, or the end after too long a silence.
    pub fn tick(&mut self, now: Instant) {
        if self.end.is_some() {
            return;
        }
        if self.silent_at().is_some_and(|at| at <= now) {
            return self.fail(End::Silent);
        }
        if self.speak_at().is_some_and(|at| at <= now) {
            self.said = now;
            self.output.make(|out| out.extend_from_slice(&HEARTBEAT));
        }
    }

    /// When there is something to do without anything having come.
    pub fn deadline(&self) -> Option<Instant> {
        if self.end.is_some() {
            return None;
        }
        let (silent, speak) = (self.silent_at(), self.speak_at());
        silent.into_iter().chain(speak).min()
    }

    fn silent_at(&self) -> Option<Instant> {
        self.settings.idle.map(|idle| self.heard + idle)
    }

    fn speak_at(&self) -> Option<Instant> {
        // What is there to be written is a sign of life, or cannot be written: then another one would help nobody.
        self.heartbeat.filter(|_| self.output.len() == 0).map(|every| self.said + every)
    }

    /// What is to be written now, as much as `slices` take. Gives how many were filled.
    pub fn slices<'a>(&'a mut self, slices: &mut [IoSlice<'a>]) -> usize {
        self.make_frames();
        self.output.slices(slices)
    }

    /// So many bytes of that were written.
    pub fn written(&mut self, count: usize, now: Instant) {
        self.said = now;
        self.output.advance(count);
    }

    /// The stream is gone, or is not to be used any more. Nothing more is to be written.
    pub fn lost(&mut self, why: impl Into<String>) {
        self.finish(End::Lost(why.into()));
        self.output.clear();
    }

    fn make_frames(&mut self) {
        while self.output.len() < OUT_HIGH
            && !self.closing
            && let Some(link) = self.ready.pop_front()
        {
            let Some((session, mut outside)) = self.session_of(link.session) else { continue };
            let turn = session.carry_on(link, &mut outside);
            if turn == Turn::Stalled {
                session.stalled.push_back(link);
                continue;
            }
            let Some(sender) = session.sender(link) else { continue };
            match turn {
                Turn::Full => self.ready.push_front(link),
                Turn::Again if sender.is_ready() => self.ready.push_back(link),
                _ => sender.queued = false,
            }
        }
    }

    fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    /// Asks for a session; `None` when the peer lets it have no more, or it is not open.
    pub fn begin(&mut self) -> Option<SessionId> {
        if !self.is_open() || self.closing {
            return None;
        }
        let free = (0..=self.channel_max).find(|channel| !self.sessions.contains_key(channel))?;
        let id = SessionId { channel: free, serial: self.next_serial() };
        let session = Session::begin(id, &mut self.output);
        self.sessions.insert(free, session);
        Some(id)
    }

    /// Asks for a link on a session that has begun; `None` when the peer lets it have no more, or it has ended.
    pub fn attach(&mut self, session: SessionId, attach: &Attach<'_>) -> Option<LinkId> {
        self.attach_wanting(session, attach, &Wants::default())
    }

    /// The same, where more is asked of the peer. What it says to that comes with [`Event::Attached`].
    pub fn attach_wanting(
        &mut self,
        session: SessionId,
        attach: &Attach<'_>,
        wants: &Wants<'_>,
    ) -> Option<LinkId> {
        let serial = self.next_serial();
        let (session, outside) = self.session_of(session)?;
        session.attach((attach, wants), serial, outside.output)
    }

    /// Has a message sent as soon as there is credit; `None` when the link is not there, or is no sender.
    pub fn send(&mut self, link: LinkId, payload: Bytes, format: u32) -> Option<DeliveryId> {
        let id = DeliveryId(self.deliveries);
        let (session, _) = self.session_of(link.session)?;
        if session.phase != Phase::Open || session.link(link)?.state != link::State::Attached {
            return None;
        }
        let message = Message { id, payload, format, number: None, cut: false };
        session.sender(link)?.waiting.push_back(message);
        self.deliveries += 1;
        self.queue(link);
        Some(id)
    }

    /// Takes a message back of which nothing was sent, and never will be. Else it is to be waited for, or its link ended.
    pub fn withdraw(&mut self, link: LinkId, delivery: DeliveryId) -> bool {
        let Some((session, _)) = self.session_of(link.session) else { return false };
        let Some(sender) = session.sender(link) else { return false };
        let before = sender.waiting.len();
        sender.waiting.retain(|message| message.id != delivery || message.number.is_some());
        sender.waiting.len() < before
    }

    /// Lets so many more messages come on a link that receives, beyond what is open. `false` when it is not there.
    pub fn grant(&mut self, link: LinkId, more: u32) -> bool {
        let Some((session, outside)) = self.session_of(link.session) else { return false };
        session.phase == Phase::Open && session.grant(link, more, outside.output)
    }

    /// Ends a link. What of it was not sent is told at once, and what was sent with its end.
    pub fn detach(&mut self, link: LinkId) {
        if let Some((session, mut outside)) = self.session_of(link.session) {
            session.detach(link, &mut outside);
        }
    }

    /// Ends a session.
    pub fn end(&mut self, session: SessionId) {
        if let Some((session, outside)) = self.session_of(session) {
            session.end(outside.output);
        }
    }

    /// Ends the connection in good order.
    pub fn close(&mut self) {
        if self.end.is_some() || self.closing {
            return;
        }
        if self.handshake.is_some() {
            return self.finish(End::Asked);
        }
        self.closing = true;
        self.ready.clear();
        self.output.make(|out| write::close(out, None));
        self.output.seal();
    }
}
