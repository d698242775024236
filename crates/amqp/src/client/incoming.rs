//! What comes from the peer, frame by frame, and what it does to the connection.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::event::{End, Event, Failure, LinkId, SessionId, Why};
use super::session::{Broken, Outside, Phase, Session};
use super::{Connection, OUT_MOST};
use crate::frame::{self, Kind, MIN_MAX_FRAME};
use crate::performative::{self as wire, Performative, Reason, write};

impl Connection {
    /// Takes what came.
    pub fn received(&mut self, bytes: &[u8], now: Instant) {
        if self.end.is_some() {
            return;
        }
        self.heard = now;
        let mut input = std::mem::take(&mut self.input);
        input.extend_from_slice(bytes);
        let mut used = 0;
        while self.end.is_none() {
            match self.step(&input[used..]) {
                Ok(0) => break,
                Ok(_) if self.output.len() > OUT_MOST => {
                    self.fail(End::Broken("it wants answers, and does not read them".to_owned()));
                }
                Ok(count) => used += count,
                Err(end) => self.fail(end),
            }
        }
        if self.end.is_none() {
            input.drain(..used);
            self.input = input;
        }
    }

    /// Takes a frame or a header; gives its size, 0 while it has not all come.
    fn step(&mut self, input: &[u8]) -> Result<usize, End> {
        if let Some(handshake) = &mut self.handshake
            && handshake.awaits_header()
        {
            return handshake.header(input);
        }
        let broken = |error: crate::DecodeError| End::Broken(error.to_string());
        let largest = self.settings.max_frame as usize;
        let Some(frame) = frame::parse(input, largest).map_err(broken)? else { return Ok(0) };
        match frame.kind {
            Kind::Sasl => match &mut self.handshake {
                Some(handshake) => {
                    handshake.sasl(frame.body, &self.settings, &mut self.output)?;
                }
                None => return Err(End::Broken("SASL after the open".to_owned())),
            },
            Kind::Amqp if frame.body.is_empty() => {}
            Kind::Amqp => {
                let (performative, payload) = wire::decode(frame.body).map_err(broken)?;
                self.performative(frame.channel, performative, payload)?;
            }
        }
        Ok(frame.size)
    }

    fn performative(
        &mut self,
        channel: u16,
        performative: Performative<'_>,
        payload: &[u8],
    ) -> Result<(), End> {
        match performative {
            Performative::Open(open) => self.opened(&open),
            Performative::Close(error) => {
                self.closed(error);
                Ok(())
            }
            _ if self.handshake.is_some() => Err(End::Broken("a frame before the open".to_owned())),
            Performative::Begin(begin) => self.begun(channel, &begin).map_err(End::Broken),
            Performative::End(error) => {
                self.ended(channel, error);
                Ok(())
            }
            other => self.on_session(channel, &other, payload).map_err(End::Broken),
        }
    }

    fn opened(&mut self, open: &wire::Open<'_>) -> Result<(), End> {
        if !self.handshake.take().is_some_and(|handshake| handshake.awaits_open()) {
            return Err(End::Broken("an open that was not its turn".to_owned()));
        }
        self.channel_max = open.channel_max;
        self.max_frame = self.max_frame.min(open.max_frame_size as usize).max(MIN_MAX_FRAME);
        let limit = open.idle_time_out.filter(|millis| *millis > 0);
        self.heartbeat = limit.map(|millis| Duration::from_millis(millis.into()) / 2);
        self.events.push_back(Event::Opened);
        Ok(())
    }

    fn closed(&mut self, error: Option<Reason<'_>>) {
        let asked = self.closing && error.is_none();
        self.last_word(None);
        self.finish(if asked { End::Asked } else { End::Peer(error.map(Failure::from)) });
    }

    /// Ends it, and tells the peer why if that can be told.
    pub(super) fn fail(&mut self, end: End) {
        if self.handshake.is_none() {
            let text = end.to_string();
            let condition = "amqp:connection:framing-error";
            self.last_word(Some(Reason { condition, description: &text }));
        }
        self.finish(end);
    }

    /// Closes. What is not written yet never leaves: its senders are told so. Then there is no saying good-bye either,
    /// since a frame may have been cut.
    fn last_word(&mut self, why: Option<Reason<'_>>) {
        if self.output.len() > 0 {
            self.output.clear();
        } else if !self.closing {
            self.output.make(|out| write::close(out, why));
        }
        self.closing = true;
    }

    pub(super) fn finish(&mut self, end: End) {
        if self.end.is_some() {
            return;
        }
        self.end = Some(end.clone());
        self.handshake = None;
        self.ready.clear();
        let why = match &end {
            End::Asked => Why::Asked,
            other => Why::Connection(other.to_string()),
        };
        let mut sessions = std::mem::take(&mut self.sessions);
        for session in sessions.values_mut() {
            session.is_over(&why, why.clone(), &mut self.outside());
        }
        self.events.push_back(Event::Closed(end));
    }

    fn outside(&mut self) -> Outside<'_> {
        let (output, events) = (&mut self.output, &mut self.events);
        Outside { output, events, max_frame: self.max_frame }
    }

    /// A session, and what it needs.
    fn session(&mut self, channel: u16) -> Option<(&mut Session, Outside<'_>)> {
        let (output, events) = (&mut self.output, &mut self.events);
        let outside = Outside { output, events, max_frame: self.max_frame };
        Some((self.sessions.get_mut(&channel)?, outside))
    }

    pub(super) fn session_of(&mut self, id: SessionId) -> Option<(&mut Session, Outside<'_>)> {
        self.session(id.channel).filter(|(session, _)| session.id == id)
    }

    fn begun(&mut self, channel: u16, begin: &wire::Begin) -> Result<(), Broken> {
        let ours = begin.remote_channel.ok_or("a session without a request")?;
        let session = self.sessions.get_mut(&ours).filter(|it| it.peer_channel.is_none());
        let session = session.ok_or_else(|| format!("an answer to channel {ours}"))?;
        session.begun(channel, begin);
        let (id, is_open) = (session.id, session.phase == Phase::Open);
        if self.peers.insert(channel, ours).is_some() {
            return Err(format!("channel {channel} is used twice"));
        }
        if is_open {
            self.events.push_back(Event::Begun(id));
        }
        Ok(())
    }

    fn ended(&mut self, channel: u16, error: Option<Reason<'_>>) {
        let ours = self.peers.remove(&channel);
        let Some(session) = ours.and_then(|ours| self.sessions.remove(&ours)) else { return };
        session.ended(error, &mut self.outside());
    }

    fn on_session(
        &mut self,
        channel: u16,
        performative: &Performative<'_>,
        payload: &[u8],
    ) -> Result<(), Broken> {
        let ours = self.peers.get(&channel).copied();
        let found = ours.and_then(|ours| self.session(ours));
        let (session, mut outside) =
            found.ok_or_else(|| format!("a frame on channel {channel}"))?;
        match performative {
            Performative::Attach(attach) => session.attached(attach, &mut outside),
            Performative::Transfer(transfer) => session.transfer(transfer, payload, &mut outside),
            Performative::Disposition(disposition) => {
                session.disposition(disposition, &mut outside)
            }
            Performative::Detach(detach) => {
                session.detached(detach, &mut outside);
                Ok(())
            }
            Performative::Flow(flow) => {
                let ready = session.flow(flow, outside.output);
                let stalled = match session.window() {
                    0 => VecDeque::new(),
                    _ => std::mem::take(&mut session.stalled),
                };
                self.ready.extend(stalled);
                if let Some(link) = ready {
                    self.queue(link);
                }
                Ok(())
            }
            // Dealt with before.
            _ => Ok(()),
        }
    }

    /// Gives a link its turn, if it does not wait for it already.
    pub(super) fn queue(&mut self, link: LinkId) {
        let Some((session, _)) = self.session_of(link.session) else { return };
        if let Some(sender) = session.sender(link)
            && sender.is_ready()
            && !sender.queued
        {
            sender.queued = true;
            self.ready.push_back(link);
        }
    }
}
