//! Files as people have them, and what becomes of each of their keys.

use std::collections::BTreeSet;

use kafka_eventhubs_bridge::config::{Config, Partitioning, Topics};
use kafka_eventhubs_bridge::import::{ImportChoice, Imported, import};

const CAMEL: &str = r#"{"name": "orders", "config": {
    "connector.class": "org.apache.camel.kafkaconnector.azureeventhubssink.CamelAzureeventhubssinkSinkConnector",
    "tasks.max": 4,
    "topics": "orders, payments",
    "key.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": false,
    "transforms": "route",
    "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
    "errors.tolerance": "all",
    "errors.deadletterqueue.topic.name": "orders-dead",
    "consumer.override.bootstrap.servers": "kafka-0:9093",
    "consumer.override.security.protocol": "SASL_SSL",
    "consumer.override.sasl.mechanism": "SCRAM-SHA-512",
    "consumer.override.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"bridge\" password=\"open \\\"sesame\\\"\";",
    "consumer.override.ssl.truststore.location": "/etc/kafka/trust.jks",
    "consumer.override.ssl.truststore.password": "changeit",
    "consumer.override.fetch.min.bytes": "100",
    "camel.kamelet.azure-eventhubs-sink.namespaceName": "contoso",
    "camel.kamelet.azure-eventhubs-sink.eventhubName": "orders",
    "camel.kamelet.azure-eventhubs-sink.sharedAccessName": "send",
    "camel.kamelet.azure-eventhubs-sink.sharedAccessKey": "aGVsbG8gd29ybGQ=",
    "camel.aggregation.size": "100",
    "something.else": "x"
}}"#;

const MIRROR: &str = r#"
# to Event Hubs
clusters = site, azure
site.bootstrap.servers = kafka-0:9092, kafka-1:9092
azure.bootstrap.servers = contoso.servicebus.windows.net:9093
azure.security.protocol = SASL_SSL
azure.sasl.mechanism = PLAIN
azure.sasl.jaas.config = org.apache.kafka.common.security.plain.PlainLoginModule required \
    username="$ConnectionString" \
    password="Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=aGVsbG8gd29ybGQ=";
site->azure.enabled = true
site->azure.topics = orders, clicks\\..*
site->azure.sync.group.offsets.enabled = true
azure->site.enabled = false
replication.factor = 3
offset-syncs.topic.replication.factor = 3
sync.topic.acls.enabled = false
azure.producer.connections.max.idle.ms = 180000
tasks.max = 2
"#;

pub(super) fn imported(text: &str) -> Imported {
    import(text, ImportChoice::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// What the bridge itself makes of the new file, once the secrets are where they belong.
pub(super) fn loaded(imported: &Imported) -> Config {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &imported.toml).unwrap();
    let secrets = [
        ("BRIDGE_EVENTHUBS__CREDENTIAL__KEY", "aGVsbG8gd29ybGQ="),
        ("BRIDGE_KAFKA__SECURITY__PASSWORD", "sesame"),
    ];
    let needed = |key: &str| imported.toml.contains(key);
    let secrets = secrets.into_iter().filter(|(name, _)| needed(name));
    let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
    // MirrorMaker's positions can not be known; everything else is filled in.
    let start = ("kafka.start".to_owned(), "2026-01-31T08:00:00Z".to_owned());
    Config::load(file.path(), secrets, &[start], |_, _| None)
        .unwrap_or_else(|problems| panic!("{problems}\n{}", imported.toml))
}

fn flow(flow: &str) -> ImportChoice<'_> {
    ImportChoice { flow: Some(flow), connector: None }
}

/// The keys that are named by a note.
pub(super) fn named(imported: &Imported) -> BTreeSet<&str> {
    imported.notes.iter().flat_map(|note| note.key.split(", ")).collect()
}

#[test]
fn a_camel_sink_goes_on_in_its_own_group() {
    let imported = imported(CAMEL);
    let config = loaded(&imported);
    assert_eq!(config.kafka.brokers, "kafka-0:9093");
    assert_eq!(config.kafka.group_id, "connect-orders");
    assert_eq!(config.mappings.len(), 1);
    assert_eq!(config.mappings[0].hub, "orders");
    assert!(matches!(&config.mappings[0].topics, Topics::Named(names) if names.len() == 2));
    assert_eq!(config.failure.dead_letter_topic.as_deref(), Some("orders-dead"));
    let noted = [
        "tasks.max",
        "value.converter",
        "transforms.route.type",
        "isolation.level",
        "consumer.override.fetch.min.bytes",
        "camel.aggregation.size",
        "something.else",
        "ssl.truststore.location",
    ];
    assert_eq!(named(&imported), noted.into_iter().collect());
}

#[test]
fn mirror_maker_keeps_its_partitions_and_the_names_of_its_topics() {
    let imported = imported(MIRROR);
    let config = loaded(&imported);
    assert_eq!(config.kafka.brokers, "kafka-0:9092, kafka-1:9092");
    let hubs = config.mappings.iter().map(|mapping| mapping.hub.as_str()).collect::<Vec<_>>();
    assert_eq!(hubs, ["site.{topic}", "site.{topic}"]);
    assert!(
        matches!(&config.mappings[1].topics, Topics::Pattern(p) if p.matching.is_match("clicks.web"))
    );
    assert_eq!(config.mappings[0].partitioning, Partitioning::Mirror);
    assert!(imported.toml.contains("start = \"CHANGE-ME\""), "{}", imported.toml);
    let noted = [
        "azure->site.enabled",
        "site->azure.sync.group.offsets.enabled",
        "azure.sasl.jaas.config",
        "isolation.level",
        "topics.exclude",
        "replication.factor",
        "offset-syncs.topic.replication.factor",
        "sync.topic.acls.enabled",
        "azure.producer.connections.max.idle.ms",
        "tasks.max",
    ];
    assert_eq!(named(&imported), noted.into_iter().collect());
}

#[test]
fn mirror_maker_as_a_connector() {
    let text = r#"{"connector.class": "org.apache.kafka.connect.mirror.MirrorSourceConnector", "name": "to-azure",
        "source.cluster.alias": "site", "target.cluster.alias": "azure", "topics": ".*",
        "replication.policy.class": "org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
        "source.cluster.bootstrap.servers": "kafka-0:9093", "source.cluster.security.protocol": "SSL",
        "source.cluster.ssl.endpoint.identification.algorithm": "",
        "target.cluster.bootstrap.servers": "contoso.servicebus.windows.net:9093",
        "target.cluster.sasl.mechanism": "OAUTHBEARER"}"#;
    let imported = imported(text);
    let config = loaded(&imported);
    assert_eq!(config.mappings[0].hub, "{topic}");
    assert!(imported.toml.contains("verify_host_name = false"), "{}", imported.toml);
    assert_eq!(
        named(&imported),
        BTreeSet::from([
            "azure.sasl.mechanism",
            "isolation.level",
            "topics.exclude",
            "value.converter"
        ])
    );
}

#[test]
fn no_secret_is_copied() {
    for text in [CAMEL, MIRROR] {
        let imported = imported(text);
        let all = format!("{}{:?}", imported.toml, imported.notes);
        for secret in ["aGVsbG8gd29ybGQ", "sesame", "changeit"] {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
    }
}

#[test]
fn what_was_kept_out_stays_out() {
    let excluded = |text: &str| {
        let imported = imported(text);
        let config = loaded(&imported);
        let mut patterns = config.mappings.iter().filter_map(|mapping| match &mapping.topics {
            Topics::Pattern(pattern) => Some(pattern.clone()),
            Topics::Named(_) => None,
        });
        let exclude = patterns.next().expect("a pattern");
        let warnings =
            imported.notes.into_iter().filter(|note| note.is_warning).collect::<Vec<_>>();
        (exclude, warnings)
    };
    let (exclude, warnings) = excluded(
        &(MIRROR.to_owned() + "site->azure.topics.exclude = clicks\\\\.raw, clicks\\\\.[0-9]+\n"),
    );
    assert!(exclude.leaves_out("clicks.raw") && exclude.leaves_out("clicks.7"));
    assert!(!exclude.leaves_out("clicks.all") && !exclude.leaves_out("clicks.internal"));
    assert_eq!(warnings, []);

    // What MirrorMaker leaves out without being told.
    let (exclude, _) = excluded(MIRROR);
    assert!(exclude.leaves_out("clicks.internal") && exclude.leaves_out("clicks.x.replica"));
    assert!(!exclude.leaves_out("clicks.all"));

    // A name it would have left out, and an expression that only Java knows.
    let (_, warnings) =
        excluded(&(MIRROR.to_owned() + "site->azure.topics.exclude = orders, (?!a).*\n"));
    let [java, named] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(
        java.text.contains("`(?!a).*`") && named.text.contains("excluded `orders`"),
        "{warnings:?}"
    );
}

/// Before there were Kamelets.
#[test]
fn the_older_camel_sink_is_known() {
    let text = r#"{"name": "orders", "config": {
        "connector.class": "org.apache.camel.kafkaconnector.azureeventhubs.CamelAzureeventhubsSinkConnector",
        "topics": "orders", "consumer.override.bootstrap.servers": "kafka-0:9093",
        "camel.sink.path.namespace": "contoso", "camel.sink.path.eventHubName": "orders",
        "camel.sink.endpoint.sharedAccessName": "send", "camel.sink.endpoint.sharedAccessKey": "aGVsbG8gd29ybGQ="}}"#;
    let imported = imported(text);
    let config = loaded(&imported);
    assert_eq!(config.eventhubs["default"].address.host, "contoso.servicebus.windows.net");
    assert_eq!(config.mappings[0].hub, "orders");
    assert_eq!(named(&imported), BTreeSet::from(["isolation.level", "value.converter"]));
}

/// Whatever the key, and for a secret too: only the mark is repeated.
#[test]
fn what_is_still_to_be_filled_in_is_refused() {
    let toml = "[kafka]\nbrokers = 'CHANGE-ME:9092'\ngroup_id = 'g'\nstart = 'CHANGE-ME'\n\
                [kafka.security]\nmechanism = 'plain'\nusername = 'u'\npassword = 'hush-CHANGE-ME'\n\
                [eventhubs]\nnamespace = 'CHANGE-ME.servicebus.windows.net'\n[eventhubs.credential]\n\
                kind = 'default'\n[limits]\nshards = 'CHANGE-ME'\n[[mappings]]\ntopics = ['a', 'CHANGE-ME']\nhub = 'h'";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), toml).unwrap();
    let problems = Config::load(file.path(), [], &[], |_, _| None).unwrap_err().to_string();
    let keys = [
        "kafka.brokers",
        "kafka.start",
        "kafka.security.password",
        "eventhubs.namespace",
        "limits.shards",
        "mappings[0].topics[1]",
    ];
    for key in keys {
        assert!(problems.contains(&format!("`{key}` is still `CHANGE-ME`")), "{key}: {problems}");
    }
    assert_eq!(problems.matches("error:").count(), keys.len(), "{problems}");
    assert!(!problems.contains("hush"), "{problems}");
}

#[test]
fn a_flow_that_is_not_there_is_told_apart_from_none_chosen() {
    let error = import(MIRROR, flow("site->eh")).unwrap_err().to_string();
    assert!(
        error.contains("no enabled flow `site->eh`") && error.contains("site->azure"),
        "{error}"
    );
}

#[test]
fn what_is_something_else_is_said() {
    let several = MIRROR.replace("site, azure\n", "site, azure, spare\n")
        + "site->spare.enabled = true\nspare.bootstrap.servers = spare.servicebus.windows.net:9093\n";
    assert!(import(&several, flow("site->azure")).is_ok());
    for (text, words) in [
        (several.as_str(), "--flow"),
        (&MIRROR.replace("enabled = true", "enabled = false"), "no flow is enabled"),
        ("{\"connector.class\": \"FileStreamSink\"}", "known are"),
        (
            "{\"connector.class\": \"org.apache.kafka.connect.mirror.MirrorHeartbeatConnector\"}",
            "give the `MirrorSourceConnector`",
        ),
        (
            "{\"connector.class\": \"io.confluent.connect.replicator.ReplicatorSourceConnector\"}",
            "Replicator, which is not read",
        ),
        (
            "group.id = w\noffset.storage.topic = o\nbootstrap.servers = k:9092",
            "of a worker of Kafka Connect",
        ),
        ("group.id = w\nbootstrap.servers = k:9092", "of a Kafka client"),
        ("# ours\n\n[kafka]\nbrokers = 'k:9092'", "it is TOML"),
        (
            "resource \"confluent_connector\" \"sink\" {\n  status = \"RUNNING\"\n}",
            "file of Terraform",
        ),
        ("a = b", "clusters"),
        ("{\n  \"name\": x}", "not valid JSON: expected value at line 2 column 11"),
        ("", "no key"),
    ] {
        let error = import(text, ImportChoice::default()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
