//! Whether a member without partitions is one. With partitions, rebalances tell.
//!
//! Where the brokers lead the group (KIP-848), librdkafka calls nobody when the coordinator gives a member nothing: it has
//! joined, and the pump would not hear of it. A new pod would never be ready, and a roll-out would wait for it while the old
//! pod keeps the partitions. The epoch of the member says it: it is above 0 from the first heartbeat that was answered until
//! the member is shut out.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;

use super::Rebalancer;
use crate::kafka::contact::Contact;
use crate::kafka::{advice, native};

/// A group takes a member in within a heartbeat; brokers that lead none are never heard of.
const SOON: Duration = Duration::from_secs(15);

impl Rebalancer {
    /// Tells the pump that it is a member without partitions, or is no longer, where the brokers lead the group. It asks to be
    /// one since `asking`.
    pub(in crate::kafka) fn mind_epoch(&mut self, contact: &mut Contact, asking: Option<Instant>) {
        if !self.membership.is_empty() {
            return;
        }
        let was = self.membership.is_idle_member();
        let is = native::member_epoch(&self.consumer) > 0 && contact.absence().is_none();
        match (was, is) {
            (false, true) => {
                contact.welcomed(self.consumer.context());
                self.pump.ask(|pump| pump.assigned(&[]));
                self.membership.join();
                tracing::info!(name: "joined", shard = self.context().shard, "joined the group, without partitions");
            }
            (true, false) => {
                self.pump.ask(|pump| pump.lost(&[]));
                self.membership.session_ended();
                tracing::warn!(
                    shard = self.context().shard,
                    "no longer a member of the group; joining again"
                );
            }
            (false, false)
                if asking.is_some_and(|since| since.elapsed() > SOON)
                    && self.membership.is_untouched() =>
            {
                let detail = format!("hint: {}", advice::LEADS);
                self.context().complain("not a member of the group yet", &detail);
            }
            _ => {}
        }
    }

    /// The coordinator of the group was away for longer than a session. With partitions, librdkafka itself says that they
    /// are lost.
    pub(in crate::kafka) fn mind_absence(&mut self, away: Duration) {
        if !self.membership.is_idle_member() {
            return;
        }
        self.pump.ask(|pump| pump.lost(&[]));
        self.membership.session_ended();
        let away = away.as_secs();
        tracing::warn!(
            name: "membership_lost",
            shard = self.context().shard,
            "the group coordinator has not answered for {away} s, longer than the session timeout. The bridge is no longer a member of the group, and joins again"
        );
    }
}
