//! What the commands that ask Kafka for the group have in common: which configuration, which topics, how long, in which form.

use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::steer::is_meant;
use super::{CONFIGURATION, ConfigSource, REFUSED, TRY_AGAIN, USAGE, answer, say, time};
use crate::config::{Config, Topics};
use crate::connect;
use crate::group::{CommandError, ErrorKind, Selection, Session};

/// See the module.
#[derive(Debug, Args)]
pub(super) struct Asking {
    #[command(flatten)]
    source: ConfigSource,
    /// Only this topic, or this partition of it; may be repeated
    #[arg(long = "topic", value_name = "TOPIC[:PARTITION]")]
    topics: Vec<Selection>,
    /// Write the result, or the error, as one JSON document
    #[arg(long)]
    pub(super) json: bool,
    /// Give up after this long
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    pub(super) timeout: Duration,
}

impl Asking {
    /// Opens a session, and does `what` in it.
    pub(super) fn ask(
        &self,
        what: impl FnOnce(&mut Session<'_>) -> Result<ExitCode, CommandError>,
    ) -> ExitCode {
        answered(&self.source, self.json, |config| {
            let mut session = Session::open(config, &self.topics, self.timeout)?;
            what(&mut session)
        })
    }
}

/// Reads the configuration and does `what` with it; why that cannot be is told, with `json` as a document.
pub(super) fn answered(
    source: &ConfigSource,
    json: bool,
    what: impl FnOnce(&Config) -> Result<ExitCode, CommandError>,
) -> ExitCode {
    match read(source, json) {
        Ok(config) => what(&config).unwrap_or_else(|failure| failed(&failure, json)),
        Err(code) => code,
    }
}

/// The configuration, or the exit code once it has been told what is wrong with it.
pub(super) fn read(source: &ConfigSource, as_json: bool) -> Result<Config, ExitCode> {
    let begun = std::time::Instant::now();
    match source.read() {
        Ok(config) => {
            if !as_json {
                ConfigSource::warned(&config);
            }
            Ok(config)
        }
        Err(problems) if as_json => {
            let document = connect::wrong(&problems, begun.elapsed());
            Err(answer(format_args!("{document}"), ExitCode::from(CONFIGURATION)))
        }
        Err(problems) => Err(super::told(&problems)),
    }
}

/// Tells why there is no answer.
pub(super) fn failed(failure: &CommandError, as_json: bool) -> ExitCode {
    let code = ExitCode::from(match failure.kind {
        ErrorKind::Usage => USAGE,
        ErrorKind::Denied => REFUSED,
        ErrorKind::Alive => TRY_AGAIN,
    });
    if as_json {
        return answer(format_args!("{}", failure.json()), code);
    }
    say(std::io::stderr(), format_args!("{failure}"));
    code
}

/// Whether somebody is at a terminal to be asked; says otherwise which arguments take the place of an answer.
pub(super) fn can_ask(as_json: bool, hint: &str) -> bool {
    let can = !as_json && std::io::stdin().is_terminal();
    if !can {
        let how =
            format_args!("error: cannot ask for confirmation without a terminal\n  hint: {hint}");
        say(std::io::stderr(), how);
    }
    can
}

/// Asks; only `yes` is yes.
pub(super) fn is_agreed(question: &str) -> bool {
    say(std::io::stderr(), format_args!("{question} Type `yes` to confirm"));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).is_ok() && line.trim() == "yes"
}

/// The mappings that are named, by their places: each by its number in `status`, or by the name of its topic, pattern or hub.
pub(super) fn meant(config: &Config, named: &[String]) -> Result<BTreeSet<usize>, CommandError> {
    let all = || config.mappings.iter().enumerate();
    let mut chosen = BTreeSet::new();
    for named in named {
        let meant = all().filter(|(place, it)| match &it.topics {
            Topics::Named(names) => is_meant(named, *place, &it.hub, names),
            Topics::Pattern(pattern) => {
                is_meant(named, *place, &it.hub, [pattern.matching.as_str(), pattern.text()])
            }
        });
        let meant = meant.map(|(place, _)| place).collect::<Vec<_>>();
        if meant.is_empty() {
            let all = all().map(|(place, it)| format!("{place} ({})", it.hub)).take(20);
            let all = all.collect::<Vec<_>>().join(", ");
            let what = format!("no mapping has the name `{named}`");
            return Err(CommandError::usage(what, format!("the mappings are {all}")));
        }
        chosen.extend(meant);
    }
    Ok(chosen)
}
