//! `[effectively_once]`, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Duration;

/// How mappings with `delivery = "effectively_once"` find out what was sent. All members of a group need the same values.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct EffectivelyOnce {
    /// The consumer group for reading the hubs.
    #[schemars(extend("default" = "$Default"))]
    pub(in crate::config) consumer_group: Option<String>,
    /// How long a member sends after Kafka last confirmed its membership, 1s to 60s. The member that takes over waits as long.
    #[schemars(extend("default" = "5s"))]
    pub(in crate::config) lease: Option<Duration>,
    /// An event without an answer is stored within this time, or never, 1s to 5m. The bridge waits that long before it
    /// reads the hub.
    #[schemars(extend("default" = "5s"))]
    pub(in crate::config) late: Option<Duration>,
    /// How far the clocks of members and of Event Hubs may differ, 0s to 10m. The bridge reads that much more of a hub.
    #[schemars(extend("default" = "1m"))]
    pub(in crate::config) clock_skew: Option<Duration>,
    /// Whether the service also detects a repeated batch (its idempotent producer). Not tried on Azure yet.
    #[schemars(extend("default" = false))]
    pub(in crate::config) idempotent_producer: Option<bool>,
}
