//! `offsets set` on a terminal: it shows what changes, and asks.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::lag::settings;
use crate::support::child::spawn;
use crate::support::{Kafka, Out, PATIENCE, unique, wait_for};
use crate::terminal::pair;

#[test]
fn only_yes_is_yes() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("asked"), unique("g"));
    kafka.create_topic(&topic, 1);
    kafka.produce(&topic, (0..5).map(|_| Out::value("x")));
    kafka.commit(&group, &topic, 0, 5);
    let settings = settings(kafka, &group);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bridge.toml");
    std::fs::write(&file, settings.mapping(&topic, "orders").to_toml()).unwrap();
    for (answer, position, says) in [
        ("y\n", 5, "nothing was changed"),
        ("\u{4}", 5, "nothing was changed"),
        ("yes\n", 2, "read back: 1"),
    ] {
        let (mut ours, theirs) = pair(24, 80);
        let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-eventhubs-bridge"));
        command.args(["offsets", "set", "--to", "2", "--config"]).arg(&file);
        command.stdin(theirs).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn(command, "it is built by `cargo test`");
        ours.write_all(answer.as_bytes()).unwrap();
        let status = wait_for("it ends", PATIENCE, || child.try_wait().unwrap());
        let (mut said, mut asked) = (String::new(), String::new());
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut asked).unwrap();
        assert!(status.success() && asked.contains("`yes`"), "{answer:?}: {asked}");
        assert!(said.contains("moves") && said.contains(says), "{answer:?}: {said}");
        assert_eq!(kafka.committed(&group, &topic, 0), Some(position), "{answer:?}");
    }
}
