//! Which partitions this member reads, and how they come and go.
//!
//! The group protocol is `cooperative-sticky`, or that of KIP-848: a rebalance only takes what moves. (Eager and cooperative members can
//! not share a group: one that moves from `range` has to stop all members first.) All of this runs on the event
//! thread, in librdkafka's rebalance callback or between two polls.
//!
//! | what happens | what is done, in this order |
//! |---|---|
//! | assign | find the starts, forward to the pump's queue, tell the pump, assign |
//! | revoke | let the pump drain, commit what it settled, let go, unassign |
//! | lost   | tell the pump, let go, unassign; another member may already own them, so nothing is committed |
//! | broken | as revoke, then wait and assign again from the committed position |
//! | made anew | as broken, from the beginning; nothing is committed: the positions are of a topic that is gone |
//!
//! A partition whose start can not be found waits: it is assigned to this member by the group and not read, and is
//! tried again with growing pauses. So does one whose position is gone, where `kafka.out_of_range` is `halt`.

mod assignment;
mod held;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::context::Context;
use crate::kafka::fetching;
use crate::kafka::hold;
use crate::kafka::native;
use crate::kafka::start::{self, Doubt, StartAt};
use crate::record::{Commit, Position, TopicPartition};

pub(super) use assignment::Assignment;

/// How long the commit of a revoke may take, retries included.
pub(super) const REVOKE_COMMIT: Duration = Duration::from_secs(10);
const FORGIVEN_AFTER: Duration = Duration::from_mins(5);

/// The group gave us `partitions`.
pub(super) fn assign(
    consumer: &BaseConsumer<Context>,
    context: &Context,
    partitions: &[TopicPartition],
) {
    let started = Instant::now();
    let resolved = start::resolve(consumer, context, partitions, &HashMap::new());
    fetching::begin(consumer, context, partitions);
    // Called even with nothing to read yet: librdkafka waits for an answer to its callback.
    begin(consumer, context, &resolved.starts);
    if resolved.starts.is_empty() {
        // A member without partitions is a member, and the pump must hear that it is.
        context.pump(|pump| pump.assigned(&[]));
    }
    {
        let mut assignment = context.assignment();
        assignment.join();
        for partition in resolved.unresolved {
            assignment.wait(partition, 0, None);
        }
    }
    held::begin(context, resolved.held, |_| 0);
    context.metrics.rebalanced("assign", started.elapsed());
    tracing::info!(name: "partitions_assigned", partitions = %names(partitions), "partitions assigned");
}

/// The group takes `partitions`, in an orderly way or not.
pub(super) fn revoke(
    consumer: &BaseConsumer<Context>,
    context: &Context,
    partitions: &[TopicPartition],
) {
    let started = Instant::now();
    let lost = consumer.assignment_lost();
    let read = {
        let mut assignment = context.assignment();
        for partition in partitions {
            assignment.waiting.remove(partition);
            assignment.restarts.remove(partition);
        }
        partitions.iter().filter(|p| assignment.reads(p)).cloned().collect::<Vec<_>>()
    };
    held::end(context, partitions);
    if lost {
        context.assignment().session_ended();
        context.pump(|pump| pump.lost(&read));
    } else {
        drain(context, &read, |_| true);
    }
    end(consumer, context, &read);
    context.metrics.rebalanced(if lost { "lost" } else { "revoke" }, started.elapsed());
    if lost {
        tracing::warn!(name: "partitions_lost", partitions = %names(partitions), "partitions lost: records in flight will be sent again");
    } else {
        tracing::info!(name: "partitions_revoked", partitions = %names(partitions), took = ?started.elapsed(), "partitions revoked");
    }
}

/// `broken` partitions are not read on, or have a gap: assigns them again from their committed position, after a pause.
/// All of them are drained at once.
pub(super) fn restart(
    consumer: &BaseConsumer<Context>,
    context: &Context,
    broken: &HashMap<TopicPartition, Option<Doubt>>,
) {
    let read = {
        let assignment = context.assignment();
        broken.keys().filter(|p| assignment.reads(p)).cloned().collect::<Vec<_>>()
    };
    if read.is_empty() {
        return;
    }
    let doubt = |partition: &TopicPartition| broken.get(partition).copied().flatten();
    drain(context, &read, |partition| doubt(partition) != Some(Doubt::Recreated));
    end(consumer, context, &read);
    let mut assignment = context.assignment();
    for partition in read {
        let now = Instant::now();
        let (count, last) = assignment.restarts.entry(partition.clone()).or_insert((0, now));
        let attempts = if now - *last > FORGIVEN_AFTER { 0 } else { *count };
        (*count, *last) = (attempts + 1, now);
        let doubt = doubt(&partition);
        assignment.wait(partition, attempts, doubt);
    }
}

/// Tries the waiting partitions whose pause is over.
pub(super) fn retry(consumer: &BaseConsumer<Context>, context: &Context) {
    let due = context.assignment().due(Instant::now());
    if due.is_empty() {
        return;
    }
    let partitions = due.keys().cloned().collect::<Vec<_>>();
    let doubts = due.iter().filter_map(|(p, wait)| Some((p.clone(), wait.doubt?))).collect();
    let resolved = start::resolve(consumer, context, &partitions, &doubts);
    if !resolved.starts.is_empty() {
        begin(consumer, context, &resolved.starts);
    }
    held::begin(context, resolved.held, |partition| due.get(partition).map_or(0, |w| w.attempts));
    let mut assignment = context.assignment();
    for partition in resolved.unresolved {
        let (attempts, doubt) = due.get(&partition).map_or((0, None), |w| (w.attempts, w.doubt));
        assignment.wait(partition, attempts, doubt);
    }
}

/// Tells the pump that everything is gone, when there is no orderly way any more.
pub(super) fn abandon(context: &Context) {
    let read = context.assignment().all_read();
    context.pump(|pump| pump.lost(&read));
    forget(context, &read);
}

/// Starts reading.
fn begin(consumer: &BaseConsumer<Context>, context: &Context, starts: &[StartAt]) {
    let mut list = TopicPartitionList::with_capacity(starts.len());
    let mut partitions = Vec::with_capacity(starts.len());
    let mut begun = Vec::with_capacity(starts.len());
    let mut positions = Vec::with_capacity(starts.len());
    for StartAt { partition, offset, epoch, span, sent_since, .. } in starts {
        if !context.inlet().forward_until(partition, span.map(|span| span.to)) {
            // The pump's queue is gone, so the process is ending.
            continue;
        }
        let index = list.count();
        list.add_partition_offset(&partition.topic, partition.partition, *offset)
            .expect("a start is a valid offset");
        if *epoch >= 0 {
            native::set_leader_epoch(&mut list, index, *epoch);
        }
        partitions.push(partition.clone());
        begun.push((partition.clone(), *sent_since));
        positions.push(match offset {
            Offset::Offset(offset) => Some(Position(*offset)),
            _ => None,
        });
    }
    held::end(context, &partitions);
    if !partitions.is_empty() {
        // What was paused in an earlier stay; the pump may pause them anew as soon as it is told.
        let paused = context.assignment().take_paused(&partitions);
        hold::resume(consumer, context, &paused);
        context.pump(|pump| pump.assigned(&begun));
        context.commits.assign(&partitions);
        for start in starts {
            if let Some(topic) = start.topic {
                context.commits.belongs(&start.partition, topic);
            }
            if let Some(span) = start.span {
                context.commits.spans(&start.partition, span);
            }
        }
        for partition in &partitions {
            context.metrics.partition_assigned(partition);
        }
        let mut assignment = context.assignment();
        assignment.read.extend(partitions.into_iter().zip(positions));
        assignment.is_new = true;
    }
    if context.silence().is_some() {
        // Nothing is read for a pump that does not know of it; `abandon` is next.
        list = TopicPartitionList::new();
    }
    if let Err(error) = consumer.incremental_assign(&list) {
        assign_singly(consumer, context, &list, &error);
    }
}

/// One partition that librdkafka does not take makes it refuse them all. The others are assigned nevertheless; it waits, and
/// is tried again. When the consumer is closing or broken all are refused, and a revoke or `abandon` follows.
fn assign_singly(
    consumer: &BaseConsumer<Context>,
    context: &Context,
    refused: &TopicPartitionList,
    error: &KafkaError,
) {
    context.complain("cannot assign partitions", &error.to_string());
    for index in 0..refused.count() {
        let single = native::single(refused, index);
        if consumer.incremental_assign(&single).is_ok() {
            continue;
        }
        let elements = single.elements();
        let place = TopicPartition::new(elements[0].topic(), elements[0].partition());
        context.pump(|pump| pump.lost(std::slice::from_ref(&place)));
        // It may be that librdkafka has it already, from where nobody knows.
        end(consumer, context, std::slice::from_ref(&place));
        context.assignment().wait(place, 0, None);
    }
}

/// Stops reading.
fn end(consumer: &BaseConsumer<Context>, context: &Context, partitions: &[TopicPartition]) {
    forget(context, partitions);
    if let Err(error) = consumer.incremental_unassign(&hold::list(partitions)) {
        context.complain("cannot unassign partitions", &error.to_string());
    }
}

fn forget(context: &Context, partitions: &[TopicPartition]) {
    context.commits.release(partitions);
    let mut assignment = context.assignment();
    for partition in partitions {
        assignment.read.remove(partition);
        context.metrics.partition_removed(partition);
    }
}

/// Lets the pump finish `partitions` and commits how far it came with those that are sound.
fn drain(
    context: &Context,
    partitions: &[TopicPartition],
    is_sound: impl Fn(&TopicPartition) -> bool,
) {
    if partitions.is_empty() {
        return;
    }
    let settled = context.pump(|pump| pump.revoke(partitions));
    // The pump has forgotten what it settled before a commit that failed; what it says now is newer.
    let mut positions = context.commits.wanted(partitions).into_iter().collect::<HashMap<_, _>>();
    positions.extend(settled);
    let positions = positions.into_iter().filter(|(partition, _)| is_sound(partition));
    let positions = positions.collect::<Vec<_>>();
    match commit(context, &positions, REVOKE_COMMIT) {
        Ok(()) => {}
        Err(error) => {
            let places = names(positions.iter().map(|(partition, _)| partition));
            tracing::warn!(
                name: "commit_failed",
                partitions = %places, %error,
                "the last commit of revoked partitions failed: their next owner sends some records again"
            );
        }
    }
}

/// Commits `positions` and waits for the answer; repeats what a repetition can help, within `timeout`.
fn commit(
    context: &Context,
    positions: &[(TopicPartition, Commit)],
    timeout: Duration,
) -> Result<(), RDKafkaErrorCode> {
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match context.commit(positions, left) {
            Err(code) if is_passing(code) && left > RETRY_PAUSE => wait_to_retry(),
            result => return result,
        }
    }
}

const RETRY_PAUSE: Duration = Duration::from_millis(200);

#[expect(
    clippy::disallowed_methods,
    reason = "the event thread has nothing else to do before the commit is answered, and nothing could wake it"
)]
fn wait_to_retry() {
    std::thread::sleep(RETRY_PAUSE);
}

/// Whether a commit refused with `code` may succeed soon.
pub(super) fn is_passing(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::CoordinatorLoadInProgress
            | RDKafkaErrorCode::CoordinatorNotAvailable
            | RDKafkaErrorCode::NotCoordinator
            | RDKafkaErrorCode::RebalanceInProgress
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::WaitingForCoordinator
            // Of a member the brokers have given something else meanwhile; its next heartbeat brings the new epoch.
            | RDKafkaErrorCode::StaleMemberEpoch
    )
}

/// Names for a log line, shortened when there are many.
fn names<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> String {
    const SHOWN: usize = 20;
    let mut names = partitions.into_iter().map(ToString::to_string).collect::<Vec<_>>();
    names.sort_unstable();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let list = names.join(" ");
    if more > 0 { format!("{list} and {more} more") } else { list }
}

#[cfg(test)]
mod tests;
