//! Both kinds of file, and what is said of those that are wrong.

use super::*;

/// The file of Microsoft's own documentation.
const EMULATOR: &str = r#"{
  "UserConfig": {
    "NamespaceConfig": [
      {
        "Type": "EventHub",
        "Name": "emulatorNs1",
        "Entities": [
          { "Name": "eh1", "PartitionCount": "2", "ConsumerGroups": [ { "Name": "cg1" } ] },
          { "Name": "eh2", "PartitionCount": 32, "ConsumerGroups": [] }
        ]
      }
    ],
    "LoggingConfig": { "Type": "File" }
  }
}"#;

fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn problem(name: &str, text: &str) -> String {
    let (folder, path) = file(name, text);
    let error = read(&path).unwrap_err().to_string();
    error.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn the_emulators_file_is_read_as_it_is() {
    for text in [EMULATOR.to_owned(), format!("\u{feff}\r\n{EMULATOR}\n")] {
        // The extension does not matter: what begins with a brace is JSON.
        let (_folder, path) = file("emulator.conf", &text);
        let read = read(&path).unwrap();
        assert_eq!(read.namespace.as_deref(), Some("emulatorNs1"));
        let hubs: Vec<_> = read.hubs.iter().map(|it| (it.name.as_str(), it.partitions)).collect();
        assert_eq!(hubs, [("eh1", 2), ("eh2", 32)]);
        assert_eq!(read.hubs[0].consumer_groups, ["cg1", "$Default"]);
        assert_eq!(read.hubs[1].consumer_groups, ["$Default"]);
        assert!(read.ignored.is_empty(), "{:?}", read.ignored);
    }
}

#[test]
fn what_the_emulators_file_says_beyond_us_is_named() {
    let text = EMULATOR.replace(r#""Name": "eh2","#, r#""Name": "eh2", "Capture": true,"#);
    let (_folder, path) = file("Config.json", &text);
    assert_eq!(read(&path).unwrap().ignored, ["UserConfig.NamespaceConfig.0.Entities.1.Capture"]);
}

#[test]
fn toml_says_everything() {
    let text = r#"
        listen = "127.0.0.1:0"
        control = "127.0.0.1:0"
        ack_delay = "2s"
        retention = "64MiB"
        retention_age = "7d"
        data = "/var/lib/eventhubs"
        sync = true
        namespace = "east"
        [[hubs]]
        name = "orders"
        partitions = 3
        consumer_groups = ["inventory"]
        [[keys]]
        name = "root"
        value = "secret"
        [[keys]]
        hub = "orders"
        name = "sender"
        value = "secret too"
        rights = ["send"]
        [security]
        tls = ["chain.pem", "key.pem"]
        jwks = "jwks.json"
        [[namespaces]]
        name = "west"
        hosts = ["hubs.example.com"]
        [[namespaces.hubs]]
        name = "orders"
        partitions = 1
        [[namespaces.keys]]
        name = "root"
        value = "another secret"
    "#;
    let (_folder, path) = file("eventhubs.toml", text);
    let read = read(&path).unwrap();
    assert_eq!(read.retention, Some(64 << 20));
    assert_eq!(read.retention_age, Some(Duration::from_hours(168)));
    assert!(read.sync && read.data.is_some());
    assert_eq!((read.keys[0].rights, read.keys[1].rights), (Rights::ALL, Rights::SEND));
    assert_eq!(read.security.tls.as_ref().unwrap().len(), 2);
    assert_eq!((read.namespaces[0].hosts.len(), read.namespaces[0].hubs[0].partitions), (1, 1));
    assert!(!format!("{read:?}").contains("secret"));
}

#[test]
fn what_is_wrong_is_said_with_file_place_key_cause_and_hint() {
    for (name, text, said) in [
        (
            "a.toml",
            "[[hubs]]\nname = \"orders\"\npartitons = 3\n",
            "`a.toml`, line 3, column 1, key `hubs[0].partitons`: unknown field `partitons`, expected one of \
          `name`, `partitions`, `consumer_groups` (did you mean `partitions`?)",
        ),
        (
            "a.toml",
            "[[hubs]]\nname = \"orders\"\npartitions = \"many\"\n",
            "`a.toml`, line 3, column 14, key `hubs[0].partitions`: invalid type: string \"many\", expected u32 \
          (a hub has 1 to 2048 partitions)",
        ),
        (
            "a.toml",
            "ack_delay = \"soon\"\n",
            "`a.toml`, line 1, column 13, key `ack_delay`: `soon` is not a duration: write `10ms`, `1m30s` or `7d`",
        ),
        (
            "a.toml",
            "listen = \n",
            "`a.toml`, line 1, column 10: string values must be quoted, expected literal string",
        ),
        (
            "Config.json",
            "{ \"hubs\": [] }",
            "`Config.json`, line 1, column 14: missing field `UserConfig` (a file that begins with `{` is read as the \
          `Config.json` of Microsoft's emulator; our own format is TOML)",
        ),
        (
            "Config.json",
            &EMULATOR.replace("\"2\"", "\"two\""),
            "`Config.json`, line 8, column 50, key `UserConfig.NamespaceConfig[0].Entities[0].PartitionCount`: invalid \
          value: string \"two\", expected a number of partitions (a hub has 1 to 2048 partitions)",
        ),
        (
            "Config.json",
            &EMULATOR.replace("\"EventHub\"", "\"ServiceBus\""),
            "`Config.json`, line 5, column 28, key `UserConfig.NamespaceConfig[0].Type`: unknown variant `ServiceBus`, \
          expected `EventHub`",
        ),
    ] {
        assert_eq!(problem(name, text), said);
    }
}
