//! Values that are too large for every link: each is stored before its event is sent, and nobody else waits for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;

use crate::action::{Action, Note};
use crate::claim::Blob;
use crate::core::Core;
use crate::mapping::Partitioning::{Key, Mirror};
use crate::mapping::{Container, Mapping, Policy, TooLarge, sample};
use crate::record::{Header, Position, Record, TopicPartition};
use crate::route::Router;
use crate::step::Reference;

use super::plan::{Plan, Tp};
use super::shaped::Registry;
use super::world::World;

/// What is to be stored, and what is.
#[derive(Debug, Default)]
pub(super) struct Blobs {
    pub(super) asked: Vec<(Reference, Weak<Blob>)>,
    pub(super) kept: BTreeMap<String, Bytes>,
}

pub(super) fn container() -> Container {
    Container { url: "https://store/claims".into(), prefix: "".into() }
}

/// Which record an event is of that says where its value is.
pub(super) fn identity(event: &[u8]) -> Option<(Tp, i64)> {
    let url = url(event)?;
    let parts: Vec<_> = url.rsplit('/').take(3).collect();
    let [last, partition, topic] = parts[..] else { panic!("{url}") };
    let offset = last.split('-').next()?.parse().ok()?;
    let topic = topic.strip_prefix("topic-")?.parse().ok()?;
    Some(((topic, partition.parse().ok()?), offset))
}

fn url(event: &[u8]) -> Option<String> {
    event.ends_with(b"}").then_some(())?;
    let text = String::from_utf8_lossy(event);
    let (_, body) = text.rsplit_once(r#"{"url":""#)?;
    Some(body.split('"').next()?.to_owned())
}

impl Blobs {
    pub(super) fn ask(&mut self, reference: Reference, blob: Weak<Blob>) {
        let is_asked =
            |(it, blob): &(Reference, Weak<Blob>)| *it == reference && blob.strong_count() > 0;
        assert!(!self.asked.iter().any(is_asked), "{reference:?} is stored once");
        self.asked.push((reference, blob));
    }

    /// An event that refers to a blob is sent when the blob is there, and not before.
    pub(super) fn assert_holds(&self, event: &[u8]) {
        if let Some(url) = url(event) {
            let kept = self.kept.get(&url).unwrap_or_else(|| panic!("{url} is not stored"));
            let (at, offset) = identity(event).unwrap();
            let end = format!("{:04}{:04}{offset:016}", at.0, at.1);
            assert!(kept.ends_with(end.as_bytes()), "{url} holds another value");
        }
    }
}

impl World {
    /// One of the blobs is stored, or cannot be now.
    pub(super) fn stores(&mut self, pick: usize, well: bool) {
        if self.blobs.asked.is_empty() {
            return;
        }
        let place = pick % self.blobs.asked.len();
        let (reference, blob) = &self.blobs.asked[place];
        let reference = *reference;
        match blob.upgrade() {
            Some(_) if !well => return self.core.fetch_failed(&reference, "storage is away"),
            Some(blob) => {
                self.blobs.kept.insert(blob.url.clone(), blob.bytes.clone());
                self.core.stored(reference);
            }
            // Nobody wants it any more.
            None => {}
        }
        self.blobs.asked.swap_remove(place);
        self.act();
    }

    pub(super) fn store_all(&mut self) {
        while !self.blobs.asked.is_empty() {
            self.stores(0, true);
        }
    }
}

/// The second topic feeds two hubs, so both events of a record have one blob.
fn world(budget: usize) -> World {
    let mut world = World::new(Plan {
        topics: vec![vec![(0, Key)], vec![(1, Key), (2, Mirror)]],
        partitions: 2,
        hubs: vec![1, 2, 2],
        policy: Policy::Halt,
        budget,
        max_events: None,
        link: 5_000,
        value: 0,
        poison: |_, _| false,
        registry: Registry::default(),
        too_large: TooLarge::ClaimCheck(container()),
        once: false,
        forked: false,
    });
    world.resolve();
    world.core.hub_takes("default", "hub-0", 5_000);
    world.core.hub_takes("default", "hub-1", 5_000);
    world.core.hub_takes("default", "hub-2", 5_000);
    world
}

#[test]
fn a_large_value_waits_for_its_blob_and_nobody_else_does() {
    let mut world = world(64 << 20);
    // Offset 4 is too large.
    assert_eq!(world.read((0, 0), 9), 4);
    assert!(world.held.contains(&(0, 0)));
    assert_eq!(world.labels, ["claim_check"]);
    assert_eq!(world.read((0, 1), 4), 4, "its neighbour goes on");
    world.stores(0, false);
    world.now += Duration::from_secs(2);
    world.assert_lag();
    let [said] = &world.said[..] else { panic!("{:?}", world.said) };
    assert!(said.starts_with("topic-0/0: blob `https://store/claims/topic-0/0/4-"), "{said}");
    assert!(said.ends_with("`: storage is away"), "{said}");
    world.stores(0, true);
    assert_eq!(world.read((0, 0), 2), 2, "it goes on where it stood");
    world.come_to_rest();
    world.assert_nothing_lost();
    world.assert_order();
    assert_eq!(world.committed[&(0, 0)], 8);
    assert_eq!(world.blobs.kept.len(), 1);
}

#[test]
fn one_blob_serves_two_hubs() {
    let mut world = world(64 << 20);
    world.read((1, 0), 9);
    world.stores(0, true);
    assert_eq!(world.read((1, 0), 1), 1);
    world.come_to_rest();
    world.assert_nothing_lost();
    assert_eq!(world.blobs.kept.len(), 1);
    let times = |hub: usize| world.by_hub[hub].iter().filter(|it| **it == ((1, 0), 4)).count();
    assert_eq!((times(1), times(2)), (1, 1));
}

/// Blobs that wait take a bounded part of the memory: who has no room waits for one of them.
#[test]
fn so_much_is_stored_at_once_and_no_more() {
    let mut world = world(32_000);
    for at in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        world.read(at, 9);
    }
    assert_eq!((world.blobs.asked.len(), world.held.len()), (1, 4), "8 000 bytes are one value");
    for stored in 1..=4 {
        world.stores(0, true);
        for at in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            world.read(at, 1);
        }
        assert_eq!(world.blobs.kept.len(), stored);
    }
    world.come_to_rest();
    world.assert_nothing_lost();
}

#[test]
fn what_is_stored_for_a_partition_that_is_taken_away_is_given_up() {
    let mut world = world(64 << 20);
    world.read((0, 0), 9);
    world.lose((0, 0));
    assert_eq!(world.blobs.asked[0].1.strong_count(), 0, "nobody waits for it");
    assert_eq!(world.core.missing.bytes(), 0);
    world.come_to_rest();
    world.assert_nothing_lost();
}

/// Offset 4 of a topic with one mapping that has a claim check, and headers of so many bytes.
fn admit(headers: usize, policy: Policy) -> (Core, Vec<Action>) {
    let mut mapping = Mapping { ..sample() };
    mapping.failure.policy = policy;
    mapping.failure.too_large = TooLarge::ClaimCheck(container());
    let now = std::time::Instant::now();
    let mut core = Core::new(Arc::new(Router::new(&[mapping])), 1 << 20);
    core.assign(&TopicPartition::new("orders", 0), now);
    core.hub_known("default", "orders", &["0".to_owned()], now);
    core.lane_ready(0, 2_000);
    drop(core.take_actions());
    let (header, value) = (vec![b'h'; headers], vec![b'v'; 5_000]);
    let headers = [Header { name: b"h", value: Some(&header) }];
    let (topic, partition, offset) = ("orders", 0, 4);
    let (timestamp, key, value) = (None, None, Some(&value[..]));
    core.admit(&Record { topic, partition, offset, timestamp, key, value, headers: &headers }, now);
    let actions = core.take_actions();
    (core, actions)
}

#[test]
fn one_whose_headers_alone_are_too_large_goes_the_way_of_the_policy_and_is_not_stored() {
    let (mut core, actions) = admit(3_000, Policy::Drop);
    let refused = actions
        .iter()
        .any(|it| matches!(it, Action::Tell(Note::Refused { reason: "too_large", offset: 4, .. })));
    assert!(refused && !actions.iter().any(|it| matches!(it, Action::Store(..))), "{actions:?}");
    assert_eq!(
        core.positions_to_commit(),
        [(TopicPartition::new("orders", 0), Position(5).into())]
    );
    let (_, actions) = admit(3, Policy::Drop);
    assert!(actions.iter().any(|it| matches!(it, Action::Store(..))), "{actions:?}");
}
