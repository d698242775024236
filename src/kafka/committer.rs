//! Hands commits to librdkafka, one at a time, and hears what became of them.
//!
//! Any thread may ask for a commit; the event thread alone hears the answers, and tells the pump. It repeats what failed until that succeeds,
//! a newer position takes its place or the partition is let go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;

use crate::kafka::commit::Commits;
use crate::kafka::context::Context;
use crate::kafka::native::{CommitAnswer, CommitQueue};
use crate::kafka::pump_link::PumpLink;
use crate::record::{Commit, TopicPartition};

/// The way of commits to Kafka.
pub(super) struct Committer {
    queue: CommitQueue<Context>,
    /// The ledger.
    pub(super) commits: Arc<Commits>,
}

impl Committer {
    pub(super) fn new(consumer: &Arc<BaseConsumer<Context>>, commits: Arc<Commits>) -> Self {
        Self { queue: CommitQueue::new(consumer), commits }
    }

    fn context(&self) -> &Context {
        self.queue.consumer().context()
    }

    /// Commits `positions`, and whatever else is overdue, without waiting. Partitions that are not assigned (any more)
    /// are left out.
    pub(super) fn soon(&self, positions: &[(TopicPartition, Commit)]) {
        self.commits.want(positions);
        if let Err(error) = self.begin() {
            self.complain(error);
        }
    }

    /// Commits what of `positions` is still assigned and waits for the answer, and first for that of an earlier commit.
    pub(super) fn now(
        &self,
        pump: &mut PumpLink,
        positions: &[(TopicPartition, Commit)],
        timeout: Duration,
    ) -> Result<(), RDKafkaErrorCode> {
        let deadline = Instant::now() + timeout;
        let partitions =
            positions.iter().map(|(partition, _)| partition.clone()).collect::<Vec<_>>();
        self.commits.want(positions);
        while !self.commits.wanted(&partitions).is_empty() {
            let ours = self.begin()?;
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = self.queue.poll(left).ok_or(RDKafkaErrorCode::OperationTimedOut)?;
            self.hear(pump, &answer);
            if ours {
                answer.result(|partition| partitions.contains(partition))?;
            }
        }
        Ok(())
    }

    /// Hears the answers that have come. What somebody waits for follows at once, and not when something else is committed.
    pub(super) fn listen(&self, pump: &mut PumpLink) {
        while let Some(answer) = self.queue.poll(Duration::ZERO) {
            self.hear(pump, &answer);
            let went = answer.result(|_| true);
            let next = went.is_ok() && self.commits.is_waited_for();
            if let Err(error) = went.and_then(|()| if next { self.begin() } else { Ok(false) }) {
                self.complain(error);
            }
        }
    }

    fn begin(&self) -> Result<bool, RDKafkaErrorCode> {
        let begun = self.commits.begin(Instant::now(), |list| self.queue.submit(list));
        if begun.is_err() {
            self.context().metrics.committed(false);
        }
        begun
    }

    fn hear(&self, pump: &mut PumpLink, answer: &CommitAnswer) {
        if let Some((partitions, handed)) = self.commits.end(answer) {
            pump.ask(|pump| pump.confirmed(partitions, handed));
        }
        self.context().metrics.committed(answer.result(|_| true).is_ok());
    }

    fn complain(&self, error: RDKafkaErrorCode) {
        self.context()
            .complain("committing positions failed, and will be retried", &error.to_string());
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::config::ClientConfig;
    use rdkafka::mocking::MockCluster;
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
    use rdkafka::{Offset, TopicPartitionList};

    use super::*;
    use crate::record::Position;

    #[test]
    fn an_older_commit_never_lands_last() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("t", 1, 1).unwrap();
        let context = Context::sample();
        let consumer: BaseConsumer<Context> = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("group.id", "g")
            .create_with_context(context)
            .unwrap();
        let consumer = Arc::new(consumer);
        let committer = Committer::new(&consumer, Arc::default());
        let mut pump = PumpLink::sample();
        let place = TopicPartition::new("t", 0);
        committer.commits.assign(std::slice::from_ref(&place));
        // The client sends the first again after a pause, in which a second would overtake it.
        let loading = RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
        cluster.request_errors(RDKafkaApiKey::OffsetCommit, &[loading]);
        committer.soon(&[(place.clone(), Position(5).into())]);
        let patience = Duration::from_secs(30);
        assert_eq!(
            committer.now(&mut pump, &[(place.clone(), Position(9).into())], patience),
            Ok(())
        );
        let page = consumer.context().metrics.render();
        let both = page.contains("bridge_commits_total{outcome=\"ok\"} 2\n");
        assert!(both, "the first is over before the second begins");
        let mut asked = TopicPartitionList::new();
        asked.add_partition("t", 0);
        let committed = consumer.committed_offsets(asked, patience).unwrap();
        assert_eq!(committed.elements()[0].offset(), Offset::Offset(9));
        // What is not assigned is not committed.
        assert_eq!(
            committer.now(
                &mut pump,
                &[(TopicPartition::new("t", 7), Position(3).into())],
                patience
            ),
            Ok(())
        );
    }
}
