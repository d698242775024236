use std::sync::Arc;

use super::*;
use crate::action::Action;
use crate::core::Admitted;
use crate::mapping::{Topics, sample};
use crate::record::{Position, TopicPartition};
use crate::route::Router;

/// It is settled where it was read, whatever it says, and goes by the mappings that are meant and no others.
#[test]
fn a_record_may_be_read_elsewhere_than_it_says_and_go_by_some_of_the_ways() {
    let mapping = |hub: &str| {
        let topics = Topics::Named(vec!["dead".to_owned()]);
        crate::mapping::Mapping { topics, hub: hub.to_owned(), ..sample() }
    };
    let router = Router::new(&[mapping("one"), mapping("two")]);
    let mut core = Core::new(Arc::new(router), 1 << 20);
    let now = Instant::now();
    let place = TopicPartition::new("dead", 0);
    core.assign(&place, now);
    for (lane, hub) in ["one", "two"].into_iter().enumerate() {
        core.hub_known("default", hub, &["0".to_owned()], now);
        core.lane_ready(lane, 1 << 20);
    }
    drop(core.take_actions());
    let (key, value, headers) = (None, Some(&b"v"[..]), &[][..]);
    let (timestamp, topic) = (None, "orders");
    let mut admit = |offset, by: &[usize]| {
        let record =
            Record { topic, partition: 3, offset: 99 - offset, timestamp, key, value, headers };
        let at = Read { topic: "dead", partition: 0, offset, by: Some(by) };
        assert_eq!(core.admit_read(&at, &record, now), Admitted::Taken);
    };
    admit(5, &[1]);
    admit(6, &[]);
    admit(7, &[1]);
    let later = now + Duration::from_secs(1);
    core.dispatch(later);
    let sent = core.take_actions().into_iter().filter_map(|action| match action {
        Action::Send { lane, .. } => Some(lane),
        _ => None,
    });
    assert_eq!(sent.collect::<Vec<_>>(), [1], "one batch, to the second hub");
    core.settled(1, Ok(()), 0.5, later, 0);
    assert_eq!(core.positions_to_commit(), [(place, Position(8).into())]);
}
