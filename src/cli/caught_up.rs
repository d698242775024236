//! `run --until-caught-up`: stops the bridge once its group has settled what was there at the start.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::progress::Progress;
use crate::config::Config;
use crate::group::{Failure, Goal, Look, Session};

/// How often it is looked.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a look may take; the end of the bridge waits for it.
const LIMIT: Duration = Duration::from_secs(5);

/// Looks on a thread of its own.
pub(super) struct Watch {
    thread: JoinHandle<bool>,
    /// Dropped, it ends the watch.
    running: SyncSender<()>,
}

impl Watch {
    /// Begins to look; once everything is settled it says so by `stop`.
    pub(super) fn begin(
        config: &Config,
        stop: SyncSender<()>,
        progress: Progress,
    ) -> std::io::Result<Self> {
        let (running, ended) = sync_channel(0);
        let config = config.clone();
        let thread = std::thread::Builder::new().name("caught-up".into()).spawn(move || {
            let is_caught_up = look_on(&config, &progress, &stop, &ended);
            progress.end();
            is_caught_up
        })?;
        Ok(Self { thread, running })
    }

    /// The bridge has ended: whether everything was settled.
    pub(super) fn end(self) -> bool {
        drop(self.running);
        self.thread.join().expect("a panic would have ended the process")
    }
}

fn look_on(
    config: &Config,
    progress: &Progress,
    stop: &SyncSender<()>,
    ended: &Receiver<()>,
) -> bool {
    let (begun, mut goal) = (Instant::now(), None);
    loop {
        // A new session, as long as something cannot be seen: leaders and topics change.
        match in_session(config, &mut goal, progress, ended) {
            Ok(true) => break,
            Ok(false) => {}
            Err(failure) => {
                tracing::debug!(why = failure.what, "whether it is caught up is not known");
            }
        }
        if !matches!(ended.recv_timeout(INTERVAL), Err(RecvTimeoutError::Timeout)) {
            return false;
        }
    }
    let (records, partitions) = goal.as_ref().map(Goal::size).unwrap_or_default();
    let seconds = begun.elapsed().as_secs_f64();
    tracing::info!(
        records,
        partitions,
        seconds,
        "caught up: all that was there at the start is settled"
    );
    // Full when a signal was quicker.
    stop.try_send(()).ok();
    true
}

/// Whether everything is settled; `Ok(false)` when that is to be asked in another session.
fn in_session(
    config: &Config,
    goal: &mut Option<Goal>,
    progress: &Progress,
    ended: &Receiver<()>,
) -> Result<bool, Failure> {
    let mut session = Session::open(config, &[], LIMIT)?;
    let goal = match goal {
        Some(goal) => {
            goal.forget_absent(&session);
            goal
        }
        None => match Goal::set(&mut session, LIMIT)? {
            Some(set) => {
                for topic in session.missing() {
                    tracing::warn!(topic, "it is not there, so it need not be caught up with");
                }
                let (records, _) = set.size();
                progress.begin("catching up", "records", records.unsigned_abs());
                goal.insert(set)
            }
            None => return Ok(false),
        },
    };
    loop {
        let look = goal.look(&mut session, LIMIT)?;
        progress.at(goal.settled().unsigned_abs());
        match look {
            Look::Arrived => return Ok(true),
            Look::Blind => return Ok(false),
            Look::Open(partitions) => tracing::debug!(partitions, "not caught up yet"),
        }
        if !matches!(ended.recv_timeout(INTERVAL), Err(RecvTimeoutError::Timeout)) {
            return Ok(false);
        }
    }
}
