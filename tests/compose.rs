//! `compose.yaml` and `compose.emulator.yaml`, and the files they use: read for what they say, and held to the limits of Microsoft's
//! emulator.

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

/// A file of Compose, and what it says of each service by its name.
fn compose(name: &str, check: impl FnOnce(&Yaml<'_>, &[&str])) {
    let text = read(name);
    let documents = Yaml::load_from_str(&text).unwrap();
    assert_eq!(documents.len(), 1);
    let services = &documents[0]["services"];
    let names: Vec<&str> =
        services.as_mapping().unwrap().keys().map(|name| name.as_str().unwrap()).collect();
    for name in &names {
        let service = &services[*name];
        let image = service
            .as_mapping_get("image")
            .or_else(|| service.as_mapping_get("extends")?.as_mapping_get("service"));
        let image = image.and_then(Yaml::as_str);
        assert!(image.is_some_and(|it| it.contains(':') || it == *name), "{name} has no version");
        for volume in
            service.as_mapping_get("volumes").and_then(Yaml::as_sequence).into_iter().flatten()
        {
            let (mounted, _) = volume.as_str().unwrap().split_once(':').unwrap();
            assert!(file(mounted).is_file(), "{mounted}");
        }
        if let Some(needed) = service.as_mapping_get("depends_on").and_then(Yaml::as_mapping) {
            let needed = needed.keys().map(|it| it.as_str().unwrap());
            needed.for_each(|it| assert!(names.contains(&it), "{name} needs {it}"));
        }
    }
    check(services, &names);
}

/// The port of this machine that leads to `inside`, among `HOST:PORT:INSIDE`.
fn published(service: &Yaml<'_>, inside: &str) -> String {
    let ports = service["ports"].as_sequence().unwrap().iter().map(|port| port.as_str().unwrap());
    let mut found = ports.filter_map(|port| port.strip_suffix(inside)?.strip_suffix(':'));
    found.next().unwrap_or_else(|| panic!("port {inside} is not published")).to_owned()
}

/// Where the listener of that name is, in a list of `NAME://ADDRESS`.
fn listener<'a>(list: &'a Yaml<'_>, name: &str) -> &'a str {
    let mut all = list.as_str().unwrap().split(',').map(|it| it.split_once("://").unwrap());
    all.find(|(it, _)| *it == name).unwrap_or_else(|| panic!("no listener {name}")).1
}

#[test]
fn kafka_is_reached_from_this_machine_and_from_the_other_containers() {
    compose("compose.yaml", |services, _| {
        let kafka = &services["kafka"]["environment"];
        let advertised = &kafka["KAFKA_ADVERTISED_LISTENERS"];
        // What is advertised is what is published, and where the bridge of the file looks for it.
        assert_eq!(listener(advertised, "HOST"), bridge().kafka.brokers);
        assert_eq!(published(&services["kafka"], "9092"), bridge().kafka.brokers);
        let environment = &services["bridge"]["environment"];
        assert_eq!(
            environment["BRIDGE_KAFKA__BROKERS"].as_str(),
            Some(listener(advertised, "INSIDE"))
        );
        for name in ["HOST", "INSIDE"] {
            let (_, port) = listener(advertised, name).split_once(':').unwrap();
            assert_eq!(listener(&kafka["KAFKA_LISTENERS"], name), format!(":{port}"));
        }
        let roles = kafka["KAFKA_PROCESS_ROLES"].as_str().unwrap();
        assert_eq!(roles, "broker,controller", "KRaft, without ZooKeeper");
    });
}

#[test]
fn the_bridge_is_in_it_with_hubs_and_a_configuration() {
    compose("compose.yaml", |services, names| {
        assert_eq!(names, ["kafka", "hubs", "bridge"]);
        for (name, target) in [("hubs", "eventhubs-local"), ("bridge", "bridge")] {
            let build = &services[name]["build"];
            assert_eq!(build["context"].as_str(), Some("."));
            assert_eq!(build["target"].as_str(), Some(target));
            let stage = format!("AS {target}\n");
            assert!(read("Dockerfile").contains(&stage), "the Dockerfile has no `{target}`");
            let version = format!("${{VERSION:-{}}}", env!("CARGO_PKG_VERSION"));
            assert!(services[name]["image"].as_str().unwrap().ends_with(&version), "{name}");
        }
        assert_eq!(published(&services["hubs"], "5672"), "127.0.0.1:5672");
        assert_eq!(published(&services["bridge"], "9400"), "127.0.0.1:9400");
        let mounted = services["bridge"]["volumes"][0].as_str().unwrap();
        assert_eq!(mounted, "./config/emulator/bridge.toml:/etc/bridge/bridge.toml:ro");
        let command = r#"CMD ["run", "--config", "/etc/bridge/bridge.toml"]"#;
        assert!(read("Dockerfile").contains(command), "it is started with that file");
    });
}

/// As the container starts it: the file, with its variables over it.
#[test]
fn the_variables_of_the_bridge_lead_to_the_other_containers() {
    compose("compose.yaml", |services, names| {
        let environment = services["bridge"]["environment"].as_mapping().unwrap();
        let text = |value: &Yaml<'_>| value.as_str().unwrap().to_owned();
        let variables = environment.iter().map(|(name, value)| (text(name), text(value)));
        let file = file("config/emulator/bridge.toml");
        let config = Config::load(&file, variables, &[], objection)
            .unwrap_or_else(|problems| panic!("{problems}"));
        let (broker, _) = config.kafka.brokers.split_once(':').unwrap();
        let string =
            text(&services["bridge"]["environment"]["BRIDGE_EVENTHUBS__CONNECTION_STRING"]);
        let (_, hubs) = string.split_once("Endpoint=sb://").unwrap();
        for host in [broker, hubs.split(';').next().unwrap()] {
            assert!(names.contains(&host), "there is no service `{host}`");
        }
        assert!(string.ends_with("SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;"));
    });
}

#[test]
fn the_emulator_takes_the_place_of_the_hubs() {
    compose("compose.emulator.yaml", |services, names| {
        assert_eq!(names, ["kafka", "hubs", "azurite", "bridge"]);
        for name in ["kafka", "bridge"] {
            let extended = &services[name]["extends"];
            assert_eq!(extended["file"].as_str(), Some("compose.yaml"));
            assert_eq!(extended["service"].as_str(), Some(name));
        }
        let hubs = &services["hubs"];
        let volume = hubs["volumes"][0].as_str().unwrap();
        let (mounted, inside) = volume.split_once(':').unwrap();
        assert_eq!(inside, "/Eventhubs_Emulator/ConfigFiles/Config.json:ro");
        assert_eq!(file(mounted).canonicalize().unwrap(), file("config/emulator/Config.json"));
        let environment = &hubs["environment"];
        for server in ["BLOB_SERVER", "METADATA_SERVER"] {
            assert_eq!(environment[server].as_str(), Some("azurite"));
        }
        // Nobody's licence is accepted for him.
        assert_eq!(environment["ACCEPT_EULA"].as_str(), Some("${ACCEPT_EULA:-N}"));
        assert_eq!(hubs["depends_on"][0].as_str(), Some("azurite"));
        assert_eq!(published(hubs, "5672"), "127.0.0.1:5672");
    });
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
