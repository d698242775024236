//! Mappings whose hub each record chooses.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::fork::{Choice, Choose, NoHub};
use crate::mapping::Partitioning::Key;
use crate::mapping::{Policy, TooLarge};
use crate::record::Record;

use super::plan::{Answer, Mode, Plan, Tp};
use super::shaped::Registry;
use super::world::World;

/// The hub of `hubs` that the record at `offset` goes to; some choose none.
pub(super) fn chosen(hubs: &[usize], offset: i64) -> Option<usize> {
    (offset % 25 != 13).then(|| hubs[(offset / 2) as usize % hubs.len()])
}

/// The choice among `hubs`.
pub(super) fn choice(hubs: Vec<usize>) -> Choice {
    Choice {
        written: format!("{hubs:?}").into(),
        hubs: hubs.iter().map(|hub| format!("hub-{hub}")).collect(),
        by: Arc::new(Chooser(hubs)),
    }
}

#[derive(Debug)]
struct Chooser(Vec<usize>);

impl Choose for Chooser {
    fn hub(&self, record: &Record<'_>) -> Result<Vec<u8>, NoHub> {
        match chosen(&self.0, record.offset) {
            Some(hub) => Ok(format!("hub-{hub}").into_bytes()),
            None if record.offset % 2 == 0 => Ok(b"hub-of-nobody".to_vec()),
            None => Err(NoHub { reason: "no_field", detail: "it has no tenant".to_owned() }),
        }
    }
}

/// Topics of one partition, each to hubs of one partition among which its records choose; of three, the first gets a copy of all.
fn unresolved(topics: Vec<Vec<usize>>, policy: Policy) -> World {
    World::new(Plan {
        topics: topics
            .into_iter()
            .map(|it| it.into_iter().map(|hub| (hub, Key)).collect())
            .collect(),
        partitions: 1,
        hubs: vec![1; 5],
        policy,
        budget: 64 << 20,
        max_events: Some(7),
        link: 2_000,
        value: 0,
        poison: |_, _| false,
        registry: Registry::default(),
        forked: true,
        too_large: TooLarge::Policy,
        once: false,
    })
}

fn world(topics: Vec<Vec<usize>>, policy: Policy) -> World {
    let mut world = unresolved(topics, policy);
    world.resolve();
    world
}

impl World {
    /// What a hub has of a partition, in the order in which it came.
    fn came(&self, hub: usize, at: Tp) -> Vec<i64> {
        let log = self.by_hub[hub].iter();
        log.filter(|(of, _)| *of == at).map(|(_, offset)| *offset).collect()
    }

    /// The records of a partition that were read and choose this hub.
    fn meant(&self, hubs: &[usize], hub: usize, at: Tp) -> Vec<i64> {
        let read = self.read.iter().filter(|(of, _)| *of == at).map(|(_, offset)| *offset);
        read.filter(|offset| chosen(hubs, *offset) == Some(hub)).collect()
    }

    fn settle_all(&mut self) {
        self.now += std::time::Duration::from_secs(1);
        self.turn();
        while self.answer(0, Answer::Accepted) {
            self.turn();
        }
        self.finish_letters(Ok(()));
        self.commit();
    }
}

const AT: Tp = (0, 0);

#[test]
fn each_record_is_in_the_hub_it_chooses_and_in_no_other_and_one_that_chooses_none_is_one_dead_letter()
 {
    let mut world = world(vec![vec![0, 1]], Policy::DeadLetter);
    assert_eq!(world.read(AT, 100), 100);
    world.act();
    let none = world.read.iter().filter(|(_, offset)| chosen(&[0, 1], *offset).is_none());
    let none: BTreeSet<_> = none.copied().collect();
    assert_eq!((world.letters.len(), none.is_empty()), (none.len(), false), "one for each");
    world.settle_all();
    for hub in [0, 1] {
        let meant = world.meant(&[0, 1], hub, AT);
        assert_eq!((world.came(hub, AT), meant.len() > 40), (meant, true));
    }
    assert_eq!(none, world.dead);
    let last = world.read.last().unwrap().1;
    assert!(world.committed[&AT] > last, "all is settled");
}

#[test]
fn a_copy_goes_to_the_hub_of_the_other_mapping() {
    let mut world = world(vec![vec![2, 0, 1]], Policy::Drop);
    world.read(AT, 100);
    world.settle_all();
    let all: Vec<_> = world.read.iter().map(|(_, offset)| *offset).collect();
    assert_eq!(world.came(2, AT), all, "also those that choose none");
    for hub in [0, 1] {
        assert_eq!(world.came(hub, AT), world.meant(&[0, 1], hub, AT));
    }
}

/// Reads until the partition is held, and leaves it so.
fn read_until_held(world: &mut World) {
    while world.may_read(AT) && world.read.len() < 1_000 {
        world.read(AT, 50);
        world.settle_all();
    }
    assert!(world.held.contains(&AT));
    world.now += std::time::Duration::from_secs(4);
    world.assert_lag();
}

/// The first record that goes there.
fn record_for(hub: usize) -> i64 {
    (0..100).find(|offset| offset % 7 < 5 && chosen(&[0, 1], *offset) == Some(hub)).unwrap()
}

/// Order is kept within a Kafka partition, so one that has a record for the dead hub waits. It is told by the name of the hub.
#[test]
fn a_hub_that_is_dead_holds_only_partitions_that_have_a_record_for_it() {
    let mut world = world(vec![vec![0, 1], vec![2, 3]], Policy::Drop);
    world.modes[0] = Mode::Silent;
    let first = record_for(1);
    world.cursor.insert(AT, first);
    assert_eq!(world.read(AT, 1), 1, "it is for the hub that lives");
    world.settle_all();
    assert_eq!(world.committed[&AT], first + 1);
    read_until_held(&mut world);
    assert_eq!(world.read((1, 0), 50), 50, "the other topic has none");
    let [said] = &world.said[..] else { panic!("{:?}", world.said) };
    assert_eq!(said, "topic-0/0: partition 0 of hub `default/hub-0` does not accept events");
    world.come_to_rest();
    world.assert_order();
    assert_eq!(world.came(0, AT), world.meant(&[0, 1], 0, AT));
}

#[test]
fn a_hub_that_is_missing_is_told_when_a_record_is_for_it() {
    let mut world = unresolved(vec![vec![0, 1]], Policy::Drop);
    world.know(1);
    world.cursor.insert(AT, record_for(1));
    assert_eq!(world.read(AT, 1), 1);
    read_until_held(&mut world);
    let missing = "topic-0/0: hub `default/hub-0`: its partitions are not known yet";
    assert_eq!(
        (&world.labels[..], &world.said[..]),
        (&["hub_unavailable"][..], &[missing.to_owned()][..])
    );
    world.come_to_rest();
    world.assert_nothing_lost();
    assert_eq!(world.came(0, AT), world.meant(&[0, 1], 0, AT));
}

#[test]
fn another_list_of_hubs_counts_from_a_drained_point_on() {
    let mut world = world(vec![vec![0, 1]], Policy::Drop);
    world.read(AT, 60);
    world.reroute(0, vec![(3, Key), (4, Key)]);
    world.resolve();
    assert_eq!(world.read(AT, 5), 0, "what was read before is delivered first");
    world.settle_all();
    let last = world.read.last().unwrap().1;
    assert_eq!(world.read(AT, 60), 60);
    world.come_to_rest();
    let old: Vec<_> = [0, 1].iter().flat_map(|hub| world.came(*hub, AT)).collect();
    let new: Vec<_> = [3, 4].iter().flat_map(|hub| world.came(*hub, AT)).collect();
    assert!(old.iter().all(|it| *it <= last) && new.iter().all(|it| *it > last));
    let goes = world.read.iter().filter(|(_, offset)| chosen(&[0], *offset).is_some()).count();
    assert_eq!(old.len() + new.len(), goes, "each once");
    assert_eq!(world.forgotten, [0, 1].into(), "nothing goes there any more");
}

#[test]
fn a_reload_of_the_same_hubs_is_no_change() {
    let mut world = world(vec![vec![0, 1]], Policy::Drop);
    world.read(AT, 30);
    world.reload();
    assert_eq!(world.read(AT, 30), 30, "nothing is held");
    assert_eq!(world.labels, [""; 0]);
}

/// Of one of the hubs a partition is gone: what waited for it goes there again, and what the others have does not.
#[test]
fn what_comes_again_goes_where_it_went_before() {
    let mut world = world(vec![vec![2, 0, 1]], Policy::Drop);
    world.resize(0, 8);
    world.resize(1, 8);
    world.resolve();
    world.read(AT, 200);
    world.now += std::time::Duration::from_secs(1);
    world.turn();
    world.resize(0, 1);
    world.resolve();
    while world.answer(0, Answer::Accepted) {
        world.turn();
    }
    assert!(world.cursor[&AT] <= world.came(1, AT)[0].max(14), "it has gone back");
    world.come_to_rest();
    world.assert_nothing_lost();
    let sorted = |mut offsets: Vec<i64>| {
        offsets.sort_unstable();
        offsets
    };
    for hub in [0, 1] {
        assert_eq!(sorted(world.came(hub, AT)), world.meant(&[0, 1], hub, AT), "each once");
    }
    assert_eq!(world.came(2, AT).len(), world.read.len());
}
