//! The usual scene: one topic of six partitions that goes to one hub of four, records written all the time, an audit.

use eventhubs_local::Server;

use crate::audit::{Audit, Auditor, Place};
use crate::records::Pour;
use crate::{Bridge, Kafka, PATIENCE, Settings, Supply, unique, wait_for};

/// The hub.
pub const HUB: &str = "orders";
/// Partitions of the topic.
pub const PARTITIONS: i32 = 6;

/// A scene while records flow.
pub struct Scene {
    /// What is written to.
    pub topic: String,
    /// Whose positions are audited.
    pub group: String,
    /// Has the hub.
    pub server: Server,
    /// Of a bridge between the two.
    pub settings: Settings,
    /// Of the hub, against the positions.
    pub audit: Audit,
    pour: Option<Pour>,
}

impl Scene {
    /// Some records are there, and more are written.
    pub fn new(kafka: &Kafka, name: &str) -> Self {
        let server = Server::builder().hub(HUB, 4).start().expect("a free port");
        Self::at(kafka, name, server, |group, server| Settings::new(kafka, group, server))
    }

    /// The same with a server that has such a hub. `settings` are those of a group, but for the mapping.
    pub fn at(
        kafka: &Kafka,
        name: &str,
        server: Server,
        settings: impl FnOnce(&str, &Server) -> Settings,
    ) -> Self {
        let (topic, group) = (unique(name), unique("g"));
        let mut supply = Supply::new(kafka, &topic, PARTITIONS);
        supply.write(200);
        let audit = Auditor::of(&topic, PARTITIONS).begin(kafka, &group, &server.hub(HUB));
        let settings = settings(&group, &server).mapping(&topic, HUB);
        Self { topic, group, server, settings, audit, pour: Some(supply.pour()) }
    }

    /// Adds to the settings.
    pub fn with(mut self, text: &str) -> Self {
        self.settings = self.settings.with(text);
        self
    }

    /// Waits until `more` records have come to the hub from now on.
    #[track_caller]
    pub fn wait_more(&self, more: u64) {
        self.audit.wait_records(self.audit.records() + more);
    }

    /// Waits until the hub has no connection: what a dead bridge had sent is stored.
    #[track_caller]
    pub fn wait_alone(&self) {
        wait_for("the connections end", PATIENCE, || {
            self.server.connections().is_empty().then_some(())
        });
    }

    /// Ends the writing, and waits until everything has come over. Gives the ends of the partitions.
    #[track_caller]
    pub fn wait_all(&mut self) -> Vec<i64> {
        let supply = self.pour.take().expect("it ends once").stop();
        self.audit.wait_records(supply.total());
        supply.ends().to_vec()
    }

    /// Ends the writing, lets a last bridge bring everything over, and ends the audit. Gives the duplicates, in order.
    #[track_caller]
    pub fn finish(mut self, bridge: &Bridge) -> Vec<Place> {
        let ends = self.wait_all();
        // Swept, as all that it says.
        bridge.metrics();
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
