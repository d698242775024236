//! A configuration for tests of other modules.

use std::time::Duration;

use super::{
    Address, Admin, Batch, Config, ConnectionSettings, Credential, Delivery, Events, Failure,
    Kafka, Limits, Log, LogFormat, Mapping, Namespace, OutOfRange, Partitioning, Start, Topics,
};

/// Topic `orders` to hub `orders` by key, changed as the test wants it.
pub(crate) fn sample(change: impl FnOnce(&mut Config)) -> Config {
    let batch = Batch { linger: Duration::from_millis(10), max_bytes: None, max_events: None };
    let events = Events::default();
    let failure = Failure::default();
    let namespace = Namespace {
        address: Address { host: "localhost".to_owned(), port: 5671, tls: true, hub: None },
        credential: Credential::key("k", "s"),
        way: ConnectionSettings::default(),
        send_timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(15),
        idle_timeout: Duration::from_secs(60),
    };
    let mut config = Config {
        kafka: Kafka {
            brokers: "localhost:9092".to_owned(),
            group_id: "test".to_owned(),
            instance_id: None,
            start: Start::Earliest,
            out_of_range: OutOfRange::Earliest,
            commit_interval: Duration::from_secs(1),
            discovery_interval: Duration::from_secs(30),
            security: None,
            client: std::collections::BTreeMap::new(),
        },
        eventhubs: [("default".to_owned(), namespace)].into(),
        mappings: vec![Mapping {
            topics: Topics::Named(vec!["orders".to_owned()]),
            hub: "orders".to_owned(),
            choice: None,
            namespace: "default".to_owned(),
            partitioning: Partitioning::Key,
            batch: batch.clone(),
            events: events.clone(),
            failure: failure.clone(),
            step: None,
            delivery: Delivery::AtLeastOnce,
            paused: false,
        }],
        batch,
        events,
        failure,
        limits: Limits { memory: 64 << 20, shards: 1, drain_timeout: Duration::from_secs(20) },
        admin: Admin { listen: ([127, 0, 0, 1], 0).into(), token_file: None },
        otlp: None,
        log: Log { format: LogFormat::Text, level: "info".to_owned() },
        registries: Vec::new(),
        claim_check: None,
        once: super::EffectivelyOnce::default(),
        replay: None,
        warnings: Vec::new(),
    };
    change(&mut config);
    config
}
