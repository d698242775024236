//! One node of a cluster, a broker or a `ZooKeeper`: its settings, its directory, its process.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};

use super::child::spawn;
use super::jars::INSTALL;

const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qk";

/// One JVM.
#[derive(Debug)]
pub struct Node {
    pub id: usize,
    pub dir: PathBuf,
    pub port: u16,
    jars: String,
    /// Its main class; it is given `node.properties`.
    main: &'static str,
    /// Further flags of the JVM.
    flags: Vec<String>,
    process: Mutex<Option<Child>>,
}

impl Node {
    /// Makes its directory and writes its settings.
    pub fn new(id: usize, dir: PathBuf, port: u16, jars: &str, settings: &str) -> Self {
        fs::create_dir_all(&dir).expect("a writable temporary directory");
        fs::write(dir.join("node.properties"), settings).expect("a writable directory");
        let (jars, process) = (jars.to_owned(), Mutex::new(None));
        Self { id, dir, port, jars, main: "kafka.Kafka", flags: Vec::new(), process }
    }

    /// Of another kind than a broker.
    pub fn main(mut self, class: &'static str) -> Self {
        self.main = class;
        self
    }

    pub fn flags(mut self, flags: &[String]) -> Self {
        self.flags = flags.to_vec();
        self
    }

    pub fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Prepares the directory as a node of `KRaft` wants it.
    pub fn format(&self) -> Child {
        let mut command = java(&self.jars, "64m", &[], &self.log("format.log"));
        command.args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"]);
        command.arg(self.dir.join("node.properties")).arg("--ignore-formatted");
        spawn(command, INSTALL)
    }

    pub fn launch(&self) {
        let mut command = java(&self.jars, "384m", &self.flags, &self.log("node.log"));
        command.arg(self.main).arg(self.dir.join("node.properties"));
        *self.process() = Some(spawn(command, INSTALL));
    }

    pub fn log(&self, name: &str) -> File {
        let path = self.dir.join(name);
        File::options().create(true).append(true).open(path).expect("a writable directory")
    }

    pub fn assert_alive(&self) {
        let mut slot = self.process();
        let Some(process) = slot.as_mut() else { return };
        if let Some(status) = process.try_wait().expect("a child of ours") {
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

/// Ports that are free now, below those that the system gives to clients: a node that restarts finds its own free again.
pub fn free_ports(count: usize) -> Vec<u16> {
    // All held at once, so that they differ.
    let mut sockets = Vec::with_capacity(count);
    while sockets.len() < count {
        let port = rand::random_range(18_000..32_000);
        sockets.extend(TcpListener::bind(("127.0.0.1", port)));
    }
    sockets.iter().map(|socket| socket.local_addr().expect("bound").port()).collect()
}
