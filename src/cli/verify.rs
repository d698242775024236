//! `verify`: whether all that is in Kafka is in the hubs.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;

use super::asking::{failed, meant, read};
use super::progress::Progress;
use super::replay::bound;
use super::tail::{Reader, no_runtime};
use super::{Source, TRY_AGAIN, UNPROVEN, answer, say, signals, time};
use crate::config::Config;
use crate::eventhubs::reader::DEFAULT_GROUP;
use crate::group::{Failure, Selection, Target};
use crate::letters::Time;
use crate::verify::{self, Outcome, Watch};

/// What is to be compared.
#[derive(Debug, Args)]
pub(super) struct Question {
    #[command(flatten)]
    source: Source,
    /// From where on, in Kafka: a time such as `2026-01-31T08:00:00Z`, a date (its midnight, UTC), `earliest`, or, of one partition, an
    /// offset
    #[arg(long, value_name = "TIME|OFFSET", value_parser = bound)]
    from: Target,
    /// Up to where, without what stands there; the end at the first start unless it is said
    #[arg(long, value_name = "TIME|OFFSET", default_value = "latest", value_parser = bound)]
    to: Target,
    /// Only this topic, or this partition of it; may be repeated
    #[arg(long = "topic", value_name = "TOPIC[:PARTITION]")]
    topics: Vec<Selection>,
    /// Only by this mapping: its number in `status`, or the name of its topic, pattern or hub; may be repeated
    #[arg(long = "mapping", value_name = "MAPPING")]
    mappings: Vec<String>,
    /// Read events that were stored from then on; without it, from ten minutes before the time of `--from`, or all
    #[arg(long, value_name = "TIME")]
    stored_from: Option<Time>,
    /// Keep here what memory does not hold; the same command with the same folder goes on where it was stopped or killed
    #[arg(long, value_name = "DIR")]
    work_dir: Option<PathBuf>,
    /// How many of each fault are told with their place
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=1000))]
    examples: u16,
    /// The consumer group to read for; a service lets five readers at a time read a partition for one
    #[arg(long, value_name = "GROUP", default_value = DEFAULT_GROUP)]
    consumer_group: String,
    /// Tell what was found as one JSON document
    #[arg(long)]
    json: bool,
    /// Who reads the hubs: Microsoft's own client where it can go, or the bridge's own reader
    #[arg(long, value_enum, default_value_t = Reader::Microsoft)]
    reader: Reader,
    /// How long each answer of Kafka or of Event Hubs may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    timeout: Duration,
}

/// Draws how far it is, and hears of a wish to stop.
struct Looking {
    progress: Progress,
    drawn: Cell<bool>,
    stopped: Arc<AtomicBool>,
}

impl Watch for Looking {
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
    fn new(named: Option<&Path>) -> Result<Self, Failure> {
        let own = || {
            let name = format!("kafka-eventhubs-bridge-verify-{}", std::process::id());
            std::env::temp_dir().join(name)
        };
        let path = named.map_or_else(own, Path::to_owned);
        std::fs::create_dir_all(&path).map_err(|error| {
            let hint = "name a folder that can be written to with `--work-dir`";
            Failure::denied(&format!("folder `{}`", path.display()), &error, hint)
        })?;
        Ok(Self { path, is_ours: named.is_none() })
    }
}

pub(super) fn verify(question: &Question) -> ExitCode {
    let config = match read(&question.source, question.json) {
        Ok(config) => config,
        Err(code) => return code,
    };
    question.run(&config).unwrap_or_else(|failure| failed(&failure, question.json))
}

impl Question {
    fn run(&self, config: &Config) -> Result<ExitCode, Failure> {
        let asked = verify::Question {
            from: self.from,
            to: self.to,
            stored_from: self.stored_from.map(|Time(time)| time),
            topics: self.topics.clone(),
            mappings: meant(config, &self.mappings)?,
            group: self.consumer_group.clone(),
            own: self.reader == Reader::Bridge,
            limit: self.timeout,
            examples: self.examples.into(),
        };
        let stopped = Arc::new(AtomicBool::new(false));
        match signals::watch(None) {
            Ok((others, stop)) => {
                let stopped = Arc::clone(&stopped);
                std::thread::spawn(move || {
                    // Kept, so that only a signal speaks.
                    let _others = others;
                    if stop.recv().is_ok() {
                        stopped.store(true, Ordering::Relaxed);
                    }
                });
            }
            Err(error) => return Ok(no_runtime(&error)),
        }
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return Ok(no_runtime(&error)),
        };
        let folder = Folder::new(self.work_dir.as_deref())?;
        let progress = Progress::of(!self.json);
        let looking = Looking { progress: progress.clone(), drawn: Cell::new(false), stopped };
        let came = verify::verify(config, &asked, &folder.path, &looking);
        let came = runtime.block_on(came);
        progress.end();
        runtime.shutdown_background();
        match came? {
            Outcome::Compared(report) => {
                let good = report.sums.is_good();
                let code = if good { ExitCode::SUCCESS } else { ExitCode::from(UNPROVEN) };
                Ok(match self.json {
                    true => answer(format_args!("{}", report.json()), code),
                    false => answer(format_args!("{report}"), code),
                })
            }
            Outcome::Stopped => {
                let on = match &self.work_dir {
                    Some(_) => "the same command goes on",
                    None => "with `--work-dir` it could go on",
                };
                say(std::io::stderr(), format_args!("stopped before all was compared; {on}"));
                Ok(ExitCode::from(TRY_AGAIN))
            }
        }
    }
}
