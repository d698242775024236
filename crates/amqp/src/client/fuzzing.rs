//! What a fuzzer feeds: a client without its socket, and the bytes of a hostile peer. Only there in builds of cargo-fuzz,
//! and in tests, which keep it building.
//!
//! The input is a script. Each step begins with one byte that says what it is: something is asked of the client, or bytes
//! come from the peer, as they are or in a frame whose size is right, so that a fuzzer gets past the frame.

use std::collections::BTreeSet;
use std::io::IoSlice;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::output::Output;
use super::{
    Attach, Connection, Credit, DeliveryId, Event, LinkId, Login, OUT_HIGH, Receives, SessionId,
    Settings,
};
use crate::frame::{self, AMQP_HEADER, Kind, SASL_HEADER};
use crate::performative::{Open, sasl, write};

/// Bytes of the largest message that a receiver takes.
const LARGEST: usize = 4_096;
/// Bytes of frames, for both sides.
const MAX_FRAME: u32 = 2_048;
/// Bytes of answers to each byte of a peer: an end without a text is answered by one that is not much longer.
const ANSWERS: usize = 16;

/// What is asked for, and was told.
struct Fuzzed {
    client: Connection,
    now: Instant,
    sessions: BTreeSet<SessionId>,
    links: Vec<LinkId>,
    under_way: BTreeSet<(LinkId, DeliveryId)>,
    /// Bytes that may wait to be written: what was asked for, and answers.
    allowed: usize,
    over: bool,
}

/// Plays a script from `now` on; panics when the client breaks its own rules.
pub fn client(script: &[u8], now: Instant) {
    let Some((how, mut script)) = script.split_first() else { return };
    let mut settings = Settings::new("host", "me", Login::Anonymous);
    settings.max_frame = MAX_FRAME;
    let mut fuzzed = Fuzzed {
        client: Connection::new(settings, now),
        now,
        sessions: BTreeSet::new(),
        links: Vec::new(),
        under_way: BTreeSet::new(),
        allowed: OUT_HIGH + 2 * MAX_FRAME as usize,
        over: false,
    };
    if how % 2 == 0 {
        fuzzed.enter();
    }
    while let Some((step, rest)) = script.split_first() {
        script = fuzzed.step(*step, rest);
        fuzzed.look();
    }
    fuzzed.client.lost("the end of the script");
    fuzzed.look();
    assert!(fuzzed.over, "the end was not told");
    assert!(fuzzed.under_way.is_empty(), "messages whose end was not told");
    assert!(fuzzed.links.is_empty(), "links whose end was not told");
    assert!(fuzzed.sessions.is_empty(), "sessions whose end was not told");
}

/// So many bytes of the script, or what is left of it.
fn take<'a>(script: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = script.split_at(count.min(script.len()));
    *script = rest;
    taken
}

/// Links that keep their credit, and such as are granted it.
fn received(how: u8) -> Receives<'static> {
    let most = 1 + u32::from(how);
    let receives = Receives::kept(most, LARGEST);
    match how % 2 {
        0 => receives,
        _ => Receives {
            credit: Credit::ByHand(most - 1),
            selector: Some("x > 'y'"),
            settled: how % 4 == 1,
            ..receives
        },
    }
}

fn byte(script: &mut &[u8]) -> u8 {
    take(script, 1).first().copied().unwrap_or(0)
}

impl Fuzzed {
    /// A handshake as it should be.
    fn enter(&mut self) {
        let open = Open {
            container_id: "peer",
            hostname: None,
            max_frame_size: MAX_FRAME,
            channel_max: 3,
            idle_time_out: Some(10_000),
        };
        let mut bytes = SASL_HEADER.to_vec();
        sasl::write_mechanisms(&mut bytes, &["ANONYMOUS"]);
        sasl::write_outcome(&mut bytes, 0);
        bytes.extend_from_slice(&AMQP_HEADER);
        write::open(&mut bytes, &open);
        self.client.received(&bytes, self.now);
        assert_eq!(self.client.event(), Some(Event::Opened));
    }

    fn step<'a>(&mut self, step: u8, mut script: &'a [u8]) -> &'a [u8] {
        let which = usize::from(step >> 4);
        match step % 16 {
            0 => {
                let count = usize::from(byte(&mut script));
                let bytes = take(&mut script, count);
                self.hear(bytes);
            }
            1..=5 => self.frame(step, &mut script),
            6 => {
                self.allowed += 100;
                self.sessions.extend(self.client.begin());
            }
            7 => self.attach(which, None),
            8 => self.attach(which, Some(received(step >> 4))),
            9 | 10 => {
                let size = usize::from(byte(&mut script)) * 64;
                self.send(which, size);
            }
            11 => self.write(usize::from(byte(&mut script)) * 256),
            12 => self.write(usize::MAX),
            13 => {
                self.now += Duration::from_secs(u64::from(byte(&mut script)));
                self.allowed += 8;
                self.client.tick(self.now);
            }
            14 => {
                if let Some((link, delivery)) = self.under_way.iter().nth(which).copied()
                    && self.client.withdraw(link, delivery)
                {
                    self.under_way.remove(&(link, delivery));
                }
            }
            _ => self.end(which),
        }
        script
    }

    /// A frame of the peer: channel, performative and fields come from the script, and the sizes are right.
    fn frame(&mut self, step: u8, script: &mut &[u8]) {
        let (code, count) = (0x10 + byte(script) % 9, usize::from(byte(script)));
        let fields = byte(script);
        let body = take(script, count.min(250));
        let payload = match step % 16 {
            5 => usize::from(byte(script)) * 8,
            _ => 0,
        };
        let mut bytes = Vec::new();
        frame::write(&mut bytes, Kind::Amqp, u16::from(step >> 4), |out| {
            out.extend_from_slice(&[0, 0x53, code, 0xc0, body.len() as u8 + 1, fields]);
            out.extend_from_slice(body);
            out.resize(out.len() + payload, 7);
        });
        self.hear(&bytes);
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.allowed += bytes.len() * ANSWERS;
        self.client.received(bytes, self.now);
        assert!(self.client.input.len() <= MAX_FRAME as usize, "more is kept than a frame");
    }

    fn attach(&mut self, which: usize, receives: Option<Receives<'_>>) {
        let Some(session) = self.sessions.iter().nth(which % 4).copied() else { return };
        self.allowed += 200;
        // Few names, so that a fuzzer finds them.
        let name = ["a", "b", "c", "d"][which % 4];
        let attach = Attach { name, address: "node", own: "me", receives };
        self.links.extend(self.client.attach(session, &attach));
    }

    fn send(&mut self, which: usize, size: usize) {
        let Some(link) = self.links.get(which).copied() else { return };
        let sent = self.client.send(link, Bytes::from(vec![7; size]), 0);
        self.under_way.extend(sent.map(|delivery| (link, delivery)));
    }

    fn end(&mut self, which: usize) {
        self.allowed += 100;
        match which {
            0 => self.client.close(),
            1..=3 => {
                if let Some(session) = self.sessions.iter().nth(which - 1).copied() {
                    self.client.end(session);
                }
            }
            4..=11 => {
                if let Some(link) = self.links.get(which - 4).copied() {
                    self.client.detach(link);
                }
            }
            _ => {
                if let Some(link) = self.links.get(which - 12).copied() {
                    self.client.grant(link, which as u32);
                }
            }
        }
    }

    /// The stream takes so many bytes.
    fn write(&mut self, most: usize) {
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = self.client.slices(&mut slices);
        let count = slices[..filled].iter().map(|slice| slice.len()).sum::<usize>().min(most);
        self.client.written(count, self.now);
    }

    /// What is told keeps to the rules, and what is kept to the bounds.
    fn look(&mut self) {
        while let Some(event) = self.client.event() {
            assert!(!self.over, "{event:?} after the end");
            match event {
                Event::Opened => {}
                Event::Begun(session) => assert!(self.sessions.contains(&session)),
                Event::Attached { link, .. } => assert!(self.links.contains(&link)),
                Event::Settled { link, delivery, .. } | Event::Unsettled { link, delivery, .. } => {
                    assert!(self.under_way.remove(&(link, delivery)), "told twice");
                }
                Event::Received { link, message } => {
                    assert!(self.links.contains(&link));
                    assert!(message.len() <= LARGEST, "larger than was allowed");
                }
                Event::Detached { link, .. } => {
                    let open = self.under_way.iter().find(|(of, _)| *of == link);
                    assert_eq!(open, None, "open on a link that ended");
                    let known = self.links.len();
                    self.links.retain(|other| *other != link);
                    assert_eq!(self.links.len() + 1, known, "ended twice");
                }
                Event::Ended { session, .. } => {
                    assert!(self.links.iter().all(|link| link.session() != session));
                    assert!(self.sessions.remove(&session), "ended twice");
                }
                Event::Closed(_) => self.over = true,
            }
        }
        let waits = Output::len(&self.client.output);
        assert!(waits <= self.allowed, "{waits} bytes wait to be written");
    }
}

#[cfg(test)]
mod tests;
