//! Entries on their way to a run, and the state that belongs to the runs.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::group::CommandError;

use super::entry::SpoolEntry;
use super::runs::{Merged, Runs};
use super::state::VerifyState;

/// Entries in memory: some 20 MB.
pub(super) const MOST: usize = 300_000;
/// A run is written at least so often while something comes.
const AGAIN: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub(super) struct Ledger {
    folder: PathBuf,
    runs: Runs,
    entries: Vec<SpoolEntry>,
    most: usize,
    saved: Instant,
    pub(super) state: VerifyState,
}

impl Ledger {
    /// Goes on in `folder` with `state`.
    pub(super) fn open(folder: &Path, state: VerifyState) -> Result<Self, CommandError> {
        let runs = Runs::open(folder, state.runs.clone()).map_err(|error| of(folder, &error))?;
        let most = MOST;
        Ok(Self {
            folder: folder.to_owned(),
            runs,
            entries: Vec::new(),
            most,
            saved: Instant::now(),
            state,
        })
    }

    pub(super) fn put(&mut self, entry: SpoolEntry) {
        self.entries.push(entry);
    }

    /// Whether it is time for a run.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= self.most
    }

    /// Whether more is in memory than whoever is killed wants to read again.
    pub(super) fn is_due(&self) -> bool {
        self.is_full() || !self.entries.is_empty() && self.saved.elapsed() >= AGAIN
    }

    /// Writes what is in memory as a run, without saying so: it does not count until [`Ledger::save`].
    pub(super) fn spill(&mut self) -> Result<(), CommandError> {
        self.runs.add(&mut self.entries).map_err(|error| of(&self.folder, &error))
    }

    /// Keeps all that was put so far, and how far that is.
    pub(super) fn save(&mut self) -> Result<(), CommandError> {
        self.spill()?;
        self.state.runs = self.runs.names().to_vec();
        self.saved = Instant::now();
        self.state.save(&self.folder).map_err(|error| of(&self.folder, &error))
    }

    /// The state, and the runs, of which nothing counts until [`Ledger::save`].
    pub(super) fn parts(&mut self) -> (&VerifyState, &mut Runs) {
        (&self.state, &mut self.runs)
    }

    /// All entries in order.
    pub(super) fn merged(&mut self) -> Result<Merged, CommandError> {
        self.runs.merged().map_err(|error| of(&self.folder, &error))
    }

    /// What is wrong with the folder.
    pub(super) fn failure(&self, error: &io::Error) -> CommandError {
        of(&self.folder, error)
    }
}

/// What is wrong with `folder`.
pub(super) fn of(folder: &Path, error: &io::Error) -> CommandError {
    let hint = "check its free space and permissions, or name another folder with `--work-dir`";
    CommandError::denied(&format!("folder `{}`", folder.display()), error, hint)
}
