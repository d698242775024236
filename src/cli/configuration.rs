//! `config`: what the configuration is once file, variables, flags and defaults are one, and what may stand in it.

use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Subcommand};

use super::{CONFIGURATION, ConfigSource, answer, told};
use crate::config::schema;
use crate::connect;

/// What is asked.
#[derive(Debug, Args)]
pub(super) struct Configuration {
    #[command(subcommand)]
    action: ConfigurationAction,
}

#[derive(Debug, Subcommand)]
enum ConfigurationAction {
    /// Write the effective configuration as TOML, with the source of each value; secrets are hidden
    Show(ShowConfigurationArgs),
    /// Write the JSON Schema of the configuration file, for editors and validators
    Schema,
}

#[derive(Debug, Args)]
struct ShowConfigurationArgs {
    #[command(flatten)]
    source: ConfigSource,
    /// Write the configuration, or the problems, as one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn configuration(configuration: &Configuration) -> ExitCode {
    match &configuration.action {
        ConfigurationAction::Show(show) => self::show(show),
        ConfigurationAction::Schema => {
            answer(format_args!("{}", schema().trim_end()), ExitCode::SUCCESS)
        }
    }
}

fn show(show: &ShowConfigurationArgs) -> ExitCode {
    let begun = Instant::now();
    let ShowConfigurationArgs { source, json } = show;
    match source.effective() {
        Ok(effective) if *json => answer(format_args!("{}", effective.json()), ExitCode::SUCCESS),
        Ok(effective) => {
            ConfigSource::warned(&effective.config);
            answer(format_args!("{effective}"), ExitCode::SUCCESS)
        }
        Err(problems) if *json => {
            let document = connect::wrong(&problems, begun.elapsed());
            answer(format_args!("{document}"), ExitCode::from(CONFIGURATION))
        }
        Err(problems) => told(&problems),
    }
}
