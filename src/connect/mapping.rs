//! What a topic and its hub are to each other. Pure.

use crate::config::{Failure, Mapping, Partitioning, Policy, TooLarge};
use crate::eventhubs::encode::{self, Layout};
use crate::eventhubs::parts;
use crate::kafka::Limit;
use crate::route::{Misfit, Route};

use super::cluster::TopicFacts;
use super::hub::Facts;
use super::report::{MappedTopic, Outcome, StepResult};

/// The longest partition key that is put on a batch, in bytes.
const KEY: usize = 128 * 3;

/// Judges what is known; what is not known was said elsewhere.
pub(super) fn judge(
    topic: &str,
    route: &Route,
    topic_facts: Option<&TopicFacts>,
    hub: Option<&Facts>,
) -> MappedTopic {
    let limit = topic_facts.and_then(|facts| facts.limit);
    let largest = limit.map(|limit| limit.bytes + overhead(topic, route));
    let said = match (topic_facts, hub) {
        (Some(topic), Some(hub)) => together(route, topic.partitions, limit.zip(largest), hub),
        (None, Some(_)) => StepResult::new(Outcome::Skipped, "the topic is unknown"),
        (Some(_), None) => StepResult::new(Outcome::Skipped, "the hub is unknown"),
        (None, None) => StepResult::new(Outcome::Skipped, "topic and hub are unknown"),
    };
    MappedTopic {
        mapping: route.mapping,
        topic: Some(topic.to_owned()),
        namespace: route.namespace.to_string(),
        hub: route.hub.to_string(),
        partitioning: route.partitioning.to_string(),
        kafka_partitions: topic_facts.map(|facts| facts.partitions),
        hub_partitions: hub.map(|hub| hub.partitions),
        max_message_bytes: limit.map(|limit| limit.bytes),
        largest_event: largest,
        event_limit: hub.map(|hub| hub.limit),
        outcome: said.outcome,
        detail: said.detail,
        hint: said.hint,
    }
}

/// A mapping whose pattern matches nothing, as far as is known.
pub(super) fn idle(index: usize, mapping: &Mapping, looked: bool) -> MappedTopic {
    let (outcome, detail) = match looked {
        true => (Outcome::Note, "no topic matches yet"),
        false => (Outcome::Skipped, "the topics are unknown"),
    };
    MappedTopic {
        mapping: index,
        topic: None,
        namespace: mapping.namespace.clone(),
        hub: mapping.hub.clone(),
        partitioning: mapping.partitioning.to_string(),
        kafka_partitions: None,
        hub_partitions: None,
        max_message_bytes: None,
        largest_event: None,
        event_limit: None,
        outcome,
        detail: detail.to_owned(),
        hint: None,
    }
}

/// Bytes an event has beyond its record.
fn overhead(topic: &str, route: &Route) -> u64 {
    let key = "k".repeat(KEY);
    let key = (route.partitioning == Partitioning::Gateway).then_some(key.as_str());
    let envelope = encode::envelope_size(key);
    (encode::overhead(topic, &Layout::new(&route.events)) + envelope) as u64
}

fn together(route: &Route, partitions: i32, size: Option<(Limit, u64)>, hub: &Facts) -> StepResult {
    if let Err(misfit) = route.fits(partitions - 1, hub.partitions) {
        return StepResult::new(Outcome::Refused, misfit.to_string()).hint(Misfit::HINT);
    }
    let Some((Limit { bytes, is_default }, largest)) = size else {
        return StepResult::ok("the sizes could not be compared");
    };
    if largest <= hub.limit {
        return StepResult::ok("");
    }
    // Without a figure of its own, so that many mappings of one kind say the same.
    let detail = format!(
        "the topic accepts records of up to {bytes} bytes, which are larger as events; the hub accepts {}: {}",
        hub.limit,
        fate(&route.failure)
    );
    // Hardly anybody has set it with a record in mind, and it is beyond the hub's by a few bytes.
    let is_cared_for = match route.failure.too_large {
        TooLarge::Policy => false,
        TooLarge::ClaimCheck(_) => true,
        TooLarge::Split => {
            let layout = Layout::new(&route.events);
            bytes <= parts::longest((largest - bytes) as usize, &layout, hub.limit as usize) as u64
        }
    };
    if is_default || is_cared_for {
        return StepResult::ok(detail);
    }
    StepResult::new(Outcome::Warning, detail).hint(
        "lower `max.message.bytes`, use a tier with larger events, or choose a `failure.policy`",
    )
}

/// What becomes of a record that is too large.
fn fate(failure: &Failure) -> String {
    match failure.too_large {
        TooLarge::Policy => {}
        TooLarge::ClaimCheck(_) => {
            return "the value of a larger record goes to a blob (`claim_check`)".to_owned();
        }
        TooLarge::Split => {
            return format!(
                "the value of a larger record goes in up to {} parts (`split`)",
                parts::MOST
            );
        }
    }
    match (failure.policy, &failure.dead_letter_topic) {
        (Policy::Halt, _) => "a larger record stops its partition (`halt`)".to_owned(),
        (Policy::DeadLetter, Some(topic)) => {
            format!("a larger record goes to `{topic}` (`dead_letter`)")
        }
        (Policy::DeadLetter, None) => {
            "a larger record becomes a dead letter (`dead_letter`)".to_owned()
        }
        (Policy::Drop, _) => "a larger record is dropped and counted (`drop`)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, sample};
    use crate::route::Router;

    const MIB: u64 = 1 << 20;

    fn judged(change: impl FnOnce(&mut Config), partitions: i32, bytes: u64) -> MappedTopic {
        let route = Router::new(&sample(change).mappings).routes("orders").remove(0);
        let limit = Some(Limit { bytes, is_default: false });
        let hub = Facts { partitions: 4, limit: MIB };
        judge("orders", &route, Some(&TopicFacts { partitions, limit }), Some(&hub))
    }

    #[test]
    fn a_topic_that_outgrows_its_hub_is_told_with_both_numbers_and_what_follows() {
        let good = judged(|_| {}, 12, MIB / 2);
        assert_eq!((good.outcome, good.detail.as_str()), (Outcome::Ok, ""));
        // It is the event that has to fit, not the record.
        let tight = judged(|_| {}, 12, MIB);
        assert_eq!(tight.outcome, Outcome::Warning);
        assert!(
            tight.detail.contains("1048576") && tight.detail.contains("`halt`"),
            "{}",
            tight.detail
        );
        let dropped =
            judged(|config| config.mappings[0].failure.policy = Policy::Drop, 12, 2 * MIB);
        assert!(
            dropped.detail.contains("2097152") && dropped.detail.contains("`drop`"),
            "{}",
            dropped.detail
        );
        let bare = judged(|config| config.mappings[0].events.source_properties = false, 12, MIB);
        assert!(bare.largest_event < tight.largest_event);
    }

    #[test]
    fn values_in_parts_are_cared_for_as_long_as_they_are_few_enough() {
        let split = |bytes| {
            judged(|config| config.mappings[0].failure.too_large = TooLarge::Split, 12, bytes)
        };
        let few = split(32 * MIB);
        assert_eq!(few.outcome, Outcome::Ok);
        assert!(few.detail.contains("64 parts (`split`)"), "{}", few.detail);
        assert_eq!(split(64 * MIB).outcome, Outcome::Warning);
    }

    #[test]
    fn what_kafka_does_by_itself_is_not_worth_a_word() {
        let route = Router::new(&sample(|_| {}).mappings).routes("orders").remove(0);
        let limit = Some(Limit { bytes: 1_048_588, is_default: true });
        let hub = Facts { partitions: 4, limit: MIB };
        let pair = judge("orders", &route, Some(&TopicFacts { partitions: 1, limit }), Some(&hub));
        assert_eq!(pair.outcome, Outcome::Ok, "{}", pair.detail);
    }

    #[test]
    fn a_partition_without_a_place_is_a_refusal() {
        let mirror = |config: &mut Config| config.mappings[0].partitioning = Partitioning::Mirror;
        assert_eq!(judged(mirror, 4, 1).outcome, Outcome::Ok);
        let pair = judged(mirror, 5, 1);
        assert_eq!(pair.outcome, Outcome::Refused);
        assert_eq!(pair.hint.as_deref(), Some(Misfit::HINT));
    }

    #[test]
    fn what_is_not_known_is_not_judged() {
        let route = Router::new(&sample(|_| {}).mappings).routes("orders").remove(0);
        let pair = judge("orders", &route, None, None);
        assert_eq!((pair.outcome, pair.kafka_partitions), (Outcome::Skipped, None));
        let topic = TopicFacts { partitions: 2, limit: None };
        let hub = Facts { partitions: 4, limit: MIB };
        let pair = judge("orders", &route, Some(&topic), Some(&hub));
        assert_eq!((pair.outcome, pair.largest_event), (Outcome::Ok, None));
    }
}
