//! Leaving the group in good order: everything is drained and committed before the consumer is closed.
//!
//! Closing revokes everything too, but while a revoke waits for its answer librdkafka takes no part in the group: if a
//! rebalance has begun, the commit waits behind the request to join, then is of a generation that is over, and what it
//! would have covered is sent again. Here the event thread goes on polling between two attempts, so the rebalance ends and
//! the commit passes.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;

use super::EventLoop;
use crate::kafka::hold;
use crate::kafka::rebalance::{self, REVOKE_COMMIT};

/// One attempt is always made, with time for an answer.
const LEAST: Duration = Duration::from_millis(100);

impl EventLoop {
    /// Finishes what is under way, then closes the consumer, which revokes what is left and leaves the group.
    pub(super) fn leave(&mut self) {
        self.settle();
        self.say_goodbye();
        // Refused for a broken consumer; then everything was abandoned already.
        if self.consumer.close_queue().is_err() {
            return;
        }
        while !self.consumer.closed() {
            self.life.beat();
            self.poll();
        }
    }

    /// Lets the pump finish and commits how far it came.
    fn settle(&mut self) {
        let read = self.rebalancer.membership.all_read();
        if read.is_empty() {
            return;
        }
        let positions = self.rebalancer.pump.ask(|pump| pump.revoke(&read));
        let deadline = Instant::now() + REVOKE_COMMIT;
        let mut paused = false;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.rebalancer.commit_once(&positions, left.max(LEAST)) {
                Ok(()) => return,
                // Whatever remains uncommitted is tried once more, and told, when closing revokes it.
                Err(code) if !may_pass(code) || left.is_zero() => return,
                Err(_) => {}
            }
            if !std::mem::replace(&mut paused, true) {
                // The pump takes nothing any more; do not fetch for it.
                hold::pause(&self.consumer, &self.rebalancer.inlet, &read);
            }
            // What the group takes away meanwhile is committed by its revoke, and is then not ours to commit.
            self.life.beat();
            self.poll();
        }
    }

    /// Leaves the group when closing would not: librdkafka closes a cooperative member without partitions silently, and
    /// the next rebalance would wait for it until its session is over.
    fn say_goodbye(&self) {
        if self.instance.is_none() && self.rebalancer.membership.is_empty() {
            self.consumer.unsubscribe();
        }
    }
}

/// Whether a commit may succeed once the client has gone on. An illegal generation is one the client has not heard of yet.
fn may_pass(code: RDKafkaErrorCode) -> bool {
    rebalance::is_passing(code) || code == RDKafkaErrorCode::IllegalGeneration
}
