//! A replay: what of each partition is sent again, fixed once, and kept in a group of its own. The group of the bridge is neither
//! asked nor changed.
//!
//! The first start commits where each partition begins, with its span in the metadata, in one request; so there are all of them
//! or none. From then on the committed positions say how far it is, and their metadata how far it goes: whoever starts it again
//! goes on, to the same ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::config::Start;
use crate::kafka::{Case, Group, Span, Standing, Undeleted, Unset};
use crate::record::TopicPartition;

use super::placing::{found, list, not_known};
use super::{CommandError, PositionTarget, Session};

/// What is sent of each partition.
#[derive(Debug)]
pub struct ReplayPlan {
    /// The name of its group.
    pub name: String,
    /// What the group is doing, and who is in it.
    pub group: Group,
    /// In the order of their names; nothing is sent of others.
    pub parts: Vec<ReplaySpan>,
    /// Whether it was begun before.
    pub begun: bool,
    /// Topics that a mapping names and Kafka does not have.
    pub missing: Vec<String>,
    /// Partitions that it was to send, of topics that were made again since: nothing of them is sent.
    pub renewed: Vec<String>,
}

/// A [`ReplayPlan`] that has not been carried out, and the records a second it may take at most.
#[derive(Debug)]
pub struct Forecast<'a> {
    /// What is to be sent.
    pub replay: &'a ReplayPlan,
    /// Records a second.
    pub rate: Option<u64>,
}

impl Forecast<'_> {
    /// How long it takes at least, where that is known.
    pub fn takes(&self) -> Option<Duration> {
        let left = self.replay.left().unsigned_abs();
        self.rate.map(|rate| Duration::from_secs(left.div_ceil(rate)))
    }
}

/// A [`ReplayPlan`] that has ended.
#[derive(Debug)]
pub struct Replayed<'a> {
    /// What was to be sent.
    pub replay: &'a ReplayPlan,
    /// Offsets that were settled this time.
    pub settled: i64,
    /// How long it took.
    pub took: Duration,
    /// Whether that was all.
    pub arrived: bool,
    /// Why its group is still there, although it was.
    pub kept: Option<String>,
}

impl Replayed<'_> {
    /// Offsets a second.
    pub fn rate(&self) -> f64 {
        self.settled as f64 / self.took.as_secs_f64().max(0.001)
    }
}

/// What is sent of a partition.
#[derive(Debug, Clone)]
pub struct ReplaySpan {
    /// How it stands, in the group of the replay.
    pub standing: Standing,
    /// The offsets that are sent.
    pub span: Span,
    /// The first that is not settled.
    pub at: i64,
    /// What was asked for and is not in the log.
    pub clamped: Option<String>,
}

impl ReplaySpan {
    /// Offsets that are not settled.
    pub fn left(&self) -> i64 {
        self.span.size() - self.span.below(self.at)
    }
}

impl ReplayPlan {
    /// Asks, and changes nothing: what was fixed before, or else what is from `from` up to `to`, without what stands there.
    pub fn plan(
        session: &Session<'_>,
        from: PositionTarget,
        to: PositionTarget,
    ) -> Result<Self, CommandError> {
        let (replay, standings) = Self::ask(session)?;
        if standings.iter().any(|it| it.span.is_some()) {
            return Ok(replay.resumed(standings));
        }
        if let Some(taken) = standings.iter().find(|it| it.committed.is_some()) {
            let what = format!(
                "group `{}` was not made by a replay: it has a position of `{}`",
                replay.name, taken.partition
            );
            return Err(CommandError::usage(what, "give another `--name`"));
        }
        replay.fresh(session, standings, Some(from), to)
    }

    /// The same of a group that is kept: what was fixed before, while something of it is left; else, from where that has ended. A
    /// partition that the group does not know begins at `from`, and so does each where it is said.
    pub fn next(
        session: &Session<'_>,
        from: Option<PositionTarget>,
        to: PositionTarget,
    ) -> Result<Self, CommandError> {
        let (replay, standings) = Self::ask(session)?;
        let is_open = |it: &Standing| {
            it.span.zip(it.committed).is_some_and(|(span, at)| at < span.to)
                && it.case != Case::Renewed
        };
        if standings.iter().any(is_open) {
            return Ok(replay.resumed(standings));
        }
        let unknown = standings.iter().find(|it| it.case == Case::New);
        if let (Some(unknown), None) = (unknown, from) {
            let (name, partition) = (&replay.name, &unknown.partition);
            let what = format!("group `{name}` does not hold where to start on `{partition}`");
            let hint = "add a start, such as `--from earliest`; kafka deletes the positions of a group that had no member for long";
            return Err(CommandError::usage(what, hint));
        }
        replay.fresh(session, standings, from, to)
    }

    /// What the group is, and what it has committed.
    fn ask(session: &Session<'_>) -> Result<(Self, Vec<Standing>), CommandError> {
        let group = session.inquiry.group(session.left() / 3);
        let group = group.map_err(|denied| CommandError::of_group(session.group(), &denied))?;
        let standings = session.standings(session.left() / 3)?;
        let replay = Self {
            name: session.group().to_owned(),
            group,
            parts: Vec::new(),
            begun: false,
            missing: session.missing().map(str::to_owned).collect(),
            renewed: Vec::new(),
        };
        Ok((replay, standings))
    }

    /// As it was fixed.
    fn resumed(mut self, standings: Vec<Standing>) -> Self {
        self.begun = true;
        for standing in standings {
            let Some(span) = standing.span else { continue };
            if standing.case == Case::Renewed {
                self.renewed.push(standing.partition.to_string());
                continue;
            }
            let at = standing.committed.unwrap_or(span.from);
            self.parts.push(ReplaySpan { standing, span, at, clamped: None });
        }
        self
    }

    fn fresh(
        mut self,
        session: &Session<'_>,
        standings: Vec<Standing>,
        from: Option<PositionTarget>,
        to: PositionTarget,
    ) -> Result<Self, CommandError> {
        for (what, target) in [("--from", from), ("--to", Some(to))] {
            if let (Some(PositionTarget::Offset(offset)), [_, _, ..]) = (target, &standings[..]) {
                let many = standings.len();
                let what = format!(
                    "`{what} {offset}` needs exactly one partition, and {many} are selected"
                );
                return Err(CommandError::usage(what, "name one, such as `--topic orders:3`"));
            }
        }
        if standings.iter().any(|it| !it.is_identified) {
            let why = "no broker gave the ids of the topics, and a position needs its topic's id";
            let hint = "try again, or check that every broker answers";
            return Err(CommandError::denied("nothing can be replayed", &why, hint));
        }
        let begins = from.map(|from| found(session, from, &standings)).unwrap_or_default();
        let ends = found(session, to, &standings);
        let mut unknown = Vec::new();
        for mut standing in standings {
            let place = standing.partition.clone();
            let first = match from {
                Some(from) => offset(&standing, from, begins.get(&place).copied()),
                None => standing.next.map(|next| (next, None)),
            };
            let end = offset(&standing, to, ends.get(&place).copied());
            let (Some(first), Some(end)) = (first, end) else {
                unknown.push(place.to_string());
                continue;
            };
            let span = Span { from: first.0, to: end.0.max(first.0) };
            let said = [first.1, end.1].into_iter().flatten().map(|offset| offset.to_string());
            let said = said.collect::<Vec<_>>().join(" and ");
            let clamped = (!said.is_empty()).then_some(said);
            standing.span = Some(span);
            self.parts.push(ReplaySpan { standing, span, at: span.from, clamped });
        }
        if unknown.is_empty() { Ok(self) } else { Err(not_known(&unknown)) }
    }

    /// Commits where it begins, unless it has begun, and reads back what counts from now on, by what it was made `again`: somebody else may
    /// have been quicker. All of it is over within `limit`.
    pub fn fix(
        self,
        session: &mut Session<'_>,
        again: impl FnOnce(&Session<'_>) -> Result<Self, CommandError>,
        limit: Duration,
    ) -> Result<Self, CommandError> {
        if self.begun || self.parts.is_empty() {
            return Ok(self);
        }
        session.extend(limit);
        let positions =
            self.parts.iter().map(|it| (&it.standing, it.span.from)).collect::<Vec<_>>();
        let doing = format!("cannot create group `{}` of the replay", self.name);
        match session.inquiry.place(&positions, session.left() / 2) {
            // Without an answer, what is committed now tells. Who has joined has fixed it.
            Ok(()) | Err(Unset::Open(_) | Unset::Joined) => {}
            Err(error @ Unset::Denied(_)) => {
                let hint = format!(
                    "grant the operation `Read` on the group `{}` and on its topics; nothing was sent",
                    self.name
                );
                return Err(CommandError::denied(&doing, &error, &hint));
            }
        }
        if self.left() == 0 {
            return Ok(self);
        }
        let fixed = again(session)?;
        if !fixed.begun {
            let why = "the committed positions are missing";
            return Err(CommandError::denied(&doing, &why, "nothing was sent; try again"));
        }
        let theirs = fixed.parts.iter().map(|it| &it.standing.partition).collect::<BTreeSet<_>>();
        let ours = positions.iter().map(|(standing, _)| &standing.partition);
        let absent = ours.filter(|it| !theirs.contains(it)).map(ToString::to_string);
        let absent = absent.collect::<Vec<_>>();
        if absent.is_empty() {
            return Ok(Self { begun: false, ..fixed });
        }
        let why = format!("other positions are committed for {}", list(&absent));
        Err(CommandError::denied(&doing, &why, "give another `--name`"))
    }

    /// Commits the ends of a replay that is over, where its group is kept: a position stands in front of what is no record, and would be
    /// taken for one that has something left. Blocks, no longer than `limit`.
    pub fn close(&self, session: &Session<'_>, limit: Duration) -> Result<(), Unset> {
        let ends = self.parts.iter().map(|it| (&it.standing, it.span.to)).collect::<Vec<_>>();
        match session.inquiry.place(&ends, limit) {
            // Whoever else sends it will close it.
            Ok(()) | Err(Unset::Joined) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes its group, as soon as nobody is in it. Blocks, no longer than `limit`.
    pub fn forget(session: &Session<'_>, limit: Duration) -> Result<(), Undeleted> {
        session.inquiry.delete_group(limit)
    }

    /// The topics of which something is sent.
    pub fn topics(&self) -> BTreeSet<String> {
        let open = self.parts.iter().filter(|part| part.left() > 0);
        open.map(|part| part.standing.partition.topic.to_string()).collect()
    }

    /// Offsets that are sent.
    pub fn size(&self) -> i64 {
        self.parts.iter().map(|part| part.span.size()).sum()
    }

    /// Offsets that are not settled.
    pub fn left(&self) -> i64 {
        self.parts.iter().map(ReplaySpan::left).sum()
    }

    /// What is not settled of each partition: where it stands, and its end.
    pub(super) fn open(&self) -> BTreeMap<TopicPartition, (i64, i64)> {
        let open = self.parts.iter().filter(|part| part.left() > 0);
        open.map(|it| (it.standing.partition.clone(), (it.left(), it.span.to))).collect()
    }
}

/// Where `target` is, and what it was where the log does not hold it; `None` is not known.
fn offset(
    standing: &Standing,
    target: PositionTarget,
    found: Option<i64>,
) -> Option<(i64, Option<i64>)> {
    let (first, end) = standing.log?;
    let wanted = match target {
        PositionTarget::Start(Start::Earliest) => first,
        PositionTarget::Start(Start::Latest) => end,
        PositionTarget::Start(Start::At(_)) => found?,
        PositionTarget::Offset(offset) => offset,
        // Against what, is not known here.
        PositionTarget::Shift(_) => return None,
    };
    let offset = wanted.clamp(first, end);
    Some((offset, (offset != wanted).then_some(wanted)))
}
