//! Records that are written all the time, from a topic of their own to a hub, and an audit: while something is changed
//! that nobody downstream should notice.

use std::sync::Arc;

use eventhubs_local::Hub;

use super::audit::{Audit, Auditor};
use super::records::Pour;
use super::{Bridge, Kafka, PATIENCE, Settings, Supply, unique, wait_for};

const PARTITIONS: i32 = 4;

/// One topic, one hub.
pub struct Flow {
    /// Of a bridge between the two.
    pub settings: Settings,
    audit: Audit,
    pour: Pour,
}

impl Flow {
    /// Begins to write. `settings` are those of a group, but for the mapping.
    pub fn begin(kafka: &Kafka, hub: &Arc<Hub>, settings: impl FnOnce(&str) -> Settings) -> Self {
        let (topic, group) = (unique("flow"), unique("g"));
        let mut supply = Supply::new(kafka, &topic, PARTITIONS);
        supply.write(200);
        let audit = Auditor::of(&topic, PARTITIONS).begin(kafka, &group, hub);
        let settings = settings(&group).mapping(&topic, hub.name());
        Self { settings, audit, pour: supply.pour() }
    }

    #[track_caller]
    pub fn wait_more(&self, more: u64) {
        self.audit.wait_records(self.audit.records() + more);
    }

    /// Ends the writing; everything has come, in order, once, and everything is committed.
    #[track_caller]
    pub fn finish(self, bridge: &Bridge) {
        let supply = self.pour.stop();
        self.audit.wait_records(supply.total());
        wait_for("everything is committed", PATIENCE, || {
            self.audit.uncommitted().is_empty().then_some(())
        });
        bridge.metrics();
        bridge.wait_ready(200);
        bridge.stop();
        assert_eq!(self.audit.finish(supply.ends()).duplicates, []);
    }
}
