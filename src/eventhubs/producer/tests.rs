use std::collections::BTreeMap;

use amqp::performative::write::symbol_map;
use amqp::read::Reader;
use amqp::sections::{self, Sections};
use amqp::write;
use proptest::prelude::*;

use super::numbering::{next, number};
use super::*;

const OWN: ProducerIdentity = ProducerIdentity { id: 1 << 40, epoch: 3, last: i32::MAX - 1 };

fn event(annotations: Option<&[(&str, Value)]>, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(pairs) = annotations {
        write::descriptor(&mut out, sections::MESSAGE_ANNOTATIONS);
        out.extend(symbol_map(pairs));
    }
    write::descriptor(&mut out, sections::DATA);
    write::binary(&mut out, body);
    out
}

fn batch(events: &[Vec<u8>]) -> Bytes {
    let mut out = Vec::new();
    for event in events {
        write::descriptor(&mut out, sections::DATA);
        write::binary(&mut out, event);
    }
    out.into()
}

fn events(message: &[u8]) -> Vec<&[u8]> {
    let values = Sections::of(message).map(|section| section.unwrap().value);
    values.map(|value| Reader::new(value).binary().unwrap()).collect()
}

fn annotations(event: &[u8]) -> Vec<(Value, Value)> {
    match Sections::value(event, sections::MESSAGE_ANNOTATIONS) {
        Some(Value::Map(pairs)) => pairs,
        _ => Vec::new(),
    }
}

/// All else that it is made of.
fn rest(event: &[u8]) -> Vec<(u8, &[u8])> {
    let all = Sections::of(event).map(Result::unwrap).map(|section| (section.code, section.value));
    all.filter(|(code, _)| *code != sections::MESSAGE_ANNOTATIONS).collect()
}

proptest! {
    #[test]
    fn events_stay_as_they_are_but_for_their_numbers(
        bodies in prop::collection::vec((prop::option::of(0..300usize), 0..400usize), 0..20),
    ) {
        let made = bodies.iter().enumerate().map(|(at, (key, size))| {
            let key = key.map(|length| [("x-opt-partition-key", Value::String("k".repeat(length)))]);
            event(key.as_ref().map(|it| &it[..]), &vec![at as u8; *size])
        });
        let made: Vec<Vec<u8>> = made.collect();
        let before = batch(&made);
        let (after, last) = number(&before, &OWN);
        prop_assert!(after.len() <= before.len() + made.len() * ROOM);
        let numbered = events(&after);
        prop_assert_eq!(numbered.len(), made.len());
        let mut expected = OWN.last;
        for (made, numbered) in made.iter().zip(numbered) {
            expected = next(expected);
            let mut pairs = annotations(made);
            let symbol = |name: &str| Value::Symbol(name.into());
            pairs.push((symbol(EPOCH), Value::Short(OWN.epoch)));
            pairs.push((symbol(ID), Value::Long(OWN.id)));
            pairs.push((symbol(NUMBER), Value::Int(expected)));
            prop_assert_eq!(annotations(numbered), pairs);
            prop_assert_eq!(rest(numbered), rest(made));
        }
        prop_assert_eq!(last, expected);
    }
}

/// What a service may make of the last number that it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It answers with what is stored.
    Truth,
    /// It says what it was told, and goes by what is stored.
    Echo,
    /// A larger epoch begins behind what it was told.
    Reset,
}

/// A hub partition.
#[derive(Default)]
struct Service {
    /// Epoch and last number of each producer.
    known: BTreeMap<i64, (i16, i32)>,
    /// How often each event is stored.
    stored: BTreeMap<u32, u32>,
}

/// A batch on its way, as the service sees it.
struct Sent {
    id: i64,
    epoch: i16,
    first: i32,
    last: i32,
    events: Vec<u32>,
}

impl Sent {
    fn read(message: &[u8]) -> Self {
        let of = |event: &[u8], name| {
            let map = Sections::find(event, sections::MESSAGE_ANNOTATIONS).unwrap();
            lookup(map, name).unwrap().value().unwrap().as_i64().unwrap()
        };
        let all = events(message);
        let body = |event: &[u8]| {
            let data = Sections::find(event, sections::DATA).unwrap();
            u32::from_be_bytes(Reader::new(data).binary().unwrap().try_into().unwrap())
        };
        Self {
            id: of(all[0], ID),
            epoch: of(all[0], EPOCH) as i16,
            first: of(all[0], NUMBER) as i32,
            last: of(all.last().unwrap(), NUMBER) as i32,
            events: all.iter().map(|event| body(event)).collect(),
        }
    }
}

impl Service {
    fn attach(&mut self, asked: &[(&str, Value); 3], manner: Manner) -> Offer {
        let new = self.known.len() as i64;
        let [epoch, id, asked] = asked.each_ref().map(|(_, value)| value.as_i64());
        let (id, asked) = (id.unwrap_or(new), asked.unwrap_or(0) as i32);
        let (known, last) = self.known.entry(id).or_insert((0, asked));
        let epoch = epoch.map_or(*known, |epoch| epoch as i16);
        assert!(epoch >= *known, "a lane does not fall behind itself");
        if epoch > *known && manner == Manner::Reset {
            *last = asked;
        }
        *known = epoch;
        offer(ProducerIdentity {
            id,
            epoch,
            last: if manner == Manner::Echo { asked } else { *last },
        })
    }

    /// Whether it answers `accepted`.
    fn takes(&mut self, sent: &Sent) -> bool {
        let (epoch, last) = self.known.get_mut(&sent.id).unwrap();
        if sent.epoch != *epoch {
            return false;
        }
        if sent.first == *last + 1 {
            *last = sent.last;
            for event in &sent.events {
                *self.stored.entry(*event).or_default() += 1;
            }
            return true;
        }
        sent.last <= *last
    }
}

fn offer(told: ProducerIdentity) -> Offer {
    let pairs = [
        (EPOCH, Value::Short(told.epoch)),
        (ID, Value::Long(told.id)),
        (NUMBER, Value::Int(told.last)),
    ];
    Offer { capabilities: vec![CAPABILITY.to_owned()], properties: symbol_map(&pairs) }
}

/// What becomes of a batch.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Accepted,
    StoredAndLost,
    OnItsWay,
    Lost,
    Busy,
}

#[derive(Debug, Clone, Copy)]
struct Turn {
    fate: Fate,
    /// What was given up arrives: before an attach, or behind it.
    early: bool,
    late: bool,
    /// The batch loses its first event, and gets another.
    changes: bool,
}

fn turn() -> impl Strategy<Value = Turn> {
    let fate = prop_oneof![
        3 => Just(Fate::Accepted),
        1 => Just(Fate::StoredAndLost),
        2 => Just(Fate::OnItsWay),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Busy)
    ];
    let rest = (prop::bool::weighted(0.3), prop::bool::weighted(0.3), any::<bool>());
    (fate, rest).prop_map(|(fate, (early, late, changes))| Turn { fate, early, late, changes })
}

/// A lane, the service, and what is between them. What was given up arrives whenever it likes.
#[derive(Default)]
struct World {
    producer: Producer,
    service: Service,
    under_way: Vec<Sent>,
    attached: bool,
    batch: Vec<u32>,
    /// Events that were taken out of a batch: somebody else looks after them.
    given_up: Vec<u32>,
    next: u32,
}

impl World {
    fn fill(&mut self) {
        while self.batch.len() < 3 {
            self.batch.push(self.next);
            self.next += 1;
        }
    }

    fn arrives(&mut self, all: bool) {
        if all {
            for sent in std::mem::take(&mut self.under_way) {
                self.service.takes(&sent);
            }
        }
    }

    /// What is there is not sent again.
    fn look(&mut self) {
        self.batch.retain(|event| !self.service.stored.contains_key(event));
    }

    fn message(&self) -> Bytes {
        let made: Vec<_> =
            self.batch.iter().map(|number| event(None, &number.to_be_bytes())).collect();
        batch(&made)
    }

    fn play(&mut self, turn: Turn, manner: Manner) {
        if self.batch.is_empty() {
            self.fill();
        }
        let message = self.message();
        self.arrives(turn.early);
        while !self.attached || self.producer.has_to_attach(&message) {
            let asked = self.producer.asks(&message);
            let offer = self.service.attach(&asked, manner);
            self.attached = true;
            if self.producer.hears(&offer, &message) == AttachAnswer::Doubtful {
                return self.look();
            }
        }
        self.arrives(turn.late);
        let sent = Sent::read(&self.producer.numbered(&message));
        match turn.fate {
            Fate::Accepted => {
                assert!(self.service.takes(&sent), "it is never out of step");
                self.producer.accepted();
                let is_there = |event: &u32| self.service.stored.contains_key(event);
                assert!(self.batch.iter().all(is_there), "what is accepted is stored");
                self.batch.clear();
                return;
            }
            Fate::StoredAndLost => drop(self.service.takes(&sent)),
            Fate::OnItsWay => self.under_way.push(sent),
            Fate::Lost | Fate::Busy => {}
        }
        if !matches!(turn.fate, Fate::Busy) {
            self.attached = false;
            self.look();
        }
        if turn.changes && !self.batch.is_empty() {
            self.given_up.push(self.batch.remove(0));
            self.fill();
        }
    }
}

proptest! {
    /// However late a batch arrives that was given up, nothing is taken for stored that is not; and nothing is stored twice, if
    /// the service says what is stored.
    #[test]
    fn nothing_is_lost_or_stored_twice(
        turns in prop::collection::vec(turn(), 0..60),
        manner in prop_oneof![Just(Manner::Truth), Just(Manner::Echo), Just(Manner::Reset)],
    ) {
        let mut world = World::default();
        for turn in turns {
            world.play(turn, manner);
        }
        world.arrives(true);
        let once = world.service.stored.values().all(|count| *count == 1);
        prop_assert!(once || manner != Manner::Truth);
        for event in 0..world.next {
            let is_known = world.service.stored.contains_key(&event)
                || world.batch.contains(&event)
                || world.given_up.contains(&event);
            prop_assert!(is_known, "{event}");
        }
    }
}

#[test]
fn a_service_without_it_is_told_apart() {
    let (mut producer, message) = (Producer::default(), batch(&[event(None, b"a")]));
    assert!(producer.asks(&message).iter().all(|(_, value)| *value == Value::Null));
    assert_eq!(producer.hears(&Offer::default(), &message), AttachAnswer::NotOffered);
    let mut odd = offer(OWN);
    odd.properties = symbol_map(&[(ID, Value::Long(1))]);
    assert_eq!(producer.hears(&odd, &message), AttachAnswer::NotOffered);
}

#[test]
fn behind_the_largest_epoch_it_asks_for_a_new_id() {
    let (mut producer, message) = (Producer::default(), batch(&[event(None, b"a")]));
    let largest = ProducerIdentity { epoch: i16::MAX, ..OWN };
    assert_eq!(producer.hears(&offer(largest), &message), AttachAnswer::Ready);
    producer.numbered(&message);
    let asked = producer.asks(&message);
    assert_eq!(asked[0].1, Value::Short(i16::MAX), "it is repeated");
    let asked = producer.asks(&batch(&[event(None, b"b")]));
    assert!(asked.iter().all(|(_, value)| *value == Value::Null));
}

#[test]
fn a_service_that_has_forgotten_makes_a_repeated_batch_doubtful() {
    let (mut producer, message) = (Producer::default(), batch(&[event(None, b"a")]));
    let told = ProducerIdentity { last: 5, ..OWN };
    producer.hears(&offer(told), &message);
    producer.numbered(&message);
    producer.asks(&message);
    let other = ProducerIdentity { last: 0, ..told };
    assert_eq!(producer.hears(&offer(other), &message), AttachAnswer::Doubtful);
    // And one that is not in doubt has a new id.
    producer.asks(&message);
    producer.hears(&offer(told), &message);
    producer.asks(&message);
    assert_eq!(producer.hears(&offer(other), &message), AttachAnswer::Again);
    assert!(producer.asks(&message).iter().all(|(_, value)| *value == Value::Null));
}
