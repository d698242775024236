//! How the way to each hub partition stands, for people.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::core::Core;
use crate::event::Cause;
use crate::hubs::{Berth, HubName};
use crate::words;

words! {
    /// How the way to a hub partition stands; the better first.
    #[derive(PartialOrd, Ord, Hash)]
    pub enum LaneState {
        /// Nothing stands against it.
        Sending = "sending",
        /// A batch has had no answer for two seconds.
        Waiting = "waiting",
        /// It takes turns with others, because its namespace throttles.
        Throttled = "throttled",
        /// The last batch was not stored, and is sent again.
        Retrying = "retrying",
    }
}

/// Why a batch has to be sent again.
#[derive(Debug)]
pub(crate) struct SendFailure {
    pub(crate) cause: Cause,
    pub(crate) detail: Box<str>,
}

/// How one lane stands.
#[derive(Debug, Clone, Copy)]
pub struct LaneStatus<'a> {
    /// Its number.
    pub lane: usize,
    /// The hub.
    pub hub: &'a HubName,
    /// The hub partition, or `gateway`.
    pub partition: &'a Arc<str>,
    /// How it stands.
    pub state: LaneState,
    /// For how long nothing was accepted, where something is to be.
    pub lasts: Duration,
    /// How often the batch was tried in vain.
    pub attempts: u32,
    /// When it is tried again, if that is known.
    pub next: Option<Duration>,
    /// What was said last, if anything was.
    pub detail: &'a str,
}

impl Core {
    /// The lanes in use on which something was sent, one or more for each hub partition.
    pub fn lanes(&self, now: Instant) -> impl Iterator<Item = LaneStatus<'_>> {
        let outlets = self.hubs.outlets.iter().filter(|it| self.hubs.all[it.hub].watched);
        let lanes = outlets.flat_map(|outlet| &outlet.lanes);
        let used = lanes.filter(|lane| self.berths[**lane].seat.has_sent());
        used.map(move |lane| self.standing(*lane, now))
    }

    /// The hubs in use, and how many partitions each has, once that is known.
    pub fn hubs(&self) -> impl Iterator<Item = (&HubName, Option<usize>)> {
        let watched = self.hubs.all.iter().filter(|hub| hub.watched);
        watched.map(|hub| (&hub.name, hub.ids.as_ref().map(|ids| ids.len())))
    }

    fn standing(&self, number: usize, now: Instant) -> LaneStatus<'_> {
        let berth = &self.berths[number];
        let hub = &self.hubs.all[berth.hub];
        let trouble = berth.lane.trouble();
        let failure = berth.failure.as_ref().filter(|_| trouble.is_some());
        let governor = &self.hubs.namespaces[hub.namespace].governor;
        let state = match failure {
            Some(SendFailure { cause, .. }) if *cause != Cause::Throttled => LaneState::Retrying,
            _ if governor.governs(&berth.seat) => LaneState::Throttled,
            _ if berth.lane.is_stalled(now) => LaneState::Waiting,
            _ => LaneState::Sending,
        };
        let since = |at: Option<Instant>| at.map_or(Duration::ZERO, |it| now - it.min(now));
        LaneStatus {
            lane: number,
            hub: &hub.name,
            partition: &berth.name,
            state,
            lasts: since(trouble.or(berth.lane.in_flight_since())),
            attempts: berth.lane.attempts(),
            next: berth.lane.retry_at().map(|at| at.saturating_duration_since(now)),
            detail: failure.map_or("", |failure| &failure.detail),
        }
    }
}

impl Berth {
    /// A batch was not stored.
    pub(crate) fn failed(&mut self, cause: Cause, detail: &str) {
        self.failure = Some(SendFailure { cause, detail: detail.into() });
    }

    /// Nobody can tell whether it was.
    pub(crate) fn doubt_lasts(&mut self, detail: &str) {
        if let Some(failure) = &mut self.failure {
            failure.detail = detail.into();
        }
    }
}
