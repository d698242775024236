//! `delivery` and `[effectively_once]`, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Duration;

/// How often the event of a record may stand in its hub.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Delivery {
    /// Once, and again after a crash or a lost answer.
    AtLeastOnce,
    /// Once.
    EffectivelyOnce,
}

/// How mappings with `delivery = "effectively_once"` find out what was sent. All members of a group must have the same.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct EffectivelyOnce {
    /// The consumer group of the hubs that is read with.
    #[schemars(extend("default" = "$Default"))]
    pub(in crate::config) consumer_group: Option<String>,
    /// How long a member sends after Kafka has last confirmed that it is one, 1s to 60s. The member that takes over waits as long.
    #[schemars(extend("default" = "5s"))]
    pub(in crate::config) lease: Option<Duration>,
    /// What was sent and not answered is stored within this time, or never, 1s to 5m. It is waited for before the hub is read.
    #[schemars(extend("default" = "5s"))]
    pub(in crate::config) late: Option<Duration>,
    /// How far the clocks of members and of Event Hubs may differ, 0s to 10m. So much more of a hub is read.
    #[schemars(extend("default" = "1m"))]
    pub(in crate::config) clock_skew: Option<Duration>,
    /// Whether the service is asked to recognise a batch that comes again, too (its idempotent producer). Not tried on Azure yet.
    #[schemars(extend("default" = false))]
    pub(in crate::config) idempotent_producer: Option<bool>,
}
