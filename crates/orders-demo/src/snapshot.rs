//! One moment of the whole system, as plain data: what a view shows.
//!
//! Pure, so that a view can be tested without anything running.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::books::Department;
use crate::gauges::Gauges;
use crate::inbox::Recent;
use crate::shop::STEPS_PER_ORDER;

/// How far the run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The bridge is not ready, for this reason.
    Joining(String),
    /// Orders come in.
    Flowing,
    /// No more orders come in.
    Finishing,
    /// The bridge has been asked to stop.
    Stopping,
}

/// Everything there is to see.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) elapsed: Duration,
    pub(crate) phase: Phase,
    /// Orders placed, of so many.
    pub(crate) placed: u64,
    pub(crate) orders: u64,
    pub(crate) kafka: Vec<Filled>,
    pub(crate) produced_rate: u64,
    pub(crate) gauges: Gauges,
    pub(crate) received_rate: u64,
    pub(crate) sent_rate: u64,
    /// Median and 99th percentile of the acknowledgements of the last moments.
    pub(crate) acknowledgement: (Option<Duration>, Option<Duration>),
    /// Events by partition of the hub.
    pub(crate) hub: Vec<u64>,
    pub(crate) stored_rate: u64,
    pub(crate) readers: Vec<Reading>,
    pub(crate) recent: Vec<Recent>,
    /// Where the bridge's probes and metrics are.
    pub(crate) admin: Option<SocketAddr>,
}

/// A Kafka partition: its records, and how many of them are delivered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filled {
    pub(crate) records: u64,
    pub(crate) delivered: u64,
}

/// A department at work.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) department: Department,
    pub(crate) events: u64,
    pub(crate) rate: u64,
    /// Events that came twice, out of turn or broken.
    pub(crate) faults: u64,
    pub(crate) figures: [(String, &'static str); 2],
}

impl Snapshot {
    /// Records in Kafka.
    pub(crate) fn produced(&self) -> u64 {
        self.kafka.iter().map(|partition| partition.records).sum()
    }

    /// Events in the hub.
    pub(crate) fn stored(&self) -> u64 {
        self.hub.iter().sum()
    }

    /// Records that are not in the hub yet.
    pub(crate) fn lag(&self) -> u64 {
        self.produced().saturating_sub(self.stored())
    }

    /// How many records there will be, about.
    pub(crate) fn expected(&self) -> u64 {
        ((self.orders as f64 * STEPS_PER_ORDER) as u64).max(self.produced())
    }
}

/// How fast a count grows, over the last two seconds.
#[derive(Debug, Default)]
pub(crate) struct Rate(VecDeque<(Instant, u64)>);

impl Rate {
    const WINDOW: Duration = Duration::from_secs(2);

    /// Takes note of `count` and says how much it grows in a second.
    pub(crate) fn note(&mut self, now: Instant, count: u64) -> u64 {
        self.0.push_back((now, count));
        while self.0.len() > 2 && now.duration_since(self.0[1].0) >= Self::WINDOW {
            self.0.pop_front();
        }
        let (then, before) = self.0[0];
        let seconds = now.duration_since(then).as_secs_f64();
        if seconds < 0.05 { 0 } else { (count.saturating_sub(before) as f64 / seconds) as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_forgets_what_was_long_ago() {
        let began = Instant::now();
        let mut rate = Rate::default();
        assert_eq!(rate.note(began, 0), 0);
        let mut last = 0;
        for tenth in 1..=50 {
            last = rate.note(began + Duration::from_millis(tenth * 100), tenth * 10);
        }
        assert_eq!(last, 100);
        for tenth in 51..=80 {
            last = rate.note(began + Duration::from_millis(tenth * 100), 500);
        }
        assert_eq!(last, 0);
    }
}
