//! Against a peer that uses what the standard leaves to it: channels and handles of its own, lists that end early, fields
//! left out, and bytes one by one.

mod ending;
mod offered;
mod receiving;

use std::io::IoSlice;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::*;
use crate::frame::{self, AMQP_HEADER, Kind, SASL_HEADER};
use crate::performative::{self as wire, Outcome, Performative, Role, sasl, write};
use crate::read::Reader;
use crate::value::Value;
use crate::write as encode;

/// What it calls the session, and the links on it.
const CHANNEL: u16 = 700;
const HANDLE: u32 = 99;

struct Peer {
    client: Connection,
    now: Instant,
}

/// A frame with a performative whose list ends after what `fields` write.
fn short(channel: u16, code: u8, count: u8, fields: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let (mut list, mut out) = (vec![count], Vec::new());
    fields(&mut list);
    frame::write(&mut out, Kind::Amqp, channel, |out| {
        encode::descriptor(out, code);
        out.extend_from_slice(&[0xc0, list.len() as u8]);
        out.extend_from_slice(&list);
    });
    out
}

fn made(make: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    make(&mut out);
    out
}

impl Peer {
    fn new(login: Login) -> Self {
        let now = Instant::now();
        Self { client: Connection::new(Settings::new("host", "me", login), now), now }
    }

    /// An open connection with a session; the peer takes so many frames on it.
    fn open(window: u32) -> (Self, SessionId) {
        let mut peer = Self::new(Login::Anonymous);
        peer.enter();
        let session = peer.client.begin().unwrap();
        let begin = short(CHANNEL, 0x11, 4, |out| {
            encode::ushort(out, 0);
            encode::uint(out, 5);
            encode::uint(out, window);
            encode::uint(out, 1_000);
        });
        peer.says(&begin);
        assert_eq!(peer.client.event(), Some(Event::Begun(session)));
        peer.hears();
        (peer, session)
    }

    fn enter(&mut self) {
        self.says(&SASL_HEADER);
        self.says(&made(|out| sasl::write_mechanisms(out, &["PLAIN", "ANONYMOUS"])));
        self.says(&made(|out| sasl::write_outcome(out, 0)));
        self.says(&AMQP_HEADER);
        self.says(&short(0, 0x10, 1, |out| encode::string(out, "peer")));
        assert_eq!(self.client.event(), Some(Event::Opened));
    }

    /// One byte after the other.
    fn says(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.client.received(&[*byte], self.now);
        }
    }

    /// All that the client has to say.
    fn hears(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let mut slices = [IoSlice::new(&[]); 2];
            let filled = self.client.slices(&mut slices);
            let before = all.len();
            slices[..filled].iter().for_each(|slice| all.extend_from_slice(slice));
            if all.len() == before {
                return all;
            }
            let count = all.len() - before;
            self.client.written(count, self.now);
        }
    }

    fn attached(&mut self, session: SessionId, receives: Option<(u32, usize)>) -> LinkId {
        let given = receives.map(|(most, largest)| Receives::kept(most, largest));
        let attach = Attach { name: "link", address: "node", own: "me", receives: given };
        let link = self.client.attach(session, &attach).unwrap();
        let is_receiver = receives.is_none();
        let terminus = write::terminus(Role::Sender, "node");
        let answer = short(CHANNEL, 0x12, 7, |out| {
            encode::string(out, "link");
            encode::uint(out, HANDLE);
            encode::bool(out, is_receiver);
            encode::null(out);
            encode::null(out);
            out.extend_from_slice(&write::EMPTY_SOURCE);
            out.extend_from_slice(&terminus);
        });
        self.says(&answer);
        let attached = Event::Attached { link, max_message_size: None, offer: Offer::default() };
        assert_eq!(self.client.event(), Some(attached));
        link
    }

    fn grants(&mut self, seen: u32, window: u32, credit: u32) {
        let flow = short(CHANNEL, 0x13, 7, |out| {
            encode::uint(out, seen);
            encode::uint(out, window);
            encode::uint(out, 5);
            encode::uint(out, 1_000);
            encode::uint(out, HANDLE);
            encode::uint(out, seen);
            encode::uint(out, credit);
        });
        self.says(&flow);
    }

    fn answers(&mut self, first: u32, last: u32, outcome: Outcome<'_>) {
        let said = made(|out| {
            write::disposition(out, CHANNEL, Role::Receiver, (first, last), outcome);
        });
        self.says(&said);
    }

    /// A message of five bytes.
    fn delivers(&mut self, number: u32) {
        let transfer = wire::Transfer {
            handle: HANDLE,
            delivery_id: Some(number),
            delivery_tag: Some(b"t"),
            message_format: None,
            settled: false,
            more: false,
            aborted: false,
        };
        self.says(&made(|out| write::transfer(out, CHANNEL, &transfer, b"hello")));
    }
}

/// The transfers in what the client said: number, whether more follows, whether aborted, and bytes.
fn transfers(mut said: &[u8]) -> Vec<(u32, bool, bool, usize)> {
    let mut found = Vec::new();
    while let Some(frame) = frame::parse(said, usize::MAX).unwrap() {
        if let Ok((Performative::Transfer(transfer), payload)) = wire::decode(frame.body) {
            let number = transfer.delivery_id.unwrap();
            found.push((number, transfer.more, transfer.aborted, payload.len()));
        }
        said = &said[frame.size..];
    }
    found
}

#[test]
fn numbers_of_the_peers_own_choosing_are_understood() {
    let (mut peer, session) = Peer::open(100);
    let link = peer.attached(session, None);
    peer.grants(0, 100, 10);
    let sent: Vec<_> =
        (0..3).map(|_| peer.client.send(link, Bytes::from_static(b"x"), 0).unwrap()).collect();
    assert_eq!(transfers(&peer.hears()).len(), 3);
    // One answer for two, and for one that is known already: it is told once.
    peer.answers(0, 1, Outcome::Accepted);
    peer.answers(1, 2, Outcome::Released);
    let answer = |delivery, answer| Some(Event::Settled { link, delivery, answer });
    assert_eq!(peer.client.event(), answer(sent[0], Answer::Accepted));
    assert_eq!(peer.client.event(), answer(sent[1], Answer::Accepted));
    assert_eq!(peer.client.event(), answer(sent[2], Answer::Released));
    assert_eq!(peer.client.event(), None);
}

#[test]
fn a_sender_says_that_it_understands_every_outcome() {
    let (mut peer, session) = Peer::open(100);
    peer.attached(session, None);
    let said = peer.hears();
    let frame = frame::parse(&said, usize::MAX).unwrap().unwrap();
    let (Performative::Attach(attach), _) = wire::decode(frame.body).unwrap() else {
        panic!("attach")
    };
    let Value::Described(_, source) = Reader::new(attach.source.unwrap()).value().unwrap() else {
        panic!("a source")
    };
    let Value::List(fields) = *source else { panic!("fields") };
    let outcomes = ["accepted", "rejected", "released", "modified"];
    let outcomes = outcomes.map(|name| Value::Symbol(format!("amqp:{name}:list")));
    assert_eq!(fields.len(), 10);
    assert_eq!(fields[9], Value::Array(outcomes.into()));
}

#[test]
fn credit_and_window_are_kept_to() {
    let (mut peer, session) = Peer::open(3);
    let link = peer.attached(session, None);
    let large = Bytes::from(vec![0; 150_000]);
    let first = peer.client.send(link, large.clone(), 0).unwrap();
    let second = peer.client.send(link, large, 0).unwrap();
    assert_eq!(transfers(&peer.hears()), [], "no credit");
    peer.grants(0, 2, 1);
    let part = 65_536 - write::TRANSFER_OVERHEAD;
    assert_eq!(transfers(&peer.hears()), [(0, true, false, part), (0, true, false, part)]);
    assert!(!peer.client.withdraw(link, first), "a part of it was sent");
    peer.grants(2, 9, 0);
    assert_eq!(transfers(&peer.hears()), [(0, false, false, 150_000 - 2 * part)]);
    assert!(peer.client.withdraw(link, second), "no credit, so nothing was sent");
    peer.grants(3, 9, 9);
    assert_eq!(transfers(&peer.hears()), []);
}

#[test]
fn what_is_answered_too_early_is_not_sent_to_its_end() {
    let (mut peer, session) = Peer::open(1);
    let link = peer.attached(session, None);
    peer.grants(0, 1, 5);
    let sent = peer.client.send(link, Bytes::from(vec![0; 100_000]), 0).unwrap();
    assert_eq!(transfers(&peer.hears()).len(), 1);
    peer.answers(0, 0, Outcome::Rejected(None));
    let answer = Answer::Rejected(None);
    assert_eq!(peer.client.event(), Some(Event::Settled { link, delivery: sent, answer }));
    peer.grants(1, 5, 5);
    assert_eq!(transfers(&peer.hears()), [(0, false, true, 0)], "aborted");
}

/// The grants in what the client said: messages that it has had, and how many more may come.
fn grants(mut said: &[u8]) -> Vec<(Option<u32>, Option<u32>)> {
    let mut found = Vec::new();
    while let Some(frame) = frame::parse(said, usize::MAX).unwrap() {
        if let Ok((Performative::Flow(flow), _)) = wire::decode(frame.body) {
            found.push((flow.delivery_count, flow.link_credit));
        }
        said = &said[frame.size..];
    }
    found
}

#[test]
fn a_sender_that_leaves_out_its_first_count_is_counted_from_0() {
    let (mut peer, session) = Peer::open(100);
    let link = peer.attached(session, Some((4, 1_000)));
    let said = peer.hears();
    assert_eq!(grants(&said), [(Some(0), Some(4))]);
    for number in 0..2 {
        peer.delivers(number);
        let message = Bytes::from_static(b"hello");
        assert_eq!(peer.client.event(), Some(Event::Received { link, message }));
    }
    assert_eq!(grants(&peer.hears()), [(Some(2), Some(4))]);
}

#[test]
fn a_link_whose_end_is_not_answered_keeps_only_its_handle() {
    let (mut peer, session) = Peer::open(100);
    let link = peer.attached(session, None);
    peer.grants(0, 100, 10);
    let sent = peer.client.send(link, Bytes::from_static(b"x"), 0).unwrap();
    peer.hears();
    peer.client.detach(link);
    peer.client.detach(link);
    assert_eq!(peer.client.event(), None, "it is not known what became of the message");
    assert_eq!(peer.client.send(link, Bytes::new(), 0), None);
    let other = Attach { name: "other", address: "node", own: "me", receives: None };
    let other = peer.client.attach(session, &other).unwrap();
    assert_ne!(other.handle, link.handle);
    // The session ends it for good.
    peer.client.end(session);
    peer.says(&short(CHANNEL, 0x17, 0, |_| {}));
    let unsettled = Event::Unsettled { link, delivery: sent, sent: true };
    assert_eq!(peer.client.event(), Some(unsettled));
    let why = Why::Asked;
    assert_eq!(peer.client.event(), Some(Event::Detached { link, why: why.clone() }));
    assert_eq!(peer.client.event(), Some(Event::Detached { link: other, why: why.clone() }));
    assert_eq!(peer.client.event(), Some(Event::Ended { session, why }));
}

#[test]
fn who_does_not_speak_amqp_is_named() {
    for (bytes, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n"[..], "it begins with `HTTP/1.1 400 Bad Request`"),
        (&[0x16, 3, 1, 0, 5, 1, 0, 0], "it begins with [16, 03, 01"),
        (&b"AMQP\x02\x01\x00\x00"[..], "another protocol of AMQP: [2, 1, 0, 0]"),
    ] {
        let mut peer = Peer::new(Login::Anonymous);
        peer.client.received(bytes, peer.now);
        let Some(Event::Closed(end)) = peer.client.event() else { panic!("not over") };
        assert!(end.to_string().contains(expected), "{end}");
    }
}

#[test]
fn a_way_in_that_is_not_offered_is_named_and_a_refusal_is_told() {
    let offers = made(|out| sasl::write_mechanisms(out, &["PLAIN"]));
    let mut peer = Peer::new(Login::External);
    peer.says(&SASL_HEADER);
    peer.says(&offers);
    let Some(Event::Closed(end)) = peer.client.event() else { panic!("not over") };
    assert_eq!(end.to_string(), "the peer does not offer EXTERNAL, but: PLAIN");
    let login = Login::Plain { user: "u".into(), password: "secret".into() };
    assert!(!format!("{login:?}").contains("secret"));
    let mut peer = Peer::new(login);
    peer.says(&SASL_HEADER);
    peer.hears();
    peer.says(&offers);
    let said = peer.hears();
    let init = frame::parse(&said, 1_000).unwrap().unwrap();
    assert_eq!(sasl::decode_init(init.body).unwrap(), ("PLAIN", &b"\0u\0secret"[..]));
    peer.says(&made(|out| sasl::write_outcome(out, 1)));
    assert_eq!(peer.client.event(), Some(Event::Closed(End::Refused(1))));
}

#[test]
fn the_open_says_what_was_asked_for() {
    let mut peer = Peer::new(Login::Anonymous);
    peer.says(&SASL_HEADER);
    peer.says(&made(|out| sasl::write_mechanisms(out, &["ANONYMOUS"])));
    peer.hears();
    peer.says(&made(|out| sasl::write_outcome(out, 0)));
    let said = peer.hears();
    let said = said.strip_prefix(&AMQP_HEADER).unwrap();
    let frame = frame::parse(said, 1_000).unwrap().unwrap();
    let (Performative::Open(open), _) = wire::decode(frame.body).unwrap() else { panic!("open") };
    assert_eq!((open.container_id, open.hostname), ("me", Some("host")));
    assert_eq!(open.idle_time_out, Some(30_000), "half of what is waited");
    assert!(Reader::new(frame.body).value().is_ok());
    assert_eq!(peer.client.deadline(), Some(peer.now + Duration::from_secs(60)));
}
