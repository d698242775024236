//! `delivery` and `[effectively_once]`: events that are to stand in their hubs once.

use bridge_core::once::Terms;

use crate::config::path::Path;
use crate::config::raw::{self, Word};
use crate::config::{Delivery, EffectivelyOnce, Events};

use super::Check;

/// The consumer group that every hub has.
const USUAL_GROUP: &str = "$Default";
/// The longest name of a consumer group.
const LONGEST_GROUP: usize = 50;

impl Check<'_> {
    pub(super) fn once(&mut self, given: &raw::EffectivelyOnce) -> EffectivelyOnce {
        let at = Path::top("effectively_once");
        let usual = Terms::default();
        let lease =
            self.duration(&at.key("lease"), given.lease.as_ref(), usual.lease, "1s"..="60s");
        let late = self.duration(&at.key("late"), given.late.as_ref(), usual.late, "1s"..="5m");
        let skew = given.clock_skew.as_ref();
        let skew = self.duration(&at.key("clock_skew"), skew, usual.skew, "0s"..="10m");
        let group = given.consumer_group.as_deref().unwrap_or(USUAL_GROUP).trim();
        if group.is_empty() || group.chars().count() > LONGEST_GROUP || group.contains('/') {
            let why = "a consumer group of Event Hubs has a name of 1 to 50 characters";
            let hint = "give the name of a group of the hubs, as `$Default`";
            self.wrong(&at.key("consumer_group"), "is not a consumer group", why, hint);
        }
        EffectivelyOnce {
            terms: Terms { lease, late, skew, ..usual },
            group: group.to_owned(),
            idempotent_producer: given.idempotent_producer.unwrap_or(false),
        }
    }

    pub(super) fn delivery(
        &mut self,
        at: &Path,
        given: Option<Word<Delivery>>,
        events: &Events,
    ) -> Delivery {
        let Some(Word(Delivery::EffectivelyOnce)) = given else { return Delivery::AtLeastOnce };
        if !events.source_properties {
            self.wrong(
                &at.key("delivery"),
                "is `effectively_once`, but `source_properties` is off",
                "the bridge recognises an event by the properties that name its record",
                "remove `source_properties = false` from `[events]` or from the mapping",
            );
        }
        Delivery::EffectivelyOnce
    }
}
