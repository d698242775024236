//! The configuration as an operator meets it: files, layers, and the report when something is wrong.
//!
//! `UPDATE=1 cargo test --test config schema` writes `config/bridge.schema.json` anew.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kafka_eventhubs_bridge::config::{
    Address, BrokerLogin, ClientValue, Config, ConnectionString, Credential, Entra, LogFormat,
    Partitioning, Pattern, Policy, Principal, Problems, SharedAccess, Start, Topics, schema,
};
use kafka_eventhubs_bridge::kafka::objection;

#[path = "config/claim_check.rs"]
mod claim_check;
#[path = "config/credential.rs"]
mod credential;
#[path = "config/decoding.rs"]
mod decoding;
#[path = "config/effective.rs"]
mod effective;
#[path = "config/full.rs"]
mod full;
#[path = "config/hubs.rs"]
mod hubs;
#[path = "config/import.rs"]
mod import;
#[path = "config/import_changes.rs"]
mod import_changes;
#[path = "config/import_forms.rs"]
mod import_forms;
#[path = "config/reports.rs"]
mod reports;
#[path = "config/security.rs"]
mod security;
#[path = "config/shaping.rs"]
mod shaping;
#[path = "config/wrong.rs"]
mod wrong;

/// What stands for `@kafka`, `@eventhubs` and `@mapping` in the files of these tests. Every secret is `hush`.
const KAFKA: &str = "[kafka]\nbrokers = 'k:9092'\ngroup_id = 'g'";
/// A namespace whose connection string is still to be put in.
const NAMED: &str = "@kafka\n[eventhubs]\nconnection_string = '@another'\n";
const EVENTHUBS: &str = "[eventhubs]\nconnection_string = 'Endpoint=sb://h.servicebus.windows.net/;\
                         SharedAccessKeyName=n;SharedAccessKey=hush1234'";
const MAPPING: &str = "[[mappings]]\ntopic = 'orders'\nhub = 'orders'";
const ANOTHER: &str = "Endpoint=sb://other;SharedAccessKeyName=n;SharedAccessKey=hush5678";

/// A configuration in a directory of its own.
struct Given {
    directory: tempfile::TempDir,
    variables: Vec<(String, String)>,
    flags: Vec<(String, String)>,
}

impl Given {
    fn file(toml: &str) -> Self {
        let toml = toml
            .replace("@kafka", KAFKA)
            .replace("@eventhubs", EVENTHUBS)
            .replace("@mapping", MAPPING);
        let given = Self {
            directory: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
            flags: Vec::new(),
        };
        given.beside("bridge.toml", &toml)
    }

    fn beside(self, name: &str, text: &str) -> Self {
        std::fs::write(self.directory.path().join(name), text).unwrap();
        self
    }

    /// Files as certificates and keys look from afar.
    fn with_pem(self) -> Self {
        let pem = |label: &str| format!("-----BEGIN {label}-----\nhush\n-----END {label}-----\n");
        self.beside("crt", &pem("CERTIFICATE"))
            .beside("key", &pem("PRIVATE KEY"))
            .beside("locked", &pem("ENCRYPTED PRIVATE KEY"))
            .beside("secret", "hush1234\n")
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        self.flags.push((key.to_owned(), value.to_owned()));
        self
    }

    fn load(self) -> Result<Config, Problems> {
        Config::load(
            &self.directory.path().join("bridge.toml"),
            self.variables,
            &self.flags,
            objection,
        )
    }

    /// The report, with the directory of the test taken out.
    fn report(self) -> String {
        let directory = format!("{}/", self.directory.path().display());
        let problems = self.load().expect_err("this configuration is wrong and was taken");
        problems.to_string().replace(&directory, "")
    }
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)
}

fn load_shipped(name: &str, variables: &[(&str, &str)]) -> Config {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(&shipped(name), variables, &[], objection)
        .unwrap_or_else(|problems| panic!("{name}\n{problems}"))
}

fn another() -> Address {
    ANOTHER.parse::<ConnectionString>().unwrap().address
}

#[test]
fn the_shortest_file_means_what_the_defaults_say() {
    let config = load_shipped("bridge.toml", &[]);
    assert_eq!(config.kafka.brokers, "127.0.0.1:9092");
    assert_eq!(config.kafka.group_id, "orders-bridge");
    assert_eq!(config.kafka.start, Start::Earliest);
    assert_eq!(config.kafka.commit_interval, Duration::from_secs(1));
    let mapping = &config.mappings[0];
    assert!(matches!(&mapping.topics, Topics::Named(names) if names == &["orders"]));
    assert_eq!((mapping.hub.as_str(), mapping.namespace.as_str()), ("orders", "default"));
    assert_eq!(mapping.partitioning, Partitioning::Key);
    assert_eq!(mapping.batch.linger, Duration::from_millis(10));
    assert_eq!(mapping.failure.policy, Policy::Halt);
    assert_eq!(config.eventhubs.keys().collect::<Vec<_>>(), ["default"]);
    assert_eq!(config.limits.memory, 64 << 20);
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:9400");
    let lines = std::fs::read_to_string(shipped("bridge.toml")).unwrap().lines().count();
    assert!(lines <= 12, "the shortest useful file has {lines} lines");
}

#[test]
fn every_example_is_right() {
    let secret = |name| (name, ANOTHER);
    let examples = [
        (
            "orders-demo",
            vec![("BRIDGE_KAFKA__BROKERS", "k:1"), secret("BRIDGE_EVENTHUBS__CONNECTION_STRING")],
        ),
        ("many-topics", vec![secret("BRIDGE_EVENTHUBS__CONNECTION_STRING")]),
        (
            "two-namespaces",
            vec![
                secret("BRIDGE_EVENTHUBS__WEST__CONNECTION_STRING"),
                secret("BRIDGE_EVENTHUBS__NORTH__CONNECTION_STRING"),
            ],
        ),
        ("dead-letter", vec![secret("BRIDGE_EVENTHUBS__CONNECTION_STRING")]),
        (
            "sasl",
            vec![
                secret("BRIDGE_EVENTHUBS__CONNECTION_STRING"),
                ("BRIDGE_KAFKA__SECURITY__PASSWORD", "hush"),
            ],
        ),
        ("mirror", vec![secret("BRIDGE_EVENTHUBS__CONNECTION_STRING")]),
        ("hub-by-header", vec![secret("BRIDGE_EVENTHUBS__CONNECTION_STRING")]),
        ("filter-by-header", vec![secret("BRIDGE_EVENTHUBS__CONNECTION_STRING")]),
        ("confluent-avro", vec![secret("BRIDGE_EVENTHUBS__CONNECTION_STRING")]),
        ("cloudevents", vec![secret("BRIDGE_EVENTHUBS__CONNECTION_STRING")]),
        ("debezium", vec![secret("BRIDGE_EVENTHUBS__CONNECTION_STRING")]),
        (
            "workload-identity",
            vec![
                ("AZURE_TENANT_ID", "t"),
                ("AZURE_CLIENT_ID", "c"),
                ("AZURE_FEDERATED_TOKEN_FILE", "/f"),
            ],
        ),
    ];
    let mut on_disk: Vec<_> = std::fs::read_dir(shipped("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "toml"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    on_disk.sort();
    let mut known: Vec<_> = examples.iter().map(|(name, _)| (*name).to_owned()).collect();
    // It needs a file of its own: `shaping` loads it.
    known.push("personal-data".to_owned());
    known.sort();
    assert_eq!(on_disk, known, "each example is loaded here");

    for (name, variables) in examples {
        let config = load_shipped(&format!("examples/{name}.toml"), &variables);
        for namespace in config.eventhubs.values() {
            let Credential::Sas(sas) = &namespace.credential else {
                assert_eq!(name, "workload-identity");
                continue;
            };
            assert_eq!(namespace.address, another(), "{name}");
            assert!(matches!(sas.first, SharedAccess::Key { .. }), "{name}");
        }
        if name == "sasl" {
            let login = config.kafka.security.and_then(|security| security.login);
            assert!(matches!(login, Some(BrokerLogin::Password { .. })), "{login:?}");
        }
    }
}

#[test]
fn the_file_of_the_issue_is_taken_with_every_form_of_start() {
    for (start, expected) in [
        ("\"earliest\"", Start::Earliest),
        ("\"latest\"", Start::Latest),
        ("\"2026-01-31T08:00:00Z\"", Start::At(1_769_846_400_000)),
        ("\"2026-01-31T09:00:00.250+01:00\"", Start::At(1_769_846_400_250)),
        ("2026-01-31T08:00:00Z", Start::At(1_769_846_400_000)),
    ] {
        let config = Given::file(&format!(
            "@kafka\nstart = {start}\n[kafka.client]\n\"session.timeout.ms\" = 10000\n\
             \"enable.ssl.certificate.verification\" = false\n\"client.id\" = \"b\"\n@eventhubs\n\
             [[mappings]]\ntopic_pattern = \"^orders\\\\..+\"\nhub = \"{{topic}}\"\n\
             partitioning = \"fixed:3\"\n[batch]\nlinger = \"10ms\"\n[admin]\nlisten = \"127.0.0.1:9400\"",
        ))
        .load()
        .unwrap_or_else(|problems| panic!("{start}\n{problems}"));
        assert_eq!(config.kafka.start, expected, "{start}");
        assert_eq!(config.kafka.client["session.timeout.ms"], ClientValue::Integer(10_000));
        let verification = &config.kafka.client["enable.ssl.certificate.verification"];
        assert_eq!(verification, &ClientValue::Boolean(false));
        assert_eq!(config.mappings[0].partitioning, Partitioning::Fixed(3));
        let Topics::Pattern(Pattern { matching: pattern, .. }) = &config.mappings[0].topics else {
            panic!("a pattern")
        };
        assert!(pattern.is_match("orders.eu"));
        assert!(!pattern.is_match("my-orders.eu"), "the whole name must match");
    }
}

#[test]
fn a_pattern_matches_the_whole_name_whatever_its_alternatives() {
    let config = Given::file("@kafka\n@eventhubs\n[[mappings]]\ntopic_pattern = 'a|b'\nhub = 'h'");
    let config = config.load().unwrap();
    let Topics::Pattern(Pattern { matching: pattern, .. }) = &config.mappings[0].topics else {
        panic!("a pattern")
    };
    assert!(pattern.is_match("a") && pattern.is_match("b"));
    assert!(!pattern.is_match("ab") && !pattern.is_match("xb"));
}

#[test]
fn a_mapping_overrides_key_by_key() {
    let config = Given::file(
        "@kafka\n@eventhubs\n@mapping\nbatch = { linger = '1s' }\nevents = { headers = false }\n\
         failure = { policy = 'drop' }\n[[mappings]]\ntopic = 'b'\nhub = 'b'\n\
         [batch]\nlinger = '20ms'\nmax_events = 7\nmax_bytes = '8KiB'\n[events]\nprefix = 'k_'",
    )
    .load()
    .unwrap();
    let [first, second] = &config.mappings[..] else { panic!("two mappings") };
    assert_eq!(first.batch.linger, Duration::from_secs(1));
    assert_eq!(first.batch.max_events, Some(7));
    assert_eq!(first.batch.max_bytes, Some(8192));
    assert_eq!((first.events.headers, first.events.prefix.as_str()), (false, "k_"));
    assert_eq!(first.failure.policy, Policy::Drop);
    assert_eq!(second.batch, config.batch);
    assert_eq!(second.events, config.events);
    assert_eq!(second.failure.policy, Policy::Halt);
}

#[test]
fn layers_win_in_order_and_are_read_as_their_keys_want() {
    let given =
        Given::file("@kafka\n@eventhubs\n@mapping\n[limits]\nshards = 1\n[log]\nformat = 'text'")
            .variable("BRIDGE_KAFKA__BROKERS", "variable:1")
            .variable("BRIDGE_KAFKA__GROUP_ID", "0123")
            .variable("BRIDGE_LIMITS__SHARDS", "3")
            .variable("BRIDGE_LIMITS__MEMORY", "48MiB")
            .variable("BRIDGE_EVENTS__HEADERS", "false")
            .variable("BRIDGE_LOG__FORMAT", "json")
            .variable("BRIDGE_SERVICE_PORT_HTTP", "9400")
            .variable("OTHER_KAFKA__BROKERS", "x")
            .flag("kafka.brokers", "flag:1")
            .flag("kafka.client.session.timeout.ms", "6000");
    let config = given.load().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.kafka.brokers, "flag:1");
    assert_eq!(config.kafka.group_id, "0123", "text stays text");
    assert_eq!(config.limits.shards, 3);
    assert_eq!(config.limits.memory, 48 << 20);
    assert!(!config.events.headers);
    assert_eq!(config.log.format, LogFormat::Json);
    let timeout = &config.kafka.client["session.timeout.ms"];
    assert!(matches!(timeout, ClientValue::Text(text) if text.expose() == "6000"));
}

#[test]
fn a_connection_string_comes_from_a_file_or_a_variable_and_the_later_layer_wins() {
    let file = "@kafka\n[eventhubs]\nconnection_string_file = 'secret.txt'\n@mapping";
    let config = Given::file(file).beside("secret.txt", &format!("{ANOTHER}\n")).load().unwrap();
    let namespace = &config.eventhubs["default"];
    assert_eq!(namespace.address, another(), "the line break is no part of it");
    let Credential::Sas(sas) = &namespace.credential else { panic!("a connection string") };
    assert!(
        matches!(&sas.first, SharedAccess::ConnectionString(file) if file.ends_with("secret.txt"))
    );

    let config = Given::file(file).variable("BRIDGE_EVENTHUBS__CONNECTION_STRING", ANOTHER).load();
    assert_eq!(config.unwrap().eventhubs["default"].address, another());

    let config = Given::file("@kafka\n@eventhubs\n@mapping")
        .beside("secret.txt", ANOTHER)
        .variable("BRIDGE_EVENTHUBS__CONNECTION_STRING_FILE", "secret.txt")
        .load();
    assert_eq!(config.unwrap().eventhubs["default"].address, another());
}

#[test]
fn a_second_connection_string_has_a_key_of_its_own_and_comes_like_the_first() {
    let second = |namespace: &str, given: Given| {
        let config = given.load().unwrap_or_else(|problems| panic!("{problems}"));
        assert!(!format!("{config:?}").contains("hush"), "{config:?}");
        let Credential::Sas(sas) = &config.eventhubs[namespace].credential else { panic!() };
        sas.second.clone().unwrap()
    };
    let other = ANOTHER.replace("SharedAccessKeyName=", "SharedAccessKeyName=other-");
    let name = format!("{NAMED}secondary_connection_string = '{other}'\n@mapping");
    let found = second("default", Given::file(&name.replace("@another", ANOTHER)));
    assert!(matches!(found, SharedAccess::Key { name, .. } if name.starts_with("other-")));

    let file = format!("{NAMED}secondary_connection_string_file = 'second.txt'\n@mapping");
    let file = Given::file(&file.replace("@another", ANOTHER)).beside("second.txt", &other);
    let found = second("default", file);
    assert!(matches!(found, SharedAccess::ConnectionString(file) if file.ends_with("second.txt")));

    let west = format!(
        "@kafka\n[eventhubs.west]\nconnection_string = '{ANOTHER}'\n@mapping\nnamespace = 'west'"
    );
    let variable = "BRIDGE_EVENTHUBS__WEST__SECONDARY_CONNECTION_STRING";
    let found = second("west", Given::file(&west).variable(variable, &other));
    assert!(matches!(found, SharedAccess::Key { .. }));
}

#[test]
fn named_namespaces_take_the_time_limits_of_the_unnamed_one() {
    let config = Given::file(
        "@kafka\n@eventhubs\nsend_timeout = '7s'\n[eventhubs.west-1]\nconnect_timeout = '3s'\n\
         @mapping\n[[mappings]]\ntopic = 'orders'\nhub = 'orders'\nnamespace = 'west-1'",
    )
    .variable("BRIDGE_EVENTHUBS__WEST_1__CONNECTION_STRING", ANOTHER)
    .load()
    .unwrap_or_else(|problems| panic!("{problems}"));
    let west = &config.eventhubs["west-1"];
    assert_eq!(west.address, another());
    assert_eq!(west.send_timeout, Duration::from_secs(7));
    assert_eq!(west.connect_timeout, Duration::from_secs(3));
    assert_eq!(config.eventhubs["default"].connect_timeout, Duration::from_secs(15));
}

#[test]
fn a_dead_letter_topic_may_be_mapped_if_the_way_ends_there() {
    let config = Given::file(
        "@kafka\n@eventhubs\n@mapping\n[[mappings]]\ntopic = 'dead'\nhub = 'dead'\n\
         failure = { policy = 'halt' }\n[failure]\npolicy = 'dead_letter'\ndead_letter_topic = 'dead'",
    );
    let config = config.load().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.mappings[0].failure.policy, Policy::DeadLetter);
    assert_eq!(config.mappings[1].failure.policy, Policy::Halt);
}

#[test]
fn debug_shows_no_secret() {
    let config =
        Given::file("@kafka\n[kafka.client]\n'sasl.password' = 'hush'\n@eventhubs\n@mapping");
    let shown = format!("{:?}", config.load().unwrap());
    assert!(!shown.contains("hush"), "{shown}");
    assert!(shown.contains("sasl.password") && shown.contains("***"), "{shown}");
}

#[test]
fn schema_is_fresh() {
    let file = shipped("bridge.schema.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, schema()).unwrap();
    }
    let on_disk = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        on_disk == schema(),
        "config/bridge.schema.json is stale: run `UPDATE=1 cargo test --test config schema`"
    );
}
