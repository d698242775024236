//! Stops the bridge once its group has settled what it is to: what was there at the start (`run --until-caught-up`), or what is
//! replayed.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::progress::Progress;
use crate::config::Config;
use crate::group::{CommandError, Goal, GoalLook, Session};

/// How often it is looked.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a look may take; the end of the bridge waits for it.
const LIMIT: Duration = Duration::from_secs(5);
/// How long nothing may be settled before that is said, and said again.
const STANDS: Duration = Duration::from_mins(1);
/// How many partitions are named.
const NAMED: usize = 5;

/// What is to be settled, and in which words.
#[derive(Debug)]
pub(super) struct Aim {
    /// What is being done.
    pub(super) doing: &'static str,
    /// What is said when it is done.
    pub(super) done: &'static str,
    /// `None` is what is there now.
    pub(super) goal: Option<Goal>,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct CatchUp {
    /// Whether everything is settled.
    pub(super) arrived: bool,
    /// Offsets that are.
    pub(super) settled: i64,
}

/// Looks on a thread of its own.
pub(super) struct CatchUpWatch {
    thread: JoinHandle<CatchUp>,
    /// Dropped, it ends the watch.
    running: SyncSender<()>,
}

impl CatchUpWatch {
    /// Begins to look; once everything is settled it says so by `stop`.
    pub(super) fn begin(
        config: &Config,
        mut aim: Aim,
        stop: SyncSender<()>,
        progress: Progress,
    ) -> std::io::Result<Self> {
        let (running, ended) = sync_channel(0);
        let config = config.clone();
        let thread = std::thread::Builder::new().name("caught-up".into()).spawn(move || {
            let arrived = look_on(&config, &mut aim, &progress, &stop, &ended);
            progress.end();
            CatchUp { arrived, settled: aim.goal.as_ref().map_or(0, Goal::settled) }
        })?;
        Ok(Self { thread, running })
    }

    /// The bridge has ended: what has come of it.
    pub(super) fn end(self) -> CatchUp {
        drop(self.running);
        self.thread.join().expect("a panic would have ended the process")
    }
}

fn look_on(
    config: &Config,
    aim: &mut Aim,
    progress: &Progress,
    stop: &SyncSender<()>,
    ended: &Receiver<()>,
) -> bool {
    let begun = Instant::now();
    if let Some(goal) = &aim.goal {
        progress.begin(aim.doing, "records", goal.size().0.unsigned_abs());
    }
    let mut stands = Stands { settled: -1, since: begun };
    loop {
        // A new session, as long as something cannot be seen: leaders and topics change.
        match in_session(config, aim, progress, &mut stands, ended) {
            Ok(true) => break,
            Ok(false) => {}
            Err(failure) => {
                tracing::debug!(why = failure.what, "cannot read how far the group is, retrying");
            }
        }
        if !matches!(ended.recv_timeout(INTERVAL), Err(RecvTimeoutError::Timeout)) {
            return false;
        }
    }
    let (records, partitions) = aim.goal.as_ref().map(Goal::size).unwrap_or_default();
    let seconds = begun.elapsed().as_secs_f64();
    tracing::info!(records, partitions, seconds, "{}", aim.done);
    // Full when a signal was quicker.
    stop.try_send(()).ok();
    true
}

/// Whether everything is settled; `Ok(false)` when that is to be asked in another session.
fn in_session(
    config: &Config,
    aim: &mut Aim,
    progress: &Progress,
    stands: &mut Stands,
    ended: &Receiver<()>,
) -> Result<bool, CommandError> {
    let mut session = Session::open(config, &[], LIMIT)?;
    let goal = match &mut aim.goal {
        Some(goal) => {
            goal.forget_absent(&session);
            goal
        }
        none => match Goal::set(&mut session, LIMIT)? {
            Some(set) => {
                for topic in session.missing() {
                    tracing::warn!(
                        topic,
                        "the topic does not exist, so the command does not wait for it"
                    );
                }
                let (records, _) = set.size();
                progress.begin(aim.doing, "records", records.unsigned_abs());
                none.insert(set)
            }
            None => return Ok(false),
        },
    };
    loop {
        let look = goal.look(&mut session, LIMIT)?;
        progress.at(goal.settled().unsigned_abs());
        stands.look(goal, Instant::now());
        for partition in goal.take_gone() {
            tracing::warn!(%partition, "the topic was deleted and created again, or the committed position was deleted; nothing more of this partition is replayed");
        }
        match look {
            GoalLook::Arrived => return Ok(true),
            GoalLook::Blind => return Ok(false),
            GoalLook::Open(partitions) => tracing::debug!(partitions, "not settled yet"),
        }
        if !matches!(ended.recv_timeout(INTERVAL), Err(RecvTimeoutError::Timeout)) {
            return Ok(false);
        }
    }
}

/// Since when nothing was settled: a partition that is held or halted is waited for, whatever it waits for.
struct Stands {
    settled: i64,
    since: Instant,
}

impl Stands {
    fn look(&mut self, goal: &Goal, now: Instant) {
        let settled = goal.settled();
        if settled != self.settled {
            *self = Self { settled, since: now };
        } else if now.saturating_duration_since(self.since) >= STANDS {
            self.since = now;
            let left = goal.left();
            let partitions = left.len();
            let named = left.take(NAMED).map(|(place, left)| format!("{place} ({left} left)"));
            let named = named.collect::<Vec<_>>().join(", ");
            tracing::warn!(
                partitions,
                "no record was settled for a minute: {named}. The log lines above give the cause; you can stop at any time"
            );
        }
    }
}
