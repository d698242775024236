//! A committed position that is not in the log any more: where to go on, and what that costs.
//!
//! | `kafka.out_of_range` | goes on |
//! |---|---|
//! | `earliest` | at the first record there is: nothing that can be read is missed, some may come again |
//! | `latest` | at the end: nothing comes again, what can still be read is skipped |
//! | `halt` | not at all, until somebody decides |
//!
//! Where the point is known at which an unclean election cut the log off, it is better than both: what stands below it is
//! delivered, and what stands above it is new. It is known only when the log still has records of the very leader that wrote
//! the last one below the position: one leader writes an epoch, so up to their end the two logs are one. The end of an
//! *older* epoch says less. The log may have gone its own way before, and whoever went on there could miss records.
//!
//! A position that is held is marked in the group: the log may grow beyond it meanwhile, and then it would seem to be good.

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::{ANSWER, Starts};
use crate::config::OutOfRange;
use crate::kafka::context::Context;
use crate::kafka::identity::TopicId;
use crate::kafka::pump_link::PumpLink;
use crate::kafka::span::Span;
use crate::metrics::PositionGone;
use crate::record::{Position, TopicPartition};

/// Why a committed position is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kafka) enum Doubt {
    /// A fetch found it out of range.
    Range,
    /// It was out of range before, and held for that.
    Held,
    /// The log was cut below it, at this offset if known.
    Cut(Option<i64>),
    /// It is of an older topic of that name.
    Recreated,
}

impl Doubt {
    /// Reads librdkafka's words, the only place where the offset of a cut is to be had.
    pub(in crate::kafka) fn of(detail: &str) -> Self {
        let after = |words: &str| {
            let number = detail.split_once(words)?.1;
            number.split([' ', ')']).next()?.parse::<i64>().ok()
        };
        match () {
            () if detail.contains("truncation detected") => {
                let (ours, theirs) = (after("(leader epoch "), after("(offset leader epoch "));
                Self::Cut(
                    after("broker end offset is ").filter(|_| ours.is_some() && ours == theirs),
                )
            }
            () if detail.contains("No epoch found") => Self::Cut(None),
            () => Self::Range,
        }
    }
}

/// What a partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kafka) struct LogExtent {
    pub(in crate::kafka) first: i64,
    pub(in crate::kafka) end: i64,
}

/// Where to go on, and what it costs at most: offsets have holes, and not all that comes again came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kafka) struct GoneVerdict {
    /// `None` is nowhere.
    pub(in crate::kafka) start: Option<i64>,
    /// Records that are in the log no more, and were not read.
    pub(in crate::kafka) lost: i64,
    /// Records in the log that are not read.
    pub(in crate::kafka) skipped: i64,
    /// Records that may come again.
    pub(in crate::kafka) again: i64,
}

/// What follows for a position that may not exist.
pub(in crate::kafka) fn decide(
    committed: i64,
    log: LogExtent,
    doubt: Doubt,
    policy: OutOfRange,
) -> GoneVerdict {
    let LogExtent { first, end } = log;
    let nothing = GoneVerdict { start: Some(committed), lost: 0, skipped: 0, again: 0 };
    if doubt == Doubt::Range && (first..=end).contains(&committed) {
        return nothing;
    }
    let lost = (first - committed).max(0);
    match (policy, doubt) {
        (OutOfRange::Halt, _) => GoneVerdict { start: None, lost, ..nothing },
        (_, Doubt::Cut(Some(cut))) if cut <= end => {
            let cut = cut.min(committed);
            GoneVerdict { start: Some(cut.max(first)), lost: (first - cut).max(0), ..nothing }
        }
        (OutOfRange::Earliest, _) => {
            let again = if lost > 0 { 0 } else { committed.min(end) - first };
            GoneVerdict { start: Some(first), lost, again: again.max(0), skipped: 0 }
        }
        (OutOfRange::Latest, _) => {
            GoneVerdict { start: Some(end), lost, skipped: (end - first).max(0), again: 0 }
        }
    }
}

/// A position in doubt.
#[derive(Debug, Clone)]
pub(super) struct GoneCase {
    pub(super) partition: TopicPartition,
    pub(super) committed: i64,
    pub(super) doubt: Doubt,
    pub(super) topic: Option<TopicId>,
    pub(super) span: Option<Span>,
}

impl Starts {
    /// Where it goes on; `Ok(Err)` is held, and why.
    pub(super) fn readable(
        &self,
        pump: &mut PumpLink,
        case: &GoneCase,
    ) -> Result<Result<i64, String>, KafkaError> {
        let GoneCase { partition, committed, doubt, .. } = case;
        let (topic, number) = (&partition.topic, partition.partition);
        let (first, end) = self.consumer.fetch_watermarks(topic, number, ANSWER)?;
        let verdict = decide(*committed, LogExtent { first, end }, *doubt, self.out_of_range);
        let Some(start) = verdict.start else {
            if *doubt == Doubt::Range {
                self.note(pump, case, *committed, true).map_err(KafkaError::ConsumerCommit)?;
            }
            return Ok(Err(held(*committed, LogExtent { first, end })));
        };
        if start == end && start != *committed {
            // Before anything is read: after a crash the end would be further on, and more would be skipped.
            self.note(pump, case, start, false).map_err(KafkaError::ConsumerCommit)?;
        }
        tell(self.context(), case, LogExtent { first, end }, start, verdict);
        Ok(Ok(start))
    }

    /// Commits where a partition stands, before it is read.
    fn note(
        &self,
        pump: &mut PumpLink,
        case: &GoneCase,
        at: i64,
        held: bool,
    ) -> Result<(), RDKafkaErrorCode> {
        let partitions = [case.partition.clone()];
        let commits = &self.committer.commits;
        commits.assign(&partitions);
        if let Some(topic) = case.topic {
            commits.belongs(&case.partition, topic);
        }
        if let Some(span) = case.span {
            commits.spans(&case.partition, span);
        }
        if held {
            commits.is_held(&case.partition);
        }
        let position = [(case.partition.clone(), Position(at).into())];
        let result = self.committer.now(pump, &position, ANSWER);
        commits.release(&partitions);
        result
    }
}

fn held(committed: i64, log: LogExtent) -> String {
    let LogExtent { first, end } = log;
    format!(
        "the committed position {committed} is no longer in the log, which holds {first} to {end}, and `kafka.out_of_range` is `halt`; hint: stop the bridge and set the position of the group (`offsets set --to …`), or set `kafka.out_of_range` to `earliest` or `latest`"
    )
}

fn tell(context: &Context, case: &GoneCase, log: LogExtent, start: i64, verdict: GoneVerdict) {
    let GoneVerdict { lost, skipped, again, .. } = verdict;
    let GoneCase { partition, committed, doubt, .. } = case;
    let (topic, committed) = (&*partition.topic, *committed);
    if start == committed && skipped == 0 {
        return;
    }
    let count = |records: i64| u64::try_from(records).unwrap_or_default();
    if lost > 0 {
        context.metrics.records_expired(topic, count(lost));
        tracing::error!(
            name: "records_expired",
            topic,
            partition = partition.partition,
            committed,
            start,
            lost,
            skipped,
            "retention deleted records before they were read: offsets {committed} to {} are lost; reading continues at {start}",
            committed + lost - 1
        );
    } else {
        tracing::error!(
            name: "position_gone",
            topic,
            partition = partition.partition,
            committed,
            start,
            end = log.end,
            skipped,
            again,
            ?doubt,
            "the committed position {committed} no longer exists (the log was truncated, or the topic created again): reading continues at {start}. At most {skipped} records are skipped, and {again} are sent again"
        );
    }
    context.metrics.position_gone(topic, PositionGone::Skipped, count(skipped));
    context.metrics.position_gone(topic, PositionGone::Again, count(again));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(start: impl Into<Option<i64>>, lost: i64, skipped: i64, again: i64) -> GoneVerdict {
        GoneVerdict { start: start.into(), lost, skipped, again }
    }

    #[test]
    fn the_first_record_there_is_misses_nothing_readable() {
        let cases = [
            // committed, first, end, doubt: start, lost, skipped, again
            (50, 0, 100, Doubt::Range, verdict(50, 0, 0, 0)),
            (50, 70, 100, Doubt::Range, verdict(70, 20, 0, 0)),
            (100, 70, 100, Doubt::Range, verdict(100, 0, 0, 0)),
            (150, 0, 100, Doubt::Range, verdict(0, 0, 0, 100)),
            // The log has grown beyond it meanwhile.
            (90, 20, 100, Doubt::Held, verdict(20, 0, 0, 70)),
            (150, 20, 100, Doubt::Cut(Some(90)), verdict(90, 0, 0, 0)),
            (80, 20, 100, Doubt::Cut(Some(90)), verdict(80, 0, 0, 0)),
            (150, 95, 100, Doubt::Cut(Some(90)), verdict(95, 5, 0, 0)),
            (150, 20, 100, Doubt::Cut(Some(120)), verdict(20, 0, 0, 80)),
            (150, 20, 100, Doubt::Cut(None), verdict(20, 0, 0, 80)),
        ];
        for (committed, first, end, doubt, expected) in cases {
            let log = LogExtent { first, end };
            let decided = decide(committed, log, doubt, OutOfRange::Earliest);
            assert_eq!(decided, expected, "{committed} {log:?} {doubt:?}");
        }
    }

    #[test]
    fn the_end_is_chosen_only_where_nothing_better_is_known() {
        let log = LogExtent { first: 20, end: 100 };
        for (committed, doubt, expected) in [
            (50, Doubt::Range, verdict(50, 0, 0, 0)),
            (5, Doubt::Range, verdict(100, 15, 80, 0)),
            (150, Doubt::Range, verdict(100, 0, 80, 0)),
            (150, Doubt::Cut(Some(90)), verdict(90, 0, 0, 0)),
            (150, Doubt::Cut(None), verdict(100, 0, 80, 0)),
        ] {
            assert_eq!(decide(committed, log, doubt, OutOfRange::Latest), expected, "{doubt:?}");
        }
    }

    #[test]
    fn who_wants_to_be_asked_is() {
        let log = LogExtent { first: 20, end: 100 };
        let decided = |committed, doubt| decide(committed, log, doubt, OutOfRange::Halt).start;
        assert_eq!(decided(50, Doubt::Range), Some(50));
        for (committed, doubt) in [
            (5, Doubt::Range),
            (150, Doubt::Range),
            (50, Doubt::Held),
            (150, Doubt::Cut(Some(90))),
            (50, Doubt::Cut(None)),
        ] {
            assert_eq!(decided(committed, doubt), None, "{committed} {doubt:?}");
        }
    }

    #[test]
    fn the_cut_is_read_from_the_words_of_the_client() {
        let cut = |theirs: i32| {
            Doubt::of(&format!(
                "Partition log truncation detected at offset 150 (leader epoch 3): broker end offset is 90 (offset \
                 leader epoch {theirs}). Reset to INVALID."
            ))
        };
        assert_eq!(cut(3), Doubt::Cut(Some(90)));
        // The log has nothing of that leader: it may have gone its own way even before 90.
        assert_eq!(cut(2), Doubt::Cut(None));
        let unknown = "No epoch found less or equal to offset 5: broker end offset is -1 (offset leader epoch -1).";
        assert_eq!(Doubt::of(unknown), Doubt::Cut(None));
        assert_eq!(Doubt::of("fetch failed due to requested offset not available"), Doubt::Range);
    }
}
