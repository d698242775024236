//! A real Apache Kafka in KRaft mode for the tests: one node shared by a test binary, or a cluster of one's own.
//!
//! The jars come from Maven once and stay in the user's cache, never in the checkout. Each node is a JVM that dies with
//! the test process, however that ends. Everything waits for a condition with a deadline, never for a time.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part of this")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const VERSION: &str = "4.1.1";
/// Any node answers within this, on a machine that is doing much else.
const PATIENCE: Duration = Duration::from_secs(90);
const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qk";

/// Waits until `condition` gives something; panics with `what` after `patience`.
pub fn wait_for<T>(what: &str, patience: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A name no other test uses.
pub fn unique(name: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A Kafka cluster.
#[derive(Debug)]
pub struct Kafka {
    nodes: Vec<Node>,
    bootstrap: String,
}

#[derive(Debug)]
struct Node {
    id: usize,
    dir: PathBuf,
    port: u16,
    process: Mutex<Option<Child>>,
}

impl Kafka {
    /// The node this test binary shares. Tests that stop nodes start their own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(1))
    }

    /// Starts a cluster of `count` nodes, each broker and controller.
    pub fn start(count: usize) -> Self {
        let jars = jars();
        let ports = free_ports(count * 2);
        let root = fresh_dir();
        let voters = (0..count)
            .map(|i| format!("{}@127.0.0.1:{}", i + 1, ports[count + i]))
            .collect::<Vec<_>>()
            .join(",");
        let nodes = (0..count)
            .map(|i| {
                let dir = root.join(format!("n{}", i + 1));
                fs::create_dir_all(&dir).expect("a writable temporary directory");
                let text = properties(i + 1, count, ports[i], ports[count + i], &voters, &dir);
                fs::write(dir.join("node.properties"), text).expect("a writable directory");
                Node { id: i + 1, dir, port: ports[i], process: Mutex::new(None) }
            })
            .collect::<Vec<_>>();
        let formats = nodes.iter().map(|node| node.format(&jars)).collect::<Vec<_>>();
        for mut format in formats {
            assert!(format.wait().expect("a child").success(), "kafka storage was not formatted");
        }
        let bootstrap =
            nodes.iter().map(|n| format!("127.0.0.1:{}", n.port)).collect::<Vec<_>>().join(",");
        let kafka = Self { nodes, bootstrap };
        for node in &kafka.nodes {
            node.launch(&jars);
        }
        kafka.wait_ready();
        kafka
    }

    /// For `bootstrap.servers`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Kills node `id` (1..) without warning: SIGKILL.
    pub fn kill(&self, id: usize) {
        if let Some(mut process) = self.nodes[id - 1].process().take() {
            process.kill().expect("a child of ours");
            process.wait().expect("a child of ours");
        }
    }

    /// Stops node `id` in an orderly way: SIGTERM, and waits.
    pub fn stop(&self, id: usize) {
        let mut slot = self.nodes[id - 1].process();
        if let Some(process) = slot.as_mut() {
            // SAFETY: a signal to a child that has not been waited for.
            unsafe { libc::kill(process.id() as libc::pid_t, libc::SIGTERM) };
            wait_for("the broker ends", PATIENCE, || process.try_wait().expect("a child of ours"));
        }
        *slot = None;
    }

    /// Starts node `id` again, on its old ports and data, and waits until the cluster is whole.
    pub fn restart(&self, id: usize) {
        self.kill(id);
        self.nodes[id - 1].launch(&jars());
        self.wait_ready();
    }

    /// Waits until all running nodes are known to the cluster, and every partition has a leader.
    pub fn wait_ready(&self) {
        let running = self.nodes.iter().filter(|node| node.process().is_some()).count();
        let client = self.client();
        wait_for("kafka answers", PATIENCE, || {
            for node in &self.nodes {
                node.assert_alive();
            }
            let metadata = client.fetch_metadata(None, Duration::from_secs(2)).ok()?;
            let mut partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
            let led = partitions.all(|partition| partition.leader() >= 0);
            (metadata.brokers().len() == running && led).then_some(())
        });
    }

    /// Makes a topic, replicated to all nodes (three at most).
    pub fn create_topic(&self, name: &str, partitions: i32) {
        self.create_topic_with(name, partitions, &[]);
    }

    /// Makes a topic with settings of its own.
    pub fn create_topic_with(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let replicas = self.nodes.len().min(3) as i32;
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replicas));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let result = block_on(self.admin().create_topics([&topic], &options()));
        let result = result.expect("kafka answers").remove(0);
        result.unwrap_or_else(|(name, code)| panic!("topic `{name}` was not made: {code}"));
        let client = self.client();
        wait_for("the topic has leaders", PATIENCE, || {
            let metadata = client.fetch_metadata(Some(name), Duration::from_secs(2)).ok()?;
            let topic = metadata.topics().first()?;
            let led = topic.partitions().iter().all(|partition| partition.leader() >= 0);
            (topic.partitions().len() as i32 == partitions && led).then_some(())
        });
    }

    /// Adds partitions up to `partitions`.
    pub fn add_partitions(&self, name: &str, partitions: usize) {
        let wanted = rdkafka::admin::NewPartitions::new(name, partitions);
        let result = block_on(self.admin().create_partitions([&wanted], &options()));
        result.expect("kafka answers").remove(0).expect("partitions are added");
    }

    /// Deletes a topic.
    pub fn delete_topic(&self, name: &str) {
        let result = block_on(self.admin().delete_topics(&[name], &options()));
        result.expect("kafka answers").remove(0).expect("the topic is deleted");
    }

    /// Deletes the records below `before`, as retention would.
    pub fn delete_records(&self, topic: &str, partition: i32, before: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(before)).expect("an offset");
        block_on(self.admin().delete_records(&list, &options())).expect("records are deleted");
        assert_eq!(self.watermarks(topic, partition).0, before);
    }

    /// First offset and end of a partition.
    pub fn watermarks(&self, topic: &str, partition: i32) -> (i64, i64) {
        let patience = Duration::from_secs(20);
        self.client().fetch_watermarks(topic, partition, patience).expect("kafka answers")
    }

    /// The committed position of `group`.
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let client: BaseConsumer = self.config().set("group.id", group).create().expect("a client");
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, partition);
        let list = client.committed_offsets(list, Duration::from_secs(20)).expect("kafka answers");
        match list.elements()[0].offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }
    }

    /// Commits for a group without members.
    pub fn commit(&self, group: &str, topic: &str, partition: i32, position: i64) {
        let client: BaseConsumer = self.config().set("group.id", group).create().expect("a client");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(position)).expect("an offset");
        client.commit(&list, rdkafka::consumer::CommitMode::Sync).expect("kafka takes the commit");
    }

    /// Settings of a client of this cluster.
    pub fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config.set("log_level", "2");
        config
    }

    fn client(&self) -> BaseConsumer {
        self.config().create().expect("a client")
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config().create().expect("a client")
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        for node in &self.nodes {
            if let Some(mut process) = node.process().take() {
                process.kill().ok();
                process.wait().ok();
            }
        }
        if let Some(root) = self.nodes.first().and_then(|node| node.dir.parent()) {
            fs::remove_dir_all(root).ok();
        }
    }
}

impl Node {
    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn format(&self, jars: &str) -> Child {
        let mut command = java(jars, "64m", &self.log("format.log"));
        command.args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"]);
        command.arg(self.dir.join("node.properties")).arg("--ignore-formatted");
        spawn(command)
    }

    fn launch(&self, jars: &str) {
        let mut command = java(jars, "384m", &self.log("node.log"));
        command.arg("kafka.Kafka").arg(self.dir.join("node.properties"));
        *self.process() = Some(spawn(command));
    }

    fn log(&self, name: &str) -> File {
        let path = self.dir.join(name);
        File::options().create(true).append(true).open(path).expect("a writable directory")
    }

    fn assert_alive(&self) {
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

fn java(jars: &str, heap: &str, log: &File) -> Command {
    let mut command = Command::new("java");
    command.args([
        &format!("-Xmx{heap}"),
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
        "-cp",
        jars,
    ]);
    let log = || Stdio::from(log.try_clone().expect("an open file"));
    command.stdin(Stdio::null()).stdout(log()).stderr(log());
    command
}

fn properties(
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
auto.create.topics.enable=false
log.retention.check.interval.ms=5000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
"
    )
}

/// The class path. Asks Maven once per user; other test processes wait meanwhile.
fn jars() -> String {
    static JARS: OnceLock<String> = OnceLock::new();
    JARS.get_or_init(|| {
        let cache = cache_dir();
        fs::create_dir_all(&cache).expect("a writable cache directory");
        let lock = File::create(cache.join("lock")).expect("a writable cache directory");
        lock.lock().expect("a lockable file");
        let libs = cache.join("libs");
        if !libs.is_dir() {
            download(&cache, &libs);
        }
        format!("{}/*", libs.display())
    })
    .clone()
}

fn cache_dir() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").expect("`HOME` is set")).join(".cache")
    });
    base.join("kafka-eventhubs-bridge").join(format!("kafka-{VERSION}"))
}

fn download(cache: &Path, libs: &Path) {
    let partial = cache.join("libs.partial");
    fs::remove_dir_all(&partial).ok();
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    let pom = format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>t</groupId><artifactId>kafka-dist</artifactId><version>1</version>\
         <packaging>pom</packaging><dependencies>{}{}</dependencies></project>",
        dependency("org.apache.kafka", "kafka_2.13", VERSION),
        dependency("org.slf4j", "slf4j-simple", "1.7.36"),
    );
    let mut file = File::create(cache.join("pom.xml")).expect("a writable cache directory");
    file.write_all(pom.as_bytes()).expect("a writable cache directory");
    let output = Command::new("mvn")
        .current_dir(cache)
        .args([
            "-q",
            "-B",
            "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
        ])
        .args(["-DincludeScope=runtime"])
        .arg(format!("-DoutputDirectory={}", partial.display()))
        .output()
        .unwrap_or_else(|error| panic!("`mvn` can not be run ({error}): {INSTALL}"));
    assert!(
        output.status.success(),
        "maven did not fetch kafka:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    fs::rename(&partial, libs).expect("a writable cache directory");
}

const INSTALL: &str =
    "these tests run a real Kafka; install it with `apt-get install default-jre-headless maven`";

/// A directory for this process; those of processes that are gone are removed.
fn fresh_dir() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
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

fn free_ports(count: usize) -> Vec<u16> {
    // All held at once, so that they differ.
    let sockets = (0..count)
        .map(|_| TcpListener::bind(("127.0.0.1", 0)).expect("a free port"))
        .collect::<Vec<_>>();
    sockets.iter().map(|socket| socket.local_addr().expect("bound").port()).collect()
}

/// Starts a process that dies with this one: by a panic, by SIGKILL, however.
///
/// Linux sends the signal when the *thread* that spawned ends, so one thread that never ends spawns them all.
fn spawn(mut command: Command) -> Child {
    type Order = (Command, mpsc::Sender<std::io::Result<Child>>);
    static SPAWNER: OnceLock<Mutex<mpsc::Sender<Order>>> = OnceLock::new();
    let parent = std::process::id();
    // SAFETY: only async-signal-safe calls between fork and exec.
    unsafe {
        command.pre_exec(move || {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            if libc::getppid() as u32 != parent {
                return Err(std::io::Error::other("the test process is gone"));
            }
            Ok(())
        });
    }
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in inbox {
                answer.send(command.spawn()).ok();
            }
        });
        Mutex::new(orders)
    });
    let (answer, child) = mpsc::channel();
    let orders = spawner.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    orders.send((command, answer)).expect("the spawning thread never ends");
    let child = child.recv().expect("the spawning thread never ends");
    child.unwrap_or_else(|error| panic!("`java` can not be run ({error}): {INSTALL}"))
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future)
}

/// A record to be produced. Header names are bytes: Kafka does not ask for UTF-8.
#[derive(Debug, Clone, Default)]
pub struct Out {
    /// `None` lets the producer choose by the key.
    pub partition: Option<i32>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub timestamp: Option<i64>,
}

impl Out {
    pub fn value(value: impl Into<Vec<u8>>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }
    pub fn to(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }
    pub fn header(mut self, name: impl Into<Vec<u8>>, value: Option<&[u8]>) -> Self {
        self.headers.push((name.into(), value.map(<[u8]>::to_vec)));
        self
    }
    pub fn at(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }
}

mod producing {
    //! Producing by foreign calls, because the crate takes only UTF-8 header names.

    use std::ffi::{CString, c_void};
    use std::ptr;

    use rdkafka::bindings as ffi;
    use rdkafka::client::ClientContext;
    use rdkafka::message::Message as _;
    use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext};

    use super::{Kafka, Mutex, Out};

    #[derive(Default)]
    pub(super) struct Reports(Mutex<Vec<(usize, Result<(i32, i64), String>)>>);

    impl ClientContext for Reports {}

    impl ProducerContext for Reports {
        type DeliveryOpaque = usize;
        fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
            let result = match result {
                Ok(record) => Ok((record.partition(), record.offset())),
                Err((error, _)) => Err(error.to_string()),
            };
            self.0.lock().unwrap().push((index, result));
        }
    }

    impl Kafka {
        /// Produces `records` to `topic` and waits until Kafka has them; gives partition and offset of each.
        pub fn produce(
            &self,
            topic: &str,
            records: impl IntoIterator<Item = Out>,
        ) -> Vec<(i32, i64)> {
            self.produce_with(topic, records, &[])
        }

        /// As [`Kafka::produce`], with settings of the producer.
        pub fn produce_with(
            &self,
            topic: &str,
            records: impl IntoIterator<Item = Out>,
            settings: &[(&str, &str)],
        ) -> Vec<(i32, i64)> {
            let mut config = self.config();
            config.set("enable.idempotence", "true").set("linger.ms", "5");
            config.set("queue.buffering.max.messages", "100000");
            for (key, value) in settings {
                config.set(*key, *value);
            }
            let producer: BaseProducer<Reports> =
                config.create_with_context(Reports::default()).expect("a producer");
            let mut count = 0;
            for record in records {
                while !send(&producer, topic, &record, count) {
                    producer.poll(super::Duration::from_millis(50));
                }
                count += 1;
                if count % 1000 == 0 {
                    producer.poll(super::Duration::ZERO);
                }
            }
            producer.flush(super::PATIENCE).expect("kafka takes the records");
            let mut reports = producer.context().0.lock().unwrap();
            assert_eq!(reports.len(), count, "every record is reported");
            reports.sort_by_key(|(index, _)| *index);
            let places =
                reports.drain(..).map(|(_, result)| result.expect("kafka takes the record"));
            places.collect()
        }
    }

    /// False when the producer's queue is full.
    fn send(producer: &BaseProducer<Reports>, topic: &str, record: &Out, index: usize) -> bool {
        use ffi::rd_kafka_vtype_t as Kind;
        let topic = CString::new(topic).expect("no NUL in a topic");
        let memory = |bytes: &Option<Vec<u8>>| {
            let (ptr, size) =
                bytes.as_ref().map_or((ptr::null(), 0), |bytes| (bytes.as_ptr(), bytes.len()));
            ffi::rd_kafka_vu_s__bindgen_ty_1 {
                mem: ffi::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
                    ptr: ptr.cast_mut().cast(),
                    size,
                },
            }
        };
        let number = |value: i64| ffi::rd_kafka_vu_s__bindgen_ty_1 { i64_: value };
        let arg = |vtype, u| ffi::rd_kafka_vu_t { vtype, u };
        type Value = ffi::rd_kafka_vu_s__bindgen_ty_1;
        let mut args = vec![
            arg(Kind::RD_KAFKA_VTYPE_TOPIC, Value { cstr: topic.as_ptr() }),
            arg(Kind::RD_KAFKA_VTYPE_KEY, memory(&record.key)),
            arg(Kind::RD_KAFKA_VTYPE_VALUE, memory(&record.value)),
            arg(Kind::RD_KAFKA_VTYPE_MSGFLAGS, Value { i: ffi::RD_KAFKA_MSG_F_COPY }),
            arg(Kind::RD_KAFKA_VTYPE_OPAQUE, Value { ptr: index as *mut c_void }),
        ];
        if let Some(partition) = record.partition {
            args.push(arg(Kind::RD_KAFKA_VTYPE_PARTITION, Value { i32_: partition }));
        }
        if let Some(timestamp) = record.timestamp {
            args.push(arg(Kind::RD_KAFKA_VTYPE_TIMESTAMP, number(timestamp)));
        }
        // SAFETY: all memory lives through the call; the headers are ours unless it succeeds.
        unsafe {
            let headers = ffi::rd_kafka_headers_new(record.headers.len());
            for (name, value) in &record.headers {
                let (start, size) =
                    value.as_ref().map_or((ptr::null(), 0), |value| (value.as_ptr(), value.len()));
                ffi::rd_kafka_header_add(
                    headers,
                    name.as_ptr().cast(),
                    name.len() as isize,
                    start.cast(),
                    size as isize,
                );
            }
            args.push(arg(Kind::RD_KAFKA_VTYPE_HEADERS, Value { headers }));
            let client = producer.client().native_ptr();
            let error = ffi::rd_kafka_produceva(client, args.as_ptr(), args.len());
            if error.is_null() {
                return true;
            }
            let code = ffi::rd_kafka_error_code(error);
            ffi::rd_kafka_error_destroy(error);
            ffi::rd_kafka_headers_destroy(headers);
            let full = ffi::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__QUEUE_FULL;
            assert_eq!(code, full, "the producer takes the record");
            false
        }
    }
}

/// What is at each offset of a partition, as far as `read` has seen it: for comparisons that print well.
pub type ByOffset<T> = BTreeMap<(i32, i64), T>;
