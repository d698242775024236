//! The command line: arguments in, exit code out. One file per command.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done; `run` was asked to stop, by any signal that can be caught, has drained and committed |
//! | 64 | the arguments are wrong |
//! | 65 | `try`: a record would not be sent as it is |
//! | 69 | Kafka or Event Hubs refuse for good, and nothing can run (`--strict`: not everything); commands that ask: or somebody does not answer |
//! | 70 | a fault of the bridge |
//! | 74 | what was asked for could not be written: to standard output, or where it was to go |
//! | 75 | not now: `offsets set`, somebody is in the group, and nothing was changed; `drain`, `run --until-caught-up` and `replay`, not everything is delivered yet; `verify` without `--live`, stopped before it was done |
//! | 76 | `verify`: not everything is in the hubs as it should be; with `--live`, until it was stopped |
//! | 78 | the configuration is wrong |
//! | 130 | a second SIGTERM, SIGINT or SIGQUIT, not within 200 ms of the first signal, stopped it at once |

mod asking;
mod caught_up;
mod check;
mod completions;
mod configuration;
mod dead_letters;
mod hubs;
mod import;
mod lag;
mod man;
mod offsets;
mod progress;
mod reading;
mod replay;
mod run;
mod signals;
mod status;
mod steer;
mod tail;
mod trial;
mod verify;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Effective, Outline, Problems};

const USAGE: u8 = 64;
const UNSENT: u8 = 65;
const REFUSED: u8 = 69;
const INTERNAL: u8 = 70;
const UNWRITTEN: u8 = 74;
const TRY_AGAIN: u8 = 75;
const UNPROVEN: u8 = 76;
const CONFIGURATION: u8 = 78;

/// As the table above, in the words of a terminal.
const EXIT_CODES: &str = "\
Exit codes:
  0    done; `run` was asked to stop, has drained and committed
  64   the arguments are invalid
  65   `try`: a record is refused, or no mapping reads its topic
  69   Kafka or Event Hubs refused permanently; for a command that only asks, also: a server does not answer
  70   a defect of the bridge
  74   the output could not be written
  75   `offsets set`: a bridge of the group runs, nothing was changed; `drain`: not everything was delivered in time;
       `run --until-caught-up`, `replay`, `dead-letters replay` and `verify`: stopped before the end
  76   `verify`: records are missing or different in the hubs
  78   the configuration is invalid
  130  a second signal stopped it at once";

/// Copies Apache Kafka topics into Azure Event Hubs: keys kept, order kept, nothing lost
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_long_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copy records until SIGTERM, SIGINT or another signal, then drain, commit and exit; a second signal stops at once
    Run(run::RunArgs),
    /// Validate a configuration; with `--connect`, also test access to brokers, topics, namespaces and hubs
    Check(check::CheckArgs),
    /// Show the state of running bridges: lag, rates, and which partitions are paused, and why
    Status(status::StatusArgs),
    /// Stop reading the topics of a mapping until it is resumed; records already read are delivered
    Pause(steer::MappingsArgs),
    /// Read the topics of a mapping again
    Resume(steer::MappingsArgs),
    /// Pause mappings, and wait until all their records are delivered
    Drain(steer::DrainArgs),
    /// Change the log level of a running bridge
    LogLevel(steer::LevelArgs),
    /// Make a running bridge reload its configuration, and show the changes
    Reload(steer::ReloadArgs),
    /// Convert the configuration of a Kafka Connect sink or of MirrorMaker 2, and list what has no counterpart
    Import(import::Old),
    /// Write the hubs that a configuration needs, for Azure's tools to create them
    Hubs(hubs::HubsArgs),
    /// Write the effective configuration with the source of each value, or the JSON Schema
    Config(configuration::Configuration),
    /// Show the lag of the group in records and in time, read from Kafka: also while no bridge runs
    Lag(lag::LagArgs),
    /// Show the committed positions of the group, or set them while no bridge runs
    Offsets(offsets::OffsetsArgs),
    /// Show the records in the dead-letter topics, send them again, or delete them
    DeadLetters(dead_letters::DeadLettersArgs),
    /// Send the records between two times or offsets again; the group of the bridge is not changed
    Replay(replay::ReplayArgs),
    /// Show events of a hub: the last of each partition, or those from a time or a sequence number on
    Tail(tail::TailArgs),
    /// Compare records with the events in the hubs: find missing, duplicate, reordered, altered and misplaced ones
    Verify(verify::VerifyArgs),
    /// Show the events that the mappings make of records, and which records are filtered or refused; nothing is sent
    Try(trial::TryArgs),
    /// Write a completion script for a shell
    Completions(completions::Completions),
    /// Write the manual pages
    Man(man::ManPage),
}

/// Where the configuration comes from.
#[derive(Debug, Args)]
struct ConfigSource {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Set a key over the file and the environment, such as `kafka.group_id=orders`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    overrides: Vec<(String, String)>,
}

impl ConfigSource {
    /// The configuration, or the exit code once its problems have been said.
    fn load(&self) -> Result<Config, ExitCode> {
        self.read().map_err(|problems| told(&problems))
    }

    /// The same, or its problems.
    fn read(&self) -> Result<Config, Problems> {
        let objection = crate::kafka::objection;
        Config::load(&self.config, environment(), &self.overrides, objection)
    }

    /// The configuration, and who said what of it.
    fn effective(&self) -> Result<Effective, Problems> {
        let objection = crate::kafka::objection;
        Effective::load(&self.config, environment(), &self.overrides, objection)
    }

    /// Says what of `config` is taken and hardly was meant so.
    fn warned(config: &Config) {
        for warning in &config.warnings {
            say(std::io::stderr(), format_args!("{warning}"));
        }
    }

    /// As much of it as is known before there are secrets.
    fn outline(&self) -> Result<Outline, ExitCode> {
        let outline = Outline::load(&self.config, environment(), &self.overrides);
        outline.map_err(|problems| told(&problems))
    }
}

/// Only text can be a value; a variable that is none is nobody's.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn told(problems: &Problems) -> ExitCode {
    say(std::io::stderr(), format_args!("{problems}"));
    ExitCode::from(CONFIGURATION)
}

/// Writes what was asked for to standard output; `code` is what that means. If it could not be written, nobody may take
/// the command for done: a reader that has left has what it wanted, a full disk has not.
fn answer(line: std::fmt::Arguments<'_>, code: ExitCode) -> ExitCode {
    let mut out = std::io::stdout().lock();
    written(writeln!(out, "{line}").and_then(|()| out.flush()), code)
}

fn written(result: std::io::Result<()>, code: ExitCode) -> ExitCode {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            say(std::io::stderr(), format_args!("error: cannot write to standard output: {error}"));
            // What is wrong already stays so.
            if code == ExitCode::SUCCESS { ExitCode::from(UNWRITTEN) } else { code }
        }
        _ => code,
    }
}

/// Writes a line to standard error. Nothing can be done about a closed terminal or a full disk; the exit code says the
/// rest.
fn say(mut out: impl std::io::Write, line: std::fmt::Arguments<'_>) {
    drop(writeln!(out, "{line}"));
}

/// How long something may take.
fn time(text: &str) -> Result<Duration, &'static str> {
    let parsed = jiff::fmt::friendly::SpanParser::new().parse_unsigned_duration(text.trim());
    // A day is long enough, and can be added to any clock.
    let range = Duration::from_millis(100)..=Duration::from_hours(24);
    parsed
        .ok()
        .filter(|time| range.contains(time))
        .ok_or("write a time between 100ms and 24h, such as 30s")
}

fn key_value(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, such as kafka.group_id=orders"),
    }
}

/// Does what the arguments of this process say.
pub fn main() -> ExitCode {
    match Arguments::try_parse() {
        Ok(Arguments { command: Command::Run(run) }) => run::run(run),
        Ok(Arguments { command: Command::Check(check) }) => check::check(&check),
        Ok(Arguments { command: Command::Status(question) }) => status::status(question),
        Ok(Arguments { command: Command::Pause(mappings) }) => steer::pause(&mappings),
        Ok(Arguments { command: Command::Resume(mappings) }) => steer::resume(&mappings),
        Ok(Arguments { command: Command::Drain(drain) }) => steer::drain(&drain),
        Ok(Arguments { command: Command::LogLevel(level) }) => steer::level(&level),
        Ok(Arguments { command: Command::Reload(reload) }) => steer::reload(&reload),
        Ok(Arguments { command: Command::Import(old) }) => import::import(&old),
        Ok(Arguments { command: Command::Hubs(question) }) => hubs::hubs(&question),
        Ok(Arguments { command: Command::Config(it) }) => configuration::configuration(&it),
        Ok(Arguments { command: Command::Lag(question) }) => lag::lag(&question),
        Ok(Arguments { command: Command::Offsets(offsets) }) => offsets::offsets(&offsets),
        Ok(Arguments { command: Command::DeadLetters(it) }) => dead_letters::dead_letters(&it),
        Ok(Arguments { command: Command::Replay(question) }) => replay::replay(&question),
        Ok(Arguments { command: Command::Tail(question) }) => tail::tail(&question),
        Ok(Arguments { command: Command::Verify(question) }) => verify::verify(&question),
        Ok(Arguments { command: Command::Try(question) }) => trial::trial(&question),
        Ok(Arguments { command: Command::Completions(it) }) => completions::completions(&it),
        Ok(Arguments { command: Command::Man(page) }) => man::man(&page),
        // Help and version were asked for and go to standard output; anything else is a mistake.
        Err(error) => {
            let printed = error.print();
            if error.use_stderr() {
                // As with `say`.
                drop(printed);
                return ExitCode::from(USAGE);
            }
            written(printed.and_then(|()| std::io::stdout().flush()), ExitCode::SUCCESS)
        }
    }
}
