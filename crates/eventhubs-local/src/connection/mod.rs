//! One connection's protocol, without its socket: bytes in, bytes out, and a clock handed in.
//!
//! `Connection` takes what arrived, acts on the namespace, and appends what is to be sent to `core.out`. It never
//! waits; the driver beside it owns the socket and calls back for time, wake-ups and room in the output.

mod assembly;
mod attach;
pub(crate) mod driver;
mod due;
mod handshake;
mod idle;
mod ingest;
mod line;
mod link;
mod orders;
mod outbox;
mod outlet;
mod requests;
mod sending;
mod session;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp::frame::{self, Kind};
use amqp::performative::{self, Performative, write as reply};

use crate::auth::Grants;
use crate::condition::Condition;
use crate::namespace::Namespace;
use crate::registry::ConnectionHandle;
use assembly::Budget;
use due::{Due, Later};
use handshake::Phase;
use idle::Linkless;
use session::Session;

/// The largest frame the server takes, and makes.
const MAX_FRAME: usize = 65_536;
/// Links of one connection, over all its sessions.
const MAX_LINKS: usize = 10_000;
/// Output beyond this makes receivers wait, and the server stop reading.
const OUT_HIGH: usize = 512 * 1024;

/// A namespace of those hubs, without keys: what is fed with bytes needs one.
#[cfg(any(test, fuzzing))]
pub(crate) fn test_namespace(hubs: Vec<Arc<crate::hub::Hub>>) -> Namespace {
    Namespace { hubs: hubs.into(), ..Namespace::default() }
}

/// What the driver is to do with the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Running,
    /// Send what is written, then close.
    Finish,
    /// Close now.
    Abort,
    /// Keep the socket, swallow everything, say nothing.
    Mute,
}

/// What sessions and links need of their connection.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) out: Vec<u8>,
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) handle: Arc<ConnectionHandle>,
    pub(crate) grants: Grants,
    pub(crate) due: Due,
    pub(crate) fate: Fate,
    pub(crate) peer_max_frame: usize,
    /// When what is being dealt with arrived or became due.
    pub(crate) now: Instant,
    /// What half-arrived deliveries may take.
    pub(crate) budget: Arc<Budget>,
    /// Numbers sessions and readers, so that what is late finds only what it was meant for.
    serial: u64,
}

impl Core {
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A number for a receiver that no other of the server has.
    pub(crate) fn next_reader(&mut self) -> u64 {
        (self.handle.id << 32) | self.next_serial()
    }

    /// Says later what was written from `from` on.
    pub(crate) fn hold_back(&mut self, from: usize, delay: Option<Duration>) {
        if let Some(delay) = delay {
            let held = self.out.split_off(from);
            self.due.push(self.now + delay, Later::Write(held));
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.out.len() < OUT_HIGH && self.fate == Fate::Running
    }
}

#[derive(Debug)]
pub(crate) struct Connection {
    core: Core,
    phase: Phase,
    /// Whether the client has shown a certificate that is trusted.
    identified: bool,
    sessions: BTreeMap<u16, Session>,
    /// The channels on which the server may have something to send.
    speaking: BTreeSet<u16>,
    /// Whether a link has come or gone since the last look.
    links_changed: bool,
    linkless: Option<Linkless>,
    last_received: Instant,
    /// The channel whose turn to send is next.
    turn: u16,
}

impl Connection {
    pub(crate) fn new(namespace: Arc<Namespace>, handle: Arc<ConnectionHandle>) -> Self {
        let grants = Grants::new(namespace.guarded(), namespace.settings.expire_tokens);
        let mute = namespace.faults.silence(handle.id);
        let now = Instant::now();
        let core = Core {
            out: Vec::new(),
            namespace,
            handle,
            grants,
            due: Due::default(),
            fate: if mute { Fate::Mute } else { Fate::Running },
            peer_max_frame: MAX_FRAME,
            now,
            budget: Arc::new(Budget::default()),
            serial: 0,
        };
        let mut connection = Self {
            core,
            phase: Phase::Header,
            identified: false,
            sessions: BTreeMap::new(),
            speaking: BTreeSet::new(),
            links_changed: false,
            linkless: Some(Linkless { since: now, had_links: false }),
            last_received: now,
            turn: 0,
        };
        connection.watch_silence();
        connection
    }

    pub(crate) fn fate(&self) -> Fate {
        self.core.fate
    }

    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.core.out
    }

    /// The client has shown a certificate that is trusted.
    pub(crate) fn identified(&mut self) {
        self.identified = true;
    }

    /// Bytes a second to be read from the client, when a fault limits them.
    pub(crate) fn reading_rate(&self) -> Option<u64> {
        self.core.namespace.faults.reading_rate(self.core.handle.id)
    }

    /// How much later than it is said everything leaves.
    pub(crate) fn latency(&self) -> Option<Duration> {
        let namespace = &self.core.namespace;
        namespace.faults.line_latency(self.core.handle.id).or(namespace.settings.latency)
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.core.due.next()
    }

    /// Takes what arrived; tells how much of it is used up.
    pub(crate) fn receive(&mut self, input: &[u8], now: Instant) -> usize {
        self.last_received = now;
        self.core.now = now;
        let mut used = 0;
        while self.core.fate == Fate::Running {
            match self.step(&input[used..]) {
                Ok(0) => break,
                Ok(count) => used += count,
                Err(condition) => self.close(&condition),
            }
        }
        self.look_at_links();
        if self.core.fate == Fate::Running { used } else { input.len() }
    }

    /// Takes one header or frame from the front of `input`; 0 when none is complete.
    fn step(&mut self, input: &[u8]) -> Result<usize, Condition> {
        if self.phase.awaits_header() {
            return Ok(self.header(input));
        }
        let frame = frame::parse(input, MAX_FRAME)
            .map_err(|error| Condition::framing(format!("bad frame: {error}")))?;
        let Some(frame) = frame else { return Ok(0) };
        match (frame.kind, self.phase) {
            (Kind::Sasl, Phase::Sasl) => self.sasl_init(frame.body)?,
            (Kind::Amqp, Phase::AwaitOpen | Phase::Open) => {
                if !frame.body.is_empty() {
                    self.frame(frame.channel, frame.body)?;
                }
            }
            _ => return Err(Condition::framing("a frame of the wrong type")),
        }
        Ok(frame.size)
    }

    fn frame(&mut self, channel: u16, body: &[u8]) -> Result<(), Condition> {
        let (performative, payload) =
            performative::decode(body).map_err(|error| Condition::decode(&error))?;
        match (performative, self.phase) {
            (Performative::Open(open), Phase::AwaitOpen) => self.open(&open),
            (_, Phase::AwaitOpen) | (Performative::Open(_), _) => {
                return Err(Condition::new("amqp:not-allowed", "open comes first, and once"));
            }
            (Performative::Begin(begin), _) => {
                let most = self.core.namespace.settings.channel_max;
                if channel > most || self.sessions.contains_key(&channel) {
                    let text = format!("channel {channel} cannot be begun");
                    return Err(Condition::new("amqp:not-allowed", text));
                }
                let session = Session::begin(channel, begin, &mut self.core);
                self.sessions.insert(channel, session);
            }
            (Performative::End(_), _) => {
                if let Some(session) = self.sessions.remove(&channel) {
                    session.end(&self.core);
                    self.speaking.remove(&channel);
                    reply::end(&mut self.core.out, channel, None);
                    self.links_changed = true;
                }
            }
            (Performative::Close(_), _) => {
                reply::close(&mut self.core.out, None);
                self.core.fate = Fate::Finish;
            }
            (other, _) => self.session_frame(channel, &other, payload)?,
        }
        Ok(())
    }

    fn session_frame(
        &mut self,
        channel: u16,
        performative: &Performative<'_>,
        payload: &[u8],
    ) -> Result<(), Condition> {
        let links: usize = match performative {
            Performative::Attach(_) => self.sessions.values().map(|it| it.links.len()).sum(),
            _ => 0,
        };
        if links >= MAX_LINKS {
            let text = format!("a connection has no more than {MAX_LINKS} links");
            return Err(Condition::new("amqp:resource-limit-exceeded", text));
        }
        let core = &mut self.core;
        let Some(session) = self.sessions.get_mut(&channel) else {
            // As at the service: what comes after a session's end costs the connection, but for a detach.
            if matches!(performative, Performative::Detach(_)) {
                return Ok(());
            }
            let text = format!("The session channel '{channel}' cannot be found.");
            return Err(Condition::new("amqp:not-found", text));
        };
        match performative {
            Performative::Attach(attach) => {
                session.attach(core, attach)?;
                if !session.senders.is_empty() {
                    self.speaking.insert(channel);
                }
                self.links_changed = true;
            }
            Performative::Flow(flow) => session.flow(core, flow)?,
            Performative::Transfer(transfer) => {
                if let Some(call) = session.transfer(core, transfer, payload)? {
                    self.answer(channel, &call);
                }
            }
            Performative::Disposition(disposition) => session.disposition(core, *disposition),
            Performative::Detach(detach) => {
                session.detach(core, *detach);
                self.links_changed = true;
            }
            // Dealt with by `frame`.
            Performative::Open(_)
            | Performative::Begin(_)
            | Performative::End(_)
            | Performative::Close(_) => {}
        }
        Ok(())
    }

    /// Closes the connection with an error; before its open there is nobody to tell.
    fn close(&mut self, condition: &Condition) {
        tracing::debug!(connection = self.core.handle.id, %condition, "closing");
        if self.phase == Phase::Open {
            reply::close(&mut self.core.out, Some(condition.reason()));
        }
        self.core.fate = Fate::Finish;
    }

    /// Does what has become due.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.core.now = now;
        while self.core.fate == Fate::Running
            && let Some(later) = self.core.due.pop(now)
        {
            match later {
                Later::Settle { channel, serial, handle, delivery_id, outcome } => {
                    if let Some(session) = self.session(channel, serial) {
                        let (session, core) = session;
                        session.settle(core, handle, delivery_id, &outcome);
                    }
                }
                Later::AnswerDetach { channel, serial, handle, closed } => {
                    if let Some((session, core)) = self.session(channel, serial) {
                        session.answer_detach(core, handle, closed);
                    }
                }
                Later::Reply { channel, reply } => self.deliver(channel, &reply),
                Later::Write(bytes) => self.core.out.extend_from_slice(&bytes),
                Later::Heartbeat { every } => {
                    self.core.out.extend_from_slice(&frame::HEARTBEAT);
                    self.core.due.push(now + every, Later::Heartbeat { every });
                }
                Later::Silence => self.check_silence(now),
                Later::TokenExpiry => {
                    self.drop_unauthorized();
                    self.watch_tokens();
                }
                Later::Idle => self.check_idle(),
            }
        }
        self.look_at_links();
    }

    fn session(&mut self, channel: u16, serial: u64) -> Option<(&mut Session, &mut Core)> {
        let session = self.sessions.get_mut(&channel)?;
        (session.serial == serial).then_some((session, &mut self.core))
    }

    /// Sends receivers what they have credit for, while there is room.
    pub(crate) fn pump(&mut self) {
        let mut progress = true;
        while progress && self.core.has_room() {
            progress = false;
            let turn = self.turn;
            let rounds = [(turn, Bound::Unbounded), (0, Bound::Excluded(turn))];
            for (from, end) in rounds {
                for channel in self.speaking.range((Bound::Included(from), end)) {
                    if !self.core.has_room() {
                        self.turn = *channel;
                        return;
                    }
                    if let Some(session) = self.sessions.get_mut(channel) {
                        progress |= session.pump(&mut self.core);
                    }
                }
            }
        }
    }
}
