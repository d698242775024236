//! Links that read a partition: from where, at whose pace, and how they end.

use amqp::client::{Credit, Receives};
use amqp::read::Reader;
use amqp::sections::{MESSAGE_ANNOTATIONS, PROPERTIES, Sections, lookup};

use super::*;

const PARTITION: &str = "orders/ConsumerGroups/$Default/Partitions/1";

impl Line {
    /// A link that reads partition 1; the peer sends events settled.
    fn reads(&mut self, session: SessionId, selector: Option<&str>, first: u32) -> LinkId {
        let credit = Credit::ByHand(first);
        let receives = Receives { credit, selector, settled: true, ..Receives::kept(0, 1_100_000) };
        let name = selector.unwrap_or("all");
        let attach = Attach { name, address: PARTITION, own: "me", receives: Some(receives) };
        self.client.attach(session, &attach).unwrap()
    }

    /// The message ids that came, with their sequence numbers.
    fn heard(&mut self, of: LinkId) -> Vec<(String, i64)> {
        self.settle();
        let read = |event: &Event| match event {
            Event::Received { link, message } if *link == of => {
                let mut properties =
                    Reader::new(Sections::find(message, PROPERTIES)?).list().unwrap();
                let id = properties.text().unwrap().unwrap().to_owned();
                let annotations = Sections::find(message, MESSAGE_ANNOTATIONS)?;
                let sequence = lookup(annotations, "x-opt-sequence-number")?.value().unwrap();
                Some((id, sequence.as_i64().unwrap()))
            }
            _ => None,
        };
        self.take().iter().filter_map(read).collect()
    }
}

/// A partition with twelve events, some of many frames, and a session.
fn filled() -> (Line, SessionId) {
    let namespace = namespace(|_, _| {});
    let (mut line, session) = Line::open(&namespace);
    let link = line.attach(session, "a", "orders/Partitions/1");
    line.settle();
    for number in 0..12usize {
        line.client.send(link, payload(&number.to_string(), number * 40_000), 0).unwrap();
    }
    line.settle();
    line.take();
    (line, session)
}

fn numbered(numbers: std::ops::Range<i64>) -> Vec<(String, i64)> {
    numbers.map(|number| (number.to_string(), number)).collect()
}

#[test]
fn a_partition_is_read_at_the_readers_pace() {
    let (mut line, session) = filled();
    let link = line.reads(session, None, 2);
    assert_eq!(line.heard(link), numbered(0..2));
    assert_eq!(line.heard(link), [], "nothing more is granted");
    assert!(line.client.grant(link, 5));
    assert_eq!(line.heard(link), numbered(2..7));
    assert!(line.client.grant(link, 100));
    assert_eq!(line.heard(link), numbered(7..12));
    // What is stored later comes on the same link.
    let sender = line.attach(session, "b", "orders/Partitions/1");
    line.settle();
    line.client.send(sender, payload("12", 9), 0).unwrap();
    assert_eq!(line.heard(link), numbered(12..13));
}

#[test]
fn reading_begins_where_it_is_to() {
    let (mut line, session) = filled();
    for (selector, expected) in [
        ("amqp.annotation.x-opt-sequence-number > '4'", 5..12),
        ("amqp.annotation.x-opt-sequence-number >= '4'", 4..12),
        ("amqp.annotation.x-opt-offset > '-1'", 0..12),
        ("amqp.annotation.x-opt-offset > '@latest'", 12..12),
        ("amqp.annotation.x-opt-enqueued-time > '1'", 0..12),
    ] {
        let link = line.reads(session, Some(selector), 100);
        assert_eq!(line.heard(link), numbered(expected), "{selector}");
        line.client.detach(link);
        line.settle();
        assert_eq!(line.take(), [Event::Detached { link, why: Why::Asked }]);
    }
}

#[test]
fn an_end_by_the_peer_is_told_with_its_reason() {
    let (mut line, session) = filled();
    let refused = line.reads(session, Some("nothing of this kind"), 1);
    line.settle();
    let events = line.take();
    let [Event::Detached { link, why: Why::Peer(Some(failure)) }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((*link, &*failure.condition), (refused, "amqp:invalid-field"));
    let links: Vec<LinkId> = ["'0'", "'1'", "'2'", "'3'", "'4'", "'5'"]
        .map(|after| {
            let selector = format!("amqp.annotation.x-opt-sequence-number > {after}");
            line.reads(session, Some(&selector), 0)
        })
        .into();
    line.settle();
    let ended = line.take().into_iter().find_map(|event| match event {
        Event::Detached { link, why } => Some((link, why)),
        _ => None,
    });
    let (link, why) = ended.expect("five may read");
    assert_eq!(link, links[5]);
    assert_eq!(why.failure().unwrap().condition, "amqp:resource-limit-exceeded");
}
