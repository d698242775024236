//! Everything the pump is told, in one order: rebalances, answers of lanes, hubs found, letters written.
//!
//! The senders are the Kafka event thread and the Event Hubs tasks. What they can have under way is bounded (one answer
//! a lane, one rebalance at a time), so the channel is.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use crate::eventhubs::{ConnectError, LaneEvent};
use crate::kafka::{Intake, Waker};
use crate::record::{Position, TopicPartition};

/// One thing the pump is told.
#[derive(Debug)]
pub(super) enum Signal {
    Assigned(Vec<TopicPartition>),
    Revoke(Vec<TopicPartition>, SyncSender<Vec<(TopicPartition, Position)>>),
    Lost(Vec<TopicPartition>),
    Lane(usize, LaneEvent),
    Hub { namespace: Arc<str>, hub: Arc<str>, partition_ids: Vec<String> },
    HubTrouble { namespace: Arc<str>, hub: Arc<str>, error: ConnectError },
    Letter(u64, Result<(), String>),
    Stop,
}

/// The sending end. Every signal wakes the pump, wherever it waits.
#[derive(Debug, Clone)]
pub(super) struct Mailbox {
    signals: Sender<Signal>,
    waker: Waker,
}

impl Mailbox {
    #[expect(
        clippy::disallowed_methods,
        reason = "bounded by what its senders can have under way, see above"
    )]
    pub(super) fn new(waker: Waker) -> (Self, Receiver<Signal>) {
        let (signals, inbox) = channel();
        (Self { signals, waker }, inbox)
    }

    /// A pump that is gone needs no signals: the process is about to end.
    pub(super) fn send(&self, signal: Signal) {
        if self.signals.send(signal).is_ok() {
            self.waker.wake();
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

impl Intake for Rebalances {
    fn assigned(&self, partitions: &[TopicPartition]) {
        self.mailbox.send(Signal::Assigned(partitions.to_vec()));
    }

    fn revoke(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Position)> {
        let (reply, answer) = sync_channel(1);
        self.mailbox.send(Signal::Revoke(partitions.to_vec(), reply));
        answer.recv_timeout(self.drain_timeout + Duration::from_secs(5)).unwrap_or_default()
    }

    fn lost(&self, partitions: &[TopicPartition]) {
        self.mailbox.send(Signal::Lost(partitions.to_vec()));
    }
}
