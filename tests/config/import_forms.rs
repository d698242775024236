//! The forms people hold a connector in: each is read, or refused by its name.

use kafka_eventhubs_bridge::config::{Config, Topics};
use kafka_eventhubs_bridge::import::{ImportChoice, Imported, import};

use super::import::{imported, loaded};

const SINK: &str = r#"{
    "connector.class": "com.microsoft.azure.eventhubs.kafka.connect.sink.EventHubSinkConnector",
    "tasks.max": "2", "topics": "parcels,pallets", "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
    "eventhub.connection.string": "Endpoint=sb://harbour.servicebus.windows.net/;SharedAccessKeyName=write;SharedAccessKey=aGVsbG8gd29ybGQ=;EntityPath=freight",
    "eventhub.clients.per.task": "3", "eventhub.partition.key.source": "record.key",
    "eventhub.transport.type": "AMQP_WEB_SOCKETS",
    "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "parcels-dead",
    "consumer.override.bootstrap.servers": "kafka-0:9092"}"#;

fn topics(config: &Config) -> Vec<Vec<&str>> {
    let names = config.mappings.iter().map(|mapping| match &mapping.topics {
        Topics::Named(names) => names.iter().map(String::as_str).collect(),
        Topics::Pattern(pattern) => vec![pattern.matching.as_str()],
    });
    names.collect()
}

fn warnings(imported: &Imported) -> String {
    let warnings = imported.notes.iter().filter(|note| note.is_warning);
    warnings.map(|note| format!("{}: {}", note.key, note.text)).collect::<Vec<_>>().join("\n")
}

fn refusal(text: &str) -> String {
    import(text, ImportChoice::default()).unwrap_err().to_string()
}

/// With what the worker knew filled in.
fn filled(mut imported: Imported) -> Imported {
    imported.toml = imported.toml.replace("CHANGE-ME:9092", "kafka-0:9092");
    imported
}

#[test]
fn the_sink_of_microsoft_goes_on_in_its_group_to_the_hub_of_its_connection_string() {
    let imported = imported(&format!("{{\"name\": \"freight\", \"config\": {SINK}}}"));
    let config = loaded(&imported);
    assert_eq!(config.kafka.group_id, "connect-freight");
    assert_eq!(topics(&config), [["parcels", "pallets"]]);
    assert_eq!(config.mappings[0].hub, "freight");
    assert_eq!(config.failure.dead_letter_topic.as_deref(), Some("parcels-dead"));
    let namespace = &config.eventhubs["default"];
    assert_eq!(namespace.address.host, "harbour.servicebus.windows.net");
    assert!(imported.toml.contains("key_name = \"write\""), "{}", imported.toml);
    assert!(imported.toml.contains("transport = \"websocket\""), "{}", imported.toml);
    let said = format!("{imported:?}");
    assert!(
        said.contains("the secret in it has not been copied") && !said.contains("aGVs"),
        "{said}"
    );
    assert!(warnings(&imported).contains("skipped records without a value"), "{imported:?}");
}

#[test]
fn a_connector_is_read_as_connect_gives_it_in_all_its_answers() {
    let answers = [
        format!(
            "{{\"name\": \"freight\", \"config\": {SINK}, \"tasks\": [{{\"connector\": \"freight\", \"task\": 0}}], \"type\": \"sink\"}}"
        ),
        SINK.replacen('{', "{\"name\": \"freight\",", 1),
        format!("[{{\"name\": \"freight\", \"config\": {SINK}}}]"),
        format!(
            "\u{feff}{{\"freight\": {{\"info\": {{\"name\": \"freight\", \"config\": {SINK}, \"tasks\": []}}}}}}"
        ),
        format!(
            "{{\"freight\": {{\"status\": {{\"name\": \"freight\"}}, \"info\": {{\"config\": {SINK}}}}}}}"
        ),
    ];
    for answer in answers {
        let config = loaded(&imported(&answer));
        assert_eq!(config.kafka.group_id, "connect-freight", "{answer}");
        assert_eq!(topics(&config), [["parcels", "pallets"]], "{answer}");
    }
}

#[test]
fn an_answer_of_connect_that_holds_no_configuration_says_which_one_does() {
    for (answer, words) in [
        (r#"["freight", "mail"]"#, "`GET /connectors?expand=info` gives"),
        (
            r#"{"freight": {"status": {"name": "freight", "connector": {"state": "RUNNING"}}}}"#,
            "`GET /connectors?expand=info` gives",
        ),
        (
            r#"{"name": "freight", "connector": {"state": "RUNNING"}, "tasks": [], "type": "sink"}"#,
            "`freight` has its status here",
        ),
        (
            r#"[{"id": {"connector": "freight", "task": 0}, "config": {"task.class": "x"}}]"#,
            "`freight` has a task here",
        ),
        (
            r#"{"error_code": 404, "message": "Connector freight not found"}"#,
            "answered with an error",
        ),
        (r#"{"name": "x", "error_count": 1, "groups": [], "configs": []}"#, "checked by Connect"),
    ] {
        let said = refusal(answer);
        assert!(said.contains(words), "{answer}: {said}");
    }
}

#[test]
fn of_several_connectors_the_one_for_event_hubs_is_read_and_the_others_are_named() {
    let files =
        r#""backup": {"info": {"config": {"connector.class": "FileStreamSink", "topics": "a"}}}"#;
    let one = format!("{{\"freight\": {{\"info\": {{\"config\": {SINK}}}}}, {files}}}");
    let read = imported(&one);
    assert_eq!(loaded(&read).kafka.group_id, "connect-freight");
    let other = read.notes.iter().find(|note| note.key == "backup").unwrap();
    assert!(other.text.contains("another connector, of class `FileStreamSink`"), "{other:?}");

    let two = format!(
        "[{{\"name\": \"freight\", \"config\": {SINK}}}, {{\"name\": \"mail\", \"config\": {SINK}}}]"
    );
    let said = refusal(&two);
    assert!(
        said.contains("several connectors: freight, mail") && said.contains("--connector"),
        "{said}"
    );
    let choice = |name| ImportChoice { connector: Some(name), flow: None };
    let mail = import(&two, choice("mail")).unwrap();
    assert_eq!(loaded(&mail).kafka.group_id, "connect-mail");
    let said = import(&two, choice("post")).unwrap_err().to_string();
    assert!(said.contains("no connector `post`") && said.contains("freight, mail"), "{said}");
}

#[test]
fn a_standalone_worker_s_properties_are_read() {
    let text = "name=freight\nconnector.class=EventHubsSinkConnector\ntopics.regex=parcels\\\\..+\n\
                azure.eventhubs.connection.string=Endpoint=sb://harbour.servicebus.windows.net/;SharedAccessKeyName=write;SharedAccessKey=${file:/run/eh:key}\n\
                azure.eventhubs.hub.name=freight\n";
    let imported = filled(imported(text));
    let config = loaded(&imported);
    assert_eq!(topics(&config), [[r"^(?:parcels\..+)$"]]);
    assert_eq!(config.mappings[0].hub, "freight");
    assert!(imported.toml.contains("key_name = \"write\""), "{}", imported.toml);
}

const RESOURCE: &str = "
apiVersion: kafka.strimzi.io/v1beta2
kind: KafkaConnector
metadata:
  name: freight
  labels: {strimzi.io/cluster: workers}
spec:
  class: org.apache.camel.kafkaconnector.azureeventhubssink.CamelAzureeventhubssinkSinkConnector
  tasksMax: 3
  config:
    topics: parcels
    value.converter.schemas.enable: false
    camel.kamelet.azure-eventhubs-sink.namespaceName: harbour
    camel.kamelet.azure-eventhubs-sink.eventhubName: freight
    camel.kamelet.azure-eventhubs-sink.sharedAccessName: write
    camel.kamelet.azure-eventhubs-sink.sharedAccessKey: ${secrets:quay/hubs:key}
";
const WORKERS: &str = "
apiVersion: kafka.strimzi.io/v1beta2
kind: KafkaConnect
metadata: {name: workers}
spec:
  replicas: 2
  bootstrapServers: kafka-0:9093
  tls:
    trustedCertificates: [{secretName: ca, certificate: ca.crt}]
  authentication:
    type: scram-sha-512
    username: porter
    passwordSecret: {secretName: porter, password: password}
  config:
    group.id: workers
    offset.storage.topic: workers-offsets
    value.converter: org.apache.kafka.connect.json.JsonConverter
    consumer.auto.offset.reset: latest
";

#[test]
fn a_connector_of_strimzi_is_read() {
    let imported = filled(imported(RESOURCE));
    let config = loaded(&imported);
    assert_eq!(config.kafka.group_id, "connect-freight");
    assert_eq!(config.eventhubs["default"].address.host, "harbour.servicebus.windows.net");
    assert_eq!(
        (topics(&config), config.mappings[0].hub.as_str()),
        (vec![vec!["parcels"]], "freight")
    );
    assert!(imported.notes.iter().any(|note| note.key == "tasks.max"), "{imported:?}");
    assert!(!format!("{imported:?}").contains("secrets:"), "{imported:?}");
}

#[test]
fn the_cluster_a_connector_of_strimzi_runs_on_says_where_kafka_is() {
    for text in [format!("{RESOURCE}---\n{WORKERS}---\n"), format!("---{WORKERS}---{RESOURCE}")] {
        let imported = imported(&text);
        assert!(!imported.toml.contains("CHANGE-ME"), "{}", imported.toml);
        let config = loaded(&imported);
        assert_eq!(config.kafka.brokers, "kafka-0:9093");
        assert!(imported.toml.contains("start = \"latest\""), "{}", imported.toml);
        assert!(imported.toml.contains("username = \"porter\""), "{}", imported.toml);
        assert!(warnings(&imported).contains("value.converter"), "{imported:?}");
    }
    // What kubectl gives of several: a list.
    let indented = RESOURCE.replace('\n', "\n  ");
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}", indented.trim_start());
    assert_eq!(loaded(&filled(imported(&list))).kafka.group_id, "connect-freight");
}

#[test]
fn a_resource_of_kubernetes_that_is_no_connector_is_refused_by_its_name() {
    for (kind, words) in [
        (
            WORKERS,
            "`KafkaConnect/workers` is what connectors run on, and holds none: give the `KafkaConnector`",
        ),
        ("kind: KafkaMirrorMaker\nspec: {}\n", "the first MirrorMaker, which is not read"),
        (
            "kind: ConfigMap\nmetadata: {name: hubs}\napiVersion: v1\ndata: {a: b}\n",
            "`ConfigMap/hubs` is not read",
        ),
        (
            "kind: Deployment\napiVersion: apps/v1\n",
            "`Deployment/Deployment` is not read; of Kubernetes these are",
        ),
        ("services:\n  connect:\n    image: connect\n", "a file of Docker Compose"),
        ("kind: KafkaConnector\n  spec: [", "looks like YAML"),
    ] {
        let said = refusal(kind);
        assert!(said.contains(words), "{kind}: {said}");
    }
}

#[test]
fn a_connector_of_confluent_s_operator_is_read() {
    let text = "apiVersion: platform.confluent.io/v1beta1\nkind: Connector\nmetadata: {name: freight}\n\
                spec:\n  class: io.example.EventHubsSinkConnector\n  taskMax: 2\n  connectClusterRef: {name: connect}\n\
                \x20 configs:\n    topics: parcels\n    azure.eventhubs.namespace: harbour\n    azure.eventhubs.hub.name: freight\n\
                \x20   azure.eventhubs.sas.keyname: write\n";
    let config = loaded(&filled(imported(text)));
    assert_eq!(config.kafka.group_id, "connect-freight");
    assert_eq!(config.mappings[0].hub, "freight");
}

#[test]
fn a_connector_of_msk_connect_is_read_with_its_brokers() {
    let text = format!(
        r#"{{"connectorName": "freight", "connectorConfiguration": {},
            "kafkaCluster": {{"apacheKafkaCluster": {{"bootstrapServers": "b-1.quay.kafka.eu-west-1.amazonaws.com:9094"}}}},
            "kafkaClusterClientAuthentication": {{"authenticationType": "NONE"}},
            "kafkaClusterEncryptionInTransit": {{"encryptionType": "TLS"}}}}"#,
        SINK.replace("consumer.override.bootstrap.servers", "consumer.override.client.rack")
    );
    let config = loaded(&imported(&text));
    assert_eq!(config.kafka.brokers, "b-1.quay.kafka.eu-west-1.amazonaws.com:9094");
    assert_eq!(config.kafka.group_id, "connect-freight");
    assert!(config.kafka.security.is_some());
}

/// Both versions of the resource: clusters by alias, and where they are used.
#[test]
fn mirror_maker_of_strimzi_is_read() {
    let target = "bootstrapServers: harbour.servicebus.windows.net:9093, tls: {trustedCertificates: []}, \
                  authentication: {type: plain, username: $ConnectionString, passwordSecret: {secretName: hubs, password: it}}";
    let source = "bootstrapServers: 'kafka-0:9092'";
    let head = "apiVersion: kafka.strimzi.io/v1\nkind: KafkaMirrorMaker2\nmetadata: {name: across}\nspec:\n";
    let mirror = "topicsPattern: 'parcels, mail\\..*', topicsExcludePattern: 'mail\\.raw', groupsPattern: '.*', checkpointConnector: {}, \
                  sourceConnector: {tasksMax: 4, config: {replication.policy.class: org.apache.kafka.connect.mirror.IdentityReplicationPolicy}}";
    let by_alias = format!(
        "{head}  connectCluster: hubs\n  clusters:\n  - {{alias: quay, {source}}}\n  - {{alias: hubs, {target}}}\n\
         \x20 mirrors:\n  - {{sourceCluster: quay, targetCluster: hubs, {mirror}}}\n"
    );
    let in_place = format!(
        "{head}  target: {{alias: hubs, {target}}}\n  mirrors:\n  - {{source: {{alias: quay, {source}}}, {mirror}}}\n"
    );
    for text in [by_alias, in_place] {
        let mut imported = imported(&text);
        imported.toml = imported.toml.replace("key_name = \"CHANGE-ME\"", "key_name = \"write\"");
        let config = loaded(&imported);
        assert_eq!(config.kafka.brokers, "kafka-0:9092");
        assert_eq!(config.eventhubs["default"].address.host, "harbour.servicebus.windows.net");
        assert_eq!(topics(&config), [["parcels"], [r"^(?:mail\..*)$"]]);
        let leaves_out = !config.mappings[0].topics.takes("mail.raw");
        assert!(leaves_out, "{}", imported.toml);
        assert_eq!(config.mappings[0].hub, "{topic}");
        assert!(
            imported.notes.iter().any(|note| note.key == "checkpointConnector"),
            "{imported:?}"
        );
        assert_eq!(warnings(&imported), "");
    }
}
