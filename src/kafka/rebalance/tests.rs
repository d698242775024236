use std::sync::{Arc, Mutex};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::Consumer as _;
use rdkafka::mocking::MockCluster;

use super::*;
use crate::kafka::committer::Committer;
use crate::kafka::{Begun, Intake, Queue, Silent};

/// What the pump was told.
#[derive(Default)]
struct Told(Mutex<Vec<(&'static str, Vec<TopicPartition>)>>);

impl Told {
    fn note(&self, what: &'static str, partitions: &[TopicPartition]) {
        self.0.lock().unwrap().push((what, partitions.to_vec()));
    }
}

impl Intake for Told {
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
    consumer: Arc<BaseConsumer<Context>>,
    told: Arc<Told>,
    _queue: Queue,
    _committer: Arc<Committer>,
    _cluster: MockCluster<'static, rdkafka::producer::DefaultProducerContext>,
}

fn member() -> Member {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", 3, 1).unwrap();
    let context = Context::sample();
    let consumer: BaseConsumer<Context> = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("group.id", "g")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .create_with_context(context)
        .unwrap();
    let consumer = Arc::new(consumer);
    let (queue, committer) = (Queue::new(&consumer, None), Arc::new(Committer::new(&consumer)));
    let told = Arc::new(Told::default());
    consumer.context().wire(queue.inlet(), Arc::clone(&told) as Arc<dyn Intake>, None, &committer);
    Member { consumer, told, _queue: queue, _committer: committer, _cluster: cluster }
}

fn place(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn starts(partitions: &[i32]) -> Vec<StartAt> {
    let start = |partition: &i32| StartAt {
        sent_since: None,
        partition: place(*partition),
        offset: rdkafka::Offset::Beginning,
        epoch: -1,
        topic: None,
        span: None,
    };
    partitions.iter().map(start).collect()
}

fn read(context: &Context) -> Vec<TopicPartition> {
    let mut read = context.assignment().all_read();
    read.sort_unstable();
    read
}

#[test]
fn one_partition_that_is_refused_waits_and_the_others_are_read() {
    let member = member();
    let context = member.consumer.context();
    // librdkafka has one of them already, and so refuses to take all three.
    let mut foreign = TopicPartitionList::new();
    foreign.add_partition_offset("t", 1, rdkafka::Offset::Beginning).unwrap();
    member.consumer.incremental_assign(&foreign).unwrap();
    begin(&member.consumer, context, &starts(&[0, 1, 2]));
    assert_eq!(read(context), [place(0), place(2)]);
    assert!(context.assignment().waiting.contains_key(&place(1)));
    let told = member.told.0.lock().unwrap().split_off(0);
    let all = vec![place(0), place(1), place(2)];
    assert_eq!(told, [("assigned", all), ("lost", vec![place(1)])]);
    // At the next attempt nothing stands against it.
    let due = context.assignment().due(Instant::now() + assignment::LONGEST_PAUSE);
    assert_eq!(due.len(), 1);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("t", 1, rdkafka::Offset::Beginning).unwrap();
    assert!(member.consumer.incremental_assign(&list).is_ok());
}

#[test]
fn nothing_is_read_for_a_pump_that_does_not_answer() {
    let member = member();
    let context = member.consumer.context();
    begin(&member.consumer, context, &starts(&[0]));
    abandon(context);
    assert_eq!(context.silence(), Some(Silent(Duration::ZERO)));
    member.consumer.unassign().unwrap();
    begin(&member.consumer, context, &starts(&[1]));
    assert_eq!(member.consumer.assignment().unwrap().count(), 0);
    let told = member.told.0.lock().unwrap().iter().map(|(what, _)| *what).collect::<Vec<_>>();
    assert_eq!(told, ["assigned", "lost"], "it is not asked again");
}
