use super::*;
use crate::offsets::{Assignment, Offsets};
use proptest::prelude::*;

const SETTINGS: Settings =
    Settings { linger: Duration::from_millis(10), max_bytes: None, max_events: 2, room: 0 };

fn setback(asked: Option<Duration>) -> Setback {
    Setback { asked, connection: false, jitter: 0.5 }
}

/// A lane, and tickets for it.
struct Rig {
    lane: Lane,
    offsets: Offsets,
    stay: Assignment,
    next: i64,
    now: Instant,
}

impl Rig {
    fn new() -> Self {
        let (now, mut offsets) = (Instant::now(), Offsets::default());
        let stay = offsets.assign();
        Self { lane: Lane::new(SETTINGS, Some(1_000), now), offsets, stay, next: 0, now }
    }

    fn push(&mut self) -> Room {
        let room = self.lane.room(10, 0, None, self.now);
        if room == Room::Now {
            self.append();
        }
        room
    }

    fn append(&mut self) {
        let ticket = self.offsets.track(self.stay, self.next, 7, None).unwrap();
        let number = self.next.to_be_bytes();
        let write = |out: &mut Vec<u8>| out.extend_from_slice(&[&number[..], b"  "].concat());
        let (timestamp, context) = (None, None);
        let item = Item { weight: 10, write, ticket, timestamp, context };
        self.lane.push(item, None, 20, self.now);
        self.next += 1;
    }

    fn send(&mut self) -> Option<Vec<i64>> {
        let message = self.lane.next(self.now)?.message;
        let number = |event: &[u8]| i64::from_be_bytes(event[..8].try_into().unwrap());
        Some(message.chunks(10).map(number).collect())
    }
}

#[test]
fn a_queue_is_worth_a_second_of_sending() {
    let mut rig = Rig::new();
    while rig.push() == Room::Now {}
    assert_eq!(rig.next, 2 * 11, "ten sealed and one open, at a tenth of a second each");
    while let Some(events) = rig.send() {
        assert_eq!(events.len(), 2);
        rig.now += Duration::from_millis(1_500);
        rig.lane.accepted(rig.now);
    }
    assert!(rig.lane.is_empty());
    let before = rig.next;
    while rig.push() == Room::Now {}
    assert_eq!(rig.next - before, 2 * 3, "two sealed and one open, when an answer takes longer");
}

#[test]
fn room_is_left_for_what_is_added_on_the_way_out() {
    let settings = Settings { max_events: 100, room: 90, ..SETTINGS };
    let mut rig = Rig::new();
    rig.lane = Lane::new(settings, Some(1_000), rig.now);
    assert_eq!(rig.lane.room(910, 0, None, rig.now), Room::Now);
    assert_eq!(rig.lane.room(911, 0, None, rig.now), Room::Never(910));
    for _ in 0..11 {
        assert_eq!(rig.push(), Room::Now);
    }
    assert_eq!(rig.send().unwrap().len(), 10, "each takes 100 of the 1000 bytes");
}

/// Parts have room when any other event has, and however many there are: they make the queue longer.
#[test]
fn parts_have_room_together_whenever_one_event_has() {
    let mut rig = Rig::new();
    while rig.push() == Room::Now {}
    assert_eq!(rig.lane.room_for_parts(rig.now), Room::Later);
    rig.now += SETTINGS.linger;
    rig.send().unwrap();
    assert_eq!(rig.lane.room_for_parts(rig.now), Room::Now, "one batch less waits");
    let before = rig.next;
    for _ in 0..40 {
        rig.lane.make_room(10, None);
        rig.append();
    }
    let memory = rig.lane.memory_for_parts((40, 10), 0, false);
    assert!(memory >= 40 * (10 + EVENT_COST), "{memory}");
    assert_eq!((rig.push(), rig.lane.room_for_parts(rig.now)), (Room::Later, Room::Later));
    let mut sent = 0;
    loop {
        rig.lane.accepted(rig.now);
        let Some(events) = rig.send() else { break };
        assert!(events.is_sorted() && events.len() <= 2);
        sent += events.iter().filter(|event| **event >= before).count();
        // Who was told to wait is woken no later than when there is room.
        let has = rig.lane.room_for_parts(rig.now) == Room::Now;
        assert!(has || !rig.lane.has_room_again(rig.now));
    }
    assert_eq!(sent, 40);
}

#[test]
fn a_lane_that_may_not_send_for_long_has_a_short_queue() {
    let mut rig = Rig::new();
    while rig.push() == Room::Now {}
    for _ in 0..9 {
        // It is answered at once, but has to wait for its turn.
        rig.now += Duration::from_millis(800);
        rig.send().unwrap();
        rig.lane.accepted(rig.now);
    }
    while rig.send().is_some() {
        rig.lane.accepted(rig.now);
    }
    let before = rig.next;
    while rig.push() == Room::Now {}
    assert_eq!(rig.next - before, 2 * 3, "two sealed and one open");
}

#[test]
fn a_lane_that_stands_takes_nothing_more() {
    let mut rig = Rig::new();
    assert_eq!(rig.push(), Room::Now);
    assert_eq!(rig.send(), None, "it lingers");
    rig.now += SETTINGS.linger;
    assert_eq!(rig.send(), Some(vec![0]));
    assert_eq!(rig.push(), Room::Now, "it moves, as far as is known");
    rig.now += STALLED_AFTER;
    assert_eq!(rig.push(), Room::Later, "not even into the open batch");
    assert!(!rig.lane.has_room_again(rig.now));
    rig.lane.accepted(rig.now);
    assert!(rig.lane.has_room_again(rig.now));
    assert_eq!(rig.push(), Room::Now);
}

#[test]
fn a_lane_emptied_while_it_waits_to_retry_wants_nothing() {
    let mut rig = Rig::new();
    rig.push();
    rig.lane.hurry();
    rig.send().unwrap();
    rig.lane.resend(setback(None), rig.now);
    assert!(rig.lane.due() > Some(rig.now));
    drop(rig.lane.purge(|_| false));
    assert_eq!(rig.lane.due(), None);
    let hour = rig.now + Duration::from_hours(1);
    assert!(!rig.lane.is_stalled(hour), "what failed is gone");
    assert_eq!(rig.lane.bytes(), 0);
}

#[test]
fn a_wait_ends_with_the_connection_or_a_drain_and_not_before_the_service_asked() {
    let mut rig = Rig::new();
    rig.push();
    rig.lane.hurry();
    rig.send().unwrap();
    let lost = Setback { connection: true, ..setback(None) };
    for _ in 0..9 {
        rig.lane.resend(lost, rig.now);
        rig.lane.hurry();
        rig.send().unwrap();
    }
    rig.lane.resend(lost, rig.now);
    assert!(rig.lane.due() > Some(rig.now + Duration::from_secs(2)));
    rig.lane.reconnect(0.0, rig.now);
    rig.send().expect("a new connection is there");

    rig.lane.resend(setback(Some(Duration::from_secs(4))), rig.now);
    rig.lane.reconnect(0.0, rig.now);
    assert!(rig.lane.due() >= Some(rig.now + Duration::from_secs(4)), "throttled, not lost");
    rig.lane.hurry();
    assert_eq!(rig.send(), Some(vec![0]), "a drain tries at once");
}

#[test]
fn what_is_sent_is_held_once_and_is_the_same_each_time() {
    let mut rig = Rig::new();
    for _ in 0..6 {
        rig.push();
    }
    let before = rig.lane.bytes();
    assert!((6 * (10 + EVENT_COST)..=6 * (20 + EVENT_COST)).contains(&before), "{before}");
    let first = rig.lane.next(rig.now).unwrap().message;
    assert_eq!(rig.lane.bytes(), before, "sending needs no more memory");
    rig.lane.resend(setback(None), rig.now);
    rig.lane.hurry();
    let again = rig.lane.next(rig.now).unwrap().message;
    assert_eq!((first.as_ptr(), first.len()), (again.as_ptr(), again.len()));
}

#[derive(Debug, Clone)]
enum Step {
    Push,
    Wait(u64),
    Send,
    Accept,
    Resend,
    Dissolve,
    Purge(i64),
    Hurry,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Push), 3 => (1..800u64).prop_map(Step::Wait), 5 => Just(Step::Send),
        4 => Just(Step::Accept), 2 => Just(Step::Resend), 1 => Just(Step::Dissolve),
        1 => (2..5i64).prop_map(Step::Purge), 1 => Just(Step::Hurry),
    ]
}

proptest! {
    #[test]
    fn keeps_order_and_its_own_books(steps in prop::collection::vec(step(), 1..300)) {
        let mut rig = Rig::new();
        let mut away: Option<Vec<i64>> = None;
        let mut last = -1;
        for step in steps {
            match step {
                Step::Push => drop(rig.push()),
                Step::Wait(millis) => rig.now += Duration::from_millis(millis),
                Step::Send => away = rig.send().or(away.take()),
                Step::Accept => if let Some(events) = away.take() {
                    prop_assert!(events.is_sorted() && events[0] > last);
                    last = *events.last().unwrap();
                    for ticket in rig.lane.accepted(rig.now).unwrap().tickets {
                        prop_assert!(rig.offsets.settle(ticket));
                    }
                },
                Step::Resend => if away.take().is_some() {
                    rig.lane.resend(setback(None), rig.now);
                },
                Step::Dissolve => if away.take().is_some()
                    && let Some(ticket) = rig.lane.dissolve(None)
                {
                    prop_assert!(rig.offsets.settle(ticket));
                },
                Step::Purge(every) => {
                    let offsets = &rig.offsets;
                    let keep = |ticket: &Ticket| offsets.offset(ticket).unwrap() % every != 0;
                    for ticket in rig.lane.purge(keep) {
                        prop_assert!(rig.offsets.settle(ticket));
                    }
                }
                Step::Hurry => rig.lane.hurry(),
            }
            let tickets = rig.lane.tickets().count();
            let in_flight = rig.lane.flight.as_ref().map_or(0, |flight| flight.batch.len());
            prop_assert_eq!(rig.lane.open.len() + rig.lane.sealed_events + in_flight, tickets);
            prop_assert!(rig.lane.bytes() >= tickets * (10 + EVENT_COST));
            // A batch may have twice what it needs, also when it was cut in two.
            prop_assert!(rig.lane.bytes() <= tickets * (40 + EVENT_COST));
            prop_assert_eq!(rig.lane.is_empty(), tickets == 0);
            prop_assert_eq!(rig.lane.due().is_none(), tickets == 0 || rig.lane.flight.is_some());
        }
    }
}
