//! What is idle is closed in the service's time and words, when it is asked to.

use super::*;
use crate::namespace::IdleRules;

const RULES: IdleRules = IdleRules {
    first_link: Duration::from_secs(60),
    no_links: Duration::from_secs(300),
    link: Duration::from_secs(600),
};

fn ruled() -> Arc<Namespace> {
    namespace(|_, settings| {
        settings.idle_rules = Some(RULES);
        settings.idle_time_out = Duration::from_secs(100_000);
    })
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The text of a close or detach.
fn text_of(sent: &Sent) -> String {
    format!("{:?}", sent.fields)
}

#[test]
fn a_connection_without_a_first_link_is_closed_after_a_minute() {
    let mut peer = Peer::open(&ruled());
    assert_eq!(peer.later(secs(59)), []);
    let close = peer.later(secs(61)).pop().unwrap();
    assert_eq!((close.code, close.condition()), (CLOSE, Some("amqp:connection:forced")));
    let text = text_of(&close);
    assert!(text.contains("60000 milliseconds") && text.contains("LinkTracker"), "{text}");
}

#[test]
fn a_connection_whose_links_are_gone_is_closed_after_five() {
    let mut peer = Peer::open(&ruled());
    peer.sender(0, "orders");
    assert_eq!(peer.later(secs(299)), []);
    peer.send(0, DETACH, &[Value::Uint(0), Value::Bool(true)], &[]);
    peer.sent();
    assert_eq!(peer.later(secs(299)), []);
    let close = peer.later(secs(301)).pop().unwrap();
    assert_eq!((close.code, close.condition()), (CLOSE, Some("amqp:connection:forced")));
    assert!(text_of(&close).contains("300000 milliseconds"));
}

#[test]
fn a_link_without_events_is_detached_after_ten_and_one_with_events_is_not() {
    let mut peer = Peer::open(&ruled());
    peer.sender(0, "orders/Partitions/1");
    peer.sender(1, "$cbs");
    peer.attach(2, false, "orders/ConsumerGroups/$Default/Partitions/2");
    peer.connection.tick(Instant::now() + secs(300));
    // An event 300 s from now keeps its link for 600 s more; the bytes are stamped with that time.
    let mut bytes = Vec::new();
    frame::write(&mut bytes, Kind::Amqp, 0, |out| {
        write::value(out, &described(TRANSFER, Value::List(transfer(0, 0, 0, false, false))));
        out.extend_from_slice(&event("a", b""));
    });
    peer.connection.receive(&bytes, Instant::now() + secs(300));
    peer.sent();
    let detach = peer.later(secs(601)).pop().unwrap();
    assert_eq!((detach.code, detach.fields[0].clone()), (DETACH, Value::Uint(2)));
    assert_eq!(detach.condition(), Some("amqp:link:detach-forced"));
    let text = text_of(&detach);
    assert!(text.contains("IdleTimerExpired: Idle timeout: 00:10:00"), "{text}");
    assert!(text.contains("The link 'link'"), "{text}");
    let detach = peer.later(secs(902)).pop().unwrap();
    assert_eq!((detach.code, detach.fields[0].clone()), (DETACH, Value::Uint(0)));
    // The link to `$cbs` is left, and keeps the connection.
    assert_eq!(peer.later(secs(5_000)), []);
}

#[test]
fn without_rules_nothing_is_closed() {
    let mut peer = Peer::open(&namespace(|_, settings| settings.idle_time_out = secs(100_000)));
    assert_eq!(peer.later(secs(10_000)), []);
    peer.sender(0, "orders");
    assert_eq!(peer.later(secs(10_000)), []);
}
