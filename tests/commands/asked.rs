//! `offsets set` on a terminal: it shows what changes, and asks.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::process::{Command, Stdio};
use std::ptr::{null, null_mut};

use crate::lag::settings;
use crate::support::child::spawn;
use crate::support::{Kafka, Out, PATIENCE, unique, wait_for};

/// Both ends of a terminal: ours, and the program's.
fn terminal() -> (File, OwnedFd) {
    let (mut ours, mut theirs) = (0, 0);
    // SAFETY: both numbers are written when it returns 0, and are then descriptors of ours alone.
    unsafe {
        assert_eq!(libc::openpty(&raw mut ours, &raw mut theirs, null_mut(), null(), null()), 0);
        (File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs))
    }
}

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
        let (mut ours, theirs) = terminal();
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
