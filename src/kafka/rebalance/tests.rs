use std::sync::Mutex;

use rdkafka::Offset;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::Consumer as _;
use rdkafka::mocking::MockCluster;

use super::*;
use crate::config::sample;
use crate::kafka::membership::LONGEST_PAUSE;
use crate::kafka::{Begun, Queue, RebalanceListener, Silent};

/// What the pump was told.
#[derive(Default)]
struct Told(Mutex<Vec<(&'static str, Vec<TopicPartition>)>>);

impl Told {
    fn note(&self, what: &'static str, partitions: &[TopicPartition]) {
        self.0.lock().unwrap().push((what, partitions.to_vec()));
    }
}

impl RebalanceListener for Told {
    fn assigned(&self, partitions: &[Begun]) -> Result<(), Silent> {
        let names = partitions.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        self.note("assigned", &names);
        Ok(())
    }
    fn revoke(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, Commit)>, Silent> {
        self.note("revoke", partitions);
        Ok(Vec::new())
    }
    fn lost(&self, partitions: &[TopicPartition]) -> Result<(), Silent> {
        self.note("lost", partitions);
        Err(Silent(Duration::ZERO))
    }
}

/// A member of a group that is never asked for anything.
struct Member {
    rebalancer: Rebalancer,
    told: Arc<Told>,
    _queue: Queue,
    _cluster: MockCluster<'static, rdkafka::producer::DefaultProducerContext>,
}

fn member() -> Member {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", 3, 1).unwrap();
    let consumer: BaseConsumer<Context> = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("group.id", "g")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .create_with_context(Context::sample())
        .unwrap();
    let consumer = Arc::new(consumer);
    let queue = Queue::new(&consumer, None);
    let committer = Arc::new(Committer::new(&consumer, Arc::default()));
    let told = Arc::new(Told::default());
    let rebalancer = Rebalancer {
        inlet: queue.inlet(),
        health: None,
        pump: PumpLink::new(Arc::clone(&told) as Arc<dyn RebalanceListener>),
        membership: Membership::default(),
        starts: Starts::new(&consumer, &committer, &sample(|_| {}).kafka, false),
        consumer,
        committer,
    };
    Member { rebalancer, told, _queue: queue, _cluster: cluster }
}

fn place(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn starts(partitions: &[i32]) -> Vec<StartAt> {
    let start = |partition: &i32| StartAt {
        sent_since: None,
        partition: place(*partition),
        offset: Offset::Beginning,
        epoch: -1,
        topic: None,
        span: None,
    };
    partitions.iter().map(start).collect()
}

fn read(rebalancer: &Rebalancer) -> Vec<TopicPartition> {
    let mut read = rebalancer.membership.all_read();
    read.sort_unstable();
    read
}

#[test]
fn one_partition_that_is_refused_waits_and_the_others_are_read() {
    let Member { rebalancer, told, .. } = &mut member();
    // librdkafka has one of them already, and so refuses to take all three.
    let mut foreign = TopicPartitionList::new();
    foreign.add_partition_offset("t", 1, Offset::Beginning).unwrap();
    rebalancer.consumer.incremental_assign(&foreign).unwrap();
    rebalancer.begin(&starts(&[0, 1, 2]));
    assert_eq!(read(rebalancer), [place(0), place(2)]);
    assert!(rebalancer.membership.waiting.contains_key(&place(1)));
    let told = told.0.lock().unwrap().split_off(0);
    let all = vec![place(0), place(1), place(2)];
    assert_eq!(told, [("assigned", all), ("lost", vec![place(1)])]);
    // At the next attempt nothing stands against it.
    let due = rebalancer.membership.due(Instant::now() + LONGEST_PAUSE);
    assert_eq!(due.len(), 1);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("t", 1, Offset::Beginning).unwrap();
    assert!(rebalancer.consumer.incremental_assign(&list).is_ok());
}

#[test]
fn nothing_is_read_for_a_pump_that_does_not_answer() {
    let Member { rebalancer, told, .. } = &mut member();
    rebalancer.begin(&starts(&[0]));
    rebalancer.abandon();
    assert_eq!(rebalancer.pump.silence(), Some(Silent(Duration::ZERO)));
    rebalancer.consumer.unassign().unwrap();
    rebalancer.begin(&starts(&[1]));
    assert_eq!(rebalancer.consumer.assignment().unwrap().count(), 0);
    let told = told.0.lock().unwrap().iter().map(|(what, _)| *what).collect::<Vec<_>>();
    assert_eq!(told, ["assigned", "lost"], "it is not asked again");
}
