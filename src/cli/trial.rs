//! `try`: what the mappings make of records. Nothing is sent.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::asking::{answered, failed, meant};
use super::{ConfigSource, UNSENT, USAGE, say, time};
use crate::config::Config;
use crate::group::{CommandError, Selection};
use crate::record::OwnedRecord;
use crate::trial::{AssumedHub, Trial, latest};

/// A record, as JSON, may have so many bytes.
const LINE: u64 = 16 << 20;
/// What a link of Event Hubs takes.
const LIMIT: usize = 1 << 20;

/// What is tried.
#[derive(Debug, Args)]
pub(super) struct TryArgs {
    #[command(flatten)]
    source: ConfigSource,
    /// Only this mapping: its number, counted from 0, or the name of its topic, pattern or hub; may be repeated
    #[arg(long = "mapping", value_name = "MAPPING")]
    mappings: Vec<String>,
    /// A file of records as lines of JSON, such as `{"topic": "orders", "key": "k1", "value": {"id": 1}}`; by default standard input
    #[arg(value_name = "FILE")]
    records: Option<PathBuf>,
    /// Use the last records of this topic or partition instead; no group is joined
    #[arg(long, value_name = "TOPIC[:PARTITION]", conflicts_with = "records")]
    from_topic: Option<Selection>,
    /// How many records of each partition
    #[arg(long, value_name = "N", default_value_t = 5, requires = "from_topic",
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
    /// The number of partitions of the hubs, to show which partition an event goes to
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2048))]
    partitions: Option<u32>,
    /// Write one line of JSON for each record and mapping
    #[arg(long)]
    json: bool,
    /// Time limit for each answer of Kafka or of a schema registry
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    timeout: Duration,
}

pub(super) fn trial(question: &TryArgs) -> ExitCode {
    match &question.from_topic {
        Some(topic) => answered(&question.source, question.json, |config| {
            let mut trial = question.begin(config)?;
            let records = latest(config, topic, question.count, question.timeout)?;
            let mut telling = TrialOutput::new(question.json);
            for record in &records {
                if telling.tell(&mut trial, record).is_break() {
                    break;
                }
            }
            Ok(telling.end())
        }),
        // Neither Kafka nor Event Hubs is logged in to, so none of their secrets is needed.
        None => match question.source.outline() {
            Ok(outline) => question.begin(&outline.config).map_or_else(
                |failure| failed(&failure, question.json),
                |mut trial| question.lines(&mut trial),
            ),
            Err(code) => code,
        },
    }
}

impl TryArgs {
    fn begin(&self, config: &Config) -> Result<Trial, CommandError> {
        let wanted = meant(config, &self.mappings)?;
        let partitions = self.partitions.map(|count| count as usize);
        Ok(Trial::new(config, wanted, AssumedHub { partitions, limit: LIMIT }))
    }

    /// Tries each line of the file, or of standard input.
    fn lines(&self, trial: &mut Trial) -> ExitCode {
        let (name, input): (_, Box<dyn Read>) = match &self.records {
            None => ("standard input".to_owned(), Box::new(std::io::stdin().lock())),
            Some(file) => match File::open(file) {
                Ok(opened) => (file.display().to_string(), Box::new(opened)),
                Err(error) => {
                    say(std::io::stderr(), format_args!("error: {}: {error}", file.display()));
                    return ExitCode::from(USAGE);
                }
            },
        };
        let mut telling = TrialOutput::new(self.json);
        let mut lines = BufReader::new(input);
        for number in 0.. {
            let record = match next_line(&mut lines) {
                Ok(None) => break,
                Ok(Some(line)) if line.trim().is_empty() => continue,
                Ok(Some(line)) => trial.read(&line, number),
                Err(error) => Err(error),
            };
            match record {
                Ok(record) if telling.tell(trial, &record).is_continue() => {}
                Ok(_) => break,
                Err(error) => {
                    let line = number + 1;
                    let how = "a record is one line of JSON, such as {\"key\": \"k1\", \"value\": {\"id\": 1}}";
                    let what = format_args!("error: {name}:{line}: {error}\n  hint: {how}");
                    say(std::io::stderr(), what);
                    return ExitCode::from(USAGE);
                }
            }
        }
        telling.end()
    }
}

/// The next line, without holding more than a record may have.
fn next_line(lines: &mut impl BufRead) -> Result<Option<String>, String> {
    let mut line = String::new();
    let read = lines.take(LINE).read_line(&mut line).map_err(|error| error.to_string())?;
    match read as u64 {
        0 => Ok(None),
        LINE.. => Err(format!("the line is longer than {} MiB", LINE >> 20)),
        _ => Ok(Some(line)),
    }
}

/// Writes what became of records as they come.
struct TrialOutput {
    json: bool,
    /// Whether all of them would be sent, or are filtered.
    is_well: bool,
    /// What standard output says.
    written: std::io::Result<()>,
}

impl TrialOutput {
    fn new(json: bool) -> Self {
        Self { json, is_well: true, written: Ok(()) }
    }

    fn tell(&mut self, trial: &mut Trial, record: &OwnedRecord) -> ControlFlow<()> {
        for told in record.with(|record| trial.told(record)) {
            self.is_well &= told.is_well();
            let mut out = std::io::stdout().lock();
            self.written = match self.json {
                true => writeln!(out, "{}", told.json()),
                false => writeln!(out, "{told}"),
            };
            if self.written.is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn end(self) -> ExitCode {
        let code = if self.is_well { ExitCode::SUCCESS } else { ExitCode::from(UNSENT) };
        super::written(self.written.and_then(|()| std::io::stdout().flush()), code)
    }
}
