//! What `verify --live` tells Prometheus: of a process of its own, so a page of its own.

use std::fmt;

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Registry, TextEncoder};

use super::families::{HUB, counter, gauge, process, seconds};
use super::{RoundOutcome, clamp};

/// What has been found.
pub struct Verified {
    pub(super) registry: Registry,
    rounds: IntCounterVec,
    records: IntCounterVec,
    events: IntCounterVec,
    faults: IntCounterVec,
    unproven: IntCounterVec,
    until: GaugeVec,
    waiting: IntGaugeVec,
    uncommitted: IntGaugeVec,
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").finish_non_exhaustive()
    }
}

impl Default for Verified {
    fn default() -> Self {
        let registry = Registry::new();
        let to = &registry;
        let labels = &[HUB, &["delivery", "fault"]].concat();
        let verified = Self {
            rounds: counter(to, "verify_rounds_total", &["outcome"], "Rounds, by outcome."),
            records: counter(
                to,
                "verify_records_compared_total",
                &[],
                "Records that were compared.",
            ),
            events: counter(to, "verify_events_compared_total", &[], "Events that were compared."),
            faults: counter(to, "verify_faults_total", labels, "Faults that were found, by kind."),
            unproven: counter(
                to,
                "verify_unproven_total",
                &["reason"],
                "Records and events that cannot be compared, by reason.",
            ),
            until: seconds(
                to,
                "verify_compared_timestamp_seconds",
                &[],
                "Time up to which committed records are compared, in seconds since the Unix epoch.",
            ),
            waiting: gauge(
                to,
                "verify_waiting_events",
                &[],
                "Events that were read, but whose records are not committed yet.",
            ),
            uncommitted: gauge(
                to,
                "verify_partitions_without_position",
                &[],
                "Partitions without a committed position, of which nothing is compared.",
            ),
            registry,
        };
        process(&verified.registry);
        verified.start_at_zero();
        verified
    }
}

/// No label has a value.
const ALONE: &[&str] = &[];

impl Verified {
    fn start_at_zero(&self) {
        for outcome in RoundOutcome::ALL {
            self.rounds.with_label_values(&[outcome.as_str()]);
        }
        for reason in ["no_record", "expired", "unplaced"] {
            self.unproven.with_label_values(&[reason]);
        }
        self.records.with_label_values(ALONE);
        self.events.with_label_values(ALONE);
    }

    /// A round is over, or could not be ended: `bridge_verify_rounds_total{outcome}` with outcome `good|faults|failed`.
    pub fn round(&self, outcome: RoundOutcome) {
        self.rounds.with_label_values(&[outcome.as_str()]).inc();
    }

    /// So much was compared, of what was committed by that Unix time: `bridge_verify_records_compared_total`,
    /// `bridge_verify_events_compared_total`, `bridge_verify_compared_timestamp_seconds`.
    pub fn compared(&self, records: u64, events: u64, until: f64) {
        self.records.with_label_values(ALONE).inc_by(records);
        self.events.with_label_values(ALONE).inc_by(events);
        self.until.with_label_values(ALONE).set(until);
    }

    /// So many faults were found at a hub, which may be none: `bridge_verify_faults_total{eventhubs_namespace,hub,delivery,fault}`.
    pub fn faults(
        &self,
        (namespace, hub): (&str, &str),
        once: bool,
        fault: &'static str,
        count: u64,
    ) {
        let delivery = if once { "effectively_once" } else { "at_least_once" };
        self.faults.with_label_values(&[namespace, hub, delivery, fault]).inc_by(count);
    }

    /// What cannot be told: `bridge_verify_unproven_total{reason}` with reason `no_record|expired|unplaced`.
    pub fn unproven(&self, reason: &'static str, count: u64) {
        self.unproven.with_label_values(&[reason]).inc_by(count);
    }

    /// What is for a round to come: `bridge_verify_waiting_events`, `bridge_verify_partitions_without_position`.
    pub fn left(&self, waiting: u64, uncommitted: usize) {
        self.waiting.with_label_values(ALONE).set(clamp(waiting));
        self.uncommitted.with_label_values(ALONE).set(clamp(uncommitted as u64));
    }

    /// The page for Prometheus.
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}
