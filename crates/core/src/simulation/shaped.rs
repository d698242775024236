//! Mappings with a step: it filters, refuses and changes records, and waits for what it does not know.

use std::sync::Arc;

use crate::mapping::Partitioning::{Key, Mirror};
use crate::mapping::{Policy, TooLarge};
use crate::record::Record;
use crate::step::{self, Draft, FetchedValues, Field, Missing, Reference, StepOutcome};

use super::plan::{Plan, Tp};
use super::world::{World, name, tp};

/// What a step has to know, by number.
#[derive(Debug, Clone, Default)]
pub(super) struct Registry {
    /// Whether mappings have steps.
    steps: bool,
    /// What was asked for and is not known.
    asked: Vec<Reference>,
}

/// Every so many records were written with another schema.
const SCHEMA: i64 = 25;
const REASON: &str = "not_wanted";

impl Registry {
    /// One that steps of several mappings ask.
    pub(super) fn shared() -> Self {
        Self { steps: true, asked: Vec::new() }
    }

    /// The step of a mapping to `hub`.
    pub(super) fn step(&self, hub: usize, poison: fn(Tp, i64) -> bool) -> Option<step::Step> {
        let step =
            || step::Step { written: "picky".into(), shape: Arc::new(Picky { hub, poison }) };
        self.steps.then(step)
    }

    pub(super) fn ask(&mut self, reference: Reference) {
        assert!(!self.asked.contains(&reference), "{reference:?} is asked for once");
        self.asked.push(reference);
    }

    /// Whether no event for `hub` is made of that record.
    pub(super) fn filters(&self, hub: usize, (of, _): Tp, offset: i64) -> bool {
        self.steps && of == 1 && hub == 1 && offset % 5 == 2
    }
}

#[derive(Debug)]
struct Picky {
    hub: usize,
    poison: fn(Tp, i64) -> bool,
}

fn schema(number: u8) -> Reference {
    Reference { place: 0, sort: 0, id: [number; 16] }
}

impl step::Shape for Picky {
    fn apply<'r>(&self, record: &Record<'r>, known: &FetchedValues) -> StepOutcome<'r> {
        let at = tp(&name((record.topic["topic-".len()..].parse().unwrap(), record.partition)));
        let offset = record.offset;
        if Registry::shared().filters(self.hub, at, offset) {
            return StepOutcome::Filtered(REASON);
        }
        // The others are refused by their hub.
        if (self.poison)(at, offset) && offset % 2 == 0 {
            return StepOutcome::Refused { reason: "unreadable", detail: format!("{offset}") };
        }
        let number = (offset / SCHEMA) as u8;
        let reference = schema(number);
        if offset % 3 == 0 && known.get(&reference).is_none() {
            return StepOutcome::Missing(Missing {
                reference,
                what: format!("schema {number}").into(),
            });
        }
        if offset % 3 == 1 {
            return StepOutcome::Same;
        }
        let mut draft = Draft::of(record);
        if let Some(key) = &mut draft.key {
            key.to_mut().extend(b"-changed");
        }
        draft.headers.push(Field { name: b"more".into(), value: None });
        StepOutcome::Shaped(draft)
    }
}

impl World {
    /// One of what is asked for is known, or cannot be had now.
    pub(super) fn fetched(&mut self, pick: usize, well: bool) {
        let asked = &mut self.registry.asked;
        if asked.is_empty() {
            return;
        }
        let place = pick % asked.len();
        if well {
            let reference = asked.swap_remove(place);
            self.core.fetched(reference, Arc::new(()));
        } else {
            self.core.fetch_failed(&asked[place], "the registry is away");
        }
        self.act();
    }

    pub(super) fn fetch_all(&mut self) {
        while !self.registry.asked.is_empty() {
            self.fetched(0, true);
        }
    }
}

/// The second topic feeds two hubs, and one of them does not want all of it.
fn world() -> World {
    let mut world = World::new(Plan {
        topics: vec![vec![(0, Key)], vec![(1, Key), (2, Mirror)]],
        partitions: 1,
        hubs: vec![1, 1, 1],
        policy: Policy::Halt,
        budget: 64 << 20,
        max_events: None,
        link: 20_000,
        value: 0,
        poison: |_, _| false,
        registry: Registry::shared(),
        forked: false,
        too_large: TooLarge::Policy,
        once: false,
    });
    world.resolve();
    world
}

#[test]
fn a_record_waits_for_its_schema_and_other_partitions_do_not() {
    let mut world = world();
    world.core.fetched(schema(1), Arc::new(()));
    assert_eq!(world.read((0, 0), 5), 0, "the first needs schema 0");
    assert!(world.held.contains(&(0, 0)));
    assert_eq!(world.registry.asked, [schema(0)]);
    assert_eq!(world.labels, ["schema"]);
    world.cursor.insert((1, 0), 25);
    assert_eq!(world.read((1, 0), 5), 5, "those of schema 1 go on");
    world.fetched(0, false);
    world.now += std::time::Duration::from_secs(2);
    world.assert_lag();
    assert_eq!(world.said, ["topic-0/0: schema 0: the registry is away"]);
    world.core.fetch_failed(&schema(0), "the registry is away");
    world.core.fetch_failed(&schema(0), "the registry is empty");
    world.act();
    assert_eq!(world.said[1..], ["topic-0/0: schema 0: the registry is empty"], "another reason");
    world.fetched(0, true);
    assert_eq!(world.read((0, 0), 5), 5, "it goes on where it stood");
    world.come_to_rest();
    world.assert_nothing_lost();
}

#[test]
fn what_one_mapping_filters_goes_by_the_other_and_is_settled_and_counted() {
    let mut world = world();
    (0..100).for_each(|number| world.core.fetched(schema(number), Arc::new(())));
    assert_eq!(world.read((1, 0), 40), 40);
    world.come_to_rest();
    world.assert_nothing_lost();
    let of = |hub: usize| world.by_hub[hub].iter().map(|(_, offset)| *offset).collect::<Vec<_>>();
    let expected: Vec<_> = of(2).into_iter().filter(|offset| offset % 5 != 2).collect();
    assert_eq!((of(1), of(2).len()), (expected, 40));
    assert!(world.committed[&(1, 0)] > of(2)[39]);
    let filtered = world.core.take_filtered();
    let [counted] = &filtered[..] else { panic!("{filtered:?}") };
    assert_eq!((&*counted.mapping, counted.reason), ("topic-1 → default/hub-1", REASON));
    assert_eq!(counted.records as usize, 40 - of(1).len());
}
