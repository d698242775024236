//! `[effectively_once]`, checked: how it is found out what was sent.

use bridge_core::once::Terms;

/// `[effectively_once]`
#[derive(Debug, Clone)]
pub struct EffectivelyOnce {
    /// What is taken for granted of other members and of Event Hubs.
    pub terms: Terms,
    /// The consumer group for reading the hubs.
    pub group: String,
    /// Whether the service is asked to recognise a batch that comes again, too.
    pub idempotent_producer: bool,
}

impl Default for EffectivelyOnce {
    fn default() -> Self {
        let group = "$Default".to_owned();
        Self { terms: Terms::default(), group, idempotent_producer: false }
    }
}
