//! How far a group is behind: in records, and in the time since the first of them was written.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::kafka::{Case, Group, Oldest, Standing};

use super::{CommandError, Session};

/// A group, and how it stands in each partition.
#[derive(Debug)]
pub struct Lag {
    /// Its name.
    pub name: String,
    /// What it is doing, and who is in it.
    pub group: Group,
    /// The worst first, or in the order of their names if it was not asked how old the records are.
    pub partitions: Vec<Behind>,
    /// Topics that a mapping names and Kafka does not have.
    pub missing: Vec<String>,
    /// Whether it was asked how old the records are.
    pub timed: bool,
}

/// How far a partition is behind.
#[derive(Debug, Clone)]
pub struct Behind {
    /// How it stands.
    pub standing: Standing,
    /// When the first record was written that is not settled, in milliseconds since the Unix epoch.
    pub oldest: Option<i64>,
    /// For how long that is so.
    pub age: Option<Duration>,
    /// Offsets that are not settled; `None` is not known.
    pub records: Option<i64>,
}

impl Behind {
    fn new(standing: Standing, oldest: Option<Oldest>, now: i64) -> Self {
        let records = match oldest {
            Some(Oldest::Nothing) => Some(0),
            _ => standing.behind(),
        };
        let oldest = match oldest {
            Some(Oldest::Record { time, .. }) => time,
            _ => None,
        };
        // A clock of somebody else may be ahead of ours.
        let age = oldest.map(|time| now.saturating_sub(time).max(0).unsigned_abs());
        Self { standing, oldest, age: age.map(Duration::from_millis), records }
    }

    /// Whether somebody should look at it: not that it is behind, but that its position does not count.
    pub fn is_troubled(&self) -> bool {
        !matches!(self.standing.case, Case::Good | Case::New)
    }

    /// Whether nothing is to be told of it.
    pub fn is_caught_up(&self) -> bool {
        !self.is_troubled() && self.records == Some(0)
    }
}

impl Lag {
    /// Asks; with `timed`, one record is read of each partition that is behind.
    pub fn ask(session: &Session<'_>, timed: bool) -> Result<Self, CommandError> {
        let group = session.inquiry.group(session.left() / 2);
        let group = group.map_err(|denied| CommandError::of_group(session.group(), &denied))?;
        let standings = session.standings(session.left() / 2)?;
        let open = standings.iter().filter(|it| timed && it.behind().is_some_and(|it| it > 0));
        let from = |it: &Standing| {
            let (first, _) = it.log?;
            Some((it.partition.clone(), it.next.unwrap_or(first)))
        };
        let open = open.filter_map(from).collect::<Vec<_>>();
        let oldest = session.inquiry.oldest(&open, session.left());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let behind = |standing: Standing| {
            let oldest = oldest.get(&standing.partition).copied();
            Behind::new(standing, oldest, now)
        };
        let mut partitions = standings.into_iter().map(behind).collect::<Vec<_>>();
        if timed {
            sort(&mut partitions);
        }
        let missing = session.missing.iter().cloned().collect();
        Ok(Self { name: session.group().to_owned(), group, partitions, missing, timed })
    }

    /// Offsets that are not settled, as far as is known.
    pub fn records(&self) -> i64 {
        self.partitions.iter().filter_map(|it| it.records).sum()
    }

    /// Whether it could be known that positions are of older topics.
    pub fn is_identified(&self) -> bool {
        self.partitions.iter().all(|it| it.standing.is_identified)
    }

    /// Of the oldest record that is not settled.
    pub fn age(&self) -> Option<Duration> {
        self.partitions.iter().filter_map(|it| it.age).max()
    }
}

/// Those in trouble first, then those whose oldest record is the oldest, then those with most.
fn sort(partitions: &mut [Behind]) {
    partitions.sort_by(|one, other| {
        let trouble = |it: &Behind| it.is_troubled().then_some(it.standing.case);
        let rank = |it: &Behind| trouble(it).map_or((1, None), |case| (0, Some(case)));
        let far = |it: &Behind| (it.age, it.records);
        let place = |it: &Behind| it.standing.partition.clone();
        rank(one)
            .cmp(&rank(other))
            .then_with(|| far(other).cmp(&far(one)))
            .then_with(|| place(one).cmp(&place(other)))
    });
}
