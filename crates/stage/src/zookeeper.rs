//! How Kafka was run before it kept its own memory: a broker, and a `ZooKeeper` beside it.

use crate::free_ports;
use crate::jars::Release;
use crate::node::{Node, fresh_dir};

/// A `ZooKeeper` and a broker that belong together; neither is launched.
pub fn nodes(release: Release) -> (Node, Node) {
    let (jars, ports, root) = (release.jars(), free_ports(2), fresh_dir());
    let (keeper, broker) = (root.join("zookeeper"), root.join("n1"));
    // A session, and so the memory of a broker that was killed, lasts two ticks at least.
    let memory = format!(
        "dataDir={}
clientPort={}
clientPortAddress=127.0.0.1
tickTime=500
admin.enableServer=false
",
        keeper.join("data").display(),
        ports[0]
    );
    let settings = format!(
        "broker.id=1
zookeeper.connect=127.0.0.1:{}
zookeeper.connection.timeout.ms=30000
zookeeper.session.timeout.ms=6000
listeners=PLAINTEXT://127.0.0.1:{port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={}
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
log.retention.ms=-1
log.cleaner.backoff.ms=100
",
        ports[0],
        broker.join("data").display(),
        port = ports[1]
    );
    let keeper = Node::new(0, keeper, ports[0], &jars, &memory)
        .main("org.apache.zookeeper.server.quorum.QuorumPeerMain");
    (keeper, Node::new(1, broker, ports[1], &jars, &settings))
}
