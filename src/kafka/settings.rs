//! The librdkafka settings: what the bridge must own, what it prefers, and what the operator said.
//!
//! What is owned has been refused in `kafka.client` before, what is preferred is replaced by it. No error shows a value.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

use crate::config::{self, ClientValue};
use crate::kafka::fetching::Fetching;
use crate::kafka::{ClientError, security};
use crate::tls;

/// How members of the group share its partitions, where they do it among themselves.
pub(super) const ASSIGNOR: &str = "cooperative-sticky";

/// What librdkafka has against a property, if anything. Never shows the value, which may be a secret.
pub fn objection(key: &str, value: &ClientValue) -> Option<String> {
    let Err(error) = ClientConfig::new().set(key, text(value)).create_native_config() else {
        return None;
    };
    Some(match error {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..) => {
            "is not a setting of the kafka client".to_owned()
        }
        // The client's text quotes the value, except where it names a range.
        KafkaError::ClientConfig(_, text, ..) => match text.split_once("outside allowed range ") {
            Some((_, range)) => format!("is outside its range, {range}"),
            None if text.contains("not available") || text.contains("not supported") => {
                "is not supported by this build of the kafka client".to_owned()
            }
            None => "has a value that librdkafka rejects".to_owned(),
        },
        _ => "is not a setting that librdkafka accepts".to_owned(),
    })
}

fn text(value: &ClientValue) -> String {
    match value {
        ClientValue::Integer(number) => number.to_string(),
        ClientValue::Boolean(truth) => truth.to_string(),
        ClientValue::Text(secret) => secret.expose().to_owned(),
    }
}

/// What every client of the bridge shares: brokers, name, and the operator's keys over `preferred`.
fn base(kafka: &config::Kafka, preferred: &[(&str, String)]) -> Result<ClientConfig, ClientError> {
    for (key, value) in &kafka.client {
        if let Some(problem) = objection(key, value) {
            return Err(ClientError::Setting { key: key.clone(), problem });
        }
    }
    let mut settings = ClientConfig::new();
    // What reaches the log callback; what of it is shown is decided there.
    settings.set_log_level(RDKafkaLogLevel::Debug);
    settings.set("client.id", "kafka-eventhubs-bridge");
    for (key, value) in preferred {
        settings.set(*key, value);
    }
    for (key, value) in &kafka.client {
        if !is_of_the_group(key) {
            settings.set(key, text(value));
        }
    }
    if let Some(security) = &kafka.security {
        security::apply(&mut settings, security)?;
    }
    let protocol = settings.get("security.protocol").unwrap_or_default().to_ascii_lowercase();
    if protocol.ends_with("ssl") && settings.get("ssl.cipher.suites").is_none() {
        settings.set("ssl.cipher.suites", tls::TLS12_OPENSSL);
    }
    settings.set("bootstrap.servers", &kafka.brokers);
    Ok(settings)
}

/// A sixteenth of a shard's memory may wait in librdkafka's queue: it costs 1.4 (1 KB records) to 4.5 (100 B records)
/// times its nominal size, and each rebalance throws it away and fetches it again.
fn prefetch_kbytes(limits: &config::Limits) -> u64 {
    (limits.of_shard() / 16 / 1024).clamp(512, 32 * 1024)
}

/// How much of one partition a broker answers at most: runs are long enough for a fetch to be cheap and short enough to keep
/// all lanes busy.
pub(super) fn partition_bytes(limits: &config::Limits) -> u64 {
    (prefetch_kbytes(limits) * 64).max(256 * 1024)
}

/// The client settings of the group member that shard `shard` is; also what the benchmark's floor reads with.
pub fn member(
    kafka: &config::Kafka,
    limits: &config::Limits,
    shard: u32,
) -> Result<ClientConfig, ClientError> {
    let prefetch = prefetch_kbytes(limits);
    // It is steered while the client runs; this is for its first fetches.
    let fetch = Fetching::new(kafka, limits).size();
    // The client takes no `fetch.max.bytes` below this, which is a producer's setting otherwise.
    let least = match kafka.client.get("fetch.max.bytes") {
        Some(ClientValue::Integer(bytes)) => u64::try_from(*bytes).map_or(fetch, |b| b.min(fetch)),
        _ => fetch,
    };
    let poll = (limits.drain_timeout.as_millis() * 2).clamp(300_000, 86_400_000);
    let metadata = kafka.discovery_interval.as_millis().clamp(1_000, 300_000);
    let mut settings = base(
        kafka,
        &[
            // With the default of 1 s, small records stall: the client waits that long whenever its queue was full.
            ("fetch.queue.backoff.ms", "5".to_owned()),
            ("queued.min.messages", "1000000".to_owned()),
            ("fetch.max.bytes", fetch.to_string()),
            ("fetch.message.max.bytes", partition_bytes(limits).to_string()),
            ("message.max.bytes", least.clamp(1000, 1_000_000).to_string()),
            ("check.crcs", "true".to_owned()),
            // A few lines a connection, and the only place where the client tells what a broker can not do.
            ("debug", "broker".to_owned()),
            ("isolation.level", "read_committed".to_owned()),
            ("allow.auto.create.topics", "false".to_owned()),
            ("max.poll.interval.ms", poll.to_string()),
            // New partitions, and topics that did not exist, are found by this refresh.
            ("topic.metadata.refresh.interval.ms", metadata.to_string()),
        ],
    )?;
    group(&mut settings, kafka);
    settings.set("queued.max.messages.kbytes", prefetch.to_string());
    settings.set("statistics.interval.ms", "5000");
    membership(&mut settings, kafka);
    if let Some(instance) = &kafka.instance_id {
        settings.set("group.instance.id", format!("{instance}-{shard}"));
    }
    Ok(settings)
}

/// What only a member is told: a client that never joins would not start with some of it.
fn is_of_the_group(key: &str) -> bool {
    matches!(key, "group.protocol" | "session.timeout.ms" | "heartbeat.interval.ms")
}

fn membership(settings: &mut ClientConfig, kafka: &config::Kafka) {
    if kafka.is_led_by_broker() {
        // Session and heartbeats are the brokers' to say, and the client takes neither.
        settings.set("group.protocol", "consumer");
        return;
    }
    settings.set("partition.assignment.strategy", ASSIGNOR);
    settings.set("session.timeout.ms", session(kafka).as_millis().to_string());
    if let Some(interval) = kafka.client.get("heartbeat.interval.ms") {
        settings.set("heartbeat.interval.ms", text(interval));
    }
}

/// How long a session lasts: as it was said, or as it is unless somebody says otherwise, here and at the brokers.
pub(super) fn session(kafka: &config::Kafka) -> Duration {
    let given = kafka.client.get("session.timeout.ms").map(text);
    let millis = given.and_then(|millis| millis.trim().parse().ok());
    Duration::from_millis(millis.unwrap_or(45_000))
}

/// The consumer that reads dead letters again. It names the group, because the client demands one, but never joins it
/// and never commits.
pub(super) fn rereader(kafka: &config::Kafka) -> Result<ClientConfig, ClientError> {
    let mut settings = base(
        kafka,
        &[
            ("fetch.message.max.bytes", "1048576".to_owned()),
            ("fetch.max.bytes", "1048576".to_owned()),
            ("message.max.bytes", "1000000".to_owned()),
            ("fetch.wait.max.ms", "100".to_owned()),
            // A second otherwise, each time what is queued has been read.
            ("fetch.queue.backoff.ms", "5".to_owned()),
            ("check.crcs", "true".to_owned()),
            ("isolation.level", "read_committed".to_owned()),
        ],
    )?;
    group(&mut settings, kafka);
    settings.set("queued.max.messages.kbytes", "1024");
    settings.set("enable.partition.eof", "true");
    Ok(settings)
}

/// The client that only asks, at `brokers`: it names the group, because the client demands one, but never joins it,
/// never commits, and makes no topic by asking for it.
pub(super) fn asker(kafka: &config::Kafka, brokers: &str) -> Result<ClientConfig, ClientError> {
    let mut settings = rereader(kafka)?;
    settings.set("bootstrap.servers", brokers);
    settings.set("allow.auto.create.topics", "false");
    settings.set("fetch.wait.max.ms", "10");
    settings.set("reconnect.backoff.max.ms", "1000");
    // How far a login came is told in no other way.
    settings.set("debug", "broker");
    Ok(settings)
}

/// The producer that writes dead letters.
pub(super) fn producer(kafka: &config::Kafka) -> Result<ClientConfig, ClientError> {
    let mut settings = base(
        kafka,
        &[
            // A missing topic is said so at once, not after 30 s; the desk itself tries again.
            ("topic.metadata.propagation.max.ms", "1000".to_owned()),
        ],
    )?;
    // The most there is: the limit of the dead-letter topic alone decides.
    settings.set("message.max.bytes", "1000000000");
    // A topic measures what is stored, and its producer may have compressed the record. Of all codecs, this is the one that
    // every broker and every reader knows without a library of its own.
    if settings.get("compression.codec").or(settings.get("compression.type")).is_none() {
        settings.set("compression.codec", "gzip");
    }
    settings.set("enable.idempotence", "true");
    settings.set("acks", "all");
    settings.set("message.timeout.ms", "30000");
    settings.set("linger.ms", "0");
    Ok(settings)
}

fn group(settings: &mut ClientConfig, kafka: &config::Kafka) {
    settings.set("group.id", &kafka.group_id);
    settings.set("enable.auto.commit", "false");
    settings.set("enable.auto.offset.store", "false");
    settings.set("auto.offset.reset", "error");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::config::{Kafka, Limits, OutOfRange, Secret, Start};

    fn kafka(client: &[(&str, ClientValue)]) -> Kafka {
        Kafka {
            brokers: "127.0.0.1:1".to_owned(),
            group_id: "g".to_owned(),
            instance_id: Some("pod".to_owned()),
            start: Start::Earliest,
            out_of_range: OutOfRange::Earliest,
            commit_interval: Duration::from_secs(1),
            discovery_interval: Duration::from_secs(30),
            security: None,
            client: client
                .iter()
                .map(|(k, v)| ((*k).to_owned(), v.clone()))
                .collect::<BTreeMap<_, _>>(),
        }
    }

    fn limits(memory: u64, shards: u32) -> Limits {
        Limits { memory, shards, drain_timeout: Duration::from_secs(20) }
    }

    #[test]
    fn brokers_are_spoken_to_with_the_ciphers_of_the_house_unless_others_are_named() {
        let tls = |client: &[(&str, &str)]| {
            let given =
                client.iter().map(|(key, value)| (*key, ClientValue::Text(Secret::new(*value))));
            let client: Vec<_> = given.collect();
            let settings = member(&kafka(&client), &limits(64 << 20, 1), 0).unwrap();
            settings.create_native_config().unwrap();
            settings.get("ssl.cipher.suites").map(str::to_owned)
        };
        assert_eq!(tls(&[]), None);
        for protocol in ["ssl", "SASL_SSL"] {
            let given = ("security.protocol", protocol);
            assert_eq!(tls(&[given]).as_deref(), Some(crate::tls::TLS12_OPENSSL));
            let own = "ECDHE-RSA-AES128-GCM-SHA256";
            assert_eq!(tls(&[given, ("ssl.cipher.suites", own)]).as_deref(), Some(own));
        }
        // OpenSSL knows all their names: one that it does not know it would pass over in silence.
        let names = crate::tls::TLS12_OPENSSL.split(':');
        for name in names {
            let mut settings = ClientConfig::new();
            settings.set("security.protocol", "ssl").set("ssl.cipher.suites", name);
            settings.create::<rdkafka::producer::BaseProducer>().unwrap();
        }
    }

    #[test]
    fn a_wrong_setting_is_named_and_its_value_is_not_shown() {
        let secret = || ClientValue::Text(Secret::new("hunter2"));
        let cases = [
            ("sasl.pasword", secret(), "is not a setting of the kafka client"),
            ("security.protocol", secret(), "librdkafka rejects"),
            ("session.timeout.ms", ClientValue::Integer(-77), "is outside its range, 1..3600000"),
        ];
        for (key, value, expected) in cases {
            let text = objection(key, &value).unwrap();
            assert!(text.contains(expected), "{key}: {text}");
            assert!(!text.contains("hunter2") && !text.contains("77"), "{text}");
            let error = member(&kafka(&[(key, value)]), &limits(64 << 20, 1), 0).unwrap_err();
            assert!(error.to_string().contains(&format!("`kafka.client.\"{key}\"`")), "{error}");
        }
    }

    #[test]
    fn the_operator_overrides_what_is_only_preferred() {
        let client = kafka(&[
            ("isolation.level", ClientValue::Text(Secret::new("read_uncommitted"))),
            ("session.timeout.ms", ClientValue::Integer(10_000)),
        ]);
        let settings = member(&client, &limits(64 << 20, 1), 3).unwrap();
        assert_eq!(settings.get("isolation.level"), Some("read_uncommitted"));
        assert_eq!(settings.get("session.timeout.ms"), Some("10000"));
        assert_eq!(settings.get("auto.offset.reset"), Some("error"));
        assert_eq!(settings.get("group.instance.id"), Some("pod-3"));
        settings.create_native_config().unwrap();
    }

    #[test]
    fn where_the_brokers_lead_the_client_is_told_only_so() {
        let text = |text: &str| ClientValue::Text(Secret::new(text));
        let led = kafka(&[
            ("group.protocol", text("consumer")),
            ("session.timeout.ms", ClientValue::Integer(9_000)),
        ]);
        let settings = member(&led, &limits(64 << 20, 1), 0).unwrap();
        assert_eq!(settings.get("group.protocol"), Some("consumer"));
        for theirs in ["session.timeout.ms", "partition.assignment.strategy"] {
            assert_eq!(settings.get(theirs), None, "librdkafka would not start with `{theirs}`");
        }
        settings.create::<rdkafka::consumer::BaseConsumer>().unwrap();
        assert_eq!(session(&led), Duration::from_secs(9), "it is for the bridge to know");
        // Who only asks is no member, and says nothing of it.
        for other in [rereader(&led), asker(&led, "127.0.0.1:1"), producer(&led)] {
            assert_eq!(other.unwrap().get("group.protocol"), None);
        }
        let classic = kafka(&[("group.protocol", text("classic"))]);
        let settings = member(&classic, &limits(64 << 20, 1), 0).unwrap();
        assert_eq!(settings.get("partition.assignment.strategy"), Some(ASSIGNOR));
        assert_eq!(settings.get("session.timeout.ms"), Some("45000"));
    }

    #[test]
    fn prefetch_is_a_bounded_share_of_the_memory() {
        assert_eq!(prefetch_kbytes(&limits(64 << 20, 1)), 4 * 1024);
        assert_eq!(prefetch_kbytes(&limits(64 << 20, 4)), 1024);
        assert_eq!(prefetch_kbytes(&limits(1 << 40, 1)), 32 * 1024);
        assert_eq!(prefetch_kbytes(&limits(0, 0)), 512);
    }
}
