//! A real Apache Kafka: one node shared by a test binary, or a cluster of one's own; in `KRaft` mode, or with `ZooKeeper` as of old.
//!
//! Each node is a JVM that dies with the test process, however that ends. What goes to it is in `produce`.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::metadata::MetadataTopic;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::jars::Release;
use crate::listener::Listener;
use crate::node::{Node, fresh_dir, properties};
use crate::zookeeper;
use crate::{PATIENCE, block_on, free_ports, wait_for};

/// A Kafka cluster.
#[derive(Debug)]
pub struct Kafka {
    nodes: Vec<Node>,
    /// Only of old: what the broker keeps its memory in.
    keeper: Option<Node>,
    bootstrap: String,
}

impl Kafka {
    /// The node this test binary shares. Tests that stop nodes start their own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(1))
    }

    /// Starts a cluster of `count` nodes, each broker and controller.
    pub fn start(count: usize) -> Self {
        Self::start_with(count, "")
    }

    /// The same, with `more` lines of settings for each.
    pub fn start_with(count: usize, more: &str) -> Self {
        let jars = Release::V4_1.jars();
        let ports = free_ports(count * 2);
        let root = fresh_dir();
        let voters = (0..count)
            .map(|i| format!("{}@127.0.0.1:{}", i + 1, ports[count + i]))
            .collect::<Vec<_>>()
            .join(",");
        let node = |i: usize| {
            let dir = root.join(format!("n{}", i + 1));
            let text = properties(i + 1, count, ports[i], ports[count + i], &voters, &dir);
            let text = text + more;
            Node::new(i + 1, dir, ports[i], &jars, &text)
        };
        Self::form((0..count).map(node).collect())
    }

    /// Starts one node that has these listeners besides the usual one; `flags` are for its JVM.
    pub fn with_listeners(listeners: &[Listener], flags: &[String]) -> Self {
        Self::with_jars(listeners, flags, &Release::V4_1.jars())
    }

    /// The same, of these jars.
    pub fn with_jars(listeners: &[Listener], flags: &[String], jars: &str) -> Self {
        let ports = free_ports(2);
        let dir = fresh_dir().join("n1");
        let node = Node::alone(dir, [ports[0], ports[1]], listeners, "", jars).flags(flags);
        Self::form(vec![node])
    }

    /// Starts one broker of an older release, and the `ZooKeeper` it needs.
    pub fn of_old(release: Release) -> Self {
        let (keeper, broker) = zookeeper::nodes(release);
        keeper.launch();
        Self::launch(vec![broker], Some(keeper))
    }

    fn form(nodes: Vec<Node>) -> Self {
        let formats = nodes.iter().map(Node::format).collect::<Vec<_>>();
        formats.iter().for_each(Node::wait_formatted);
        Self::launch(nodes, None)
    }

    fn launch(nodes: Vec<Node>, keeper: Option<Node>) -> Self {
        let bootstrap =
            nodes.iter().map(|n| format!("127.0.0.1:{}", n.port)).collect::<Vec<_>>().join(",");
        let kafka = Self { nodes, keeper, bootstrap };
        for node in &kafka.nodes {
            node.launch();
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
        self.nodes[id - 1].process().take();
    }

    /// Node `id` stands still as if its machine did: connections stay, nothing is answered. See [`Kafka::thaw`].
    pub fn freeze(&self, id: usize) {
        self.signal(id, libc::SIGSTOP);
    }

    /// It goes on, and does not know that time has passed.
    pub fn thaw(&self, id: usize) {
        self.signal(id, libc::SIGCONT);
    }

    fn signal(&self, id: usize, signal: i32) {
        self.nodes[id - 1].process().as_ref().expect("it runs").signal(signal);
    }

    /// Brings node `id` back, be it frozen or gone, and waits until the cluster is whole.
    pub fn revive(&self, id: usize) {
        if self.nodes[id - 1].process().is_some() {
            self.thaw(id);
        } else {
            self.nodes[id - 1].launch();
        }
        self.wait_ready();
    }

    /// Stops node `id` in an orderly way: SIGTERM, and waits.
    pub fn stop(&self, id: usize) {
        if let Some(process) = self.nodes[id - 1].process().take() {
            process.stop();
        }
    }

    /// Starts node `id` again, on its old ports and data, and waits until the cluster is whole.
    pub fn restart(&self, id: usize) {
        self.kill(id);
        self.revive(id);
    }

    /// Waits until all running nodes are known to the cluster, and every partition has a leader.
    pub fn wait_ready(&self) {
        let running = self.nodes.iter().filter(|node| node.process().is_some()).count();
        let client = self.client();
        wait_for("kafka answers", PATIENCE, || {
            for node in self.nodes.iter().chain(&self.keeper) {
                node.assert_alive();
            }
            let metadata = client.fetch_metadata(None, Duration::from_secs(2)).ok()?;
            let mut partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
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
        self.wait_partitions(name, partitions);
    }

    /// Makes a topic of one partition on these nodes, the first of which leads it; any of them may lead later, whatever it lacks.
    pub fn create_unclean(&self, name: &str, nodes: &[i32]) {
        let replicas = [nodes];
        let topic = NewTopic::new(name, 1, TopicReplication::Variable(&replicas));
        let topic =
            topic.set("unclean.leader.election.enable", "true").set("min.insync.replicas", "1");
        let result = block_on(self.admin().create_topics([&topic], &options()));
        result.expect("kafka answers").remove(0).expect("the topic is made");
        self.wait_partitions(name, 1);
    }

    /// Makes a topic with a partition on each of these nodes, and on no other.
    pub fn create_spread(&self, name: &str, nodes: &[i32]) {
        let places = nodes.iter().map(std::slice::from_ref).collect::<Vec<_>>();
        let topic = NewTopic::new(name, places.len() as i32, TopicReplication::Variable(&places));
        let topic = topic.set("min.insync.replicas", "1");
        let result = block_on(self.admin().create_topics([&topic], &options()));
        result.expect("kafka answers").remove(0).expect("the topic is made");
        self.wait_partitions(name, places.len() as i32);
    }

    /// Changes a setting of a topic; the others of its own are back at their defaults.
    pub fn set_topic(&self, name: &str, key: &str, value: &str) {
        let change = AlterConfig::new(ResourceSpecifier::Topic(name)).set(key, value);
        let result = block_on(self.admin().alter_configs([&change], &options()));
        result.expect("kafka answers").remove(0).expect("the topic is changed");
    }

    /// Waits until a topic has that many partitions, each with a leader.
    pub fn wait_partitions(&self, name: &str, partitions: i32) {
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

    /// The node that keeps the positions and the members of `group`, which has some.
    pub fn coordinator(&self, group: &str) -> usize {
        let metadata = self.client().fetch_metadata(Some("__consumer_offsets"), PATIENCE);
        let metadata = metadata.expect("kafka answers");
        let partitions = metadata.topics()[0].partitions();
        // `String.hashCode` of Java, without its sign.
        let hash = |hash: i32, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte));
        let at = (group.bytes().fold(0, hash) & i32::MAX) % partitions.len() as i32;
        let keeper = partitions.iter().find(|partition| partition.id() == at).expect("it is there");
        keeper.leader() as usize
    }

    /// Where the first node keeps the records of a partition, while it has only few.
    pub fn segment(&self, topic: &str, partition: i32) -> PathBuf {
        let folder = self.nodes[0].dir.join("data").join(format!("{topic}-{partition}"));
        folder.join("00000000000000000000.log")
    }

    /// Bytes that the records of `topic` take on the disks of all nodes.
    pub fn stored(&self, topic: &str) -> u64 {
        let of_topic = |entry: &fs::DirEntry| {
            let name = entry.file_name();
            let (of, _) = name.to_str()?.rsplit_once('-')?;
            (of == topic).then(|| entry.path())
        };
        let dirs = |node: &Node| fs::read_dir(node.dir.join("data")).expect("a node's directory");
        let logs = self.nodes.iter().flat_map(dirs).flatten().filter_map(|entry| of_topic(&entry));
        let files = logs.flat_map(|dir| fs::read_dir(dir).expect("a partition's directory"));
        let logs = files.flatten().filter(|file| file.path().extension() == Some("log".as_ref()));
        logs.map(|file| file.metadata().expect("a file").len()).sum()
    }

    /// First offset and end of a partition.
    pub fn watermarks(&self, topic: &str, partition: i32) -> (i64, i64) {
        let patience = Duration::from_secs(20);
        self.client().fetch_watermarks(topic, partition, patience).expect("kafka answers")
    }

    /// The committed position of `group`.
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        self.group(group).committed(topic, &[partition]).expect("kafka answers")[0]
    }

    /// A client that asks for the committed positions of `group`, again and again.
    pub fn group(&self, group: &str) -> Group {
        let mut config = self.config();
        // It turns away from a node that is frozen.
        config.set("group.id", group).set("socket.timeout.ms", "5000");
        Group(config.create().expect("a client"))
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

/// What a group has committed; it never joins.
pub struct Group(BaseConsumer);

impl Group {
    /// The committed positions of these partitions; `None` when Kafka does not answer now.
    pub fn committed(&self, topic: &str, partitions: &[i32]) -> Option<Vec<Option<i64>>> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(topic, *partition);
        }
        let list = self.0.committed_offsets(list, Duration::from_secs(20)).ok()?;
        let position = |partition: &i32| match list.find_partition(topic, *partition)?.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        Some(partitions.iter().map(position).collect())
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        for node in self.nodes.iter().chain(&self.keeper) {
            node.process().take();
        }
        if let Some(root) = self.nodes.first().and_then(|node| node.dir.parent()) {
            fs::remove_dir_all(root).ok();
        }
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)))
}
