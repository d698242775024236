//! What librdkafka says of itself every few seconds, as far as it is exported.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;

use crate::kafka::fetching::Fetches;
use crate::metrics::Metrics;
use crate::record::TopicPartition;

#[derive(Deserialize)]
struct Report<'a> {
    /// What the brokers have sent, as it came.
    #[serde(default)]
    rx_bytes: u64,
    /// The records in it.
    #[serde(default)]
    rxmsgs: u64,
    /// Their bytes, unpacked.
    #[serde(default)]
    rxmsg_bytes: u64,
    #[serde(borrow, default)]
    brokers: HashMap<Cow<'a, str>, Broker<'a>>,
    #[serde(borrow, default)]
    topics: HashMap<Cow<'a, str>, TopicStatistics<'a>>,
    #[serde(borrow, default)]
    cgrp: Option<GroupStatistics<'a>>,
}

#[derive(Deserialize)]
struct GroupStatistics<'a> {
    /// `up` while there is a connection to the group's coordinator.
    #[serde(borrow, default)]
    state: Cow<'a, str>,
}

/// What of a report matters for more than a number.
pub(super) struct Seen {
    /// How many brokers are connected.
    pub(super) brokers: u64,
    /// Whether the coordinator of the group is one of them.
    pub(super) coordinator: bool,
    /// Whether the client knows no broker any more, not even those it was given.
    pub(super) forgotten: bool,
    pub(super) fetches: Fetches,
    /// By topic, the most that came unpacked out of one answer for one partition, since the last report.
    pub(super) at_once: Vec<(String, u64)>,
}

#[derive(Deserialize)]
struct Broker<'a> {
    #[serde(borrow, default)]
    source: Cow<'a, str>,
    #[serde(borrow, default)]
    state: Cow<'a, str>,
    #[serde(default)]
    req: Requests,
}

#[derive(Default, Deserialize)]
struct Requests {
    #[serde(rename = "Fetch", default)]
    fetch: u64,
}

#[derive(Deserialize)]
struct TopicStatistics<'a> {
    #[serde(default)]
    batchsize: Window,
    #[serde(borrow, default)]
    partitions: HashMap<Cow<'a, str>, PartitionStatistics>,
}

/// Since the last report.
#[derive(Default, Deserialize)]
struct Window {
    max: u64,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    #[serde(rename = "partition")]
    number: i32,
    /// Bytes waiting. All partitions are forwarded to one queue, so each reports the whole of it.
    fetchq_size: u64,
}

/// Exports a report. `is_assigned` keeps partitions out that have just been let go. `None` when it can not be read.
pub(super) fn export(
    json: &[u8],
    metrics: &Metrics,
    shard: u32,
    is_assigned: impl Fn(&TopicPartition) -> bool,
) -> Option<Seen> {
    let report: Report<'_> = serde_json::from_slice(json).ok()?;
    let (up, down) = connections(&report);
    metrics.kafka_brokers(up, down);
    let mut prefetched = 0;
    for (topic, of_topic) in &report.topics {
        for partition in of_topic.partitions.values() {
            let place = TopicPartition::new(topic.as_ref(), partition.number);
            if partition.number < 0 || !is_assigned(&place) {
                continue;
            }
            prefetched = prefetched.max(partition.fetchq_size);
        }
    }
    metrics.prefetched(shard, prefetched);
    let asked = report.brokers.values().filter(|broker| broker.req.fetch > 0);
    let fetches = Fetches {
        received: report.rx_bytes,
        records: report.rxmsgs,
        unpacked: report.rxmsg_bytes,
        brokers: asked.filter(|broker| broker.state == "UP").count() as u64,
    };
    let at_once = report.topics.iter().map(|(name, topic)| (name.to_string(), topic.batchsize.max));
    let at_once = at_once.collect();
    let coordinator = report.cgrp.is_some_and(|group| group.state == "up");
    Some(Seen { brokers: up, coordinator, forgotten: up + down == 0, fetches, at_once })
}

/// How many brokers are connected, and how many are not.
fn connections(report: &Report<'_>) -> (u64, u64) {
    let of = |source: &str| {
        let brokers = report.brokers.values().filter(|broker| broker.source == source);
        let (up, down): (Vec<_>, Vec<_>) = brokers.partition(|broker| broker.state == "UP");
        (up.len() as u64, down.len() as u64)
    };
    match of("learned") {
        // Nothing was learned yet, or the last answer of a cluster that went down listed no broker at all.
        (0, 0) => of("configured"),
        // The bootstrap addresses and the coordinator's logical broker are among them.
        learned => learned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_librdkafka_writes_it() {
        let json = br#"{"name":"c","rx_bytes":1000,"rxmsgs":20,"rxmsg_bytes":9000,"brokers":{
            "a:1/1":{"name":"a:1/1","nodeid":1,"source":"learned","state":"UP","rtt":{"p99":3},
                "req":{"Fetch":7,"Metadata":2}},
            "a:2/2":{"name":"a:2/2","nodeid":2,"source":"learned","state":"CONNECT"},
            "a:1/bootstrap":{"nodeid":-1,"source":"configured","state":"UP"}},
            "topics":{"orders":{"topic":"orders","batchsize":{"min":0,"max":4500},"partitions":{
            "0":{"partition":0,"fetchq_size":100,"fetch_state":"active"},
            "-1":{"partition":-1,"fetchq_size":0}}}},"cgrp":{"state":"up"}}"#;
        let seen = export(json, &Metrics::default(), 0, |_| true).unwrap();
        assert_eq!((seen.brokers, seen.coordinator), (1, true));
        let fetches = Fetches { received: 1000, records: 20, unpacked: 9000, brokers: 1 };
        assert_eq!(seen.fetches, fetches);
        assert_eq!(seen.at_once, [("orders".to_owned(), 4500)]);
        assert_eq!(connections(&serde_json::from_slice(json).unwrap()), (1, 1));
        assert!(export(b"{", &Metrics::default(), 0, |_| true).is_none());
    }

    #[test]
    fn without_a_broker_that_kafka_lists_those_that_were_named_count() {
        let json = br#"{"brokers":{
            "GroupCoordinator":{"source":"logical","state":"INIT"},
            "a:1/bootstrap":{"source":"configured","state":"TRY_CONNECT"}},
            "cgrp":{"state":"query-coord"}}"#;
        assert_eq!(connections(&serde_json::from_slice(json).unwrap()), (0, 1));
        let seen = export(json, &Metrics::default(), 0, |_| true).unwrap();
        assert_eq!((seen.brokers, seen.coordinator, seen.forgotten), (0, false, false));
    }

    #[test]
    fn a_client_that_knows_no_broker_any_more_is_noticed() {
        let json = br#"{"brokers":{
            "GroupCoordinator":{"source":"logical","state":"INIT"},
            ":0/internal":{"source":"internal","state":"UP"}}}"#;
        assert!(export(json, &Metrics::default(), 0, |_| true).unwrap().forgotten);
    }
}
