//! The ends that were there at the start, and whether the group has settled everything below them: whoever of it has.
//!
//! It is asked of Kafka, so it is one thing for a bridge of several shards and for several bridges. A partition has arrived when its
//! committed position has, or when nothing is left to read below its end: markers of transactions take offsets, too.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::config::Start;
use crate::kafka::{Case, Oldest, Standing};
use crate::record::TopicPartition;

use super::{CommandError, ReplayPlan, Session};

/// What is still to be settled.
#[derive(Debug, Default)]
pub struct Goal {
    /// Partitions that have not arrived.
    open: BTreeMap<TopicPartition, OpenPartition>,
    /// Where those stood when they were last looked at.
    stood: HashMap<TopicPartition, i64>,
    /// Those that were found to be gone, and nobody has heard of.
    gone: Vec<TopicPartition>,
    records: i64,
    partitions: usize,
}

/// A partition that has not arrived.
#[derive(Debug)]
struct OpenPartition {
    end: i64,
    /// Offsets below its end that are not settled, by the last look that could see it.
    left: i64,
}

/// What came of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoalLook {
    /// Everything is settled.
    Arrived,
    /// So many partitions have not arrived.
    Open(usize),
    /// Some of them cannot be seen in this session: a leader is gone, or a topic.
    Blind,
}

impl Goal {
    /// The ends that are there now; `None` while one is not known.
    pub fn set(session: &mut Session<'_>, limit: Duration) -> Result<Option<Self>, CommandError> {
        session.extend(limit);
        let mut goal = Self::default();
        for standing in session.standings(session.left())? {
            let (Some((_, end)), Some(behind)) = (standing.log, standing.behind()) else {
                return Ok(None);
            };
            goal.records += behind;
            goal.partitions += 1;
            goal.open.insert(standing.partition, OpenPartition { end, left: behind });
        }
        Ok(Some(goal))
    }

    /// What is left of a replay.
    pub fn of(replay: &ReplayPlan) -> Self {
        let open = replay.open().into_iter();
        let open = open.map(|(place, (left, end))| (place, OpenPartition { end, left }));
        let open = open.collect::<BTreeMap<_, _>>();
        let (records, partitions) = (replay.left(), open.len());
        Self { open, records, partitions, ..Self::default() }
    }

    /// Offsets that were to be settled, and partitions.
    pub fn size(&self) -> (i64, usize) {
        (self.records, self.partitions)
    }

    /// Offsets that are settled of them.
    pub fn settled(&self) -> i64 {
        self.records - self.open.values().map(|open| open.left).sum::<i64>()
    }

    /// Partitions that have not arrived, each with the offsets that are left.
    pub fn left(&self) -> impl ExactSizeIterator<Item = (&TopicPartition, i64)> {
        self.open.iter().map(|(partition, open)| (partition, open.left))
    }

    /// Looks what is settled. In a new session, after [`GoalLook::Blind`], topics that are gone need not be waited for.
    pub fn look(
        &mut self,
        session: &mut Session<'_>,
        limit: Duration,
    ) -> Result<GoalLook, CommandError> {
        session.extend(limit);
        let standings = session.standings(session.left() / 2)?;
        let mut stalled = Vec::new();
        let (mut stood, mut blind) = (HashMap::new(), false);
        for standing in standings {
            let Some(open) = self.open.get_mut(&standing.partition) else { continue };
            // Where it begins is not fixed yet: the next bridge could begin later, and skip what comes meanwhile.
            if standing.case == Case::New && session.config.kafka.start != Start::Earliest {
                continue;
            }
            // Kafka forgets positions with their topic, and what a replay was to send is gone with it, too.
            let is_gone = matches!(standing.case, Case::New | Case::Renewed);
            if is_gone && session.config.replay.is_some() {
                self.open.remove(&standing.partition);
                self.gone.push(standing.partition);
                continue;
            }
            match at(&standing) {
                None => blind = true,
                Some(at) if at >= open.end => drop(self.open.remove(&standing.partition)),
                Some(at) => {
                    // A position may be set back meanwhile.
                    open.left = open.left.min(open.end - at);
                    if self.stood.get(&standing.partition) == Some(&at) {
                        stalled.push((standing.partition.clone(), at));
                    }
                    stood.insert(standing.partition, at);
                }
            }
        }
        self.stood = stood;
        for (partition, oldest) in session.inquiry.oldest(&stalled, session.left()) {
            let end = self.open.get(&partition).map(|open| open.end);
            let is_past = match oldest {
                Oldest::Nothing => true,
                Oldest::Record { offset, .. } => end.is_some_and(|end| offset >= end),
            };
            if is_past {
                self.open.remove(&partition);
            }
        }
        Ok(match (self.open.len(), blind) {
            (0, _) => GoalLook::Arrived,
            (_, true) => GoalLook::Blind,
            (open, false) => GoalLook::Open(open),
        })
    }

    /// Partitions of a replay that were found to be gone since this was last asked.
    pub fn take_gone(&mut self) -> Vec<TopicPartition> {
        std::mem::take(&mut self.gone)
    }

    /// Forgets what is of topics that `session` does not know any more.
    pub fn forget_absent(&mut self, session: &Session<'_>) {
        self.open.retain(|partition, _| session.topics.contains_key(&*partition.topic));
    }
}

/// How far everything is settled; of a partition that is held, where it stands.
fn at(standing: &Standing) -> Option<i64> {
    standing.log?;
    standing.next.or(standing.committed)
}
