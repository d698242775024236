//! How fast things go: what was counted now, beside what was counted a while ago.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::metrics::{SentTotals, TakenTotals, Totals};

/// How often the counters are looked at.
pub(super) const SAMPLE: Duration = Duration::from_secs(5);
/// Rates are those of at least so long.
const RECENT: Duration = Duration::from_secs(10);
/// What is expected follows from at most so long.
const KEPT: Duration = Duration::from_mins(1);

/// The counters of the last minute.
#[derive(Debug, Default)]
pub(super) struct Rates(VecDeque<(Instant, Totals)>);

/// What has changed since a while ago.
#[derive(Debug)]
pub(super) struct TotalsChange<'a> {
    before: Option<&'a Totals>,
    now: &'a Totals,
    seconds: f64,
}

/// Events, bytes, batches and the time they took, a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct SendRates {
    pub(super) events: f64,
    pub(super) bytes: f64,
    pub(super) batches: f64,
    busy: f64,
}

impl Rates {
    /// Keeps what is counted at `now`. Called every [`SAMPLE`].
    pub(super) fn keep(&mut self, now: Instant, totals: Totals) {
        while self.0.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > KEPT) {
            self.0.pop_front();
        }
        self.0.push_back((now, totals));
    }

    /// What has changed until now, since about [`RECENT`] ago.
    pub(super) fn change<'a>(&'a self, now: Instant, totals: &'a Totals) -> TotalsChange<'a> {
        let old = |(at, _): &&(Instant, Totals)| now.saturating_duration_since(*at) >= RECENT;
        let before = self.0.iter().rev().find(old).or(self.0.front());
        let seconds =
            before.map_or(0.0, |(at, _)| now.saturating_duration_since(*at).as_secs_f64());
        TotalsChange { before: before.map(|(_, before)| before), now: totals, seconds }
    }

    /// When nothing will be behind any more, if what is `behind` now goes on falling as in the last minute.
    pub(super) fn caught_up(&self, now: Instant, behind: u64) -> Option<Duration> {
        let (at, before) = self.0.front()?;
        let fallen = before.behind?.checked_sub(behind).filter(|fallen| *fallen > 0)?;
        let seconds = now.saturating_duration_since(*at).as_secs_f64();
        Duration::try_from_secs_f64(behind as f64 / fallen as f64 * seconds).ok()
    }
}

impl TotalsChange<'_> {
    fn rate(&self, more: u64) -> f64 {
        // Nothing can be said of less than a second.
        if self.seconds < 1.0 { 0.0 } else { more as f64 / self.seconds }
    }

    /// Records and bytes taken from a topic, a second.
    pub(super) fn topic(&self, topic: &str) -> (f64, f64) {
        let now = self.now.topics.get(topic).copied().unwrap_or_default();
        let before = self.before.and_then(|it| it.topics.get(topic)).copied().unwrap_or_default();
        let TakenTotals { records, bytes } = now;
        (self.rate(records - before.records), self.rate(bytes - before.bytes))
    }

    /// What a hub accepted, a second.
    pub(super) fn hub(&self, hub: &bridge_core::HubName) -> SendRates {
        let now = self.now.hubs.get(hub).copied().unwrap_or_default();
        let before = self.before.and_then(|it| it.hubs.get(hub)).copied().unwrap_or_default();
        let SentTotals { events, bytes, batches, seconds } = now;
        let busy = if self.seconds < 1.0 { 0.0 } else { (seconds - before.seconds) / self.seconds };
        SendRates {
            events: self.rate(events - before.events),
            bytes: self.rate(bytes - before.bytes),
            batches: self.rate(batches - before.batches),
            busy,
        }
    }

    /// Of all topics.
    pub(super) fn taken(&self) -> (f64, f64) {
        let rates = self.now.topics.keys().map(|topic| self.topic(topic));
        rates.fold((0.0, 0.0), |(records, bytes), (more, and)| (records + more, bytes + and))
    }

    /// Of all hubs.
    pub(super) fn sent(&self) -> SendRates {
        self.now.hubs.keys().map(|hub| self.hub(hub)).fold(SendRates::default(), |sum, it| {
            SendRates {
                events: sum.events + it.events,
                bytes: sum.bytes + it.bytes,
                batches: sum.batches + it.batches,
                busy: sum.busy + it.busy,
            }
        })
    }
}

impl SendRates {
    /// Events in a batch, on average.
    pub(super) fn events_per_batch(&self) -> Option<f64> {
        (self.batches > 0.0).then(|| self.events / self.batches)
    }

    /// How long a batch took to be accepted, on average.
    pub(super) fn send_seconds(&self) -> Option<f64> {
        (self.batches > 0.0).then(|| self.busy / self.batches)
    }
}
