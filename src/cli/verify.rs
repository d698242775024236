//! `verify`: whether all that is in Kafka is in the hubs.

mod live;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;

use self::live::Following;
use super::asking::{failed, meant, read};
use super::progress::Progress;
use super::reading::{ReadingArgs, no_runtime};
use super::replay::bound;
use super::{ConfigSource, TRY_AGAIN, UNPROVEN, answer, say, signals};
use crate::config::Config;
use crate::group::{CommandError, PositionTarget, Selection};
use crate::letters::Time;
use crate::verify::{self, ProgressWatch, VerifyOutcome};

/// What is to be compared.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    source: ConfigSource,
    /// Where to start in Kafka: a time such as `2026-01-31T08:00:00Z`, a date (midnight UTC), `earliest`, or an offset of one partition.
    /// With `--live`, by default the committed positions of the group
    #[arg(long, value_name = "TIME|OFFSET", value_parser = bound, required_unless_present = "live")]
    from: Option<PositionTarget>,
    /// Where to stop, exclusive; by default the end of each partition when the first run starts
    #[arg(long, value_name = "TIME|OFFSET", default_value = "latest", value_parser = bound, conflicts_with = "live")]
    to: PositionTarget,
    /// Only this topic, or this partition of it; may be repeated
    #[arg(long = "topic", value_name = "TOPIC[:PARTITION]")]
    topics: Vec<Selection>,
    /// Only this mapping: its number in `status`, or the name of its topic, pattern or hub; may be repeated
    #[arg(long = "mapping", value_name = "MAPPING")]
    mappings: Vec<String>,
    /// Read events stored at this time or later; by default from ten minutes before the time of `--from`, or all
    #[arg(long, value_name = "TIME")]
    stored_from: Option<Time>,
    /// A folder for what does not fit in memory; the same command with the same folder continues after a stop
    #[arg(long, value_name = "DIR")]
    work_dir: Option<PathBuf>,
    /// How many examples of each fault to show, with their place
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=1000))]
    examples: u16,
    /// Write the result as one JSON document; with `--live`, one line for each round
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: ReadingArgs,
    #[command(flatten)]
    following: Following,
}

/// Draws how far it is, and hears of a wish to stop.
struct Looking {
    progress: Progress,
    drawn: Cell<bool>,
    stopped: Arc<AtomicBool>,
}

impl ProgressWatch for Looking {
    fn begin(&self, what: &str, unit: &'static str, total: u64) {
        if self.drawn.replace(true) {
            self.progress.end();
        }
        self.progress.begin(what, unit, total);
    }

    fn at(&self, done: u64) {
        self.progress.at(done);
    }

    fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// A folder that is deleted at the end, unless it was named.
struct Folder {
    path: PathBuf,
    is_ours: bool,
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_ours {
            std::fs::remove_dir_all(&self.path).ok();
        }
    }
}

impl Folder {
    fn new(named: Option<&Path>) -> Result<Self, CommandError> {
        let own = || {
            let name = format!("kafka-eventhubs-bridge-verify-{}", std::process::id());
            std::env::temp_dir().join(name)
        };
        let path = named.map_or_else(own, Path::to_owned);
        std::fs::create_dir_all(&path).map_err(|error| {
            let hint = "name a writable folder with `--work-dir`";
            CommandError::denied(&format!("folder `{}`", path.display()), &error, hint)
        })?;
        Ok(Self { path, is_ours: named.is_none() })
    }
}

pub(super) fn verify(question: &VerifyArgs) -> ExitCode {
    let config = match read(&question.source, question.json) {
        Ok(config) => config,
        Err(code) => return code,
    };
    question.run(&config).unwrap_or_else(|failure| failed(&failure, question.json))
}

impl VerifyArgs {
    fn run(&self, config: &Config) -> Result<ExitCode, CommandError> {
        // Without a beginning it is where the group stands.
        let asked = verify::CompareRequest {
            from: self.from.unwrap_or(PositionTarget::Shift(0)),
            to: self.to,
            stored_from: self.stored_from.map(|Time(time)| time),
            topics: self.topics.clone(),
            mappings: meant(config, &self.mappings)?,
            group: self.reading.consumer_group.clone(),
            own: self.reading.is_own(),
            limit: self.reading.timeout,
            examples: self.examples.into(),
        };
        let (others, stop) = match signals::watch(None) {
            Ok(signals) => signals,
            Err(error) => return Ok(no_runtime(&error)),
        };
        let folder = Folder::new(self.work_dir.as_deref())?;
        if self.following.is_meant() {
            return self.following.follow(config, &asked, &folder.path, self.json, (others, stop));
        }
        let stopped = Arc::new(AtomicBool::new(false));
        let hears = Arc::clone(&stopped);
        std::thread::spawn(move || {
            // Kept, so that only a signal speaks.
            let _others = others;
            if stop.recv().is_ok() {
                hears.store(true, Ordering::Relaxed);
            }
        });
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return Ok(no_runtime(&error)),
        };
        let progress = Progress::of(!self.json);
        let looking = Looking { progress: progress.clone(), drawn: Cell::new(false), stopped };
        let came = verify::verify(config, &asked, &folder.path, &looking);
        let came = runtime.block_on(came);
        progress.end();
        runtime.shutdown_background();
        Ok(self.told(&came?))
    }

    fn told(&self, came: &VerifyOutcome) -> ExitCode {
        match came {
            VerifyOutcome::Compared(report) => {
                let good = report.sums.is_good();
                let code = if good { ExitCode::SUCCESS } else { ExitCode::from(UNPROVEN) };
                match self.json {
                    true => answer(format_args!("{}", report.json()), code),
                    false => answer(format_args!("{report}"), code),
                }
            }
            VerifyOutcome::Stopped => {
                let on = match &self.work_dir {
                    Some(_) => "the same command continues",
                    None => "use `--work-dir` to be able to continue",
                };
                say(
                    std::io::stderr(),
                    format_args!("stopped before the comparison was complete; {on}"),
                );
                ExitCode::from(TRY_AGAIN)
            }
        }
    }
}
