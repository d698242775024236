//! What a round compares, fixed when it begins.
//!
//! The order is what makes it a proof: first Kafka says what is committed, then the hubs how far they reach, and then Kafka which topics
//! there are. So all that is committed is read, and no event is read of a topic that is not known.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::config::{self, Config};
use crate::group::{CommandError, PositionTarget, Selection};
use crate::kafka::{Oldest, Standing, Topic};
use crate::readback::ReadHub;

use super::super::plan::{KafkaView, SLACK, ask};
use super::super::state::{HubState, KafkaRange, Live, VerifyState};
use super::super::{CompareRequest, open_hubs};
use super::next::{self, Expired};

/// A new round, after the one that `known` has ended with, if there was one; opens all hubs.
pub(super) async fn begin(
    known: Option<VerifyState>,
    name: &str,
    (config, question): (&Config, &CompareRequest),
    asked: &KafkaView,
    hubs: &mut Vec<ReadHub>,
) -> Result<VerifyState, CommandError> {
    let now = jiff::Timestamp::now().as_millisecond();
    let mut state = known.unwrap_or_else(|| VerifyState::new(name.to_owned()));
    let last = state.live.unwrap_or_default();
    let standings = asked.standings(config, question)?;
    state.sources = sources(&state.sources, &standings, asked, question)?;
    let compared: HashSet<Name<'_>> = state.sources.iter().map(of_source).collect();
    let uncommitted = standings.iter().filter(|it| !compared.contains(&of_standing(it))).count();
    state.since = match last.settled {
        Some(settled) => Some(settled - SLACK),
        None => first_since(&state.sources, &standings, asked, question, now)?,
    };
    let mut places = state.places();
    places.extend(asked.places().into_iter().filter(|place| !state.places().contains(place)));
    open_hubs(hubs, places, config, question).await?;
    for (number, hub) in hubs.iter().enumerate() {
        let known = state.hubs.get(number);
        let reaches = reaches(known, hub, now).await?;
        match state.hubs.get_mut(number) {
            Some(known) => *known = reaches,
            None => state.hubs.push(reaches),
        }
    }
    ask(config, question)?.add_ways(&mut state);
    state.live = Some(Live { round: last.round + 1, open: true, asked: now, uncommitted, ..last });
    Ok(state)
}

/// A round that is gone on with, with hubs that may have been created again meanwhile.
pub(super) fn mended(mut state: VerifyState, hubs: &[ReadHub]) -> VerifyState {
    for (known, hub) in state.hubs.iter_mut().zip(hubs) {
        for lane in &mut known.lanes {
            let found = hub.partitions.iter().find(|(id, _)| *id == lane.id);
            if let Some((_, found)) = found.filter(|(_, found)| found.last_sequence < lane.until) {
                lane.until = found.last_sequence;
                lane.done |= found.is_empty || lane.next.is_some_and(|next| next > lane.until);
            }
        }
    }
    state
}

impl KafkaView {
    /// How the group stands in each partition that is meant.
    fn standings(
        &self,
        config: &Config,
        question: &CompareRequest,
    ) -> Result<Vec<Standing>, CommandError> {
        let topics =
            self.topics.iter().map(|(topic, _)| (topic.clone(), self.cluster.topics[topic]));
        let topics: BTreeMap<String, Topic> = topics.collect();
        let (unled, limit) = (&self.cluster.unled, question.limit);
        let all = self.inquiry.standings(&config.kafka, &topics, unled, limit);
        let group = &config.kafka.group_id;
        let mut all = all.map_err(|denied| CommandError::of_group(group, &denied))?;
        all.retain(|Standing { partition: place, .. }| {
            Selection::any(&question.topics, &place.topic, place.partition)
        });
        Ok(all)
    }
}

/// A topic and the number of a partition.
type Name<'a> = (&'a str, i32);

fn of_source(source: &KafkaRange) -> Name<'_> {
    (&source.topic, source.partition)
}

fn of_standing(standing: &Standing) -> Name<'_> {
    (&standing.partition.topic, standing.partition.partition)
}

/// The ranges of the round. A partition that is not there any more has an empty one.
fn sources(
    known: &[KafkaRange],
    standings: &[Standing],
    asked: &KafkaView,
    question: &CompareRequest,
) -> Result<Vec<KafkaRange>, CommandError> {
    if matches!(question.from, PositionTarget::Offset(_)) && standings.len() > 1 {
        return Err(CommandError::offset_of_many(standings.len()));
    }
    let of: HashMap<Name<'_>, &KafkaRange> = known.iter().map(|it| (of_source(it), it)).collect();
    let found = match question.from {
        PositionTarget::Start(config::Start::At(time)) => {
            let fresh = standings.iter().filter(|it| !of.contains_key(&of_standing(it)));
            let fresh: Vec<_> = fresh.map(|it| it.partition.clone()).collect();
            asked.inquiry.at_time(&fresh, time, question.limit)
        }
        _ => HashMap::new(),
    };
    let next = |standing: &Standing| {
        let found = found.get(&standing.partition).zip(standing.log);
        let found = found.map(|(found, (_, end))| found.unwrap_or(end));
        next::source(of.get(&of_standing(standing)).copied(), standing, question.from, found)
    };
    let mut sources: Vec<KafkaRange> = standings.iter().filter_map(next).collect();
    let there: HashSet<Name<'_>> = standings.iter().map(of_standing).collect();
    let gone = known.iter().filter(|source| !there.contains(&of_source(source)));
    sources.extend(gone.map(|it| KafkaRange { from: it.to, next: it.to, ..it.clone() }));
    Ok(sources)
}

/// From when on events are read in the first round: those of the range are not older than its first records.
fn first_since(
    sources: &[KafkaRange],
    standings: &[Standing],
    asked: &KafkaView,
    question: &CompareRequest,
    now: i64,
) -> Result<Option<i64>, CommandError> {
    let time = match (question.stored_from, question.from) {
        (Some(time), _) => return Ok(Some(time)),
        (None, PositionTarget::Start(config::Start::At(time))) => time,
        (None, PositionTarget::Shift(_)) => {
            let of: HashMap<Name<'_>, i64> =
                sources.iter().map(|source| (of_source(source), source.from)).collect();
            let begin = |standing: &Standing| {
                let (from, (_, end)) = (*of.get(&of_standing(standing))?, standing.log?);
                (from < end).then(|| (standing.partition.clone(), from))
            };
            let begins: Vec<_> = standings.iter().filter_map(begin).collect();
            let oldest = asked.inquiry.oldest(&begins, question.limit);
            let mut time = now;
            for (place, _) in begins {
                match oldest.get(&place) {
                    Some(Oldest::Record { time: Some(written), .. }) => time = time.min(*written),
                    Some(Oldest::Nothing) => {}
                    // As old as can be.
                    Some(Oldest::Record { time: None, .. }) => return Ok(None),
                    None => return Err(CommandError::no_log(&place)),
                }
            }
            time
        }
        _ => return Ok(None),
    };
    Ok(Some(time.saturating_sub(SLACK)))
}

/// What the round reads of a hub: from where the last one has read to, up to where it reaches now.
async fn reaches(
    known: Option<&HubState>,
    hub: &ReadHub,
    now: i64,
) -> Result<HubState, CommandError> {
    let mut lanes = Vec::with_capacity(hub.partitions.len());
    for (place, (id, found)) in hub.partitions.iter().enumerate() {
        let lane = known.and_then(|known| known.lanes.iter().find(|lane| lane.id == *id));
        let (mut lane, taken) = next::lane(lane, id, found);
        lane.trimmed = match taken {
            Expired::None => None,
            Expired::Some => hub.oldest(place).await?,
            Expired::All => Some(now),
        };
        lanes.push(lane);
    }
    Ok(HubState::of(hub, lanes))
}
