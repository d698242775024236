//! Values that are too large for every link and go in parts: each reader gets each of them whole, whatever comes twice or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::encode::tests::{body, decode, events, property};
use crate::mapping::Partitioning::{Key, Mirror};
use crate::mapping::{Policy, TooLarge};

use super::plan::{Answer, Mode, Place, Plan, Tp};
use super::scenes::{MIB, Scene, estate};
use super::shaped::Registry;
use super::world::{World, identity as identity_of};

/// The bytes of a part, when it has come.
type Part = Option<Vec<u8>>;

/// What readers do with parts: each keeps those of a record until it has all.
#[derive(Debug, Default)]
pub(super) struct Readers {
    open: BTreeMap<(Place, Tp, i64), Vec<Part>>,
    done: BTreeSet<(Place, Tp, i64)>,
}

/// A part, and which it is of how many.
struct Piece {
    at: (Tp, i64),
    number: usize,
    of: usize,
    bytes: Vec<u8>,
}

impl Piece {
    /// The part that an event holds, if it is one.
    fn of(event: &[u8]) -> Option<Self> {
        // Ours stand before all headers.
        let front = &event[..event.len().min(250)];
        front.windows(11).any(|it| it == b"kafka_parts").then_some(())?;
        let message = decode(event);
        let said = |name| match property(&message, name)? {
            fe2o3_amqp_types::primitives::SimpleValue::Int(number) => usize::try_from(number).ok(),
            _ => None,
        };
        let id = message.properties.as_ref()?.message_id.clone()?;
        let fe2o3_amqp_types::messaging::MessageId::String(id) = id else { return None };
        let mut parts = id.strip_prefix("topic-")?.split('/');
        let mut next = || parts.next()?.parse::<i64>().ok();
        let at = ((next()? as usize, next()? as i32), next()?);
        let (number, of) = (said("kafka_part")?, said("kafka_parts")?);
        Some(Self { at, number, of, bytes: body(&message) })
    }
}

/// Which record an event is of that holds a part of its value.
pub(super) fn identity(event: &[u8]) -> Option<(Tp, i64)> {
    Piece::of(event).map(|piece| piece.at)
}

impl Readers {
    /// A reader of `place` gets a part: the value, when it has all of it.
    fn take(&mut self, place: Place, piece: Piece) -> Option<Vec<u8>> {
        let Piece { at: (at, offset), number, of, bytes } = piece;
        let key = (place, at, offset);
        let parts = self.open.entry(key).or_default();
        if parts.len() != of {
            // It was cut anew.
            *parts = vec![None; of];
        }
        let in_order = parts[..number - 1].iter().all(Option::is_some);
        assert!(in_order || self.done.contains(&key), "{at:?}/{offset}: part {number} comes first");
        parts[number - 1] = Some(bytes);
        if parts.iter().any(Option::is_none) {
            return None;
        }
        self.done.insert(key);
        Some(self.open.remove(&key)?.into_iter().flatten().flatten().collect())
    }
}

impl World {
    /// The value at `offset`: it ends in its own coordinates.
    pub(super) fn value(&self, at: Tp, offset: i64) -> Vec<u8> {
        let (is_large, link) = (offset % 9 == 4, self.plan.link as usize);
        let more = match self.plan.too_large {
            TooLarge::ClaimCheck(_) if is_large => link,
            // Two parts, three or four.
            TooLarge::Split if is_large => link * (1 + offset as usize % 3),
            _ => 0,
        };
        let mut value = vec![b'.'; self.plan.value + more];
        value.extend(format!("{:04}{:04}{offset:016}", at.0, at.1).into_bytes());
        value
    }

    /// A batch is no larger than links take, where that is known.
    pub(super) fn assert_fits(&self, message: &[u8]) {
        let link = self.plan.link;
        let known = self.plan.too_large == TooLarge::Split;
        assert!(!known || message.len() as u64 <= link, "{} of {link} bytes", message.len());
    }

    /// A partition stores a batch: which records are whole with it.
    pub(super) fn whole(&mut self, place: Place, message: &[u8]) -> Vec<(Tp, i64)> {
        let mut whole = Vec::new();
        for event in events(message) {
            let Some(piece) = Piece::of(event) else {
                whole.push(identity_of(event));
                continue;
            };
            let (at, offset) = piece.at;
            if let Some(value) = self.readers.take(place, piece) {
                assert!(value == self.value(at, offset), "{at:?}/{offset} is another value");
                whole.push((at, offset));
            }
        }
        whole
    }
}

/// The second topic feeds two hubs.
fn world(policy: Policy, poison: fn(Tp, i64) -> bool) -> World {
    let mut world = World::new(Plan {
        topics: vec![vec![(0, Key)], vec![(1, Key), (2, Mirror)]],
        partitions: 2,
        hubs: vec![1, 4, 2],
        policy,
        budget: 64 << 20,
        max_events: None,
        link: 5_000,
        value: 0,
        poison,
        registry: Registry::default(),
        too_large: TooLarge::Split,
        once: false,
        forked: false,
    });
    world.resolve();
    world
}

fn never(_: Tp, _: i64) -> bool {
    false
}

/// Offset 4 has more than 10 000 bytes, and so three parts.
#[test]
fn a_large_value_goes_in_parts_between_its_neighbours_and_is_committed_when_all_are_stored() {
    let mut world = world(Policy::Halt, never);
    assert_eq!(world.read((0, 0), 9), 9, "nobody waits");
    world.now += Duration::from_secs(1);
    for stored in 1..=3 {
        world.turn();
        assert!(world.answer(0, Answer::Accepted));
        world.commit();
        let is_whole = world.by_hub[0].contains(&((0, 0), 4));
        assert_eq!(is_whole, stored == 3, "after {stored} batches");
        assert_eq!(world.committed[&(0, 0)] > 4, is_whole);
    }
    world.come_to_rest();
    let offsets: Vec<_> = world.by_hub[0].iter().map(|(_, offset)| *offset).collect();
    assert_eq!(offsets, [0, 1, 2, 3, 4, 7, 8, 9, 10], "in order, each once");
}

#[test]
fn both_hubs_of_a_record_get_all_its_parts() {
    let mut world = world(Policy::Halt, never);
    world.read((1, 0), 9);
    world.come_to_rest();
    world.assert_nothing_lost();
    let times = |hub: usize| world.by_hub[hub].iter().filter(|it| **it == ((1, 0), 4)).count();
    assert_eq!((times(1), times(2)), (1, 1));
}

/// The link takes less by the time the record is read again: it has more parts then, and readers begin anew.
#[test]
fn a_record_that_is_read_again_may_be_cut_otherwise() {
    let mut world = world(Policy::Halt, never);
    world.read((0, 0), 9);
    world.now += Duration::from_secs(1);
    world.turn();
    assert!(world.answer(0, Answer::Accepted));
    let parts = |world: &World| world.readers.open[&((0, 0), (0, 0), 4)].len();
    assert_eq!(parts(&world), 3);
    world.core.hub_takes("default", "hub-0", 3_000);
    world.lose((0, 0));
    world.read((0, 0), 5);
    world.now += Duration::from_secs(1);
    while parts(&world) == 3 {
        world.turn();
        assert!(world.answer(0, Answer::Accepted));
    }
    assert_eq!(parts(&world), 4);
    world.come_to_rest();
    world.assert_nothing_lost();
}

/// One dead letter, and what is behind the part that was refused is not sent.
#[test]
fn a_part_that_is_refused_takes_the_whole_record_along() {
    let mut world = world(Policy::DeadLetter, |_, offset| offset == 4);
    world.read((0, 0), 9);
    let mut letters = 0;
    for _ in 0..100 {
        world.now += Duration::from_secs(1);
        world.turn();
        world.answer(0, Answer::Accepted);
        letters += world.letters.len();
        world.finish_letters(Ok(()));
    }
    assert_eq!(letters, 1);
    world.come_to_rest();
    world.assert_nothing_lost();
    assert_eq!(world.dead.len(), 1);
    assert!(world.letters.is_empty() && world.readers.open.is_empty());
    let offsets: Vec<_> = world.by_hub[0].iter().map(|(_, offset)| *offset).collect();
    assert_eq!(offsets, [0, 1, 2, 3, 7, 8, 9, 10]);
}

/// Parts wait for a partition that is no more, the first of them in flight: the record comes again, whole.
#[test]
fn parts_that_wait_for_a_partition_that_is_gone_go_elsewhere_all_together() {
    let mut world = world(Policy::Halt, never);
    for at in [(1, 0), (1, 1)] {
        world.read(at, 30);
    }
    world.now += Duration::from_secs(1);
    world.turn();
    world.resize(1, 1);
    world.resolve();
    world.come_to_rest();
    world.assert_nothing_lost();
    world.assert_order();
    assert!(world.held.is_empty(), "nothing stays held: {:?}", world.held);
    let different: BTreeSet<_> = world.by_hub[1].iter().copied().collect();
    assert_eq!((different.len(), world.by_hub[1].len()), (60, 60), "each whole, once");
}

/// A hub that takes nothing is fed with values of three parts: memory stays bounded, and the other hub goes on.
#[test]
fn parts_that_wait_for_a_dead_hub_are_bounded_and_cost_its_neighbour_nothing() {
    let (link, value) = (64 << 10, 192 << 10);
    let plan = estate(2, 4, 8, Key);
    let plan = Plan { value, link: link as u64, budget: MIB, too_large: TooLarge::Split, ..plan };
    let mut scene = Scene::new(plan, 1);
    scene.world.modes[0] = Mode::Silent;
    scene.play(Duration::from_secs(3));
    for _ in 0..3 {
        let [none, other] = scene.play(Duration::from_secs(1))[..] else { unreachable!() };
        assert!(none == 0 && other > 0, "{none} and {other}");
        let held = scene.world.core.bytes();
        // The largest has six times what a link takes.
        assert!(held <= MIB + 2 * 7 * link, "{held}");
    }
    scene.world.modes[0] = Mode::Good;
    assert!(scene.play(Duration::from_secs(2))[0] > 0, "it goes on");
    scene.world.come_to_rest();
    scene.world.assert_nothing_lost();
    scene.world.assert_order();
}
