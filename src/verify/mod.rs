//! `verify`: the records of a range against the events that are in the hubs.
//!
//! ```text
//! plan       which offsets, and which hubs: fixed at the first start
//! source     from records to the events that should be there, by the core's own steps
//! hubs       from the events of the hubs to entries
//! letters    the dead letters of these records
//! entry      what is kept of a record or an event: place and digests           pure
//! runs       entries beyond what memory holds, sorted in files
//! ledger     entries on their way there, and the state that belongs to them
//! state      how far it is, in the folder of the runs
//! compare    entries that should be there against those that are               pure
//! report     what came of it, for people and for scripts                       pure
//! live       a running bridge, followed in rounds
//! ```
//! The invariants: no group is joined, nothing is sent and nothing is changed; memory does not grow with the range; and whoever is killed
//! goes on after the last run, with the same result.

mod compare;
mod entry;
mod hubs;
mod ledger;
mod letters;
mod live;
mod plan;
mod report;
mod runs;
mod source;
mod state;
mod watch;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::group::{CommandError, PositionTarget, Selection};
use crate::readback::{HubPlace, ReadHub};
use crate::trial;

pub use compare::{Discrepancy, Example, Sums};
pub use live::{Round, Rounds, follow};
pub use report::{AtHub, VerifyReport};
pub use watch::ProgressWatch;

use compare::{Comparison, Trimmed};
use ledger::Ledger;
use state::VerifyState;

/// What is to be compared.
#[derive(Debug, Clone)]
pub struct CompareRequest {
    /// From where on, in Kafka.
    pub from: PositionTarget,
    /// Up to where, without what stands there.
    pub to: PositionTarget,
    /// Events are read that were stored from then on, in milliseconds since the Unix epoch.
    pub stored_from: Option<i64>,
    /// Only these topics, or partitions of them; all that are mapped without one.
    pub topics: Vec<Selection>,
    /// Only these mappings, by their places; all without one.
    pub mappings: BTreeSet<usize>,
    /// The consumer group to read hubs for.
    pub group: String,
    /// Whether the bridge's own reader reads where Microsoft's client could.
    pub own: bool,
    /// How long an answer may take.
    pub limit: Duration,
    /// How many of each fault are told with their place.
    pub examples: usize,
}

impl CompareRequest {
    /// The same question of the same mappings has the same name.
    fn name(&self, config: &Config) -> String {
        let Self { from, to, stored_from, topics, mappings, .. } = self;
        let all = Sha256::digest(format!("{:?}", config.mappings));
        let all = crate::plain::hex(&all[..8]);
        format!("{from} {to} {stored_from:?} {topics:?} {mappings:?} {all}")
    }
}

/// How it ended.
#[derive(Debug)]
pub enum VerifyOutcome {
    /// All was compared.
    Compared(Box<VerifyReport>),
    /// It was stopped before; the same command goes on.
    Stopped,
}

/// Compares, with `folder` for what memory does not hold; what is there of the same question goes on.
pub async fn verify(
    config: &Config,
    question: &CompareRequest,
    folder: &Path,
    watch: &dyn ProgressWatch,
) -> Result<VerifyOutcome, CommandError> {
    let begun = Instant::now();
    let name = question.name(config);
    let known = VerifyState::load(folder).map_err(|error| ledger::of(folder, &error))?;
    if known.as_ref().is_some_and(|state| state.question != name) {
        return Err(other_question(folder));
    }
    let asked = plan::ask(config, question)?;
    // First where Kafka ends, then where the hubs do: what is delivered meanwhile is there.
    let sources = if known.is_none() { asked.sources(question)? } else { Vec::new() };
    let mut hubs = Vec::new();
    // What was fixed goes by their numbers.
    let places = known.as_ref().map_or_else(|| asked.places(), VerifyState::places);
    open_hubs(&mut hubs, places, config, question).await?;
    let state = match known {
        Some(state) => state,
        None => asked.plan(name, question, sources, &hubs).await?,
    };
    let mut ledger = Ledger::open(folder, state)?;
    ledger.save()?;
    if !read(&mut ledger, (config, question), &asked, &mut hubs, watch).await? {
        return Ok(VerifyOutcome::Stopped);
    }
    for hub in hubs {
        hub.leave().await;
    }
    let sums = compare(&mut ledger, question.examples)?;
    Ok(VerifyOutcome::Compared(Box::new(VerifyReport::of(ledger.state, sums, begun.elapsed()))))
}

/// Opens the hubs at `places`, in their order.
async fn open_hubs(
    hubs: &mut Vec<ReadHub>,
    places: Vec<HubPlace>,
    config: &Config,
    question: &CompareRequest,
) -> Result<(), CommandError> {
    for place in places {
        let CompareRequest { group, own, limit, .. } = question;
        hubs.push(ReadHub::open(config, place, group, *own, *limit).await?);
    }
    Ok(())
}

fn other_question(folder: &Path) -> CommandError {
    let what =
        format!("folder `{}` belongs to a comparison with other arguments", folder.display());
    CommandError::usage(what, "name an empty folder, or repeat the same command")
}

/// Reads what is left of all sides; `false` when it was stopped before.
async fn read(
    ledger: &mut Ledger,
    (config, question): (&Config, &CompareRequest),
    asked: &plan::KafkaView,
    hubs: &mut [ReadHub],
    watch: &dyn ProgressWatch,
) -> Result<bool, CommandError> {
    let all: BTreeSet<usize> = (0..config.mappings.len()).collect();
    let wanted = if question.mappings.is_empty() { &all } else { &question.mappings };
    let sizes = sizes(hubs).await;
    let (inquiry, limit) = (&asked.inquiry, question.limit);
    if !source::read(ledger, config, wanted, &sizes, (inquiry, limit), watch)?
        || !hubs::read(ledger, hubs, watch).await?
    {
        return Ok(false);
    }
    letters::read(ledger, config, wanted, (inquiry, &asked.cluster), limit)?;
    Ok(true)
}

/// What the hubs are: where an event goes, and whether it is too large, follows from that.
async fn sizes(hubs: &[ReadHub]) -> Vec<(String, String, trial::AssumedHub)> {
    let mut sizes = Vec::with_capacity(hubs.len());
    for hub in hubs {
        let limit = hub.takes().await.and_then(|limit| usize::try_from(limit).ok());
        let is = trial::AssumedHub {
            partitions: Some(hub.partitions.len()),
            limit: limit.unwrap_or(source::LIMIT),
        };
        sizes.push((hub.place().namespace.clone(), hub.place().hub.clone(), is));
    }
    sizes
}

fn compare(ledger: &mut Ledger, examples: usize) -> Result<Sums, CommandError> {
    let merged = ledger.merged()?;
    let mut comparison = Comparison::new(examples, &ledger.state);
    for entry in merged {
        comparison.take(entry.map_err(|error| ledger.failure(&error))?);
    }
    Ok(comparison.end())
}

impl Trimmed for VerifyState {
    fn before(&self, way: u32, hub_partition: Option<u32>) -> Option<i64> {
        let hub = &self.hubs[self.ways.get(way as usize)?.hub];
        match hub_partition {
            Some(number) => hub.lanes.get(number as usize)?.trimmed,
            None => hub.lanes.iter().filter_map(|lane| lane.trimmed).max(),
        }
    }
}
