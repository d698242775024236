use serde_json::{Value, json};

use super::*;

/// A member that reads one partition of each of two topics, one of them held.
fn member(host: &str) -> Value {
    let partition = |number: i32| {
        json!({ "partition": number, "shard": 0, "state": "flowing", "reason": null, "since": null, "detail": null,
            "position": 7, "lag_records": 3, "lag_seconds": 0.25, "in_flight_records": 1 })
    };
    let mut held = partition(1);
    held["state"] = json!("held");
    held["since"] = json!("2026-11-29T20:57:55Z");
    held["detail"] = json!("partition 2 of hub `orders` accepts events too slowly");
    json!({
        "version": 1,
        "bridge": { "version": "0.1.0", "group": "copy", "host": host,
            "started": "2026-11-29T17:48:00Z", "now": "2026-11-29T21:00:00Z" },
        "state": "running", "ready": true, "reasons": [],
        "summary": { "lag_records": 1234, "lag_seconds": 125.0, "records_per_second": 1000.4,
            "record_bytes_per_second": 1_048_576.0, "events_per_second": 990.0, "event_bytes_per_second": 2048.0,
            "batches_per_second": 10.0, "events_per_batch": 99.0, "send_seconds": 0.01,
            "caught_up_in_seconds": 61.0, "partitions": 2, "partitions_held": 1, "in_flight_records": 17 },
        "memory": { "events_bytes": 1 << 20, "prefetched_bytes": 1 << 20, "limit_bytes": 64 << 20 },
        "shards": [{ "shard": 0, "joined": true, "kafka": null, "answers": true }],
        "namespaces": [{ "namespace": "default", "host": "x.servicebus.windows.net", "connected": true, "detail": null,
            "connections": 1, "links": 2, "token_expires": null, "throttled": null }],
        "mappings": [{ "mapping": 0, "topics": ["orders"], "topic_pattern": null, "namespace": "default", "hub": "orders",
            "partitioning": "key", "paused": false, "partitions": 2, "partitions_held": 1, "lag_records": 1234, "lag_seconds": 125.0,
            "in_flight_records": 17 }],
        "topics": [{ "topic": "orders", "mappings": [0], "records_per_second": 1.0, "record_bytes_per_second": 1.0,
            "partitions": [partition(0), held] }],
        "hubs": [{ "namespace": "default", "hub": "orders", "events_per_second": 1.0, "event_bytes_per_second": 1.0,
            "events_per_batch": null, "send_seconds": null, "known_partitions": 4, "partitions": [
                { "partition": "0", "shard": 0, "state": "sending", "since": null, "attempts": 0, "next_try_seconds": null, "detail": null },
                { "partition": "2", "shard": 0, "state": "retrying", "since": "2026-11-29T20:59:48Z", "attempts": 3,
                  "next_try_seconds": 1.5, "detail": "released" }] }],
        "held": [{ "kind": "delivery", "namespace": "default", "hub": "orders", "since": "2026-11-29T20:59:48Z",
            "seconds": 12, "detail": "partition 2 has accepted nothing for 12.0 s", "runbook": "EventHubsBridgeHubPartitionStuck" }],
    })
}

fn shown(members: &[Value]) -> String {
    let all = members.iter().map(|it| serde_json::from_value(it.clone()).unwrap());
    let page = StatusTable(&all.collect::<Vec<_>>()).to_string();
    // Trailing blanks are the table's.
    page.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Whether a line has these words, whatever is between them.
fn has(page: &str, words: &str) -> bool {
    page.lines().any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ").contains(words))
}

#[test]
fn one_member_fits_a_terminal_and_says_what_is_in_trouble() {
    let page = shown(&[member("pod-a")]);
    let expected = "\
pod-a: bridge 0.1.0, group copy, running for 3 h 12 min
  1234 records behind, 2 min 5 s: caught up in 1 min 1 s
  in 1000 records/s (1.0 MiB/s), out 990 events/s (2.0 KiB/s)
  memory 2.0 MiB of 64.0 MiB, 17 records in flight
";
    assert!(page.starts_with(expected), "{page}");
    // What somebody said is not cut.
    let lines = page.lines().filter(|line| !line.starts_with("    "));
    assert!(lines.map(|line| line.chars().count()).max() <= Some(80), "{page}");
    for line in [
        "orders → orders 2 min 5 s 1234 2 1",
        "orders/1 held 2 min 5 s partition 2 of hub `orders` accepts events too",
        "default/orders/2 retrying 12 s in 1.5 s released",
        "default/orders: delivery, for 12 s",
        "partition 2 has accepted nothing for 12.0 s",
        "runbook: EventHubsBridgeHubPartitionStuck",
    ] {
        assert!(has(&page, line), "`{line}` is not in\n{page}");
    }
    assert!(!page.contains("orders/0"), "what is well is not listed: {page}");
}

#[test]
fn several_members_are_one_table() {
    let page = shown(&[member("pod-a"), member("pod-b")]);
    assert!(page.contains("pod-a: ") && page.contains("pod-b: "), "{page}");
    assert!(has(&page, "orders → orders 2 min 5 s 2468 4 2"), "{page}");
}

#[test]
fn a_paused_mapping_is_told_from_one_that_is_held() {
    let mut paused = member("pod-a");
    paused["mappings"][0]["paused"] = json!(true);
    assert!(has(&shown(&[paused]), "orders → orders 2 min 5 s 1234 2 paused"));
}

#[test]
fn what_is_not_known_is_not_made_up() {
    let mut new = member("pod-a");
    new["state"] = json!("starting");
    new["ready"] = json!(false);
    new["reasons"] = json!(["shard 0: not a member of its consumer group"]);
    for key in ["lag_records", "lag_seconds", "caught_up_in_seconds"] {
        new["summary"][key] = Value::Null;
        new["mappings"][0][key] = Value::Null;
    }
    new["summary"]["partitions"] = json!(0);
    let page = shown(&[new]);
    assert!(page.contains("starting for 3 h 12 min\n  no partitions\n"), "{page}");
    assert!(page.contains("  not ready: shard 0: not a member of its consumer group"), "{page}");
}

#[test]
fn a_thousand_troubles_do_not_scroll_away_the_rest() {
    let mut many = member("pod-a");
    let held = many["topics"][0]["partitions"][1].clone();
    many["topics"][0]["partitions"] = Value::Array(vec![held; 1_000]);
    let page = shown(&[many]);
    assert!(page.contains("and 980 more") && page.lines().count() < 90, "{page}");
}
