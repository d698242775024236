//! What an operator and a consumer of the hub may rely on.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::mapping::{Pattern, Topics, Type, whole_name};
use crate::record::Record;
use crate::typed::Key;

fn mapping(topics: Topics, hub: &str, partitioning: Partitioning) -> Mapping {
    Mapping { topics, hub: hub.into(), partitioning, ..crate::mapping::sample() }
}

fn named(names: &[&str]) -> Topics {
    Topics::Named(names.iter().map(ToString::to_string).collect())
}

fn pattern(pattern: &str) -> Topics {
    Topics::Pattern(Pattern::new(pattern).unwrap())
}

fn router(mappings: Vec<Mapping>) -> Router {
    Router::new(&mappings)
}

fn route(partitioning: Partitioning) -> Route {
    let router = router(vec![mapping(named(&["orders"]), "hub", partitioning)]);
    router.routes("orders").remove(0)
}

fn record(partition: i32, key: Option<&[u8]>) -> Record<'_> {
    Record {
        topic: "orders",
        partition,
        offset: 7,
        timestamp: None,
        key,
        value: None,
        headers: &[],
    }
}

/// The partition key of a record is what `typed` makes of its key.
fn key_of(record: &Record<'_>) -> Option<String> {
    let of = |key| Key::of(key, Type::Text).unwrap().partition_key.into_owned();
    record.key.map(of)
}

fn choose(route: &Route, record: &Record<'_>, count: usize) -> Result<usize, Misfit> {
    let key = key_of(record);
    route.choose(record.partition, key.as_deref(), count, &mut RoundRobin::default())
}

fn lane(route: &Route, record: &Record<'_>, count: usize) -> usize {
    choose(route, record, count).unwrap()
}

fn hubs(router: &Router, topic: &str) -> Vec<(usize, String)> {
    router.routes(topic).iter().map(|route| (route.mapping, route.hub.to_string())).collect()
}

#[test]
fn every_mapping_that_takes_a_topic_is_a_route() {
    let router = router(vec![
        mapping(named(&["orders", "returns"]), "sales", Partitioning::Key),
        mapping(named(&["orders"]), "audit", Partitioning::Mirror),
        mapping(pattern(r"^eu\..+"), "region-{topic}", Partitioning::Key),
    ]);
    assert_eq!(hubs(&router, "orders"), [(0, "sales".into()), (1, "audit".into())]);
    assert_eq!(hubs(&router, "returns"), [(0, "sales".into())]);
    assert_eq!(hubs(&router, "eu.orders"), [(2, "region-eu.orders".into())]);
    assert_eq!(hubs(&router, "Orders"), []);
}

#[test]
fn a_pattern_takes_whole_names_only() {
    for (text, topic, taken) in [
        ("orders", "orders", true),
        ("orders", "orders-dead", false),
        ("orders", "eu-orders", false),
        ("a|ab", "ab", true),
        ("^orders\\..+$", "orders.eu", true),
        ("(?x)orders # all of them", "orders", true),
        ("(?x)orders # all of them", "orders2", false),
    ] {
        let router = router(vec![mapping(pattern(text), "hub", Partitioning::Key)]);
        assert_eq!(!router.routes(topic).is_empty(), taken, "{text} on {topic}");
    }
}

#[test]
fn what_one_pattern_leaves_out_another_mapping_may_take() {
    let but = |expressions: &[&str]| {
        let Topics::Pattern(pattern) = pattern("eu\\..+") else { panic!("a pattern") };
        let but = expressions.iter().map(|it| whole_name(it).unwrap());
        Topics::Pattern(Pattern { but: but.collect(), ..pattern })
    };
    let router = router(vec![
        mapping(but(&["eu\\.audit", ".*-raw"]), "all", Partitioning::Key),
        mapping(but(&[]), "copy", Partitioning::Key),
        mapping(named(&["eu.audit"]), "audit", Partitioning::Key),
    ]);
    for (topic, mappings) in
        [("eu.orders", vec![0, 1]), ("eu.audit", vec![1, 2]), ("eu.x-raw", vec![1])]
    {
        let found = hubs(&router, topic).into_iter().map(|(mapping, _)| mapping);
        assert_eq!(found.collect::<Vec<_>>(), mappings, "{topic}");
    }
}

#[test]
fn a_key_goes_where_the_service_would_put_it() {
    let route = route(Partitioning::Key);
    assert_eq!(lane(&route, &record(3, Some(b"customer-17")), 32), 31);
    // The empty key is a key: it has one place, wherever it comes from.
    let empty = lane(&route, &record(1, Some(b"")), 32);
    assert_eq!(lane(&route, &record(2, Some(b"")), 32), empty);
}

#[test]
fn keyless_records_of_small_topics_do_not_meet_on_one_partition() {
    let topics: Vec<String> = (0..64).map(|n| format!("topic-{n}")).collect();
    let router = router(vec![mapping(pattern("topic-.*"), "hub", Partitioning::Key)]);
    let mut load = HashMap::new();
    for topic in &topics {
        let route = router.routes(topic).remove(0);
        *load.entry(lane(&route, &record(0, None), 8)).or_insert(0) += 1;
    }
    assert_eq!(load.len(), 8, "some partitions get nothing: {load:?}");
}

#[test]
fn mirror_and_fixed_name_the_partition_that_is_missing() {
    let mirror = route(Partitioning::Mirror);
    assert_eq!(lane(&mirror, &record(3, Some(b"k")), 4), 3);
    assert_eq!(
        choose(&mirror, &record(4, None), 4).unwrap_err().to_string(),
        "hub `hub` has 4 partitions, so kafka partition 4 has no mirror"
    );
    let fixed = route(Partitioning::Fixed(2));
    assert_eq!(lane(&fixed, &record(9, None), 3), 2);
    assert_eq!(
        choose(&fixed, &record(0, None), 2).unwrap_err().to_string(),
        "hub `hub` has 2 partitions, so there is no partition 2"
    );
    assert_eq!(
        choose(&route(Partitioning::Key), &record(0, None), 0),
        Err(Misfit::Empty { hub: "hub".into() })
    );
}

#[test]
fn round_robin_visits_every_partition_in_turn() {
    let route = route(Partitioning::RoundRobin);
    let mut state = RoundRobin::starting_at(5);
    let mut next = |count| route.choose(0, Some("k"), count, &mut state).unwrap();
    assert_eq!([next(3), next(3), next(3), next(3)], [2, 0, 1, 2]);
    // A hub that grows is used whole from the next round on.
    assert_eq!([next(4), next(4)], [3, 0]);
}

fn any_key() -> impl Strategy<Value = Option<Vec<u8>>> {
    proptest::option::of(proptest::collection::vec(any::<u8>(), 0..160))
}

fn any_partitioning() -> impl Strategy<Value = Partitioning> {
    prop_oneof![
        Just(Partitioning::Key),
        Just(Partitioning::Mirror),
        Just(Partitioning::RoundRobin),
        (0_u32..40).prop_map(Partitioning::Fixed),
        Just(Partitioning::Gateway),
    ]
}

proptest! {
    #[test]
    fn a_lane_exists_or_the_misfit_was_foretold(
        partitioning in any_partitioning(),
        key in any_key(),
        partition in 0_i32..64,
        count in 0_usize..64,
    ) {
        let route = route(partitioning);
        match choose(&route, &record(partition, key.as_deref()), count) {
            Ok(lane) => prop_assert!(lane < count),
            Err(misfit) => prop_assert_eq!(route.fits(partition, count), Err(misfit)),
        }
    }

    /// Promise 2 stands on this: same key, same source, same lane, whatever came between.
    #[test]
    fn one_key_of_one_source_has_one_lane(
        partitioning in any_partitioning(),
        keys in proptest::collection::vec((any_key(), 0_i32..40), 1..60),
    ) {
        prop_assume!(partitioning != Partitioning::RoundRobin);
        let route = route(partitioning);
        let mut round_robin = RoundRobin::default();
        let mut seen = HashMap::new();
        for (key, partition) in &keys {
            let key_text = key_of(&record(*partition, key.as_deref()));
            let lane = route.choose(*partition, key_text.as_deref(), 40, &mut round_robin).unwrap();
            let first = *seen.entry((key, partition)).or_insert(lane);
            prop_assert_eq!(first, lane);
        }
    }

    /// With `key` and `gateway` the source does not matter: a key has one place on the hub.
    #[test]
    fn a_key_has_one_place_whatever_its_source(
        key in proptest::collection::vec(any::<u8>(), 0..160),
        a in any::<u16>(),
        b in any::<u16>(),
        count in 1_usize..2000,
    ) {
        for partitioning in [Partitioning::Key, Partitioning::Gateway] {
            let route = route(partitioning);
            prop_assert_eq!(
                choose(&route, &record(a.into(), Some(&key)), count),
                choose(&route, &record(b.into(), Some(&key)), count)
            );
        }
    }

    /// With `gateway` too a lane is a hub partition, so that what shares one keeps its order, whatever its key.
    #[test]
    fn a_gateway_lane_is_the_partition_the_service_chooses(
        key in proptest::collection::vec(any::<u8>(), 0..160),
        count in 1_usize..2000,
    ) {
        let record = record(0, Some(&key));
        let by_service = super::hash::place(key_of(&record).unwrap().as_bytes(), count);
        prop_assert_eq!(lane(&route(Partitioning::Gateway), &record, count), by_service);
    }
}

#[test]
fn what_the_mappings_need_is_known_or_said_to_be_open() {
    let mappings = vec![
        mapping(named(&["orders"]), "sales", Partitioning::Key),
        mapping(named(&["returns"]), "sales", Partitioning::Fixed(6)),
        mapping(named(&["clicks"]), "{topic}", Partitioning::Mirror),
        mapping(pattern("eu\\..*"), "{topic}", Partitioning::Key),
    ];
    let at_least = |needs: &Needs| {
        needs.hubs.iter().map(|need| (need.hub.clone(), need.at_least)).collect::<Vec<_>>()
    };
    let little = needs(&mappings, &[].into());
    assert_eq!(at_least(&little), [("clicks".to_owned(), 1), ("sales".to_owned(), 7)]);
    assert_eq!(little.open.len(), 2, "{:?}", little.open);

    let told =
        [("clicks".to_owned(), Some(12)), ("eu.orders".to_owned(), None), ("us".to_owned(), None)];
    let all = needs(&mappings, &told.into());
    let expected = [("clicks", 12), ("eu.orders", 1), ("sales", 7)];
    assert_eq!(at_least(&all), expected.map(|(hub, count)| (hub.to_owned(), count)));
    assert_eq!(all.open, [] as [&str; 0]);
}
