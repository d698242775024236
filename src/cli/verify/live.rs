//! `verify --live`: a running bridge is followed, and what is found is told in lines and as metrics.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;

use super::super::reading::no_runtime;
use super::super::{INTERNAL, UNPROVEN, USAGE, say, written};
use crate::admin::{ListenError, Server};
use crate::causes;
use crate::config::Config;
use crate::group::CommandError;
use crate::metrics::{RoundOutcome, Verified};
use crate::verify::{self, CompareRequest, ProgressWatch, Round, Rounds};

/// How long a round may take to stop; what it has kept is whole at any time.
const GRACE: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug, Args)]
pub(super) struct Following {
    /// Follow the bridge until a signal: in each round, compare what its group has committed since the last one
    #[arg(long)]
    live: bool,
    /// How often a round begins, at least 1s; after a longer round the next begins at once
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = every, requires = "live")]
    every: Duration,
    /// Serve the results as Prometheus metrics, at `/metrics` of this address
    #[arg(long, value_name = "ADDRESS", requires = "live")]
    metrics: Option<SocketAddr>,
}

fn every(text: &str) -> Result<Duration, &'static str> {
    let time = super::super::time(text).ok();
    time.filter(|time| *time >= Duration::from_secs(1))
        .ok_or("write a time between 1s and 24h, such as 5m")
}

/// Tells of the rounds, and hears of a wish to stop.
struct RoundOutput {
    as_json: bool,
    metrics: Arc<Verified>,
    stopped: Arc<AtomicBool>,
    /// Whether a mapping has not kept what it promises.
    faulty: Arc<AtomicBool>,
    /// What came of standard output; nothing more is written once it has failed.
    out: Mutex<std::io::Result<()>>,
}

impl ProgressWatch for RoundOutput {
    fn begin(&self, _: &str, _: &'static str, _: u64) {}

    fn at(&self, _: u64) {}

    fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

impl Rounds for RoundOutput {
    fn settled(&self, round: &Round) {
        let (report, metrics) = (&round.report, &self.metrics);
        for at in report.at_hubs() {
            metrics.faults((at.namespace, at.hub), at.once, at.fault, at.count);
        }
        let sums = &report.sums;
        for (reason, count) in
            [("no_record", sums.no_record), ("expired", sums.expired), ("unplaced", sums.unknown)]
        {
            metrics.unproven(reason, count);
        }
        metrics.compared(report.records(), sums.found, round.asked as f64 / 1000.0);
        metrics.left(round.waiting, round.uncommitted);
        let kept = report.keeps_promises();
        metrics.round(if kept { RoundOutcome::Good } else { RoundOutcome::Faults });
        self.faulty.fetch_or(!kept, Ordering::Relaxed);
        let mut out = std::io::stdout().lock();
        let told = match self.as_json {
            true => writeln!(out, "{}", round.json()),
            false => write!(out, "{round}"),
        };
        let told = told.and_then(|()| out.flush());
        let mut before = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_err() {
            *before = told;
            // Nobody hears it any more.
            self.stopped.store(true, Ordering::Relaxed);
        }
    }

    fn failed(&self, failure: &CommandError) {
        self.metrics.round(RoundOutcome::Failed);
        say(std::io::stderr(), format_args!("{failure}\n  the next round retries"));
    }
}

impl Following {
    pub(super) fn is_meant(&self) -> bool {
        self.live
    }

    /// Follows the bridge until somebody wishes to stop.
    pub(super) fn follow(
        &self,
        config: &Config,
        asked: &CompareRequest,
        folder: &Path,
        as_json: bool,
        (wish, stop): (SyncSender<()>, Receiver<()>),
    ) -> Result<ExitCode, CommandError> {
        let metrics = Arc::new(Verified::default());
        let page = Arc::clone(&metrics);
        let serve = |listen| Server::of_metrics(listen, "`--metrics`", move || page.render());
        let _server = match self.metrics.map(serve).transpose() {
            Ok(server) => server,
            Err(error) => return Ok(not_served(&error)),
        };
        let [stopped, faulty] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let out = Mutex::new(Ok(()));
        let (hears, tells) = (Arc::clone(&stopped), Arc::clone(&faulty));
        let telling = RoundOutput { as_json, metrics, stopped: hears, faulty: tells, out };
        let (tell, told) = sync_channel(1);
        let (config, asked, every) = (config.clone(), asked.clone(), self.every);
        let folder = folder.to_owned();
        let follow = move || {
            let came = rounds(&config, &asked, every, &folder, telling);
            // A receiver that waits hears that there is nothing to wait for.
            drop((tell.send(came), wish.send(())));
        };
        let thread = std::thread::Builder::new().name("rounds".into()).spawn(follow);
        if let Err(error) = thread {
            return Ok(no_runtime(&error));
        }
        // An error is as good: then nothing is left to wait for.
        stop.recv().ok();
        stopped.store(true, Ordering::Relaxed);
        let came = told.recv_timeout(GRACE);
        let faulty = faulty.load(Ordering::Relaxed);
        let code = if faulty { ExitCode::from(UNPROVEN) } else { ExitCode::SUCCESS };
        match came {
            Ok(Ok((came, out))) => came.map(|()| written(out, code)),
            Ok(Err(error)) => Ok(no_runtime(&error)),
            Err(_) => {
                let on = "stopped within a round; the same command with the same `--work-dir` continues it";
                say(std::io::stderr(), format_args!("{on}"));
                Ok(code)
            }
        }
    }
}

/// What came of the rounds, and of telling of them; an error where the system gives no runtime.
type Came = std::io::Result<(Result<(), CommandError>, std::io::Result<()>)>;

fn rounds(
    config: &Config,
    asked: &CompareRequest,
    every: Duration,
    folder: &Path,
    telling: RoundOutput,
) -> Came {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let came = runtime.block_on(verify::follow(config, asked, every, folder, &telling));
    runtime.shutdown_background();
    Ok((came, telling.out.into_inner().unwrap_or_else(PoisonError::into_inner)))
}

fn not_served(error: &ListenError) -> ExitCode {
    let code = match error {
        ListenError::Listen { .. } => USAGE,
        ListenError::System(_) => INTERNAL,
    };
    let text = causes::whole(error);
    say(
        std::io::stderr(),
        format_args!("error: {text}\n  hint: stop what uses this address, or give another"),
    );
    ExitCode::from(code)
}
