//! One node of a cluster, a broker or a `ZooKeeper`: its settings, its directory, its process.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::jars::INSTALL;
use crate::listener::{self, Listener};
use crate::{PATIENCE, wait_for};
use processes::{Process, child};

const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qk";

/// One JVM.
#[derive(Debug)]
pub struct Node {
    /// From 1; 0 is a `ZooKeeper`.
    pub id: usize,
    /// Holds its settings, its log and its data.
    pub dir: PathBuf,
    /// Where clients reach it.
    pub port: u16,
    jars: String,
    /// Its main class; it is given `node.properties`.
    main: &'static str,
    /// Further flags of the JVM.
    flags: Vec<String>,
    process: Mutex<Option<Process>>,
}

impl Node {
    /// Makes its directory and writes its settings.
    pub fn new(id: usize, dir: PathBuf, port: u16, jars: &str, settings: &str) -> Self {
        fs::create_dir_all(&dir).expect("a writable temporary directory");
        fs::write(dir.join("node.properties"), settings).expect("a writable directory");
        let (jars, process) = (jars.to_owned(), Mutex::new(None));
        Self { id, dir, port, jars, main: "kafka.Kafka", flags: Vec::new(), process }
    }

    /// The only node of its cluster, with these listeners besides the usual one, and `more` lines of settings.
    pub fn alone(
        dir: PathBuf,
        [port, controller]: [u16; 2],
        listeners: &[Listener],
        more: &str,
        jars: &str,
    ) -> Self {
        let text = properties(1, 1, port, controller, &format!("1@127.0.0.1:{controller}"), &dir);
        let text = text + &listener::properties(port, controller, listeners) + more;
        Self::new(1, dir, port, jars, &text)
    }

    /// Of another kind than a broker.
    pub fn main(mut self, class: &'static str) -> Self {
        self.main = class;
        self
    }

    /// With further flags of the JVM.
    pub fn flags(mut self, flags: &[String]) -> Self {
        self.flags = flags.to_vec();
        self
    }

    /// Its process, while it runs.
    pub fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Prepares the directory as a node of `KRaft` wants it.
    pub fn format(&self) -> Process {
        let mut command = java(&self.jars, "64m", &[], &self.log("format.log"));
        command.args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"]);
        command.arg(self.dir.join("node.properties")).arg("--ignore-formatted");
        Process::start(command, INSTALL)
    }

    /// Waits until that is done.
    pub fn wait_formatted(format: &Process) {
        let status = wait_for("kafka storage is formatted", PATIENCE, || format.ended());
        assert!(status.success(), "kafka storage was not formatted");
    }

    /// Starts it; does not wait until it answers.
    pub fn launch(&self) {
        *self.process() = Some(Process::start(self.command(), INSTALL));
    }

    /// Prepares its directory, and becomes it: this process goes on as its JVM. Gives why it does not.
    pub fn become_it(&self) -> io::Error {
        Self::wait_formatted(&self.format());
        child::become_it(self.command())
    }

    fn command(&self) -> Command {
        let mut command = java(&self.jars, "384m", &self.flags, &self.log("node.log"));
        command.arg(self.main).arg(self.dir.join("node.properties"));
        command
    }

    /// A file of its directory that grows.
    pub fn log(&self, name: &str) -> File {
        let path = self.dir.join(name);
        File::options().create(true).append(true).open(path).expect("a writable directory")
    }

    /// Panics with the end of its log when its process has ended by itself.
    pub fn assert_alive(&self) {
        let ended = self.process().as_ref().and_then(Process::ended);
        if let Some(status) = ended {
            let log = fs::read_to_string(self.dir.join("node.log")).unwrap_or_default();
            let tail = log.lines().rev().take(30).collect::<Vec<_>>();
            let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
            panic!("kafka node {} ended with {status}:\n{tail}", self.id);
        }
    }
}

fn java(jars: &str, heap: &str, flags: &[String], log: &File) -> Command {
    let mut command = Command::new("java");
    command.args([
        &format!("-Xmx{heap}"),
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
    ]);
    command.args(flags).args(["-cp", jars]);
    let log = || Stdio::from(log.try_clone().expect("an open file"));
    command.stdin(Stdio::null()).stdout(log()).stderr(log());
    command
}

/// The settings of a broker that is a controller too.
pub fn properties(
    id: usize,
    count: usize,
    port: u16,
    controller: u16,
    voters: &str,
    dir: &Path,
) -> String {
    let replicas = count.min(3);
    let in_sync = replicas.div_ceil(2);
    let data = dir.join("data");
    let data = data.display();
    format!(
        "process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=1
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=1000
auto.create.topics.enable=false
log.retention.ms=-1
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
"
    )
}

/// A directory for this process; those of processes that are gone are removed.
pub fn fresh_dir() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let root = std::env::temp_dir().join("kafka-eventhubs-bridge-tests");
    fs::create_dir_all(&root).expect("a writable temporary directory");
    for entry in fs::read_dir(&root).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.split('-').next()).unwrap_or_default();
        if !Path::new("/proc").join(process).exists() {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    root.join(format!("{}-{number}", std::process::id()))
}
