//! The usual scene: one topic of six partitions that goes to one hub of four, records written all the time, an audit.

use eventhubs_local::Server;

use crate::support::audit::{Audit, Auditor, Place};
use crate::support::records::Pour;
use crate::support::{Bridge, Kafka, PATIENCE, Settings, Supply, unique, wait_for};

pub(crate) const HUB: &str = "orders";
pub(crate) const PARTITIONS: i32 = 6;

/// A counter, or the sum of several.
pub(crate) fn count(bridge: &Bridge, name: &str, labels: &[&str]) -> u64 {
    bridge.metric(name, labels) as u64
}

pub(crate) struct Scene {
    pub(crate) topic: String,
    pub(crate) group: String,
    pub(crate) server: Server,
    pub(crate) settings: Settings,
    pub(crate) audit: Audit,
    pour: Option<Pour>,
}

impl Scene {
    /// Some records are there, and more are written.
    pub(crate) fn new(kafka: &Kafka, name: &str) -> Self {
        let server = Server::builder().hub(HUB, 4).start().unwrap();
        let (topic, group) = (unique(name), unique("g"));
        let mut supply = Supply::new(kafka, &topic, PARTITIONS);
        supply.write(200);
        let audit = Auditor::of(&topic, PARTITIONS).begin(kafka, &group, &server.hub(HUB));
        let settings = Settings::new(kafka, &group, &server).mapping(&topic, HUB);
        Self { topic, group, server, settings, audit, pour: Some(supply.pour()) }
    }

    pub(crate) fn with(mut self, text: &str) -> Self {
        self.settings = self.settings.with(text);
        self
    }

    /// Waits until `more` records have come to the hub from now on.
    #[track_caller]
    pub(crate) fn wait_more(&self, more: u64) {
        self.audit.wait_records(self.audit.records() + more);
    }

    /// Waits until the hub has no connection: what a dead bridge had sent is stored.
    pub(crate) fn wait_alone(&self) {
        wait_for("the connections end", PATIENCE, || {
            self.server.connections().is_empty().then_some(())
        });
    }

    /// Ends the writing, and waits until everything has come over.
    #[track_caller]
    pub(crate) fn wait_all(&mut self) -> Vec<i64> {
        let supply = self.pour.take().expect("it ends once").stop();
        self.audit.wait_records(supply.total());
        supply.ends().to_vec()
    }

    /// Ends the writing, lets a last bridge bring everything over, and ends the audit. Gives the duplicates, in order.
    #[track_caller]
    pub(crate) fn finish(mut self, bridge: &Bridge) -> Vec<Place> {
        let ends = self.wait_all();
        bridge.wait_ready(200);
        // The last one may have to send again what an earlier one had sent and not committed.
        wait_for("everything is committed", PATIENCE, || {
            self.audit.uncommitted().is_empty().then_some(())
        });
        bridge.stop();
        let mut duplicates = self.audit.finish(&ends).duplicates;
        duplicates.sort_unstable();
        duplicates
    }
}
