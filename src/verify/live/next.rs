//! Where a partition, and a hub partition, go on in the next round. Pure.

use crate::eventhubs::PartitionProperties;
use crate::group::PositionTarget;
use crate::kafka::{Case, Standing};

use super::super::plan::offset;
use super::super::state::{HubRange, KafkaRange};

/// The range of a partition in the next round, if it has one: from where the last one ended, or as `from` says, up to what is committed.
/// `found` is the first record at or after the time of `from`, or the end.
pub(super) fn source(
    known: Option<&KafkaRange>,
    at: &Standing,
    from: PositionTarget,
    found: Option<i64>,
) -> Option<KafkaRange> {
    let stays = |known: &KafkaRange| KafkaRange {
        from: known.to,
        next: known.to,
        trimmed: false,
        ..known.clone()
    };
    let Some(log @ (first, end)) = at.log else { return known.map(stays) };
    let committed = match at.case {
        Case::Good | Case::Gone | Case::Held => at.committed.map(|committed| committed.min(end)),
        // Of another topic, or none.
        Case::Renewed | Case::New | Case::Unknown => None,
    };
    let id = at.topic_id();
    let is_same = |known: &&KafkaRange| {
        let other = known.topic_id.as_ref().zip(id.as_ref()).is_some_and(|(was, is)| was != is);
        known.to <= end && !other
    };
    let (topic, partition) = (at.partition.topic.to_string(), at.partition.partition);
    if let Some(known) = known.filter(is_same) {
        let (from, to) = (known.to, committed.unwrap_or(known.to).max(known.to));
        let (trimmed, next) = (first > from && to > from, first.clamp(from, to));
        let topic_id = id.or_else(|| known.topic_id.clone());
        return Some(KafkaRange {
            topic,
            partition,
            from,
            to,
            trimmed,
            next,
            fresh: known.fresh,
            topic_id,
        });
    }
    // A topic that was created again begins at what is committed, and one of which nothing is committed cannot begin.
    let committed = committed?;
    let asked = match from {
        PositionTarget::Shift(_) => committed,
        from => offset(from, log, found)?,
    };
    let from = asked.clamp(first, end);
    let to = committed.max(from);
    let trimmed = first > 0 && from == first && to > from;
    Some(KafkaRange { topic, partition, from, to, trimmed, next: from, fresh: true, topic_id: id })
}

/// What a round reads of a hub partition that reaches so far now, and whether retention has taken what it was to begin with.
pub(super) fn lane(
    known: Option<&HubRange>,
    id: &str,
    found: &PartitionProperties,
) -> (HubRange, Expired) {
    let next = known.and_then(|lane| lane.next);
    let taken = match next {
        Some(next) if next > found.last_sequence + 1 => Expired::All,
        Some(next) if found.first_sequence > next => Expired::Some,
        None if found.first_sequence > 0 => Expired::Some,
        _ => Expired::None,
    };
    let next = next.filter(|_| taken != Expired::All);
    let until = found.last_sequence;
    let done = found.is_empty || next.is_some_and(|next| next > until);
    (HubRange { id: id.to_owned(), until, next, trimmed: None, done }, taken)
}

/// What is not there any more of what is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expired {
    /// All of it is there.
    None,
    /// Retention may have taken its beginning.
    Some,
    /// The hub was created again.
    All,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Start;
    use crate::record::TopicPartition;

    fn standing(case: Case, committed: Option<i64>, log: (i64, i64)) -> Standing {
        Standing::sample(TopicPartition::new("orders", 0), case, committed, Some(log))
    }

    fn range(source: Option<KafkaRange>) -> (i64, i64, i64, bool) {
        let source = source.unwrap();
        (source.from, source.next, source.to, source.fresh)
    }

    fn compared(to: i64) -> KafkaRange {
        let first =
            source(None, &standing(Case::Good, Some(to), (0, to)), PositionTarget::Shift(0), None);
        KafkaRange { fresh: false, ..first.unwrap() }
    }

    #[test]
    fn a_round_goes_from_the_end_of_the_last_one_to_what_is_committed() {
        let committed = PositionTarget::Shift(0);
        let first = source(None, &standing(Case::Good, Some(7), (0, 20)), committed, None);
        assert_eq!(range(first), (7, 7, 7, true));
        let earliest = PositionTarget::Start(Start::Earliest);
        let first = source(None, &standing(Case::Good, Some(7), (2, 20)), earliest, None);
        assert_eq!(range(first), (2, 2, 7, true));
        let at = PositionTarget::Start(Start::At(1));
        let first = |found| source(None, &standing(Case::Good, Some(7), (2, 20)), at, found);
        assert_eq!(range(first(Some(5))), (5, 5, 7, true));
        assert_eq!(range(first(Some(20))), (20, 20, 20, true), "the bridge is not there yet");
        assert!(first(None).is_none(), "kafka did not say");
        let next = |at: &Standing| range(source(Some(&compared(7)), at, committed, None));
        assert_eq!(next(&standing(Case::Good, Some(12), (0, 20))), (7, 7, 12, false));
        assert_eq!(
            next(&standing(Case::Good, Some(3), (0, 20))),
            (7, 7, 7, false),
            "it was set back"
        );
        assert_eq!(
            next(&standing(Case::Gone, Some(12), (15, 20))),
            (7, 12, 12, false),
            "retention"
        );
        assert_eq!(next(&standing(Case::Good, Some(12), (9, 20))), (7, 9, 12, false));
    }

    #[test]
    fn where_nothing_is_committed_nothing_is_compared() {
        let committed = PositionTarget::Shift(0);
        for case in [Case::New, Case::Unknown, Case::Renewed] {
            let at = standing(case, None, (0, 20));
            assert!(source(None, &at, committed, None).is_none());
            assert_eq!(range(source(Some(&compared(7)), &at, committed, None)), (7, 7, 7, false));
        }
        let mut dumb = standing(Case::Unknown, Some(9), (0, 9));
        dumb.log = None;
        assert!(source(None, &dumb, committed, None).is_none());
        assert_eq!(range(source(Some(&compared(7)), &dumb, committed, None)), (7, 7, 7, false));
    }

    #[test]
    fn a_topic_that_was_created_again_begins_again() {
        let again = standing(Case::Good, Some(2), (0, 3));
        let next = source(Some(&compared(7)), &again, PositionTarget::Shift(0), None);
        assert_eq!(range(next), (2, 2, 2, true));
        let known = KafkaRange { topic_id: Some("old".to_owned()), ..compared(7) };
        let longer = standing(Case::Good, Some(9), (0, 9));
        let next = source(Some(&known), &longer.clone(), PositionTarget::Shift(0), None);
        assert_eq!(range(next), (7, 7, 9, false), "kafka names no topic");
        let named = longer.of_topic(5);
        let next = source(Some(&known), &named, PositionTarget::Shift(0), None);
        assert_eq!(range(next), (9, 9, 9, true));
    }

    #[test]
    fn a_hub_partition_is_read_from_where_it_was_read_to() {
        let found = |first_sequence, last_sequence, is_empty| PartitionProperties {
            first_sequence,
            last_sequence,
            last_offset: String::new(),
            last_enqueued_ms: 0,
            is_empty,
        };
        let read = |known: Option<&HubRange>, found: &PartitionProperties| {
            let (lane, taken) = lane(known, "0", found);
            (lane.next, lane.until, lane.done, taken)
        };
        assert_eq!(read(None, &found(0, -1, true)), (None, -1, true, Expired::None));
        assert_eq!(read(None, &found(5, 9, false)), (None, 9, false, Expired::Some));
        let known = lane(None, "0", &found(0, 9, false)).0;
        let known = HubRange { next: Some(10), ..known };
        let next = |first, last| read(Some(&known), &found(first, last, false));
        assert_eq!(next(0, 9), (Some(10), 9, true, Expired::None));
        assert_eq!(next(10, 12), (Some(10), 12, false, Expired::None));
        assert_eq!(next(11, 12), (Some(10), 12, false, Expired::Some));
        assert_eq!(next(0, 3), (None, 3, false, Expired::All));
    }
}
