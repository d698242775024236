//! The configuration as it counts: every value, who said it, and no secret.

use kafka_eventhubs_bridge::config::{Config, Effective, Problems};
use kafka_eventhubs_bridge::kafka::objection;
use serde_json::{Value, json};

use super::{ANOTHER, Given, schema, shipped};

impl Given {
    fn effective(&self) -> Result<Effective, Problems> {
        let file = self.directory.path().join("bridge.toml");
        Effective::load(&file, self.variables.clone(), &self.flags, objection)
    }

    /// The value of `key` in the document, and who said it.
    #[track_caller]
    fn told(&self, key: &str) -> Value {
        let document = self.effective().unwrap_or_else(|problems| panic!("{problems}")).json();
        let document: Value = serde_json::from_str(&document).unwrap();
        let all = document["values"].as_array().unwrap();
        let found = all.iter().find(|it| it["key"] == key);
        let found = found.unwrap_or_else(|| panic!("`{key}` is not in {document}"));
        json!([found["value"], found["source"], found["line"], found["hidden"]])
    }
}

#[test]
fn each_value_is_shown_with_who_said_it() {
    let given = Given::file(
        "@kafka\nstart = 'latest'\n[kafka.client]\n'client.rack' = 'a'\n'sasl.password' = 'hush'\n'session.timeout.ms' = 9000\n\
         [limits]\nmemory = '32MiB'\n@eventhubs\nsend_timeout = '7s'\n\
         [eventhubs.west-1]\nconnection_string = 'Endpoint=sb://w;SharedAccessKeyName=n;SharedAccessKey=hush1234'\n\
         idle_timeout = '9s'\n[[mappings]]\ntopics = ['a', 'b']\nhub = 'orders'\n[mappings.batch]\nlinger = '5ms'\n\
         [[mappings]]\ntopic = 'c'\nhub = 'c'\nnamespace = 'west-1'",
    )
    .variable("BRIDGE_LIMITS__SHARDS", "2")
    .variable("BRIDGE_KAFKA__CLIENT__ISOLATION_LEVEL", "read_committed")
    .variable("BRIDGE_KAFKA__START", "2026-01-31T08:00:00Z")
    .variable("BRIDGE_EVENTS__HEADERS", "false")
    .flag("kafka.start", "earliest")
    .flag("kafka.instance_id", "pod-0");
    for (key, told) in [
        ("kafka.brokers", json!(["k:9092", "file", 2, false])),
        ("kafka.start", json!(["earliest", "flag", null, false])),
        ("kafka.instance_id", json!(["pod-0", "flag", null, false])),
        ("kafka.commit_interval", json!(["1s", "default", null, false])),
        ("kafka.client.\"client.rack\"", json!(["a", "file", 6, false])),
        ("kafka.client.\"sasl.password\"", json!([null, "file", 7, true])),
        ("kafka.client.\"session.timeout.ms\"", json!([9000, "file", 8, false])),
        ("kafka.client.\"isolation.level\"", json!(["read_committed", "variable", null, false])),
        ("limits.memory", json!(["32MiB", "file", 10, false])),
        ("limits.shards", json!([2, "variable", null, false])),
        ("events.headers", json!([false, "variable", null, false])),
        ("eventhubs.connection_string", json!([null, "file", 12, true])),
        ("eventhubs.west-1.send_timeout", json!(["7s", "file", 13, false])),
        ("eventhubs.west-1.idle_timeout", json!(["9s", "file", 16, false])),
        ("eventhubs.west-1.connect_timeout", json!(["15s", "default", null, false])),
        ("mappings[0].topics", json!([["a", "b"], "file", 18, false])),
        ("mappings[0].batch.linger", json!(["5ms", "file", 21, false])),
        ("mappings[1].partitioning", json!(["key", "default", null, false])),
        ("batch.linger", json!(["10ms", "default", null, false])),
        ("log.level", json!(["info", "default", null, false])),
    ] {
        assert_eq!(given.told(key), told, "{key}");
    }
    let written = given.effective().unwrap().to_string();
    let line = |begins: &str| {
        let found = written.lines().find(|line| line.starts_with(begins));
        found.unwrap_or_else(|| panic!("`{begins}` is not in {written}"))
    };
    assert!(line("start = \"earliest\"").ends_with("  # --set kafka.start"));
    assert!(line("shards = 2").ends_with("  # BRIDGE_LIMITS__SHARDS"));
    assert!(line("commit_interval = \"1s\"").ends_with("  # default"));
    assert!(line("brokers = \"k:9092\"").ends_with("/bridge.toml:2"));
    assert!(line("#\"sasl.password\" = \"***\"").ends_with("/bridge.toml:7, hidden"));
    assert!(!written.contains("hush") && !given.effective().unwrap().json().contains("hush"));
}

/// With the secrets put back by variables, what is written is the configuration it was written of.
#[test]
fn what_is_written_is_a_configuration_again() {
    let mut names = std::fs::read_dir(shipped("examples")).unwrap();
    let mut names: Vec<_> = names
        .by_ref()
        .map(|it| it.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "toml"))
        .map(|path| format!("examples/{}", path.file_name().unwrap().to_str().unwrap()))
        .collect();
    names.extend(["bridge.toml".to_owned(), "bridge.full.toml".to_owned()]);
    let mut compared = 0;
    for name in names {
        let text = std::fs::read_to_string(shipped(&name)).unwrap();
        let given = Given::file(&text.replace("/run/secrets/", "")).with_pem();
        let mut given = given
            .beside("eventhubs", ANOTHER)
            .beside("eventhubs-east", ANOTHER)
            .beside("eventhubs-west", ANOTHER)
            .beside("eventhubs-north", ANOTHER)
            .beside("kafka-ca.pem", "-----BEGIN CERTIFICATE-----\n")
            .beside("kafka-password", "hush1234\n")
            .beside("hash-key", "hush5678hush5678\n");
        for name in ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"] {
            given = given.variable(name, "x");
        }
        if name.ends_with("/sasl.toml") {
            given = given.variable("BRIDGE_EVENTHUBS__CONNECTION_STRING", ANOTHER);
            given = given.variable("BRIDGE_KAFKA__SECURITY__PASSWORD", "hush1234");
        }
        let effective = given.effective().unwrap_or_else(|problems| panic!("{name}\n{problems}"));
        let hidden = effective.to_string();
        let load = |given: &Given| {
            let file = given.directory.path().join("bridge.toml");
            let config = Config::load(&file, given.variables.clone(), &given.flags, objection);
            config.unwrap_or_else(|problems| panic!("{name}\n{problems}\n{hidden}"))
        };
        let meant = format!("{:?}", load(&given));
        let secret = text.lines().find(|line| line.starts_with("connection_string = "));
        let again = match secret {
            Some(secret) => hidden.replace("#connection_string = \"***\"", secret),
            None => hidden.clone(),
        };
        let given = given.beside("bridge.toml", &again);
        assert_eq!(format!("{:?}", load(&given)), meant, "{name}\n{hidden}");
        compared += 1;
    }
    assert!(compared > 6, "{compared}");
}

/// What hides a value is said in the schema, where editors see it, too.
#[test]
fn every_key_that_sounds_like_a_secret_is_hidden_or_known_to_be_none() {
    const NONE: [&str; 5] = ["key_name", "key_type", "token", "token_endpoint", "token_lifetime"];
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let mut secrets = 0;
    for (table, definition) in schema["$defs"].as_object().unwrap() {
        for (key, described) in definition["properties"].as_object().into_iter().flatten() {
            let words = ["secret", "password", "token", "key", "signature", "connection_string"];
            // A table holds values, and is none.
            let is_table = described.get("$ref").is_some();
            let sounds = !is_table && words.iter().any(|word| key.contains(word));
            let is_hidden = described["writeOnly"] == true;
            // Of records: a pattern for them.
            let is_pattern = (table.as_str(), key.as_str()) == ("Select", "key");
            let is_none = key.ends_with("_file") || NONE.contains(&key.as_str()) || is_pattern;
            assert_eq!(is_hidden, sounds && !is_none, "{table}.{key}");
            secrets += usize::from(is_hidden);
        }
    }
    assert!(secrets > 10, "{secrets}");
}

#[test]
fn a_configuration_that_is_wrong_is_told_as_by_check() {
    let given = Given::file("@kafka\n@eventhubs\n");
    let (shown, checked) = (given.effective().unwrap_err(), given.load().unwrap_err());
    assert_eq!(shown, checked);
}
