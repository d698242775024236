//! Links that receive: what is asked of the peer, and who sets the pace.

use super::*;

const WANTED: &str = "amqp.annotation.x-opt-sequence-number > '41'";

impl Peer {
    /// A link that receives what it is granted, from a source of which it wants a part.
    fn reads(&mut self, session: SessionId, first: u32) -> (LinkId, Vec<u8>) {
        let receives = Receives {
            credit: Credit::ByHand(first),
            selector: Some(WANTED),
            settled: true,
            capabilities: &["first", "second"],
            ..Receives::kept(0, 1_000)
        };
        let attach = Attach { name: "link", address: "node", own: "me", receives: Some(receives) };
        let link = self.client.attach(session, &attach).unwrap();
        let asked = self.hears();
        let terminus = write::terminus(Role::Receiver, "node");
        let answer = short(CHANNEL, 0x12, 7, |out| {
            encode::string(out, "link");
            encode::uint(out, HANDLE);
            encode::bool(out, false);
            encode::null(out);
            encode::null(out);
            out.extend_from_slice(&terminus);
            out.extend_from_slice(&write::EMPTY_TARGET);
        });
        self.says(&answer);
        assert!(
            matches!(self.client.event(), Some(Event::Attached { link: it, .. }) if it == link)
        );
        (link, asked)
    }

    /// A message in frames of one byte, settled.
    fn delivers_in_parts(&mut self, number: u32, message: &[u8]) {
        for (at, byte) in message.iter().enumerate() {
            let transfer = wire::Transfer {
                handle: HANDLE,
                delivery_id: (at == 0).then_some(number),
                delivery_tag: (at == 0).then_some(b"t"),
                message_format: None,
                settled: true,
                more: at + 1 < message.len(),
                aborted: false,
            };
            self.says(&made(|out| write::transfer(out, CHANNEL, &transfer, &[*byte])));
        }
    }
}

#[test]
fn what_is_wanted_of_a_source_is_said() {
    let (mut peer, session) = Peer::open(100);
    let (_, asked) = peer.reads(session, 0);
    let frame = frame::parse(&asked, usize::MAX).unwrap().unwrap();
    let (Performative::Attach(attach), _) = wire::decode(frame.body).unwrap() else {
        panic!("attach")
    };
    assert_eq!((attach.snd_settle_mode, attach.max_message_size), (Some(1), Some(1_000)));
    let (address, filters) = wire::decode_terminus(attach.source.unwrap()).unwrap();
    assert_eq!(address, Some("node"));
    let name = || Value::Symbol("apache.org:selector-filter:string".into());
    let selector = Value::Described(
        Box::new(Value::Ulong(0x468C_0000_0004)),
        Box::new(Value::String(WANTED.into())),
    );
    let filters = Reader::new(filters.unwrap()).value().unwrap();
    assert_eq!(filters, Value::Map(vec![(name(), selector)]));
    let wanted = ["first", "second"].map(|name| Value::Symbol(name.into()));
    let said = Reader::new(attach.desired_capabilities.unwrap()).value().unwrap();
    assert_eq!(said, Value::Array(wanted.into()));
}

#[test]
fn only_what_is_granted_may_come() {
    let (mut peer, session) = Peer::open(100);
    let (link, _) = peer.reads(session, 2);
    assert_eq!(grants(&peer.hears()), [(Some(0), Some(2))]);
    let message = Bytes::from_static(b"hello");
    for number in 0..2 {
        peer.delivers_in_parts(number, &message);
        let received = Event::Received { link, message: message.clone() };
        assert_eq!(peer.client.event(), Some(received), "put together of five frames");
    }
    assert_eq!(peer.hears(), [0; 0], "nothing is granted by itself, and nothing answered");
    assert!(peer.client.grant(link, 3));
    assert_eq!(grants(&peer.hears()), [(Some(2), Some(3))]);
    assert!(peer.client.grant(link, 1));
    assert_eq!(grants(&peer.hears()), [(Some(2), Some(4))], "beyond what is open");
    for number in 2..6 {
        peer.delivers_in_parts(number, b"x");
        assert!(matches!(peer.client.event(), Some(Event::Received { .. })));
    }
    peer.delivers_in_parts(6, b"x");
    let Some(Event::Detached { why: Why::Connection(why), .. }) = peer.client.event() else {
        panic!("not over")
    };
    assert!(why.contains("a message without credit"), "{why}");
}

#[test]
fn a_link_that_ends_is_granted_nothing() {
    let (mut peer, session) = Peer::open(100);
    let (link, _) = peer.reads(session, 0);
    let sends = peer
        .client
        .attach(session, &Attach { name: "other", address: "node", own: "me", receives: None });
    assert!(!peer.client.grant(sends.unwrap(), 1), "it sends");
    peer.client.detach(link);
    peer.hears();
    assert!(!peer.client.grant(link, 1));
    assert_eq!(peer.hears(), [0; 0]);
    // The peer ends it with a reason of its own; what was on its way is not heard.
    peer.delivers_in_parts(0, b"late");
    peer.says(&made(|out| {
        let error = Some(wire::Reason { condition: "amqp:link:stolen", description: "by another" });
        write::detach(out, CHANNEL, &wire::Detach { handle: HANDLE, closed: true, error });
    }));
    let Some(Event::Detached { link: ended, why }) = peer.client.event() else { panic!("detach") };
    assert_eq!((ended, why.failure().unwrap().condition.as_str()), (link, "amqp:link:stolen"));
}
