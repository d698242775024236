//! Nothing is said on what was ended: a peer may take it for an error, and some take the connection down for it.

use super::*;

impl Peer {
    /// Wants an answer, on the link or on none.
    fn asks(&mut self, handle: Option<u32>) {
        let flow = wire::Flow {
            next_incoming_id: Some(0),
            incoming_window: 100,
            next_outgoing_id: 5,
            outgoing_window: 1_000,
            handle,
            delivery_count: Some(0),
            link_credit: Some(9),
            drain: false,
            echo: true,
        };
        self.says(&made(|out| write::flow(out, CHANNEL, &flow)));
    }
}

/// What the client said, by its performatives.
fn said(mut bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    while let Some(frame) = frame::parse(bytes, usize::MAX).unwrap() {
        let (performative, _) = wire::decode(frame.body).unwrap();
        found.push(match performative {
            Performative::Flow(flow) => format!("flow {:?}", flow.handle),
            Performative::Detach(detach) => format!("detach {}", detach.handle),
            Performative::End(_) => "end".to_owned(),
            Performative::Close(_) => "close".to_owned(),
            other => format!("{other:?}"),
        });
        bytes = &bytes[frame.size..];
    }
    found
}

#[test]
fn what_comes_on_a_link_that_was_let_go_stays_the_peers() {
    let (mut peer, session) = Peer::open(100);
    let link = peer.attached(session, Some((2, 1_000)));
    peer.hears();
    peer.client.detach(link);
    peer.delivers(0);
    peer.delivers(1);
    assert_eq!(peer.client.event(), None);
    assert_eq!(said(&peer.hears()), ["detach 0"]);
    peer.says(&short(CHANNEL, 0x16, 1, |out| encode::uint(out, HANDLE)));
    assert_eq!(peer.client.event(), Some(Event::Detached { link, why: Why::Asked }));
}

#[test]
fn a_link_that_was_let_go_has_no_credit_to_tell() {
    let (mut peer, session) = Peer::open(100);
    let link = peer.attached(session, None);
    peer.hears();
    peer.client.detach(link);
    peer.asks(Some(HANDLE));
    assert_eq!(said(&peer.hears()), ["detach 0", "flow None"]);
}

#[test]
fn nothing_is_said_on_a_session_that_was_ended() {
    let (mut peer, session) = Peer::open(100);
    let link = peer.attached(session, Some((2, 1_000)));
    peer.hears();
    peer.client.end(session);
    peer.delivers(0);
    peer.delivers(1);
    peer.asks(None);
    peer.says(&short(CHANNEL, 0x16, 1, |out| encode::uint(out, HANDLE)));
    assert_eq!(said(&peer.hears()), ["end"]);
    let why = Why::Peer(None);
    assert_eq!(peer.client.event(), Some(Event::Detached { link, why }));
    peer.says(&short(CHANNEL, 0x17, 0, |_| {}));
    assert_eq!(peer.client.event(), Some(Event::Ended { session, why: Why::Asked }));
}

#[test]
fn an_answer_on_a_session_that_was_ended_is_heard_and_not_answered() {
    let (mut peer, session) = Peer::open(100);
    let link = peer.attached(session, None);
    peer.grants(0, 100, 10);
    let delivery = peer.client.send(link, Bytes::from_static(b"x"), 0).unwrap();
    peer.hears();
    peer.client.end(session);
    // Not settled: it would like to hear that its answer came.
    peer.says(&short(CHANNEL, 0x15, 5, |out| {
        encode::bool(out, true);
        encode::uint(out, 0);
        encode::null(out);
        encode::bool(out, false);
        out.extend_from_slice(&[0, 0x53, 0x24, 0x45]);
    }));
    let answer = Answer::Accepted;
    assert_eq!(peer.client.event(), Some(Event::Settled { link, delivery, answer }));
    assert_eq!(said(&peer.hears()), ["end"]);
}

#[test]
fn nothing_is_said_after_the_close() {
    let (mut peer, session) = Peer::open(100);
    let link = peer.attached(session, None);
    peer.grants(0, 100, 10);
    peer.hears();
    peer.client.close();
    let late = peer.client.send(link, Bytes::from_static(b"x"), 0).unwrap();
    assert_eq!(said(&peer.hears()), ["close"]);
    peer.asks(Some(HANDLE));
    peer.client.end(session);
    assert_eq!(peer.hears(), []);
    peer.says(&short(0, 0x18, 0, |_| {}));
    let unsettled = Event::Unsettled { link, delivery: late, sent: false };
    assert_eq!(peer.client.event(), Some(unsettled));
    assert_eq!(peer.client.event(), Some(Event::Detached { link, why: Why::Asked }));
    assert_eq!(peer.client.event(), Some(Event::Ended { session, why: Why::Asked }));
    assert_eq!(peer.client.event(), Some(Event::Closed(End::Asked)));
    assert_eq!(peer.hears(), []);
}

#[test]
fn who_wants_answers_and_does_not_read_them_is_left() {
    let (mut peer, _) = Peer::open(100);
    let mut asked = 0;
    while !peer.client.is_over() {
        peer.asks(None);
        assert!(peer.client.output.len() <= OUT_MOST + 100);
        asked += 1;
    }
    assert!(asked > 100_000, "{asked} flows are none too many");
    let why = "the peer broke the protocol: it wants answers, and does not read them";
    assert_eq!(peer.client.how_it_ended().unwrap().to_string(), why);
    assert_eq!(peer.client.output.len(), 0);
}
