//! `verify --live`: a running bridge, followed in rounds.
//!
//! ```text
//! plan    what a round compares, fixed when it begins
//! next    where a partition, and a hub partition, go on                        pure
//! told    a round, for people and for scripts                                  pure
//! sift    which entries are of this round, of one before, and of one to come
//! ```
//! A round compares, of each partition, from where the last one ended up to what the group of the bridge has committed. The bridge commits
//! what Event Hubs has acknowledged, so all of that is in the hubs when they are asked, after Kafka, how far they reach. From that follow
//! the invariants: what is not found is missing; an event that is read later is there twice; and one of a record that is not committed yet
//! belongs to a round to come, and is kept for it. A round that could not be ended, for whatever reason, is gone on with.

mod next;
mod plan;
mod sift;
mod told;

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::config::Config;
use crate::group::{CommandError, ErrorKind};
use crate::readback::ReadHub;

use super::ledger::{self, Ledger};
use super::report::VerifyReport;
use super::state::{EntryCounts, Live, VerifyState};
use super::{CompareRequest, ProgressWatch};

/// How often it is looked between two rounds whether it is to be stopped.
const PATIENCE: Duration = Duration::from_millis(200);
/// Events that may wait for their records to be committed: 570 MB on disk.
const WAITING: u64 = 10_000_000;

/// A round that is over.
#[derive(Debug)]
pub struct Round {
    /// Its number, from 1.
    pub number: u64,
    /// When it was asked what is committed, in milliseconds since the Unix epoch: up to then all is compared.
    pub asked: i64,
    /// What came of it.
    pub report: VerifyReport,
    /// Events that were read, and whose records are not committed yet.
    pub waiting: u64,
    /// Partitions of which nothing is committed, so that nothing is compared.
    pub uncommitted: usize,
}

/// Why a round is not over.
enum Unsettled {
    /// It is gone on with.
    Again(CommandError),
    /// That would come to the same.
    ForGood(CommandError),
}

impl From<CommandError> for Unsettled {
    fn from(failure: CommandError) -> Self {
        Self::Again(failure)
    }
}

/// Who hears of the rounds.
pub trait Rounds: ProgressWatch {
    /// One is over.
    fn settled(&self, round: &Round);
    /// One could not be ended, and is gone on with later.
    fn failed(&self, failure: &CommandError);
}

/// Follows the bridge until it is to be stopped: a round each `every`. It ends by itself only when no round can ever be ended.
pub async fn follow(
    config: &Config,
    question: &CompareRequest,
    every: Duration,
    folder: &Path,
    rounds: &dyn Rounds,
) -> Result<(), CommandError> {
    let name = format!("live {}", question.name(config));
    let mut has_settled = false;
    while !rounds.is_over() {
        let begun = Instant::now();
        match round(config, question, &name, folder, rounds).await {
            Ok(Some(round)) => {
                has_settled = true;
                rounds.settled(&round);
            }
            Ok(None) => break,
            Err(Unsettled::ForGood(failure)) => return Err(failure),
            // Only who has asked can do anything about it.
            Err(Unsettled::Again(failure)) if failure.kind == ErrorKind::Usage && !has_settled => {
                return Err(failure);
            }
            Err(Unsettled::Again(failure)) => rounds.failed(&failure),
        }
        while begun.elapsed() < every && !rounds.is_over() {
            sleep(PATIENCE.min(every.saturating_sub(begun.elapsed()))).await;
        }
    }
    Ok(())
}

/// Ends the round that is open, or a new one; `None` when it was stopped before.
async fn round(
    config: &Config,
    question: &CompareRequest,
    name: &str,
    folder: &Path,
    rounds: &dyn Rounds,
) -> Result<Option<Round>, Unsettled> {
    let begun = Instant::now();
    let known = VerifyState::load(folder).map_err(|error| ledger::of(folder, &error))?;
    if known.as_ref().is_some_and(|state| state.question != name) {
        return Err(Unsettled::ForGood(super::other_question(folder)));
    }
    let mut hubs = Vec::new();
    let ended = async {
        let asked = super::plan::ask(config, question)?;
        let state = match known {
            Some(state) if state.live.is_some_and(|live| live.open) => {
                super::open_hubs(&mut hubs, state.places(), config, question).await?;
                plan::mended(state, &hubs)
            }
            known => plan::begin(known, name, (config, question), &asked, &mut hubs).await?,
        };
        let mut ledger = Ledger::open(folder, state)?;
        ledger.save()?;
        if !super::read(&mut ledger, (config, question), &asked, &mut hubs, rounds).await? {
            return Ok(None);
        }
        settle(&mut ledger, question, begun).map(Some)
    };
    let ended = ended.await;
    for hub in hubs {
        ReadHub::leave(hub).await;
    }
    ended
}

/// Compares what was read, and keeps where the next round goes on.
fn settle(
    ledger: &mut Ledger,
    question: &CompareRequest,
    begun: Instant,
) -> Result<Round, Unsettled> {
    let (sums, waiting) = sift::compare(ledger, &question.topics, question.examples)?;
    if waiting > WAITING {
        let what =
            format!("the hubs hold {waiting} events whose records the group has not committed");
        let hint = "use the group of the bridge that sends them; if this is the group, begin with an empty folder once it has caught up";
        return Err(Unsettled::ForGood(CommandError::denied(
            "too many uncommitted events to keep",
            &what,
            hint,
        )));
    }
    let live = ledger.state.live.unwrap_or_default();
    let report = VerifyReport::of(ledger.state.clone(), sums, begun.elapsed());
    let round = Round {
        number: live.round,
        asked: live.asked,
        report,
        waiting,
        uncommitted: live.uncommitted,
    };
    close(&mut ledger.state, live);
    ledger.save()?;
    Ok(round)
}

/// All of the round is behind.
fn close(state: &mut VerifyState, live: Live) {
    for source in &mut state.sources {
        source.fresh = false;
        source.next = source.to;
    }
    for lane in state.hubs.iter_mut().flat_map(|hub| &mut hub.lanes) {
        lane.next = Some(lane.next.unwrap_or(0).max(lane.until + 1));
    }
    state.letters_read = false;
    state.counts = EntryCounts::default();
    state.live = Some(Live { open: false, settled: Some(live.asked), ..live });
}
