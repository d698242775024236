//! The command line as scripts and orchestrators see it: exit codes, and what goes where.

use std::process::{Command, Output};

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
        (&["check", "--config", "f.toml", "--json"], "--connect"),
        (&["check", "--config", "f.toml", "--timeout", "5s"], "--connect"),
        (&["check", "--config", "f.toml", "--connect", "--timeout", "5"], "such as 30s"),
    ] {
        let output = bridge(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(text(&output.stderr).contains(said), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
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

#[test]
fn a_full_disk_changes_no_exit_code() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    for (arguments, expected) in [
        (["check", "--config", "/no/such/bridge.toml"], 78),
        (["check", "--config", "config/bridge.toml"], 0),
        (["fly", "--config", "config/bridge.toml"], 64),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-eventhubs-bridge"));
        command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
        let status = command.stdout(full()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(expected), "{arguments:?}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_78() {
    for command in ["run", "check"] {
        let output = bridge(&[command, "--config", "/no/such/bridge.toml"]);
        assert_eq!(output.status.code(), Some(78), "{command}");
        assert!(text(&output.stderr).contains("error"), "{command}: {}", text(&output.stderr));
    }
}
