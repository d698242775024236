//! What is done about what librdkafka has called back.

use rdkafka::consumer::Consumer as _;

use super::EventLoop;
use crate::kafka::context::Callback;
use crate::kafka::{fetching, native, statistics};
use crate::record::TopicPartition;

impl EventLoop {
    /// Acts on what was noted.
    pub(super) fn act(&mut self) {
        for note in self.context().noted() {
            match note {
                Callback::Assigned(partitions) => {
                    self.contact.welcomed(self.consumer.context());
                    self.rebalancer.assign(&mut self.fetching, &partitions);
                }
                Callback::Revoked(partitions) => self.rebalancer.revoke(&partitions),
                Callback::Statistics(json) => self.learn(&json),
                Callback::Error(code, reason) => {
                    self.contact.failed(self.consumer.context(), code, &reason);
                }
            }
        }
    }

    /// Learns from what the client says of itself.
    fn learn(&mut self, json: &[u8]) {
        let context = self.consumer.context();
        let membership = &self.rebalancer.membership;
        let reads = |partition: &TopicPartition| membership.reads(partition);
        let Some(seen) = statistics::export(json, &context.metrics, context.shard, reads) else {
            let what = "cannot parse the statistics of librdkafka";
            return context.complain(what, "lag and broker metrics are stale");
        };
        if seen.brokers > 0 {
            self.contact.reached(context);
        }
        if seen.forgotten {
            tracing::debug!(shard = context.shard, "kafka listed no broker");
            native::add_brokers(self.consumer.client(), &self.brokers);
        }
        if let Some(away) = self.contact.coordinator(seen.coordinator) {
            self.rebalancer.mind_absence(away);
        }
        self.fetching.learn(seen.fetches);
        for (topic, bytes) in seen.at_once {
            if self.fetching.is_new_and_large(&topic, bytes) {
                let megabytes = bytes / 1_000_000;
                tracing::warn!(shard = context.shard, topic, megabytes, "{}", fetching::LARGE);
            }
        }
    }
}
