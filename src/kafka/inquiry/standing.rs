//! How a group stands: of each partition what is committed, what its log holds, and where a bridge that starts now would go
//! on. Asked for all partitions at once, however many there are: a question of the coordinator, and two or three of each broker.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::thread;
use std::time::{Duration, Instant};

use crate::config::{Kafka, Start};
use crate::kafka::identity::{Label, TopicId};
use crate::kafka::native::Which;
use crate::kafka::span::Span;
use crate::kafka::start::{Doubt, LogExtent, decide};
use crate::record::TopicPartition;

use super::asking::{At, Committed};
use super::{Denied, Inquiry, Topic};

/// What a committed position is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Case {
    /// It is not known what is committed, or what the log holds.
    Unknown,
    /// It is not in the log any more, and held until somebody decides.
    Held,
    /// It is not in the log any more.
    Gone,
    /// It is of an older topic of that name.
    Renewed,
    /// There is none.
    New,
    /// A bridge goes on there.
    Good,
}

impl Case {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Held => "held",
            Self::Gone => "gone",
            Self::Renewed => "renewed",
            Self::New => "new",
            Self::Good => "ok",
        }
    }
}

/// How a partition stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Which one.
    pub partition: TopicPartition,
    /// What is committed.
    pub committed: Option<i64>,
    /// The first offset of the log, and its end.
    pub log: Option<(i64, i64)>,
    /// What the position is worth.
    pub case: Case,
    /// Where a bridge that starts now goes on; `None` where that is not known, or is nowhere.
    pub next: Option<i64>,
    /// Whether it could be known that the position is of an older topic: not if nobody said which topics there are.
    pub is_identified: bool,
    /// What of it a replay reads, where the group is one's.
    pub span: Option<Span>,
    /// What the topic is told by.
    pub(super) topic: Option<TopicId>,
}

impl Standing {
    /// Offsets that are not settled: records, and what else takes one.
    pub fn behind(&self) -> Option<i64> {
        let (first, end) = self.log?;
        Some((end - self.next.unwrap_or(first)).max(0)).filter(|_| self.case != Case::Unknown)
    }

    /// One as a test needs it.
    #[cfg(test)]
    pub(crate) fn sample(
        partition: TopicPartition,
        case: Case,
        committed: Option<i64>,
        log: Option<(i64, i64)>,
    ) -> Self {
        let (next, is_identified, span, topic) = (None, false, None, None);
        Self { partition, committed, log, case, next, is_identified, span, topic }
    }

    /// The same of another topic of that name.
    #[cfg(test)]
    pub(crate) fn of_topic(self, number: i64) -> Self {
        Self { topic: TopicId::new(0, number), ..self }
    }

    /// What tells the topic from another of its name, where Kafka says so.
    pub fn topic_id(&self) -> Option<String> {
        self.topic.map(|id| format!("{id:?}"))
    }

    /// Records that were deleted before they were read, at most.
    pub fn lost(&self) -> i64 {
        match (self.case, self.committed, self.log) {
            (Case::Gone | Case::Held, Some(at), Some((first, _))) => (first - at).max(0),
            _ => 0,
        }
    }
}

/// What was answered for one partition: nothing that is not known is guessed.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    committed: Committed,
    log: Option<(i64, i64)>,
    present: Option<TopicId>,
    is_identified: bool,
    /// Where a partition begins that has no position.
    begin: Option<i64>,
}

impl Inquiry {
    /// How the group stands in each partition of `topics`; those in `unled` are not asked for. Blocks, no longer than `limit`.
    pub fn standings(
        &self,
        kafka: &Kafka,
        topics: &BTreeMap<String, Topic>,
        unled: &BTreeSet<TopicPartition>,
        limit: Duration,
    ) -> Result<Vec<Standing>, Denied> {
        let begun = Instant::now();
        let left = || limit.saturating_sub(begun.elapsed());
        let all = topics.iter().flat_map(|(name, topic)| {
            (0..topic.partitions).map(|number| TopicPartition::new(name.as_str(), number))
        });
        let all = all.collect::<Vec<_>>();
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let committed = self.all_committed(&all, left())?;
        let led = all.iter().filter(|it| !unled.contains(it)).cloned().collect::<Vec<_>>();
        // At once, so that a broker that hangs costs its time once; and a half, so that it leaves something for the next.
        let share = left() / 2;
        let (firsts, ends, present) = thread::scope(|scope| {
            let firsts = scope.spawn(|| self.offsets(&led, Which::First, share));
            let ends = scope.spawn(|| self.offsets(&led, self.end(), share));
            let present = self.identities(topics.keys().map(String::as_str), share);
            let whole = "a panic ends the process";
            (firsts.join().expect(whole), ends.join().expect(whole), present)
        });
        let is_identified = present.is_some();
        let present = present.unwrap_or_default();
        let fresh = all.iter().filter(|it| matches!(committed.get(it), Some(Committed::Nothing)));
        let begins = self.begins(kafka.start, fresh.cloned(), &committed, &ends, left() / 2);
        let stand = |partition: TopicPartition| {
            let log = firsts.get(&partition).copied().flatten();
            let log = log.zip(ends.get(&partition).copied().flatten());
            let begin = match begins.get(&partition) {
                Some(begin) => *begin,
                None => log.map(|(first, _)| first),
            };
            let known = Known {
                committed: committed.get(&partition).copied().unwrap_or_default(),
                log,
                present: present.get(&*partition.topic).copied(),
                is_identified,
                begin,
            };
            known.stand(partition, kafka)
        };
        Ok(all.into_iter().map(stand).collect())
    }

    /// Those of `positions` that are not what is committed now, by name. Blocks, no longer than `limit`.
    pub fn unlike(
        &self,
        positions: &[(&Standing, i64)],
        limit: Duration,
    ) -> Result<Vec<String>, Denied> {
        let all = positions.iter().map(|(standing, _)| standing.partition.clone());
        let now = self.all_committed(&all.collect::<Vec<_>>(), limit)?;
        let is_other = |(Standing { partition, topic, span, .. }, position): &&(&Standing, i64)| {
            let Some(Committed::At(at)) = now.get(partition) else { return true };
            let label = Label { topic: *topic, held: false, span: *span, sent_since: None };
            at.offset != *position || at.label != label
        };
        let other = positions.iter().filter(is_other);
        Ok(other.map(|(standing, _)| standing.partition.to_string()).collect())
    }

    /// Where partitions without a position begin, but for those that begin at their first record: as `start::pin` says.
    fn begins(
        &self,
        start: Start,
        fresh: impl Iterator<Item = TopicPartition>,
        committed: &HashMap<TopicPartition, Committed>,
        ends: &HashMap<TopicPartition, Option<i64>>,
        limit: Duration,
    ) -> HashMap<TopicPartition, Option<i64>> {
        if start == Start::Earliest {
            return HashMap::new();
        }
        // Not known is as good as some: then nothing is guessed.
        let read = committed.iter().filter(|(_, at)| !matches!(at, Committed::Nothing));
        let read = read.map(|(partition, _)| &*partition.topic).collect::<BTreeSet<_>>();
        let told = fresh.filter(|it| !read.contains(&*it.topic)).collect::<Vec<_>>();
        let end = |partition: &TopicPartition| ends.get(partition).copied().flatten();
        let Start::At(time) = start else {
            return told.into_iter().map(|it| (it.clone(), end(&it))).collect();
        };
        let found = self.offsets(&told, Which::At(time), limit);
        let begin = |partition: TopicPartition| {
            let begin = match found.get(&partition) {
                Some(Some(offset)) => Some(*offset),
                // None is as late as the time.
                Some(None) => end(&partition),
                None => None,
            };
            (partition, begin)
        };
        told.into_iter().map(begin).collect()
    }
}

impl Known {
    /// As `start::resolve` does, of what can be known without a fetch.
    fn stand(self, partition: TopicPartition, kafka: &Kafka) -> Standing {
        let committed = match self.committed {
            Committed::At(at) => Some(at),
            Committed::Unknown | Committed::Nothing => None,
        };
        let topic = self.present.or(committed.and_then(|at| at.label.topic));
        let stands = |case, next| Standing {
            partition,
            committed: committed.map(|at| at.offset),
            log: self.log,
            case,
            next,
            is_identified: self.is_identified,
            span: committed.and_then(|at| at.label.span),
            topic,
        };
        let Some((first, end)) = self.log else { return stands(Case::Unknown, None) };
        let At { offset, label: Label { topic: labelled, held, .. } } =
            match (self.committed, self.begin) {
                (Committed::At(at), _) => at,
                (Committed::Nothing, Some(begin)) => {
                    return stands(Case::New, Some(begin.clamp(first, end)));
                }
                _ => return stands(Case::Unknown, None),
            };
        if labelled.zip(self.present).is_some_and(|(of, now)| of != now) {
            return stands(Case::Renewed, Some(first));
        }
        let doubt = if held { Doubt::Held } else { Doubt::Range };
        let verdict = decide(offset, LogExtent { first, end }, doubt, kafka.out_of_range);
        match (held, (first..=end).contains(&offset)) {
            (true, _) => stands(Case::Held, verdict.start),
            (false, true) => stands(Case::Good, verdict.start),
            (false, false) => stands(Case::Gone, verdict.start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{OutOfRange, sample};

    fn stand(known: Known, policy: OutOfRange) -> (Case, Option<i64>, Option<i64>, i64) {
        let mut kafka = sample(|_| {}).kafka;
        kafka.out_of_range = policy;
        let standing = known.stand(TopicPartition::new("t", 0), &kafka);
        (standing.case, standing.next, standing.behind(), standing.lost())
    }

    fn at(offset: i64, topic: i64, held: bool) -> Committed {
        let label = Label { topic: TopicId::new(0, topic), held, span: None, sent_since: None };
        Committed::At(At { offset, label })
    }

    #[test]
    fn what_a_position_is_worth_and_where_a_bridge_goes_on() {
        use OutOfRange::{Earliest, Halt, Latest};
        let log = Some((10, 20));
        let present = TopicId::new(0, 7);
        let known =
            |committed| Known { committed, log, present, is_identified: true, begin: Some(10) };
        for (known, policy, expected) in [
            (known(at(15, 7, false)), Earliest, (Case::Good, Some(15), Some(5), 0)),
            (known(at(20, 7, false)), Earliest, (Case::Good, Some(20), Some(0), 0)),
            // No label: an older bridge, or somebody else, has committed it.
            (known(at(15, 0, false)), Earliest, (Case::Good, Some(15), Some(5), 0)),
            (known(at(4, 7, false)), Earliest, (Case::Gone, Some(10), Some(10), 6)),
            (known(at(4, 7, false)), Latest, (Case::Gone, Some(20), Some(0), 6)),
            (known(at(4, 7, false)), Halt, (Case::Gone, None, Some(10), 6)),
            (known(at(25, 7, false)), Earliest, (Case::Gone, Some(10), Some(10), 0)),
            // The log has grown beyond it meanwhile.
            (known(at(15, 7, true)), Halt, (Case::Held, None, Some(10), 0)),
            (known(at(15, 6, false)), Halt, (Case::Renewed, Some(10), Some(10), 0)),
            (known(Committed::Nothing), Earliest, (Case::New, Some(10), Some(10), 0)),
            (known(Committed::Unknown), Earliest, (Case::Unknown, None, None, 0)),
            (
                Known { log: None, ..known(at(15, 7, false)) },
                Earliest,
                (Case::Unknown, None, None, 0),
            ),
            (
                Known { begin: Some(20), ..known(Committed::Nothing) },
                Latest,
                (Case::New, Some(20), Some(0), 0),
            ),
        ] {
            assert_eq!(stand(known, policy), expected, "{known:?} {policy:?}");
        }
    }
}
