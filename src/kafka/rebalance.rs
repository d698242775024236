//! Which partitions this member reads, and how they come and go.
//!
//! The group protocol is `cooperative-sticky`, or that of KIP-848: a rebalance only takes what moves. (Eager and cooperative members can
//! not share a group: one that moves from `range` has to stop all members first.) All of this runs on the event
//! thread, between two polls: librdkafka takes no step of a rebalance before what it told of is assigned or unassigned.
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

mod held;
mod idle;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::health::ShardHealth;
use crate::kafka::committer::Committer;
use crate::kafka::context::Context;
use crate::kafka::fetching::Fetching;
use crate::kafka::hold;
use crate::kafka::inlet::Inlet;
use crate::kafka::membership::Membership;
use crate::kafka::native;
use crate::kafka::pump_link::PumpLink;
use crate::kafka::start::{Doubt, StartAt, Starts};
use crate::metrics::Rebalance;
use crate::record::{Commit, TopicPartition};

/// How long the commit of a revoke may take, retries included.
pub(super) const REVOKE_COMMIT: Duration = Duration::from_secs(10);
const FORGIVEN_AFTER: Duration = Duration::from_mins(5);

/// See the module.
pub(super) struct Rebalancer {
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    pub(super) committer: Arc<Committer>,
    pub(super) inlet: Inlet,
    pub(super) health: Option<ShardHealth>,
    pub(super) pump: PumpLink,
    pub(super) membership: Membership,
    pub(super) starts: Starts,
}

impl Rebalancer {
    fn context(&self) -> &Context {
        self.consumer.context()
    }

    /// The group gave us `partitions`.
    pub(super) fn assign(&mut self, fetching: &mut Fetching, partitions: &[TopicPartition]) {
        let started = Instant::now();
        let resolved = self.starts.resolve(&mut self.pump, partitions, &HashMap::new());
        fetching.begin(&self.consumer, partitions);
        // Called even with nothing to read yet: librdkafka waits for an answer.
        self.begin(&resolved.starts);
        if resolved.starts.is_empty() {
            // A member without partitions is a member, and the pump must hear that it is.
            self.pump.ask(|pump| pump.assigned(&[]));
        }
        self.membership.join();
        for partition in resolved.unresolved {
            self.membership.wait(partition, 0, None);
        }
        self.hold(resolved.held, |_| 0);
        self.context().metrics.rebalanced(Rebalance::Assign, started.elapsed());
        tracing::info!(name: "partitions_assigned", partitions = %names(partitions), "partitions assigned");
    }

    /// The group takes `partitions`, in an orderly way or not.
    pub(super) fn revoke(&mut self, partitions: &[TopicPartition]) {
        let started = Instant::now();
        let lost = self.consumer.assignment_lost();
        for partition in partitions {
            self.membership.waiting.remove(partition);
            self.membership.restarts.remove(partition);
        }
        let read = self.membership.read_of(partitions);
        self.end_hold(partitions);
        if lost {
            self.membership.session_ended();
            self.pump.ask(|pump| pump.lost(&read));
        } else {
            self.drain(&read, |_| true);
        }
        self.end(&read);
        let way = if lost { Rebalance::Lost } else { Rebalance::Revoke };
        self.context().metrics.rebalanced(way, started.elapsed());
        if lost {
            tracing::warn!(name: "partitions_lost", partitions = %names(partitions), "partitions lost: records in flight will be sent again");
        } else {
            tracing::info!(name: "partitions_revoked", partitions = %names(partitions), took = ?started.elapsed(), "partitions revoked");
        }
    }

    /// `broken` partitions are not read on, or have a gap: assigns them again from their committed position, after a pause.
    /// All of them are drained at once.
    pub(super) fn restart(&mut self, broken: &HashMap<TopicPartition, Option<Doubt>>) {
        let read = self.membership.read_of(broken.keys());
        if read.is_empty() {
            return;
        }
        let doubt = |partition: &TopicPartition| broken.get(partition).copied().flatten();
        self.drain(&read, |partition| doubt(partition) != Some(Doubt::Recreated));
        self.end(&read);
        for partition in read {
            let now = Instant::now();
            let restarts = self.membership.restarts.entry(partition.clone());
            let (count, last) = restarts.or_insert((0, now));
            let attempts = if now - *last > FORGIVEN_AFTER { 0 } else { *count };
            (*count, *last) = (attempts + 1, now);
            let doubt = doubt(&partition);
            self.membership.wait(partition, attempts, doubt);
        }
    }

    /// Tries the waiting partitions whose pause is over.
    pub(super) fn retry(&mut self) {
        let due = self.membership.due(Instant::now());
        if due.is_empty() {
            return;
        }
        let partitions = due.keys().cloned().collect::<Vec<_>>();
        let doubts = due.iter().filter_map(|(p, wait)| Some((p.clone(), wait.doubt?))).collect();
        let resolved = self.starts.resolve(&mut self.pump, &partitions, &doubts);
        if !resolved.starts.is_empty() {
            self.begin(&resolved.starts);
        }
        self.hold(resolved.held, |partition| due.get(partition).map_or(0, |w| w.attempts));
        for partition in resolved.unresolved {
            let wait = due.get(&partition);
            let (attempts, doubt) = wait.map_or((0, None), |w| (w.attempts, w.doubt));
            self.membership.wait(partition, attempts, doubt);
        }
    }

    /// Tells the pump that everything is gone, when there is no orderly way any more.
    pub(super) fn abandon(&mut self) {
        let read = self.membership.all_read();
        self.pump.ask(|pump| pump.lost(&read));
        self.forget(&read);
    }

    /// Starts reading.
    fn begin(&mut self, starts: &[StartAt]) {
        let starts = starts.iter().filter(|start| {
            // Not when the pump's queue is gone, so the process is ending.
            let end = start.span.map(|span| span.to);
            self.inlet.forward_until(&start.partition, end)
        });
        let starts = starts.collect::<Vec<_>>();
        let mut list = list_of(&starts);
        let partitions = starts.iter().map(|start| start.partition.clone()).collect::<Vec<_>>();
        self.end_hold(&partitions);
        if !partitions.is_empty() {
            // What was paused in an earlier stay; the pump may pause them anew as soon as it is told.
            let paused = self.inlet.take_paused(&partitions);
            hold::resume(&self.consumer, &self.inlet, &paused);
            let begun = starts.iter().map(|start| (start.partition.clone(), start.sent_since));
            let begun = begun.collect::<Vec<_>>();
            self.pump.ask(|pump| pump.assigned(&begun));
            let commits = &self.committer.commits;
            commits.assign(&partitions);
            for start in starts {
                if let Some(topic) = start.topic {
                    commits.belongs(&start.partition, topic);
                }
                if let Some(span) = start.span {
                    commits.spans(&start.partition, span);
                }
                self.context().metrics.partition_assigned(&start.partition);
                self.membership.read.insert(start.partition.clone(), start.position());
            }
            self.membership.is_new = true;
        }
        if self.pump.silence().is_some() {
            // Nothing is read for a pump that does not know of it; `abandon` is next.
            list = TopicPartitionList::new();
        }
        if let Err(error) = self.consumer.incremental_assign(&list) {
            self.assign_singly(&list, &error);
        }
    }

    /// One partition that librdkafka does not take makes it refuse them all. The others are assigned nevertheless; it waits, and
    /// is tried again. When the consumer is closing or broken all are refused, and a revoke or `abandon` follows.
    fn assign_singly(&mut self, refused: &TopicPartitionList, error: &KafkaError) {
        self.context().complain("cannot assign partitions", &error.to_string());
        for index in 0..refused.count() {
            let single = native::single(refused, index);
            if self.consumer.incremental_assign(&single).is_ok() {
                continue;
            }
            let elements = single.elements();
            let place = TopicPartition::new(elements[0].topic(), elements[0].partition());
            self.pump.ask(|pump| pump.lost(std::slice::from_ref(&place)));
            // It may be that librdkafka has it already, from where nobody knows.
            self.end(std::slice::from_ref(&place));
            self.membership.wait(place, 0, None);
        }
    }

    /// Stops reading.
    fn end(&mut self, partitions: &[TopicPartition]) {
        self.forget(partitions);
        if let Err(error) = self.consumer.incremental_unassign(&hold::list(partitions)) {
            self.context().complain("cannot unassign partitions", &error.to_string());
        }
    }

    fn forget(&mut self, partitions: &[TopicPartition]) {
        self.committer.commits.release(partitions);
        for partition in partitions {
            self.membership.read.remove(partition);
            self.context().metrics.partition_removed(partition);
        }
    }

    /// Lets the pump finish `partitions` and commits how far it came with those that are sound.
    fn drain(&mut self, partitions: &[TopicPartition], is_sound: impl Fn(&TopicPartition) -> bool) {
        if partitions.is_empty() {
            return;
        }
        let settled = self.pump.ask(|pump| pump.revoke(partitions));
        // The pump has forgotten what it settled before a commit that failed; what it says now is newer.
        let wanted = self.committer.commits.wanted(partitions);
        let mut positions = wanted.into_iter().collect::<HashMap<_, _>>();
        positions.extend(settled);
        let positions = positions.into_iter().filter(|(partition, _)| is_sound(partition));
        let positions = positions.collect::<Vec<_>>();
        if let Err(error) = self.commit(&positions) {
            let places = names(positions.iter().map(|(partition, _)| partition));
            tracing::warn!(
                name: "commit_failed",
                partitions = %places, %error,
                "the last commit of revoked partitions failed: their next owner sends some records again"
            );
        }
    }

    /// Commits `positions` and waits for the answer; repeats what a repetition can help.
    fn commit(&mut self, positions: &[(TopicPartition, Commit)]) -> Result<(), RDKafkaErrorCode> {
        let deadline = Instant::now() + REVOKE_COMMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.commit_once(positions, left) {
                Err(code) if is_passing(code) && left > RETRY_PAUSE => wait_to_retry(),
                result => return result,
            }
        }
    }

    /// Commits `positions` and waits for the answer.
    pub(super) fn commit_once(
        &mut self,
        positions: &[(TopicPartition, Commit)],
        timeout: Duration,
    ) -> Result<(), RDKafkaErrorCode> {
        self.committer.now(&mut self.pump, positions, timeout)
    }

    /// Hears which commits were taken.
    pub(super) fn listen(&mut self) {
        self.committer.listen(&mut self.pump);
    }
}

/// As librdkafka takes it.
fn list_of(starts: &[&StartAt]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(starts.len());
    for (index, StartAt { partition, offset, epoch, .. }) in starts.iter().enumerate() {
        list.add_partition_offset(&partition.topic, partition.partition, *offset)
            .expect("a start is a valid offset");
        if *epoch >= 0 {
            native::set_leader_epoch(&mut list, index, *epoch);
        }
    }
    list
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
