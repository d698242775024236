//! The command line as scripts and orchestrators see it: exit codes, and what goes where.

use std::process::{Command, Output};

const CONNECTION: &str = "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=aGVsbG8gd29ybGQ=";

fn bridge(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kafka-eventhubs-bridge")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn wrong_arguments_are_64_and_said_on_standard_error() {
    for (arguments, said) in [
        (&[] as &[&str], "Usage"),
        (&["fly"], "fly"),
        (&["run"], "--config"),
        (&["check", "--config"], "--config"),
        (&["run", "--config", "f.toml", "--loud"], "--loud"),
        (&["check", "--config", "f.toml", "--set", "kafka.group_id"], "write KEY=VALUE"),
        (&["check", "--config", "f.toml", "--set", "=orders"], "write KEY=VALUE"),
        (&["hubs", "--config", "f.toml", "--topic", "a;b=1"], "names of topics are"),
        (&["check", "--config", "f.toml", "--timeout", "5s"], "--connect"),
        (&["check", "--config", "f.toml", "--connect", "--timeout", "5"], "such as 30s"),
        (&["lag", "--config", "f.toml", "--topic", "a:b"], "TOPIC:PARTITION"),
        (&["offsets", "set", "--config", "f.toml"], "--to"),
        (&["offsets", "set", "--config", "f.toml", "--to", "1h"], "write `earliest`"),
        (&["config"], "Usage"),
        (&["completions", "cmd"], "[possible values: bash"),
    ] {
        let output = bridge(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(text(&output.stderr).contains(said), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_bridge_that_does_not_answer_is_named() {
    // A port that was free a moment ago, and one on which nobody speaks HTTP.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = gone.to_string();
    let output = bridge(&["status", "--address", &gone]);
    assert_eq!(output.status.code(), Some(69), "{}", text(&output.stderr));
    let said = format!("error: `{gone}` does not answer: ");
    assert!(text(&output.stderr).starts_with(&said), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
    let output = bridge(&["status", "--json", "--address", &gone]);
    assert_eq!(output.status.code(), Some(69));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["version"], &json["members"][0]["address"]), (&1.into(), &gone.into()));
    assert!(json["members"][0]["status"].is_null() && json["members"][0]["error"].is_string());
}

#[test]
fn what_was_asked_for_goes_to_standard_output() {
    let version = bridge(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    let expected = format!("kafka-eventhubs-bridge {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&version.stdout), expected);

    let help = bridge(&["run", "--help"]);
    assert_eq!(help.status.code(), Some(0));
    let help = text(&help.stdout);
    assert!(help.contains("--config <FILE>") && help.contains("--set <KEY=VALUE>"), "{help}");
}

fn full() -> std::fs::File {
    std::fs::File::options().write(true).open("/dev/full").unwrap()
}

fn here(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-eventhubs-bridge"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    command
}

#[test]
fn a_full_disk_under_standard_error_changes_no_exit_code() {
    for (arguments, expected) in [
        (["check", "--config", "/no/such/bridge.toml"], 78),
        (["check", "--config", "config/bridge.toml"], 0),
        (["fly", "--config", "config/bridge.toml"], 64),
    ] {
        let status =
            here(&arguments).stdout(std::process::Stdio::null()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(expected), "{arguments:?}");
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_74() {
    let dir = tempfile::tempdir().unwrap();
    let sink = dir.path().join("sink.properties");
    std::fs::write(&sink, "connector.class=EventHubsSinkConnector\ntopics=a\n").unwrap();
    for arguments in [
        &["--help"] as &[&str],
        &["--version"],
        &["check", "--help"],
        &["check", "--config", "config/bridge.toml"],
        &["hubs", "--config", "config/bridge.toml"],
        &["config", "show", "--config", "config/bridge.toml"],
        &["config", "schema"],
        &["completions", "bash"],
        &["man"],
        &["import", sink.to_str().unwrap()],
    ] {
        let output = here(arguments).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(74), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.contains("error: cannot write to standard output: No space"), "{said}");
    }
    // A verdict is not mistaken for a full disk.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("kafka.brokers=127.0.0.1:{port}");
    let connect = ["check", "--config", "config/bridge.toml", "--connect", "--timeout", "1s"];
    let refused = here(&[&connect[..], &["--json", "--set", address.as_str()]].concat())
        .stdout(full())
        .env(
            "BRIDGE_EVENTHUBS__CONNECTION_STRING",
            CONNECTION.replace("contoso.", "contoso.invalid."),
        )
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(69), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("cannot write to"), "{}", text(&refused.stderr));
}

/// `hubs … | head -1` is no failure.
#[test]
fn a_reader_that_leaves_has_what_it_wanted() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = here(&["--help"]).stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

#[test]
fn a_configuration_that_cannot_be_read_is_78() {
    for command in
        [&["run"] as &[&str], &["check"], &["lag"], &["offsets", "show"], &["config", "show"]]
    {
        let output = bridge(&[command, &["--config", "/no/such/bridge.toml"]].concat());
        assert_eq!(output.status.code(), Some(78), "{command:?}");
        assert!(text(&output.stderr).contains("error"), "{command:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_warning_is_said_and_changes_no_exit_code() {
    let output = here(&["check", "--config", "config/bridge.toml"])
        .env("BRIDGE_VERSION", "1.2.3")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(": valid"), "{}", text(&output.stdout));
    let said = text(&output.stderr);
    assert!(said.starts_with("warning: ") && said.contains("`BRIDGE_VERSION`"), "{said}");
}

#[test]
fn the_hubs_a_configuration_needs_are_written_for_whoever_makes_them() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bridge.toml");
    let mirror = "[kafka]\nbrokers = 'kafka'\ngroup_id = 'g'\n[[mappings]]\ntopic = 'orders'\nhub = 'orders'\npartitioning = 'mirror'";
    std::fs::write(&file, mirror).unwrap();
    let hubs = |format: &str, topic: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-eventhubs-bridge"));
        command.args(["hubs", "--config"]).arg(&file).args(["--topic", topic, "--format", format]);
        let output =
            command.env("BRIDGE_EVENTHUBS__CONNECTION_STRING", CONNECTION).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        output
    };
    let json: serde_json::Value =
        serde_json::from_slice(&hubs("json", "orders=12").stdout).unwrap();
    let first = &json[0];
    assert_eq!((&first["hub"], &first["partitions"]), (&"orders".into(), &12.into()), "{json}");
    assert_eq!(first["host"], "contoso.servicebus.windows.net");
    let az = hubs("az", "orders=12");
    let command = "--namespace-name contoso --name orders --partition-count 12";
    assert!(text(&az.stdout).contains(command), "{}", text(&az.stdout));
    let bicep = hubs("bicep", "orders=12");
    assert!(text(&bicep.stdout).contains("param hubs = [\n  { name: 'orders', partitions: 12,"));
    assert!(bicep.stderr.is_empty(), "{}", text(&bicep.stderr));
    let open = hubs("json", "others");
    assert!(text(&open.stderr).contains("mirrors topic `orders`"), "{}", text(&open.stderr));
}

/// Hubs are made first: the identity, the secret and the certificates come later.
#[test]
fn a_hub_that_cannot_be_is_not_written_and_two_that_are_one_are_written_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bridge.toml");
    let all = "[kafka]\nbrokers = 'kafka'\ngroup_id = 'g'\n[[mappings]]\ntopic_pattern = '.*'\nhub = '{topic}'\n\
               topic_exclude = ['.*\\.internal']";
    std::fs::write(&file, all).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-eventhubs-bridge"));
    command.args(["hubs", "--format", "az", "--config"]).arg(&file);
    for topic in ["_schemas=1", "x-=3", "mm2.internal=1", "orders=3", "Orders=12"] {
        command.args(["--topic", topic]);
    }
    let output = command.env("BRIDGE_EVENTHUBS__CONNECTION_STRING", CONNECTION).output().unwrap();
    let (hubs, notes) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{notes}");
    assert_eq!(hubs.lines().count(), 1, "{hubs}");
    assert!(hubs.contains("--name Orders --partition-count 4"), "{hubs}");
    for told in [
        "`_schemas` is left out",
        "`x-` is left out",
        "`mm2.internal` is left out",
        "are the same hub",
    ] {
        assert!(notes.contains(told), "`{told}` is not in {notes}");
    }
}

#[test]
fn hubs_are_written_before_there_is_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bridge.toml");
    let by_name = "namespace = 'shop.servicebus.windows.net'\n[eventhubs.credential]\nkind = ";
    let known = "--namespace-name shop --name orders ";
    let unknown = "--namespace-name NAMESPACE --name orders ";
    for (eventhubs, security, command) in [
        (&*format!("{by_name}'workload_identity'"), "", known),
        (&*format!("{by_name}'sas'\nkey_name = 'send'\nkey_file = 'later'"), "", known),
        (&*format!("{by_name}'managed_identity'"), "password_file = 'later'", known),
        ("connection_string_file = 'later'", "ca_file = 'later'", unknown),
        ("", "", unknown),
    ] {
        let toml = format!(
            "[kafka]\nbrokers = 'kafka'\ngroup_id = 'g'\n[kafka.security]\n{security}\n[eventhubs]\n{eventhubs}\n\
             [[mappings]]\ntopic = 'orders'\nhub = 'orders'"
        );
        std::fs::write(&file, toml).unwrap();
        let output = bridge(&["hubs", "--config", file.to_str().unwrap(), "--format", "az"]);
        let (said, noted) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{eventhubs}: {noted}");
        assert!(said.contains(command), "{eventhubs}: {said}");
        assert_eq!(noted.contains("note: the name of namespace `default` is"), command == unknown);
    }
    std::fs::write(&file, "[[mappings]]\ntopic = 'orders'\nhub = ''").unwrap();
    let output = bridge(&["hubs", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(78), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("1 problem;"), "{}", text(&output.stderr));
}

#[test]
fn what_is_imported_goes_to_standard_output_and_what_is_not_to_standard_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sink.json");
    let sink = r#"{"connector.class": "a.b.CamelAzureeventhubssinkSinkConnector", "topics": "a", "tasks.max": "2"}"#;
    std::fs::write(&file, sink).unwrap();
    let output = bridge(&["import", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("topic = \"a\""), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("note: `tasks.max`"), "{}", text(&output.stderr));
    std::fs::write(&file, "x = y").unwrap();
    assert_eq!(bridge(&["import", file.to_str().unwrap()]).status.code(), Some(78));
}
