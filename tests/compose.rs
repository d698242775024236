//! `compose.yaml` and the files it is used with: read for what they say, and held to the limits of Microsoft's emulator.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use kafka_eventhubs_bridge::config::Config;
use kafka_eventhubs_bridge::kafka::objection;
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

/// Limits of the emulator: hubs, partitions of a hub, consumer groups of a hub beside `$Default`.
const HUBS: usize = 10;
const PARTITIONS: u64 = 32;
const GROUPS: usize = 20;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(file(name)).unwrap()
}

/// The hubs of `Config.json` and their partitions.
fn hubs() -> HashMap<String, u64> {
    let config: Value = serde_json::from_str(&read("config/emulator/Config.json")).unwrap();
    let namespaces = config["UserConfig"]["NamespaceConfig"].as_array().unwrap();
    assert_eq!(namespaces.len(), 1, "the emulator has one namespace");
    assert_eq!(namespaces[0]["Type"], "EventHub");
    let entities = namespaces[0]["Entities"].as_array().unwrap();
    assert!((1..=HUBS).contains(&entities.len()));
    let hub = |entity: &Value| {
        let partitions = entity["PartitionCount"].as_u64().unwrap();
        assert!((1..=PARTITIONS).contains(&partitions), "{entity}");
        let groups = entity["ConsumerGroups"].as_array().unwrap();
        assert!(groups.len() <= GROUPS && groups.iter().all(|group| group["Name"].is_string()));
        (entity["Name"].as_str().unwrap().to_owned(), partitions)
    };
    entities.iter().map(hub).collect()
}

fn bridge() -> Config {
    Config::load(&file("config/emulator/bridge.toml"), [], &[], objection)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// The port of this machine that leads to `inside`, among `HOST:PORT:INSIDE`.
fn published(service: &Yaml<'_>, inside: &str) -> String {
    let ports = service["ports"].as_sequence().unwrap().iter().map(|port| port.as_str().unwrap());
    let mut found = ports.filter_map(|port| port.strip_suffix(inside)?.strip_suffix(':'));
    found.next().unwrap_or_else(|| panic!("port {inside} is not published")).to_owned()
}

#[test]
fn the_services_fit_each_other_and_what_they_mount_exists() {
    let text = read("compose.yaml");
    let documents = Yaml::load_from_str(&text).unwrap();
    assert_eq!(documents.len(), 1);
    let services = &documents[0]["services"];
    let names: Vec<&str> =
        services.as_mapping().unwrap().keys().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(names, ["kafka", "emulator", "azurite"]);
    for name in &names {
        assert!(
            services[*name]["image"].as_str().unwrap().contains(':'),
            "{name} names no version"
        );
    }

    let emulator = &services["emulator"];
    let volume = emulator["volumes"][0].as_str().unwrap();
    let (mounted, inside) = volume.split_once(':').unwrap();
    assert_eq!(inside, "/Eventhubs_Emulator/ConfigFiles/Config.json:ro");
    assert_eq!(file(mounted).canonicalize().unwrap(), file("config/emulator/Config.json"));
    let environment = &emulator["environment"];
    for server in ["BLOB_SERVER", "METADATA_SERVER"] {
        assert_eq!(environment[server].as_str(), Some("azurite"));
    }
    // Nobody's licence is accepted for him.
    assert_eq!(environment["ACCEPT_EULA"].as_str(), Some("${ACCEPT_EULA:-N}"));
    assert_eq!(emulator["depends_on"][0].as_str(), Some("azurite"));

    let kafka = &services["kafka"]["environment"];
    let brokers = kafka["KAFKA_ADVERTISED_LISTENERS"].as_str().unwrap();
    assert_eq!(brokers, format!("PLAINTEXT://{}", bridge().kafka.brokers));
    // What is advertised is what is published.
    assert_eq!(published(&services["kafka"], "9092"), bridge().kafka.brokers);
    assert_eq!(published(emulator, "5672"), "127.0.0.1:5672");
    let roles = kafka["KAFKA_PROCESS_ROLES"].as_str().unwrap();
    assert_eq!(roles, "broker,controller", "KRaft, without ZooKeeper");
}

#[test]
fn the_bridge_is_given_the_emulators_string_and_hubs_that_exist() {
    let config = bridge();
    let text = read("config/emulator/bridge.toml");
    let string = text.lines().find_map(|line| line.strip_prefix("connection_string = ")).unwrap();
    for part in ["Endpoint=sb://localhost;", "=SAS_KEY_VALUE;", "UseDevelopmentEmulator=true;"] {
        assert!(string.contains(part), "{part}");
    }
    let hubs = hubs();
    assert_eq!(config.mappings.len(), hubs.len());
    for line in text.lines().filter_map(|line| line.strip_prefix("hub = ")) {
        assert!(hubs.contains_key(line.trim_matches('"')), "{line}");
    }
}
