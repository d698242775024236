//! Everything the pump is told, in one order: rebalances, answers of lanes, hubs found, letters written.
//!
//! The senders are the Kafka event thread and the Event Hubs tasks. What they can have under way is bounded (one answer
//! a lane, one rebalance at a time), so the channel is.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use bridge_core::once::StoredEvent;
use bridge_core::step::Reference;
use tokio::sync::Notify;

use crate::eventhubs::{ConnectError, LaneEvent};
use crate::kafka::{Begun, End, RebalanceListener, Silent, Waker};
use crate::record::{Commit, TopicPartition};
use crate::registry::SchemaNews;
use crate::status::ShardCommand;

use super::found::HubPartitions;

/// How long the pump may take to take note of a rebalance. It goes round many times a second; one that does not within this
/// is stuck or starved.
const NOTE: Duration = Duration::from_secs(5);
/// It is waited in slices of this length. One that takes longer by the clock counts as one.
const SLICE: Duration = Duration::from_millis(500);

/// One thing the pump is told. What has a sender is answered when it has taken effect.
#[derive(Debug)]
pub(super) enum Signal {
    Assigned(Vec<Begun>, SyncSender<()>),
    Revoke(Vec<TopicPartition>, SyncSender<Vec<(TopicPartition, Commit)>>),
    Lost(Vec<TopicPartition>, SyncSender<()>),
    Lane(usize, LaneEvent),
    Hub {
        namespace: Arc<str>,
        hub: Arc<str>,
        answer: HubPartitions,
    },
    /// A namespace is connected to, perhaps again.
    Connected(Arc<str>),
    HubTrouble {
        namespace: Arc<str>,
        hub: Arc<str>,
        error: ConnectError,
    },
    Letter(u64, Result<(), String>),
    /// What records cannot be shaped without is here, or is not.
    Fetched(Reference, SchemaNews),
    /// A value that is too large for its hub is stored, or is not yet.
    Stored(Reference, Result<(), String>),
    Ends(Vec<End>),
    /// Commits that say since when more was sent were handed to Kafka then, and are taken.
    Confirmed(Vec<TopicPartition>, Instant),
    /// A hub was looked into, or could not be yet.
    Looked(u64, Result<Vec<StoredEvent>, String>),
    /// Said at the desk: one question at a time, and what somebody types.
    Word(ShardCommand),
    Stop,
}

/// The sending end. Every signal wakes the pump, wherever it waits.
#[derive(Debug, Clone)]
pub(super) struct Mailbox {
    signals: Sender<Signal>,
    waker: Waker,
    bell: Arc<Notify>,
}

impl Mailbox {
    #[expect(
        clippy::disallowed_methods,
        reason = "bounded by what its senders can have in flight, see above"
    )]
    pub(super) fn new(waker: Waker) -> (Self, Receiver<Signal>) {
        let (signals, inbox) = channel();
        (Self { signals, waker, bell: Arc::default() }, inbox)
    }

    /// A pump that is gone needs no signals: the process is about to end.
    pub(super) fn send(&self, signal: Signal) {
        if self.signals.send(signal).is_ok() {
            self.waker.wake();
        }
    }

    /// As [`Mailbox::send`], from the thread that runs [`Mailbox::ring`]: all that it has to say at a time wakes the pump once.
    pub(super) fn post(&self, signal: Signal) {
        if self.signals.send(signal).is_ok() {
            self.bell.notify_one();
        }
    }

    /// Wakes the pump when something was posted. A runtime of one thread runs who is woken in turn, so whoever has something to
    /// say together with the first has said it before this goes on.
    pub(super) fn ring(&self) -> impl Future<Output = ()> + Send + use<> {
        let (waker, bell) = (self.waker.clone(), Arc::clone(&self.bell));
        async move {
            loop {
                bell.notified().await;
                waker.wake();
            }
        }
    }
}

/// The mailbox as the Kafka client sees it.
#[derive(Debug)]
pub(super) struct Rebalances {
    pub(super) mailbox: Mailbox,
    /// How long a revoke may take; the pump keeps to it, this end only adds a margin.
    pub(super) drain_timeout: Duration,
}

impl Rebalances {
    /// Tells the pump something and waits until it has taken note.
    fn tell<T>(
        &self,
        patience: Duration,
        signal: impl FnOnce(SyncSender<T>) -> Signal,
    ) -> Result<T, Silent> {
        let (reply, answer) = sync_channel(1);
        self.mailbox.send(signal(reply));
        // Only while this process runs: one that was frozen has not waited, and neither has its pump stood.
        let mut left = patience;
        loop {
            let slice = left.min(SLICE);
            match answer.recv_timeout(slice) {
                Ok(reply) => return Ok(reply),
                Err(RecvTimeoutError::Timeout) if left > slice => left -= slice,
                // A pump that is gone answers no more than one that stands.
                Err(_) => return Err(Silent(patience)),
            }
        }
    }
}

impl RebalanceListener for Rebalances {
    fn assigned(&self, partitions: &[Begun]) -> Result<(), Silent> {
        self.tell(NOTE, |reply| Signal::Assigned(partitions.to_vec(), reply))
    }

    fn revoke(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, Commit)>, Silent> {
        self.tell(self.drain_timeout + NOTE, |reply| Signal::Revoke(partitions.to_vec(), reply))
    }

    fn lost(&self, partitions: &[TopicPartition]) -> Result<(), Silent> {
        self.tell(NOTE, |reply| Signal::Lost(partitions.to_vec(), reply))
    }

    fn confirmed(&self, partitions: Vec<TopicPartition>, handed: Instant) -> Result<(), Silent> {
        self.mailbox.send(Signal::Confirmed(partitions, handed));
        Ok(())
    }

    fn ends(&self, ends: Vec<End>) {
        self.mailbox.send(Signal::Ends(ends));
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::record::Position;

    fn rebalances() -> (Rebalances, Receiver<Signal>) {
        let (mailbox, inbox) = Mailbox::new(Waker::default());
        (Rebalances { mailbox, drain_timeout: Duration::from_mins(1) }, inbox)
    }

    #[test]
    fn a_rebalance_goes_on_only_when_the_pump_has_taken_note() {
        let (rebalances, inbox) = rebalances();
        let names = [TopicPartition::new("t", 0)];
        let begun = [(names[0].clone(), Some(7))];
        let told = thread::scope(|scope| {
            let events = scope.spawn(|| {
                rebalances.lost(&names)?;
                rebalances.assigned(&begun)?;
                rebalances.revoke(&names)
            });
            // Each is told only when the one before it was answered.
            for _ in 0..2 {
                let reply = match inbox.recv().unwrap() {
                    Signal::Lost(lost, reply) if lost == names => reply,
                    Signal::Assigned(assigned, reply) if assigned == begun => reply,
                    other => panic!("{other:?}"),
                };
                assert!(inbox.try_recv().is_err() && !events.is_finished());
                reply.send(()).unwrap();
            }
            let Signal::Revoke(_, reply) = inbox.recv().unwrap() else { panic!("a revoke") };
            assert!(!events.is_finished());
            reply.send(vec![(names[0].clone(), Position(7).into())]).unwrap();
            events.join().unwrap()
        });
        assert_eq!(told, Ok(vec![(names[0].clone(), Position(7).into())]));
    }

    #[test]
    fn a_pump_that_takes_no_note_is_an_error() {
        let (rebalances, inbox) = rebalances();
        let patience = Duration::from_millis(10);
        let stands = rebalances.tell(patience, |reply| Signal::Lost(Vec::new(), reply));
        assert_eq!(stands, Err(Silent(patience)));
        drop(inbox);
        assert_eq!(rebalances.lost(&[]), Err(Silent(NOTE)), "nor does one that is gone");
    }
}
