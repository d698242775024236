//! Where the partitions end that are read, asked for every few seconds and as soon as they are assigned.
//!
//! librdkafka knows the end of a partition from its fetches only: not before the first, and not of one that is held. So all of
//! them are asked for, with one request a broker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;

use crate::kafka::End;
use crate::kafka::context::Context;
use crate::kafka::membership::Membership;
use crate::kafka::native::{EndQueue, Which};
use crate::kafka::rebalance::Rebalancer;
use crate::record::TopicPartition;

/// How often it is asked.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Ends {
    queue: EndQueue<Arc<BaseConsumer<Context>>>,
    /// What was asked for and is not answered.
    open: Option<Which>,
    due: Instant,
    committed: bool,
}

impl Ends {
    /// `committed`: whether records of transactions count only when these are committed.
    pub(super) fn new(consumer: &Arc<BaseConsumer<Context>>, committed: bool) -> Self {
        let queue = EndQueue::new(Arc::clone(consumer));
        Self { queue, open: None, due: Instant::now(), committed }
    }

    /// Hears what was answered, and asks what is due.
    pub(super) fn turn(&mut self, rebalancer: &mut Rebalancer) {
        let Rebalancer { membership, inlet, pump, .. } = rebalancer;
        if let Some(which) = self.open {
            let Some(answer) = self.queue.take() else { return };
            self.open = None;
            if which == Which::First {
                membership.begin_at(&answer);
            } else {
                let end = |(partition, end): (TopicPartition, _)| {
                    let end = inlet.within(&partition, end);
                    Some(End { start: membership.start(&partition)?, partition, end })
                };
                let ends: Vec<_> = answer.into_iter().filter_map(end).collect();
                pump.ask(|pump| {
                    pump.ends(ends);
                    Ok(())
                });
            }
        }
        self.ask(membership);
    }

    fn ask(&mut self, membership: &mut Membership) {
        let new = std::mem::take(&mut membership.is_new);
        if !new && Instant::now() < self.due {
            return;
        }
        let unknown = membership.without_start();
        let which = if new && !unknown.is_empty() {
            // The ends are asked for next.
            self.due = Instant::now();
            Which::First
        } else {
            self.due = Instant::now() + INTERVAL;
            Which::End { committed: self.committed }
        };
        let partitions = if which == Which::First { unknown } else { membership.all_read() };
        if !partitions.is_empty() {
            self.queue.ask(&partitions, which, ANSWER);
            self.open = Some(which);
        }
    }
}
