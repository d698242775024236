//! Setting the positions of a group: first a plan, which changes nothing, then one commit that carries it out, then a look
//! at what is committed now.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use crate::config::Start;
use crate::kafka::{Case, Group, Standing, Unset};
use crate::record::TopicPartition;

use super::failure::some;
use super::{CommandError, PositionChange, PositionTarget, Session};

/// How many partitions are named in an error.
const NAMED: usize = 5;

/// What is to become of each position.
#[derive(Debug)]
pub struct PositionsPlan {
    /// The name of the group.
    pub name: String,
    /// What it is doing, and who is in it.
    pub group: Group,
    /// What becomes of each position.
    pub changes: Vec<PositionChange>,
    /// Topics of which only some partitions get a position, so that the others begin at their first record, against
    /// `kafka.start`; with how many.
    pub beside: BTreeMap<String, usize>,
}

/// A plan that was carried out: Kafka has said so, and it was read back.
#[derive(Debug)]
pub struct Placed(());

impl PositionsPlan {
    /// Asks, and changes nothing. Whoever is in the group does not keep it from being made.
    pub fn make(session: &Session<'_>, target: PositionTarget) -> Result<Self, CommandError> {
        let group = session.inquiry.group(session.left() / 2);
        let group = group.map_err(|denied| CommandError::of_group(session.group(), &denied))?;
        if let Some(topic) = session.missing.first() {
            let why = "kafka has no such topic, or this user may not see it";
            return Err(CommandError::denied(
                &format!("topic `{topic}`"),
                &why,
                "select other topics with `--topic`",
            ));
        }
        let standings = session.standings(session.left() / 2)?;
        if let (PositionTarget::Offset(offset), [_, _, ..]) = (target, &standings[..]) {
            let what = format!(
                "offset {offset} needs exactly one partition, and {} are selected",
                standings.len()
            );
            return Err(CommandError::usage(what, "name one, such as `--topic orders:3`"));
        }
        if standings.iter().any(|it| !it.is_identified) {
            let doing = format!("the positions of group `{}` cannot be set", session.group());
            let why = "no broker gave the ids of the topics, and a position needs its topic's id";
            return Err(CommandError::denied(
                &doing,
                &why,
                "try again, or check that every broker answers",
            ));
        }
        let found = found(session, target, &standings);
        let (mut changes, mut unknown) = (Vec::with_capacity(standings.len()), Vec::new());
        for standing in standings {
            let place = standing.partition.clone();
            match PositionChange::new(standing, target, found.get(&place).copied()) {
                Some(change) => changes.push(change),
                None => unknown.push(place.to_string()),
            }
        }
        if !unknown.is_empty() {
            return Err(not_known(&unknown));
        }
        let beside = beside(session, &changes)?;
        Ok(Self { name: session.group().to_owned(), group, changes, beside })
    }

    /// Why it cannot be carried out now: somebody is in the group.
    pub fn objection(&self) -> Option<CommandError> {
        (!self.group.is_idle()).then(|| CommandError::alive(&self.name, &self.group))
    }

    /// Commits, reads back, and compares. All of it is over within `limit`.
    pub fn carry_out(
        &self,
        session: &mut Session<'_>,
        limit: Duration,
    ) -> Result<Placed, CommandError> {
        if let Some(failure) = self.objection() {
            return Err(failure);
        }
        session.extend(limit);
        let positions = self.changes.iter().map(|it| (&it.standing, it.after)).collect::<Vec<_>>();
        if positions.is_empty() {
            return Ok(Placed(()));
        }
        let doing = format!("the positions of group `{}` are not set", self.name);
        match session.inquiry.place(&positions, session.left() / 2) {
            // Without an answer, what is committed now tells.
            Ok(()) | Err(Unset::Open(_)) => {}
            Err(Unset::Joined) => {
                let group = session.inquiry.group(session.left() / 2);
                return Err(match group {
                    Ok(group) if !group.members.is_empty() => {
                        CommandError::alive(&self.name, &group)
                    }
                    _ => CommandError::denied(
                        &doing,
                        &Unset::Joined,
                        "stop every bridge of the group first",
                    ),
                });
            }
            Err(error @ Unset::Denied(_)) => {
                let hint = format!(
                    "grant the operation `Read` on the group `{}` and on its topics; nothing was changed",
                    self.name
                );
                return Err(CommandError::denied(&doing, &error, &hint));
            }
        }
        let other = session.inquiry.unlike(&positions, session.left());
        let other = other.map_err(|denied| {
            let doing = format!("cannot read back the positions of group `{}`", self.name);
            CommandError::denied(
                &doing,
                &denied,
                "run `offsets show` to see whether they are set: either all are, or none",
            )
        })?;
        match &other[..] {
            [] => Ok(Placed(())),
            some => {
                let why = format!("other positions are committed for {}", list(some));
                let hint = "another client has committed meanwhile, or nothing was committed: run `offsets show`";
                Err(CommandError::denied(&doing, &why, hint))
            }
        }
    }

    /// Offsets that come again.
    pub fn again(&self) -> i64 {
        self.changes.iter().map(|it| it.again().max(0)).sum()
    }

    /// Offsets that are passed over.
    pub fn skipped(&self) -> i64 {
        self.changes.iter().map(|it| (-it.again()).max(0)).sum()
    }
}

/// Where the time of `target` is in each partition, as far as Kafka says; the end where nothing is that late.
pub(super) fn found(
    session: &Session<'_>,
    target: PositionTarget,
    standings: &[Standing],
) -> HashMap<TopicPartition, i64> {
    let PositionTarget::Start(Start::At(time)) = target else { return HashMap::new() };
    let logs = standings.iter().filter_map(|it| Some((it.partition.clone(), it.log?)));
    let logs = logs.collect::<HashMap<_, _>>();
    let asked = logs.keys().cloned().collect::<Vec<_>>();
    let found = session.inquiry.at_time(&asked, time, session.left() / 2);
    let or_end = |(place, offset): (TopicPartition, Option<i64>)| {
        let (_, end) = logs.get(&place)?;
        Some((place, offset.unwrap_or(*end)))
    };
    found.into_iter().filter_map(or_end).collect()
}

/// Partitions beside those that change, of topics that the group has no position of.
fn beside(
    session: &Session<'_>,
    changes: &[PositionChange],
) -> Result<BTreeMap<String, usize>, CommandError> {
    let mut beside = BTreeMap::new();
    let fresh = changes.iter().filter(|it| it.standing.case == Case::New);
    let fresh = fresh.map(|it| &*it.standing.partition.topic).collect::<BTreeSet<_>>();
    if session.config.kafka.start == Start::Earliest || fresh.is_empty() {
        return Ok(beside);
    }
    let changed = changes.iter().map(|it| &it.standing.partition).collect::<BTreeSet<_>>();
    for standing in session.all_standings(session.left() / 2)? {
        let place = &standing.partition;
        let first = standing.log.map(|(first, _)| first);
        let moved = standing.case == Case::New && standing.next != first;
        if moved && fresh.contains(&*place.topic) && !changed.contains(place) {
            *beside.entry(place.topic.to_string()).or_default() += 1;
        }
    }
    Ok(beside)
}

pub(super) fn not_known(unknown: &[String]) -> CommandError {
    let why = "cannot read the committed positions, or the offsets of the log; nothing was changed";
    let hint = "check that these partitions have a leader, and try again";
    CommandError::denied(&list(unknown), &why, hint)
}

/// The first few, and how many more.
pub(super) fn list(all: &[String]) -> String {
    some(all, NAMED)
}
