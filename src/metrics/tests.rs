//! What a dashboard may rely on: the names of `docs/metrics.md`, and series that come and go with their partition.

use std::collections::{BTreeMap, BTreeSet};

use bridge_core::ReadState;
use bridge_core::lane::Seal;
use bridge_core::mapping::Policy;
use prometheus::proto::MetricType;

use super::*;

fn standing(
    name: &TopicPartition,
    in_flight: usize,
    position: Option<Position>,
) -> PartitionStatus {
    let (oldest, lag) = (Duration::from_secs(1), Duration::from_secs(2));
    let (behind, reading) = (None, ReadState::Flowing);
    PartitionStatus { name: name.clone(), in_flight, oldest, lag, position, behind, reading }
}

/// Says everything that can be said, once.
pub(super) fn spoken() -> Metrics {
    let metrics = Metrics::default();
    let second = Duration::from_secs(1);
    let hub = HubName { namespace: "contoso".into(), hub: "hub".into() };
    let orders = TopicPartition::new("orders", 3);
    metrics.partition_assigned(&orders);
    metrics.partition_state(&standing(&orders, 5, Some(Position(42))));
    metrics.partition_held(&orders, HoldReason::Halted, true);
    metrics.consumer_lag(&orders, 17);
    metrics.records_received("orders", 10, 1000);
    metrics.record_refused("orders", Policy::Drop, "too_large");
    let (mapping, reason) = ("orders → default/orders".into(), "select");
    metrics.records_filtered(&bridge_core::Filtered { mapping, reason, records: 3 });
    metrics.events_spared(&hub, 3);
    metrics.looked_at(&hub, 7);
    metrics.records_let_go(LetGo::Revoked, 2);
    metrics.batch_sealed(&hub, Seal::Full, 10, 1200);
    metrics.batch_accepted(&hub, 10, 1200, second);
    metrics.send_retried(&hub, Cause::Throttled);
    metrics.end_to_end(&hub, second);
    metrics.link_attached(&hub);
    metrics.buffered(0, 100, 200);
    metrics.prefetched(0, 300);
    metrics.committed(true);
    metrics.rebalanced(Rebalance::Revoke, second);
    metrics.kafka_error("_TRANSPORT");
    metrics.records_expired("orders", 3);
    metrics.position_gone("orders", PositionGone::Skipped, 3);
    metrics.kafka_brokers(3, 1);
    metrics.connect_attempted("default", true);
    metrics.connected("default", 0, true);
    metrics.connections("default", 0, 1);
    metrics.links("default", 0, 1);
    let governed = Governed { namespace: "default".into(), rate: 1_000_000, waiting: 3 };
    metrics.throttled("default", 0, Some(&governed));
    metrics.hub_partition_state((&hub, "7"), 0, LaneState::Throttled, Some(1_800_000_000));
    metrics.hub_unavailable("default", "hub", true);
    metrics.topic_unavailable("orders", false);
    metrics.topics_left_out(2);
    metrics.token_put("default", false);
    metrics.token_expires("default", 1_900_000_000);
    metrics.registry_asked("main", RegistryAnswer::Unknown);
    metrics.stores();
    metrics.stored(3);
    metrics.not_stored(Upload::Failed);
    metrics.exported(OtlpSignal::Metrics, true);
    metrics.spans_dropped(SpansDropped::QueueFull, 3);
    metrics
}

/// The series of the page that contain `part`, without the comment lines.
fn series(metrics: &Metrics, part: &str) -> Vec<String> {
    let page = metrics.render();
    page.lines().filter(|it| !it.starts_with('#') && it.contains(part)).map(Into::into).collect()
}

fn type_name(kind: MetricType) -> &'static str {
    match kind {
        MetricType::COUNTER => "counter",
        MetricType::GAUGE => "gauge",
        MetricType::HISTOGRAM => "histogram",
        other => panic!("the table has no word for {other:?}"),
    }
}

/// All that `verify --live` can say, once.
fn found() -> Verified {
    let verified = Verified::default();
    verified.round(RoundOutcome::Good);
    verified.compared(10, 9, 1_800_000_000.5);
    verified.faults(("contoso", "hub"), true, "missing", 1);
    verified.faults(("contoso", "hub"), false, "twice", 0);
    verified.unproven("expired", 2);
    verified.left(3, 4);
    verified
}

/// Name → type and labels, as the registry has them.
fn registered(registry: &Registry) -> BTreeMap<String, (String, String)> {
    let families = registry.gather();
    let entry = |family: &prometheus::proto::MetricFamily| {
        let metric = &family.get_metric()[0];
        let labels: BTreeSet<&str> =
            metric.get_label().iter().map(prometheus::proto::LabelPair::name).collect();
        let labels = labels.into_iter().collect::<Vec<_>>().join(", ");
        (family.name().to_owned(), (type_name(family.get_field_type()).to_owned(), labels))
    };
    families.iter().map(entry).collect()
}

/// The part of `docs/metrics.md` about the bridge, and the one about `verify --live`.
fn pages() -> (&'static str, &'static str) {
    let page = include_str!("../../docs/metrics.md");
    page.split_once("\n## Of `verify --live`\n").expect("a section of its own")
}

/// Name → type and labels, as `docs/metrics.md` has them: rows of `| `name` | type | labels | meaning | alert |`.
fn documented(page: &str) -> BTreeMap<String, (String, String)> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [name, kind, labels, meaning, alert, _] = cells[..] else {
            panic!("not five cells: {row}")
        };
        assert!(!meaning.is_empty() && !alert.is_empty(), "an empty cell: {row}");
        let mut labels: Vec<&str> =
            labels.split(", ").map(|it| it.trim_matches('`')).filter(|it| *it != "–").collect();
        labels.sort_unstable();
        (name.trim_end_matches('`').to_owned(), (kind.to_owned(), labels.join(", ")))
    })
    .collect()
}

/// Without this a family with labels could be neither said above nor documented: the registry leaves out what has no series.
#[test]
fn every_family_has_series() {
    assert_eq!(spoken().families.silent(), [""; 0], "`spoken` says nothing of these");
}

#[cfg(target_os = "linux")]
#[test]
fn the_documented_table_is_the_registry() {
    let (bridge, verify) = pages();
    let (documented, registered) = (documented(bridge), registered(&spoken().registry));
    for (name, entry) in &registered {
        assert_eq!(documented.get(name), Some(entry), "`{name}` in docs/metrics.md");
    }
    for name in documented.keys() {
        assert!(
            registered.contains_key(name),
            "docs/metrics.md has `{name}`, the registry has not"
        );
    }
    // What a process tells of itself is the same.
    let mut own = self::registered(&found().registry);
    own.retain(|name, entry| documented.get(name) != Some(entry));
    assert_eq!(self::documented(verify), own);
}

#[test]
fn what_was_found_can_be_read_and_rises_from_a_zero() {
    let page = found().render();
    for line in [
        r#"bridge_verify_rounds_total{outcome="good"} 1"#,
        r#"bridge_verify_rounds_total{outcome="failed"} 0"#,
        "bridge_verify_records_compared_total 10",
        "bridge_verify_events_compared_total 9",
        "bridge_verify_compared_timestamp_seconds 1800000000.5",
        r#"bridge_verify_faults_total{delivery="effectively_once",eventhubs_namespace="contoso",fault="missing",hub="hub"} 1"#,
        r#"bridge_verify_faults_total{delivery="at_least_once",eventhubs_namespace="contoso",fault="twice",hub="hub"} 0"#,
        r#"bridge_verify_unproven_total{reason="expired"} 2"#,
        r#"bridge_verify_unproven_total{reason="no_record"} 0"#,
        "bridge_verify_waiting_events 3",
        "bridge_verify_partitions_without_position 4",
    ] {
        assert!(page.lines().any(|it| it == line), "`{line}` is not in\n{page}");
    }
}

#[test]
fn what_was_said_can_be_read() {
    let metrics = spoken();
    for line in [
        r#"bridge_records_received_total{topic="orders"} 10"#,
        r#"bridge_received_bytes_total{topic="orders"} 1000"#,
        r#"bridge_batches_sealed_total{eventhubs_namespace="contoso",hub="hub",reason="full"} 1"#,
        r#"bridge_batch_events_sum{eventhubs_namespace="contoso",hub="hub"} 10"#,
        r#"bridge_batch_bytes_sum{eventhubs_namespace="contoso",hub="hub"} 1200"#,
        r#"bridge_events_sent_total{eventhubs_namespace="contoso",hub="hub"} 10"#,
        r#"bridge_sent_bytes_total{eventhubs_namespace="contoso",hub="hub"} 1200"#,
        r#"bridge_send_duration_seconds_sum{eventhubs_namespace="contoso",hub="hub"} 1"#,
        r#"bridge_end_to_end_seconds_count{eventhubs_namespace="contoso",hub="hub"} 1"#,
        r#"bridge_in_flight_records{partition="3",topic="orders"} 5"#,
        r#"bridge_oldest_in_flight_seconds{partition="3",topic="orders"} 1"#,
        r#"bridge_position{partition="3",topic="orders"} 42"#,
        r#"bridge_partition_held{partition="3",reason="halted",topic="orders"} 1"#,
        r#"bridge_partition_held{partition="3",reason="hub_unavailable",topic="orders"} 0"#,
        r#"bridge_consumer_lag_records{partition="3",topic="orders"} 17"#,
        r#"bridge_lag_seconds{partition="3",topic="orders"} 2"#,
        r#"bridge_buffered_bytes{shard="0"} 100"#,
        r#"bridge_buffer_limit_bytes{shard="0"} 200"#,
        r#"bridge_commits_total{outcome="ok"} 1"#,
        r#"bridge_commits_total{outcome="failed"} 0"#,
        r#"bridge_rebalances_total{kind="revoke"} 1"#,
        "bridge_rebalance_drain_seconds_count 1",
        r#"bridge_kafka_brokers{state="down"} 1"#,
        r#"bridge_token_renewals_total{eventhubs_namespace="default",outcome="failed"} 1"#,
        r#"bridge_token_expiry_timestamp_seconds{eventhubs_namespace="default"} 1900000000"#,
    ] {
        assert_eq!(series(&metrics, line), [line]);
    }
}

#[test]
fn a_removed_partition_leaves_nothing_and_stays_away() {
    let metrics = spoken();
    let orders = TopicPartition::new("orders", 3);
    let of_partition = r#"partition="3""#;
    assert_eq!(series(&metrics, of_partition).len(), 7);
    metrics.partition_removed(&orders);
    assert_eq!(series(&metrics, of_partition), [""; 0]);
    // Late words of the shard that had it.
    metrics.partition_state(&standing(&orders, 1, Some(Position(1))));
    metrics.partition_held(&orders, HoldReason::Halted, true);
    metrics.consumer_lag(&orders, 5);
    metrics.partition_removed(&orders);
    assert_eq!(series(&metrics, of_partition), [""; 0]);
    // It comes back as if it had never been here.
    metrics.partition_assigned(&orders);
    let held = series(&metrics, "bridge_partition_held{");
    assert!(held.len() == 2 && held.iter().all(|it| it.ends_with(" 0")), "{held:?}");
}

#[test]
fn a_partition_that_moves_between_shards_keeps_its_series() {
    let metrics = Metrics::default();
    let orders = TopicPartition::new("orders", 0);
    metrics.partition_assigned(&orders);
    metrics.partition_assigned(&orders);
    metrics.partition_removed(&orders);
    metrics.partition_state(&standing(&orders, 9, None));
    assert_eq!(
        series(&metrics, "bridge_in_flight_records{"),
        [r#"bridge_in_flight_records{partition="0",topic="orders"} 9"#]
    );
    metrics.partition_removed(&orders);
    assert_eq!(series(&metrics, "topic="), [""; 0]);
}

#[test]
fn an_unknown_lag_or_position_is_absent_not_zero() {
    let metrics = Metrics::default();
    let orders = TopicPartition::new("orders", 0);
    metrics.partition_assigned(&orders);
    metrics.partition_state(&standing(&orders, 0, None));
    assert_eq!(series(&metrics, "bridge_consumer_lag_records"), [""; 0]);
    assert_eq!(series(&metrics, "bridge_position"), [""; 0]);
}

#[test]
fn rates_have_a_zero_to_rise_from() {
    let metrics = Metrics::default();
    for line in [
        r#"bridge_commits_total{outcome="failed"} 0"#,
        r#"bridge_rebalances_total{kind="lost"} 0"#,
        r#"bridge_records_let_go_total{reason="deadline"} 0"#,
    ] {
        assert_eq!(series(&metrics, line), [line]);
    }
}
