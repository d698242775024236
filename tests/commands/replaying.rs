//! A replay as a process, and what it left in the hub.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use eventhubs_local::{Hub, Value as Amqp};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::child::spawn;
use crate::support::event::place;
use crate::support::{Kafka, PATIENCE, Settings, wait_for};

/// A replay that runs. It dies with its test.
pub(crate) struct Running {
    child: Child,
    folder: TempDir,
}

impl Running {
    pub(crate) fn start(settings: &Settings, arguments: &[&str]) -> Self {
        Self::of(&["replay"], settings, arguments)
    }

    /// Of another command that sends again.
    pub(crate) fn of(command: &[&str], settings: &Settings, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bridge.toml");
        fs::write(&file, settings.to_toml()).unwrap();
        let to = |name: &str| File::create(folder.path().join(name)).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_kafka-eventhubs-bridge"));
        program.args(command).args(["--json", "--config"]).arg(file).args(arguments);
        program.stdin(Stdio::null()).stdout(to("said")).stderr(to("log"));
        Self { child: spawn(program, "it is built by `cargo test`"), folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    #[track_caller]
    pub(crate) fn wait_log(&self, words: &[&str]) {
        wait_for(&format!("the log says {words:?}"), PATIENCE, || {
            let log = self.log();
            log.lines().any(|line| words.iter().all(|word| line.contains(word))).then_some(())
        });
    }

    /// Waits for its end, and wants this exit code; gives what it said.
    #[track_caller]
    pub(crate) fn ends(mut self, code: i32) -> Value {
        let status = wait_for("it ends", PATIENCE, || self.child.try_wait().unwrap());
        assert_eq!(status.code(), Some(code), "{}", self.log());
        serde_json::from_str(&fs::read_to_string(self.path("said")).unwrap()).unwrap()
    }

    /// SIGKILL, and waits until the process is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn terminate(&self) {
        // SAFETY: a signal to a child that has not been waited for.
        unsafe { libc::kill(self.child.id() as libc::pid_t, libc::SIGTERM) };
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("--- the replay said:\n{}\n---", self.log());
        }
    }
}

/// How often each record is in the hub, by partition and offset: as it was copied, and as it was replayed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) copied: BTreeMap<(i32, i64), usize>,
    pub(crate) replayed: BTreeMap<(i32, i64), usize>,
}

impl Held {
    pub(crate) fn of(hub: &Hub, topic: &str) -> Self {
        let mut held = Self::default();
        for event in hub.partitions().iter().flat_map(eventhubs_local::Partition::events) {
            let (from, partition, offset) = place(event.message_id().unwrap()).unwrap();
            assert_eq!(from, topic);
            let mark = event.application_property("kafka_replayed");
            let into = match mark {
                Some(Amqp::Bool(true)) => &mut held.replayed,
                None => &mut held.copied,
                other => panic!("{other:?}"),
            };
            *into.entry((partition, offset)).or_default() += 1;
            // What else an event says of its record, a replay says, too.
            let said = event.application_property("kafka_offset");
            assert!(matches!(said, Some(Amqp::Long(it)) if it == offset), "{said:?}");
        }
        held
    }
}

/// Once each of these offsets of some partitions.
pub(crate) fn once(
    partitions: impl IntoIterator<Item = i32>,
    offsets: std::ops::Range<i64>,
) -> BTreeMap<(i32, i64), usize> {
    let of = |partition| offsets.clone().map(move |offset| ((partition, offset), 1));
    partitions.into_iter().flat_map(of).collect()
}

/// What `group` has committed of each partition, and what with it.
pub(crate) fn committed(
    kafka: &Kafka,
    group: &str,
    topic: &str,
    partitions: i32,
) -> Vec<(Option<i64>, String)> {
    let mut config = kafka.config();
    let client: BaseConsumer = config.set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, partitions - 1);
    let list = client.committed_offsets(list, PATIENCE).unwrap();
    let all = list.elements().into_iter().map(|it| match it.offset() {
        Offset::Offset(offset) => (Some(offset), it.metadata().to_owned()),
        _ => (None, String::new()),
    });
    all.collect()
}

/// The groups there are whose names begin so.
pub(crate) fn groups(kafka: &Kafka, prefix: &str) -> Vec<String> {
    let client: BaseConsumer = kafka.config().create().unwrap();
    let list = client.fetch_group_list(None, PATIENCE).unwrap();
    let names = list.groups().iter().map(|group| group.name().to_owned());
    names.filter(|name| name.starts_with(prefix)).collect()
}
