//! When a consumer can not go on.

use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;

use super::EventLoop;
use crate::kafka::{Fatal, advice};
use crate::metrics::Rebalance;

/// Kafka has refused for good when it did nothing else for this long, and this often.
const REFUSED_FOR: Duration = Duration::from_secs(30);
const REFUSED_TIMES: u32 = 3;
/// How long after the end of a session what was sent before it may still be answered.
const ECHO: Duration = Duration::from_mins(2);

impl EventLoop {
    /// Why this consumer can not go on, if it can not.
    pub(super) fn fatal(&self) -> Option<Fatal> {
        if let Some(silent) = self.rebalancer.pump.silence() {
            return Some(silent.into());
        }
        if self.is_led_by_broker
            && !self.rebalancer.membership.is_empty()
            && let Some(away) = self.contact.absence()
        {
            return Some(Fatal::ShutOut(away));
        }
        if let Some((code, detail)) = self.consumer.client().fatal_error() {
            let fenced = code == RDKafkaErrorCode::FencedInstanceId;
            let lost = self.rebalancer.membership.lost_within(ECHO);
            let cannot_lead = self.is_led_by_broker
                && matches!(
                    code,
                    RDKafkaErrorCode::UnsupportedVersion | RDKafkaErrorCode::UnsupportedFeature
                );
            let code = format!("{code:?}");
            return Some(match (fenced, lost) {
                _ if cannot_lead => {
                    let hint = advice::LEADS;
                    Fatal::Refused { code, detail: format!("{detail}; hint: {hint}") }
                }
                (true, true) => Fatal::Outrun { code, detail },
                (true, false) => {
                    let hint = advice::fenced(self.instance.as_deref());
                    Fatal::Refused { code, detail: format!("{detail}; hint: {hint}") }
                }
                (false, _) => Fatal::Broken { code, detail },
            });
        }
        let refusal = self.contact.refusal()?;
        // A member that is in a group waits: credentials are rotated, and a restart would not help.
        let for_good = refusal.since.elapsed() >= REFUSED_FOR
            && refusal.times >= REFUSED_TIMES
            && self.rebalancer.membership.is_untouched()
            && !self.patient;
        for_good
            .then(|| Fatal::Refused { code: refusal.code.clone(), detail: refusal.detail.clone() })
    }

    /// Takes everything from the pump, and says why.
    pub(super) fn end(&mut self, fatal: Fatal) {
        let shard = self.context().shard;
        if let Fatal::Outrun { .. } | Fatal::ShutOut(_) = fatal {
            tracing::warn!(name: "member_ended", shard, "{fatal}");
        } else {
            tracing::error!(name: "member_ended", shard, "{fatal}");
        }
        if let Fatal::ShutOut(_) = fatal {
            self.context().metrics.rebalanced(Rebalance::Lost, Duration::ZERO);
        }
        self.rebalancer.abandon();
        (self.on_fatal)(fatal);
    }
}
