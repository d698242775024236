//! What is asked of the peer of a link beside what every link needs, and what it says to that.

use super::*;
use crate::sections::lookup;

const WANTED: &str = "example:numbers";

/// A link of which that is wanted, and its attach.
fn asked(peer: &mut Peer, session: SessionId) -> (LinkId, Vec<u8>) {
    let properties = [("example:id", Value::Long(7)), ("example:last", Value::Null)];
    let wants = Wants { capabilities: &[WANTED], properties: &properties };
    let attach = Attach { name: "link", address: "node", own: "me", receives: None };
    let link = peer.client.attach_wanting(session, &attach, &wants).unwrap();
    (link, peer.hears())
}

/// The peer's attach, with that from the twelfth field on.
fn answer(peer: &mut Peer, count: u8, rest: impl FnOnce(&mut Vec<u8>)) -> Offer {
    let terminus = write::terminus(Role::Sender, "node");
    let answer = short(CHANNEL, 0x12, count, |out| {
        encode::string(out, "link");
        encode::uint(out, HANDLE);
        encode::bool(out, true);
        encode::null(out);
        encode::null(out);
        out.extend_from_slice(&write::EMPTY_SOURCE);
        out.extend_from_slice(&terminus);
        out.extend_from_slice(&[0x40; 4]);
        rest(out);
    });
    peer.says(&answer);
    match peer.client.event() {
        Some(Event::Attached { offer, .. }) => offer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_wanted_is_said_with_the_attach() {
    let (mut peer, session) = Peer::open(100);
    let (_, bytes) = asked(&mut peer, session);
    let frame = frame::parse(&bytes, usize::MAX).unwrap().unwrap();
    let (Performative::Attach(attach), _) = wire::decode(frame.body).unwrap() else {
        panic!("attach")
    };
    let read = |raw: Option<&[u8]>| Reader::new(raw.unwrap()).value().unwrap();
    let symbol = |name: &str| Value::Symbol(name.into());
    assert_eq!(attach.offered_capabilities, None);
    assert_eq!(read(attach.desired_capabilities), Value::Array(vec![symbol(WANTED)]));
    let pairs = vec![(symbol("example:id"), Value::Long(7)), (symbol("example:last"), Value::Null)];
    assert_eq!(read(attach.properties), Value::Map(pairs));
}

#[test]
fn what_the_peer_offers_is_told_one_or_many() {
    for many in [false, true] {
        let (mut peer, session) = Peer::open(100);
        asked(&mut peer, session);
        let offer = answer(&mut peer, 14, |out| {
            if many {
                out.extend(write::symbols(&["other", WANTED]));
            } else {
                encode::symbol(out, WANTED);
            }
            encode::null(out);
            out.extend(write::symbol_map(&[("example:last", Value::Int(3))]));
        });
        assert!(offer.has(WANTED) && !offer.has("another"));
        let last = lookup(&offer.properties, "example:last").unwrap().value();
        assert_eq!(last, Ok(Value::Int(3)));
    }
}

#[test]
fn a_peer_that_says_nothing_offers_nothing() {
    let (mut peer, session) = Peer::open(100);
    asked(&mut peer, session);
    let offer = answer(&mut peer, 11, |_| {});
    assert_eq!(offer, Offer::default());
    assert!(!offer.has(WANTED) && lookup(&offer.properties, "example:last").is_none());
}
