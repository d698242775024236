//! Starts that are no committed position are committed before anything is read, so that no end of this process, no second
//! member and no growth of the topic moves them.
//!
//! | the partition | begins |
//! |---|---|
//! | its topic was made anew, or is newer than this process | at its first record |
//! | the group has positions of other partitions of its topic: it was added later | at its first record |
//! | the group has no position of its topic | where `kafka.start` says |
//!
//! So that the second row can be told from the third by what the group has committed, and by that alone, the third is pinned
//! for all partitions of the topic in one commit, also for those that other members read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::{ANSWER, StartAt, Starts, committed};
use crate::config::Start;
use crate::kafka::context::Context;
use crate::kafka::identity::TopicId;
use crate::kafka::pump_link::PumpLink;
use crate::record::{Position, TopicPartition};

/// A partition without a position that counts, and its topic's id.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) partition: TopicPartition,
    pub(super) topic: Option<TopicId>,
    /// Whether its topic was made anew: everything in it is new.
    pub(super) renewed: bool,
}

/// Where to look a start up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    First,
    /// Where `kafka.start` says.
    Told,
}

impl Starts {
    /// Finds and commits where `fresh` partitions begin. What could not be is left out.
    pub(super) fn pin(
        &self,
        pump: &mut PumpLink,
        fresh: &[Fresh],
        deadline: Instant,
    ) -> Vec<StartAt> {
        let ids = fresh.iter().map(|fresh| (&*fresh.partition.topic, fresh.topic));
        let ids = ids.collect::<HashMap<_, _>>();
        let mut pins = Vec::new();
        for (partitions, place) in self.places(fresh) {
            if Instant::now() >= deadline {
                break;
            }
            match look_up(&self.consumer, self.start, &partitions, place) {
                Ok(found) => pins.extend(found),
                Err(error) => {
                    let topic = &partitions[0].topic;
                    let what = format!("no start position for topic `{topic}` yet");
                    self.context().complain(&what, &error.to_string());
                }
            }
        }
        if let Err(error) = self.commit_pins(pump, &pins, &ids) {
            let what = "cannot commit start positions";
            self.context().complain(what, &error.to_string());
            return Vec::new();
        }
        let asked = fresh.iter().map(|fresh| &fresh.partition).collect::<BTreeSet<_>>();
        let ours = pins.into_iter().filter(|(partition, _)| asked.contains(partition));
        let start = |(partition, position): (TopicPartition, Position)| {
            let topic = ids.get(&*partition.topic).copied().flatten();
            let offset = Offset::Offset(position.0);
            StartAt { partition, offset, epoch: -1, topic, span: None, sent_since: None }
        };
        ours.map(start).collect()
    }

    /// What is to be looked up, topic by topic: all partitions of a topic that the group has nothing of.
    fn places(&self, fresh: &[Fresh]) -> Vec<(Vec<TopicPartition>, Place)> {
        let mut first = BTreeMap::<&str, Vec<TopicPartition>>::new();
        let mut rest = BTreeMap::<&str, Vec<TopicPartition>>::new();
        for Fresh { partition, renewed, .. } in fresh {
            let topic = &*partition.topic;
            let is_new =
                *renewed || self.baseline.is_new(partition) || self.identities.was_renewed(topic);
            let of = if is_new { &mut first } else { &mut rest };
            of.entry(topic).or_default().push(partition.clone());
        }
        let whole = whole(&self.consumer, &rest).unwrap_or_else(|error| {
            let what = "cannot read topics without positions";
            self.context().complain(what, &error.to_string());
            BTreeMap::new()
        });
        let mut told = Vec::new();
        for (topic, all) in whole {
            if all.iter().any(|(_, has)| *has) {
                let ours = rest.remove(topic).unwrap_or_default();
                first.entry(topic).or_default().extend(added(ours, &all));
            } else {
                // A topic that is older than this process may have grown since it began.
                let all = all.into_iter().map(|(partition, _)| partition);
                let (new, old): (Vec<_>, Vec<_>) = all.partition(|p| self.baseline.is_new(p));
                let known = first.entry(topic).or_default();
                known.extend(new);
                known.sort_unstable();
                known.dedup();
                told.push((old, Place::Told));
            }
        }
        first.retain(|_, partitions| !partitions.is_empty());
        first.into_values().map(|partitions| (partitions, Place::First)).chain(told).collect()
    }

    /// Commits where partitions begin, before they are read.
    fn commit_pins(
        &self,
        pump: &mut PumpLink,
        pins: &[(TopicPartition, Position)],
        ids: &HashMap<&str, Option<TopicId>>,
    ) -> Result<(), RDKafkaErrorCode> {
        if pins.is_empty() {
            return Ok(());
        }
        let commits = &self.committer.commits;
        let partitions = pins.iter().map(|(partition, _)| partition.clone()).collect::<Vec<_>>();
        commits.assign(&partitions);
        for partition in &partitions {
            if let Some(id) = ids.get(&*partition.topic).copied().flatten() {
                commits.belongs(partition, id);
            }
        }
        let positions = pins.iter().map(|(place, position)| (place.clone(), (*position).into()));
        let result = self.committer.now(pump, &positions.collect::<Vec<_>>(), ANSWER);
        commits.release(&partitions);
        result
    }
}

/// All partitions of a topic, and whether the group has a position of each.
type Whole = Vec<(TopicPartition, bool)>;

/// All partitions of these topics, and whether the group has a position of each.
fn whole<'a>(
    consumer: &BaseConsumer<Context>,
    topics: &BTreeMap<&'a str, Vec<TopicPartition>>,
) -> Result<BTreeMap<&'a str, Whole>, KafkaError> {
    if topics.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut names = topics.keys();
    let single = names.next().filter(|_| topics.len() == 1).copied();
    let metadata = consumer.fetch_metadata(single, ANSWER)?;
    let counts = metadata.topics().iter().map(|topic| (topic.name(), topic.partitions().len()));
    let counts = counts.collect::<HashMap<_, _>>();
    let mut all = BTreeSet::new();
    for (topic, ours) in topics {
        let count = counts.get(topic).copied().unwrap_or_default() as i32;
        all.extend((0..count).map(|number| TopicPartition::new(*topic, number)));
        // Ours may be newer than what that broker has heard of.
        all.extend(ours.iter().cloned());
    }
    let all = all.into_iter().collect::<Vec<_>>();
    let mut whole = BTreeMap::<&str, Whole>::new();
    for (partition, committed) in committed(consumer, &all)? {
        let (topic, _) = topics.get_key_value(&*partition.topic).expect("it was asked for");
        whole.entry(topic).or_default().push((partition, committed?.is_some()));
    }
    Ok(whole)
}

/// Those of `ours` that were added to a topic the group reads. One that has a position by now was pinned by another member
/// between our two questions: it is left out, and found there when it is asked for again.
fn added(mut ours: Vec<TopicPartition>, all: &Whole) -> Vec<TopicPartition> {
    let pinned = all.iter().filter(|(_, has)| *has).map(|(partition, _)| partition);
    let pinned = pinned.collect::<BTreeSet<_>>();
    ours.retain(|partition| !pinned.contains(partition));
    ours
}

type Found = Vec<(TopicPartition, Position)>;

/// Where `partitions` of one topic begin: all of them, or an error.
fn look_up(
    consumer: &BaseConsumer<Context>,
    start: Start,
    partitions: &[TopicPartition],
    place: Place,
) -> Result<Found, KafkaError> {
    let offsets = |at: Offset| -> Result<Found, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition_offset(&partition.topic, partition.partition, at)?;
        }
        let list = consumer.offsets_for_times(list, ANSWER)?;
        let mut found = Vec::with_capacity(partitions.len());
        for element in list.elements() {
            element.error()?;
            // None is as late as the time asked for.
            let Offset::Offset(offset) = element.offset() else { continue };
            let partition = TopicPartition::new(element.topic(), element.partition());
            found.push((partition, Position(offset)));
        }
        Ok(found)
    };
    let found = match (place, start) {
        (Place::First, _) | (Place::Told, Start::Earliest) => offsets(Offset::Beginning)?,
        (Place::Told, Start::Latest) => offsets(Offset::End)?,
        (Place::Told, Start::At(time)) => {
            // The end is asked for first: a record written between the two questions is then read, not missed.
            let mut found = offsets(Offset::End)?.into_iter().collect::<HashMap<_, _>>();
            found.extend(offsets(Offset::Offset(time))?);
            found.into_iter().collect()
        }
    };
    if found.len() == partitions.len() { Ok(found) } else { Err(KafkaError::NoMessageReceived) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_member_has_just_pinned_is_not_taken_for_new() {
        let place = |number| TopicPartition::new("t", number);
        let ours = || vec![place(0), place(3)];
        // They start together: the other has committed where all of them begin.
        let all = (0..4).map(|number| (place(number), true)).collect();
        assert_eq!(added(ours(), &all), []);
        // The topic has grown.
        let all = (0..4).map(|number| (place(number), number < 3)).collect();
        assert_eq!(added(ours(), &all), [place(3)]);
    }
}
