//! The lanes of a namespace.

use super::LaneSender;
use crate::eventhubs::{LaneEvent, Lease, NamespaceClient, Target};

impl NamespaceClient {
    /// A lane. Nothing is attached before the first batch is sent. `tell` hears of the link and of the end of every
    /// send, on a task of the runtime.
    pub fn lane(
        &self,
        hub: &str,
        target: Target,
        tell: impl FnMut(LaneEvent) + Send + 'static,
    ) -> LaneSender {
        self.lane_within(None, hub, target, tell)
    }

    /// The same of a lane that sends while its lease lasts. What is under way when that is over is given up with its
    /// connection.
    pub fn lane_within(
        &self,
        lease: Option<Lease>,
        hub: &str,
        target: Target,
        tell: impl FnMut(LaneEvent) + Send + 'static,
    ) -> LaneSender {
        super::new(self.clone(), self.number(), lease, hub, &target, Box::new(tell))
    }
}
