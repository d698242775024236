//! `run`: the bridge, until a signal.

use std::process::ExitCode;

use clap::Args;

use super::{CONFIGURATION, INTERNAL, REFUSED, Source, say, signals};
use crate::admin::Changes;
use crate::admin::log::{self, LogError};
use crate::bridge::{self, RunError};
use crate::causes;

/// What is to run, and when not.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    source: Source,
    /// End with 69 before a record is read unless every mapping can run; otherwise those run that can
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(run: &Run) -> ExitCode {
    let config = match run.source.load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let changes = Changes::default();
    let levels = match log::init(&config.log, &changes) {
        Ok(levels) => levels,
        Err(error) => {
            say(std::io::stderr(), format_args!("error: {error}"));
            return ExitCode::from(match error {
                LogError::Level(_) => CONFIGURATION,
                LogError::Begun(_) => INTERNAL,
            });
        }
    };
    log::abort_on_panic();
    for warning in &config.warnings {
        tracing::warn!("{}", warning.line());
    }
    let stop = match signals::watch() {
        Ok(stop) => stop,
        Err(error) => {
            tracing::error!(%error, "cannot watch for signals");
            return ExitCode::from(INTERNAL);
        }
    };
    // Kubernetes says so in each pod.
    let host = std::env::var("HOSTNAME").ok();
    match bridge::run(&config, run.strict, &stop, host, (changes, levels)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(name: "ended", error = causes::whole(&error), "the bridge ended");
            ExitCode::from(match error {
                RunError::Refused(_) => REFUSED,
                RunError::Config(_) => CONFIGURATION,
                RunError::Internal(_) => INTERNAL,
            })
        }
    }
}
