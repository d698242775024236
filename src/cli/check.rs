//! `check`: everything that is wrong with a configuration, before anything is connected to; with `--connect` also
//! everything that somebody would refuse.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use super::{CONFIGURATION, ConfigSource, INTERNAL, REFUSED, answer, say, time, told};
use crate::config::Config;
use crate::connect::{self, CheckReport};

/// What is to be checked, and how it is to be told.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    source: ConfigSource,
    /// Also test access to every broker, topic, namespace and hub; nothing is sent
    #[arg(long)]
    connect: bool,
    /// Write the report, or the problems, as one JSON document
    #[arg(long)]
    json: bool,
    /// Give up after this long
    #[arg(long, value_name = "TIME", default_value = "30s", requires = "connect", value_parser = time)]
    timeout: Duration,
}

pub(super) fn check(check: &CheckArgs) -> ExitCode {
    let begun = Instant::now();
    let config = match check.source.read() {
        Ok(config) => config,
        Err(problems) if check.json => {
            let document = connect::wrong(&problems, begun.elapsed());
            return answer(format_args!("{document}"), ExitCode::from(CONFIGURATION));
        }
        Err(problems) => return told(&problems),
    };
    if !check.json {
        ConfigSource::warned(&config);
    }
    match (check.connect, check.json) {
        (true, _) => connected(check, &config),
        (false, true) => {
            let nobody = CheckReport { took: begun.elapsed(), ..CheckReport::default() };
            let document = connect::found(&config.warnings, &nobody);
            answer(format_args!("{document}"), ExitCode::SUCCESS)
        }
        (false, false) => good(&check.source, &config),
    }
}

fn good(source: &ConfigSource, config: &Config) -> ExitCode {
    let (mappings, namespaces) = (config.mappings.len(), config.eventhubs.len());
    let file = source.config.display();
    answer(
        format_args!("{file}: valid (mappings: {mappings}, namespaces: {namespaces})"),
        ExitCode::SUCCESS,
    )
}

fn connected(check: &CheckArgs, config: &Config) -> ExitCode {
    let report = match connect::connect(config, check.timeout) {
        Ok(report) => report,
        Err(error) => {
            say(std::io::stderr(), format_args!("error: cannot start the async runtime: {error}"));
            return ExitCode::from(INTERNAL);
        }
    };
    let code = if report.is_good() { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) };
    if check.json {
        answer(format_args!("{}", connect::found(&config.warnings, &report)), code)
    } else {
        answer(format_args!("{report}"), code)
    }
}
