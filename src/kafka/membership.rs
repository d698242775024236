//! Whether a member without partitions is one, where the brokers lead the group (KIP-848).
//!
//! librdkafka calls nobody when the coordinator gives a member nothing: it has joined, and the pump would not hear of it. A new
//! pod would never be ready, and a roll-out would wait for it while the old pod keeps the partitions. The epoch of the member
//! says it: it is above 0 from the first heartbeat that was answered until the member is shut out. With partitions, the
//! callbacks tell.

use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;

use crate::kafka::advice;
use crate::kafka::context::Context;
use crate::kafka::native;

/// A group takes a member in within a heartbeat; brokers that lead none are never heard of.
const SOON: Duration = Duration::from_secs(15);

/// Tells the pump that it is a member without partitions, or is no longer. It asks to be one since `asking`.
pub(super) fn mind(consumer: &BaseConsumer<Context>, context: &Context, asking: Option<Instant>) {
    let was = {
        let assignment = context.assignment();
        if !assignment.is_empty() {
            return;
        }
        assignment.is_idle_member()
    };
    let is = native::member_epoch(consumer) > 0 && context.absence().told().is_none();
    match (was, is) {
        (false, true) => {
            context.welcomed();
            context.pump(|pump| pump.assigned(&[]));
            context.assignment().join();
            tracing::info!(name: "joined", shard = context.shard, "joined the group, without partitions");
        }
        (true, false) => {
            context.pump(|pump| pump.lost(&[]));
            context.assignment().session_ended();
            tracing::warn!(shard = context.shard, "no longer a member of the group; joining again");
        }
        (false, false)
            if asking.is_some_and(|since| since.elapsed() > SOON)
                && context.assignment().is_untouched() =>
        {
            let detail = format!("hint: {}", advice::LEADS);
            context.complain("not a member of the group yet", &detail);
        }
        _ => {}
    }
}
