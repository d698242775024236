//! Which topics there are, and which of them are subscribed to.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;

use super::{EventLoop, METADATA};
use crate::config::{HUB_NAMES, Meeting};
use crate::kafka::discovery::News;

/// How long after a failed look at the cluster the next one is due.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl EventLoop {
    /// Looks for new topics and subscribes to what is wanted.
    pub(super) fn look(&mut self) {
        if self.discovery.is_needed() || self.rebalancer.starts.needs_baseline() {
            match self.existing() {
                Ok(existing) => {
                    let news = self.discovery.update(existing.keys().map(String::as_str));
                    self.say(&news);
                    self.rebalancer.starts.baseline.set(existing);
                }
                Err(error) => {
                    self.context().complain("cannot list topics", &error.to_string());
                    self.next_look = Instant::now() + LOOK_AGAIN;
                    return;
                }
            }
        }
        self.next_look = Instant::now() + self.interval;
        let wanted = self.discovery.topics();
        if wanted == self.subscribed {
            return;
        }
        tracing::info!(name: "subscribing", shard = self.context().shard, topics = ?wanted, "subscribing");
        let names = wanted.iter().map(String::as_str).collect::<Vec<_>>();
        let result = if names.is_empty() {
            self.consumer.unsubscribe();
            Ok(())
        } else {
            self.consumer.subscribe(&names)
        };
        match result {
            Ok(()) => {
                self.asking =
                    (!wanted.is_empty()).then(|| self.asking.unwrap_or_else(Instant::now));
                self.subscribed = wanted;
            }
            Err(error) => {
                self.context().complain("cannot subscribe to topics", &error.to_string());
                self.next_look = Instant::now() + LOOK_AGAIN;
            }
        }
    }

    fn say(&self, news: &News) {
        for pattern in &news.idle {
            tracing::warn!(
                pattern,
                "no topic matches the mappings; the bridge looks again at each `kafka.discovery_interval`"
            );
        }
        self.context().metrics.topics_left_out(self.discovery.left_out());
        // Shards look at the same topics.
        if self.context().shard > 0 {
            return;
        }
        for (topic, hub) in &news.left_out {
            tracing::warn!(
                topic,
                hub,
                "the topic is left out, its name is not valid for a hub: {HUB_NAMES}; hint: add it to `topic_exclude`, or give it a mapping of its own and narrow the pattern"
            );
        }
        for Meeting { hub, topics: [one, other] } in &news.meetings {
            tracing::warn!(
                hub,
                one,
                other,
                "two topics go to the same hub, because names of hubs are the same in upper and lower case"
            );
        }
    }

    /// The topics of the cluster and their partition counts.
    fn existing(&self) -> Result<HashMap<String, i32>, KafkaError> {
        let metadata = self.consumer.fetch_metadata(None, METADATA)?;
        let sound = metadata.topics().iter().filter(|topic| topic.error().is_none());
        Ok(sound.map(|topic| (topic.name().to_owned(), topic.partitions().len() as i32)).collect())
    }
}
