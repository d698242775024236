//! What the other tool did to records, or left out, is carried over or warned of; and nothing is taken for known that is not.

use kafka_eventhubs_bridge::import::{ImportChoice, Imported, import};

use super::import::{imported, loaded};

/// A sink with `keys` beside what it needs.
fn sink(keys: &str) -> Imported {
    imported(&format!(
        r#"{{"name": "mail", "connector.class": "EventHubsSinkConnector", "topics": "letters",
            "consumer.override.bootstrap.servers": "kafka-0:9092", "azure.eventhubs.namespace": "harbour",
            "azure.eventhubs.hub.name": "mail", "azure.eventhubs.sas.keyname": "write"{keys}}}"#
    ))
}

/// MirrorMaker with `lines` beside what it needs.
fn mirror(lines: &str) -> String {
    format!(
        "clusters = quay, hubs\nquay.bootstrap.servers = kafka-0:9092\nquay->hubs.enabled = True\n\
         hubs.bootstrap.servers = harbour.servicebus.windows.net:9093\nhubs.sasl.mechanism = PLAIN\n\
         hubs.sasl.jaas.config = x.PlainLoginModule required username=\"$ConnectionString\" \
         password=\"Endpoint=sb://harbour.servicebus.windows.net/;SharedAccessKeyName=write;SharedAccessKey=${{file:/k:v}}\";\n{lines}"
    )
}

fn said(imported: &Imported, key: &str) -> String {
    let notes = imported.notes.iter().filter(|note| note.key.split(", ").any(|it| it == key));
    let lines = notes
        .map(|note| format!("{}: {}", if note.is_warning { "warning" } else { "note" }, note.text));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_connector_that_reads_from_event_hubs_is_turned_round_and_says_so() {
    for class in
        ["io.confluent.connect.azure.eventhubs.EventHubsSourceConnector", "AzureEventHubsSource"]
    {
        let text = format!(
            r#"{{"name": "gulls", "config": {{"connector.class": "{class}", "tasks.max": "1",
                "kafka.topic": "sightings", "eventhubs.namespace": "harbour", "eventhubs.name": "birds",
                "eventhubs.sas.keyname": "write", "eventhubs.sas.key": "<the-key>",
                "eventhubs.consumer.group": "$Default", "max.events": "50", "poll.interval.ms": "200",
                "consumer.override.bootstrap.servers": "kafka-0:9092"}}}}"#
        );
        let imported = imported(&text);
        let config = loaded(&imported);
        assert_eq!(config.eventhubs["default"].address.host, "harbour.servicebus.windows.net");
        assert_eq!(config.mappings[0].hub, "birds");
        assert_eq!(config.kafka.group_id, "gulls-bridge");
        assert!(imported.toml.contains("topic = \"sightings\""), "{}", imported.toml);
        assert!(imported.toml.contains("key_name = \"write\""), "{}", imported.toml);
        let round = said(&imported, "connector.class");
        assert!(
            round.starts_with("warning: ") && round.contains("reads from Event Hubs"),
            "{round}"
        );
        assert!(round.contains("`sightings` → `birds`"), "{round}");
        assert_eq!(said(&imported, "isolation.level"), "", "nothing was read from Kafka");
        assert!(said(&imported, "max.events").contains("about reading"), "{imported:?}");
        assert!(!format!("{imported:?}").contains("the-key"), "{imported:?}");
    }
}

/// The file is one that `check` refuses for the key alone.
#[test]
fn what_lacks_nothing_but_a_secret_is_refused_by_check_for_that() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), sink("").toml).unwrap();
    let problems = kafka_eventhubs_bridge::config::Config::load(file.path(), [], &[], |_, _| None);
    let problems = problems.unwrap_err().to_string();
    assert_eq!(problems.matches("error:").count(), 1, "{problems}");
    assert!(
        problems.contains("eventhubs.credential") && problems.contains("key_file"),
        "{problems}"
    );
}

#[test]
fn a_transform_that_changed_or_left_out_records_is_a_warning() {
    let all = sink(
        r#", "transforms": "where,hide,drop,mine", "predicates": "old", "predicates.old.type": "x.HasHeaderKey",
        "transforms.where.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.hide.type": "org.apache.kafka.connect.transforms.MaskField$Value", "transforms.hide.fields": "name",
        "transforms.drop.type": "org.apache.kafka.connect.transforms.Filter", "transforms.drop.predicate": "old",
        "transforms.mine.type": "com.example.Stamp", "transforms.left.type": "x.Unused""#,
    );
    loaded(&all);
    for (key, words) in [
        ("transforms.where.type", "note: changed only the name of the topic"),
        ("transforms.hide.fields", "warning: hid fields of the value"),
        ("transforms.drop.type", "warning: left records out"),
        ("transforms.mine.type", "warning: (`Stamp`) may have changed or left out"),
        ("transforms.left.type", "note: has no counterpart"),
        ("predicates.old.type", "note: has no counterpart"),
    ] {
        assert!(said(&all, key).starts_with(words), "{key}: {}", said(&all, key));
    }
}

#[test]
fn a_converter_that_changed_bytes_is_a_warning() {
    for (class, words) in [
        ("org.apache.kafka.connect.converters.ByteArrayConverter", ""),
        ("org.apache.kafka.connect.storage.StringConverter", "note: is not needed"),
        ("org.apache.kafka.connect.json.JsonConverter", "warning: took the value out of `schema`"),
        (
            "io.confluent.connect.avro.AvroConverter",
            "warning: decoded the value by a schema registry",
        ),
        ("com.example.Rot13", "warning: (`Rot13`) may have changed the value"),
    ] {
        let read = sink(&format!(r#", "value.converter": "{class}""#));
        assert!(said(&read, "value.converter").starts_with(words), "{class}: {read:?}");
        assert_eq!(said(&read, "value.converter").is_empty(), words.is_empty(), "{read:?}");
    }
    assert!(said(&sink(""), "value.converter").contains("the worker's applied"));
    let headers = sink(r#", "header.converter": "com.example.Tags""#);
    assert!(said(&headers, "header.converter").starts_with("warning: "), "{headers:?}");
    // MirrorMaker's driver keeps bytes unless it is told otherwise.
    assert_eq!(said(&imported(&mirror("")), "value.converter"), "");
}

#[test]
fn what_became_of_records_that_failed_is_said() {
    let silent = sink(r#", "errors.tolerance": "all""#);
    assert!(said(&silent, "errors.tolerance").starts_with("warning: was `all`"), "{silent:?}");
    let stopped = sink(r#", "errors.deadletterqueue.topic.name": "dead""#);
    assert!(said(&stopped, "errors.tolerance").starts_with("note: was `none`"), "{stopped:?}");
    let kept = sink(r#", "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead""#);
    assert_eq!(said(&kept, "errors.tolerance"), "");
    assert_eq!(loaded(&kept).failure.dead_letter_topic.as_deref(), Some("dead"));
}

#[test]
fn where_a_group_begins_and_what_it_reads_of_transactions_is_carried_over() {
    let read = sink(
        r#", "consumer.override.auto.offset.reset": "latest", "consumer.override.isolation.level": "read_uncommitted""#,
    );
    loaded(&read);
    assert!(read.toml.contains("start = \"latest\""), "{}", read.toml);
    assert!(read.toml.contains("\"isolation.level\" = \"read_uncommitted\""), "{}", read.toml);
    let none = sink(r#", "consumer.override.auto.offset.reset": "none""#);
    assert!(said(&none, "auto.offset.reset").starts_with("warning: is `none`"), "{none:?}");
    assert!(said(&sink(""), "isolation.level").contains("copied aborted records"));
}

#[test]
fn what_mirror_maker_leaves_out_by_itself_is_left_out_and_said() {
    let read = imported(&mirror("quay->hubs.topics = .*\n"));
    let config = loaded(&read);
    let topics = &config.mappings[0].topics;
    assert!(topics.takes("orders"), "{}", read.toml);
    assert!(!topics.takes("mm2-offset-syncs.hubs.internal"), "{}", read.toml);
    assert!(said(&read, "topics.exclude").contains("excludes by default"), "{read:?}");
    assert!(said(&read, "hubs.sasl.jaas.config").contains("the secret in it has not been copied"));
    assert!(read.toml.contains("key_name = \"write\""), "{}", read.toml);
}

#[test]
fn of_two_flows_the_one_into_event_hubs_is_meant() {
    let both = imported(&mirror("hubs->quay.enabled = true\nhubs->quay.topics = back\n"));
    assert!(both.toml.starts_with("# From `quay->hubs`"), "{}", both.toml);
    let back = mirror("hubs->quay.enabled = true\n").replace("quay->hubs.enabled = True", "");
    let error = import(&back, ImportChoice::default()).unwrap_err().to_string();
    assert!(error.contains("`hubs->quay` reads from Event Hubs and writes to Kafka"), "{error}");
}

/// Each of these was taken for what is usual.
#[test]
fn what_is_not_understood_is_never_taken_for_known() {
    let policy = imported(&mirror(
        "replication.policy.class = com.example.Suffix\ntopic.filter.class = com.example.Some\n",
    ));
    assert!(policy.toml.contains("hub = \"CHANGE-ME\""), "{}", policy.toml);
    assert!(
        said(&policy, "replication.policy.class").starts_with("warning: is `com.example.Suffix`")
    );
    assert!(said(&policy, "topic.filter.class").starts_with("warning: "), "{policy:?}");

    let login = |mechanism: &str, more: &str| {
        sink(&format!(
            r#", "consumer.override.security.protocol": "SASL_SSL", "consumer.override.sasl.mechanism": "{mechanism}"{more}"#
        ))
    };
    let iam = login("AWS_MSK_IAM", "").toml;
    assert!(iam.contains("[kafka.security.token]\nkind = \"aws_msk_iam\""), "{iam}");
    assert!(login("DIGEST-MD5", "").toml.contains("mechanism = \"CHANGE-ME\""));
    let handler =
        r#", "consumer.override.sasl.login.callback.handler.class": "com.example.Tokens""#;
    let handler = login("OAUTHBEARER", handler);
    assert!(
        handler.toml.contains("[kafka.security.token]\nkind = \"CHANGE-ME\""),
        "{}",
        handler.toml
    );
    let protocol = sink(r#", "consumer.override.security.protocol": "TLS_MAYBE""#);
    assert!(protocol.toml.contains("tls = \"CHANGE-ME\""), "{}", protocol.toml);
    assert!(said(&protocol, "security.protocol").contains("`TLS_MAYBE`"));
    let way = sink(r#", "eventhub.authentication": "JWT", "eventhub.transport.type": "PIGEON""#);
    assert!(way.toml.contains("kind = \"CHANGE-ME\""), "{}", way.toml);
    assert!(said(&way, "eventhub.transport.type").contains("`PIGEON`"), "{way:?}");
}

#[test]
fn a_value_that_stands_somewhere_else_is_to_be_filled_in() {
    let read = imported(
        r#"{"name": "mail", "connector.class": "EventHubsSinkConnector", "topics": "${env:TOPICS}",
            "consumer.override.bootstrap.servers": "{{brokers}}", "azure.eventhubs.hub.name": "<your-hub>",
            "azure.eventhubs.connection.string": "${file:/run/hubs:string}"}"#,
    );
    for line in ["topic = \"CHANGE-ME\"", "brokers = \"CHANGE-ME\"", "hub = \"CHANGE-ME\""] {
        assert!(read.toml.contains(line), "{line}: {}", read.toml);
    }
    assert!(said(&read, "topics").contains("value in another place"), "{read:?}");
    assert!(said(&read, "azure.eventhubs.connection.string").contains("nothing has expanded"));
    assert!(
        imported("connector.class=EventHubsSinkConnector\n").toml.contains("topic = \"CHANGE-ME\"")
    );
}

#[test]
fn kerberos_and_a_login_that_did_not_count_are_told() {
    let kerberos = sink(
        r#", "consumer.override.security.protocol": "SASL_PLAINTEXT",
        "consumer.override.sasl.jaas.config": "com.sun.security.auth.module.Krb5LoginModule required keyTab=\"/etc/mail.keytab\" principal=\"mail@QUAY\";",
        "consumer.override.sasl.kerberos.service.name": "broker""#,
    );
    for line in ["mechanism = \"gssapi\"", "principal = \"mail@QUAY\"", "service_name = \"broker\""]
    {
        assert!(kerberos.toml.contains(line), "{line}: {}", kerberos.toml);
    }
    let unused = sink(r#", "consumer.override.sasl.mechanism": "PLAIN""#);
    assert!(!unused.toml.contains("[kafka.security]"), "{}", unused.toml);
    assert!(said(&unused, "security.protocol").contains("had no effect"), "{unused:?}");
}
