//! Partitions that are not read on, or whose topic is not the one any more that it was: they are assigned anew.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;

use super::{EventLoop, METADATA};
use crate::kafka::identity;
use crate::kafka::start::Doubt;

/// Partitions break together, and each mending takes a drain: how long it waits for what else is broken.
const GATHER: Duration = Duration::from_millis(300);
/// How often the ids of topics are asked for at most, however many partitions fail.
const ASK_AGAIN: Duration = Duration::from_millis(400);

impl EventLoop {
    /// Deals with partitions that could not be read.
    pub(super) fn mend(&mut self) {
        while let Ok(error) = self.errors.try_recv() {
            // It may be that the topic is another one now.
            self.ask();
            let context = self.context();
            context.metrics.kafka_error(&error.code());
            let place = error.partition.as_ref().map_or_else(String::new, ToString::to_string);
            context.complain(&format!("cannot read `{place}`: {}", error.code()), &error.detail);
            let Some(partition) = error.partition.as_ref().filter(|_| error.needs_restart()) else {
                continue;
            };
            let reset = error.code == RDKafkaErrorCode::AutoOffsetReset;
            let doubt = reset.then(|| Doubt::of(&error.detail));
            self.broken.insert(partition.clone(), doubt);
            self.mend_at.get_or_insert_with(|| Instant::now() + GATHER);
        }
        if self.mend_at.is_some_and(|at| Instant::now() >= at) {
            self.mend_at = None;
            self.life.beat();
            let broken = std::mem::take(&mut self.broken);
            self.rebalancer.restart(&broken);
            self.life.beat();
        }
    }

    /// Asks whether the topics are still the same; the answer is heard at a later turn.
    pub(super) fn ask(&mut self) {
        if self.asked.is_some_and(|asked| asked.elapsed() < ASK_AGAIN) {
            return;
        }
        let stays = self.rebalancer.committer.commits.stays();
        let topics = stays.iter().map(|(partition, _)| &*partition.topic).collect::<BTreeSet<_>>();
        if !topics.is_empty() {
            self.asked = Some(Instant::now());
            self.ids.ask(topics, METADATA);
        }
    }

    /// Reads those topics from their beginning that are not the ones any more that were assigned.
    pub(super) fn hear(&mut self) {
        let Some(answer) = self.ids.take(Duration::ZERO) else { return };
        let present = self.rebalancer.starts.learn(answer);
        let commits = &self.rebalancer.committer.commits;
        let stays = commits.stays();
        for (partition, id) in &stays {
            if let (None, Some(id)) = (id, present.get(&*partition.topic)) {
                commits.belongs(partition, *id);
            }
        }
        let renewed = identity::renewed(&stays, &present);
        renewed.iter().map(|p| &*p.topic).collect::<BTreeSet<_>>().iter().for_each(|topic| {
            self.rebalancer.starts.say_recreated(topic);
        });
        let renewed = renewed.into_iter().map(|p| (p, Some(Doubt::Recreated))).collect();
        self.rebalancer.restart(&renewed);
    }
}
