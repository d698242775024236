//! Leaving the group in good order: everything is drained and committed before the consumer is closed.
//!
//! Closing revokes everything too, but in librdkafka's callback, and while that runs librdkafka takes no part in the group:
//! if a rebalance has begun, the commit waits behind the request to join, then is of a generation that is over, and what
//! it would have covered is sent again. Here the event thread goes on polling between two attempts, so the rebalance
//! ends and the commit passes.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;

use crate::kafka::context::Context;
use crate::kafka::hold;
use crate::kafka::rebalance::{self, REVOKE_COMMIT};

/// Lets the pump finish and commits how far it came. `turn` polls once, for a moment.
pub(super) fn settle(consumer: &BaseConsumer<Context>, context: &Context, turn: impl Fn()) {
    let read = context.assignment().all_read();
    if read.is_empty() {
        return;
    }
    let positions = context.pump(|pump| pump.revoke(&read));
    let deadline = Instant::now() + REVOKE_COMMIT;
    let mut paused = false;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match context.commit(&positions, left.max(LEAST)) {
            Ok(()) => return,
            // Whatever remains uncommitted is tried once more, and told, when closing revokes it.
            Err(code) if !may_pass(code) || left.is_zero() => return,
            Err(_) => {}
        }
        if !std::mem::replace(&mut paused, true) {
            // The pump takes nothing any more; do not fetch for it.
            hold::pause(consumer, context, &read);
        }
        // What the group takes away meanwhile is committed by its revoke, and is then not ours to commit.
        turn();
    }
}

/// Leaves the group when closing would not: librdkafka closes a cooperative member without partitions silently, and the
/// next rebalance would wait for it until its session is over.
pub(super) fn say_goodbye(consumer: &BaseConsumer<Context>, context: &Context, is_static: bool) {
    if !is_static && context.assignment().is_empty() {
        consumer.unsubscribe();
    }
}

/// One attempt is always made, with time for an answer.
const LEAST: Duration = Duration::from_millis(100);

/// Whether a commit may succeed once the client has gone on. An illegal generation is one the client has not heard of yet.
fn may_pass(code: RDKafkaErrorCode) -> bool {
    rebalance::is_passing(code) || code == RDKafkaErrorCode::IllegalGeneration
}
