//! `run`: the bridge, until a signal.

use std::process::ExitCode;

use super::{CONFIGURATION, INTERNAL, REFUSED, Source, say, signals};
use crate::admin::log::{self, LogError};
use crate::bridge::{self, RunError};
use crate::causes;

pub(super) fn run(source: &Source) -> ExitCode {
    let config = match source.load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    if let Err(error) = log::init(&config.log) {
        say(std::io::stderr(), format_args!("error: {error}"));
        return ExitCode::from(match error {
            LogError::Level(_) => CONFIGURATION,
            LogError::Begun(_) => INTERNAL,
        });
    }
    log::abort_on_panic();
    let stop = match signals::watch() {
        Ok(stop) => stop,
        Err(error) => {
            tracing::error!(%error, "cannot watch for signals");
            return ExitCode::from(INTERNAL);
        }
    };
    match bridge::run(&config, &stop) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = causes::whole(&error), "the bridge ended");
            ExitCode::from(match error {
                RunError::Refused(_) => REFUSED,
                RunError::Config(_) => CONFIGURATION,
                RunError::Internal(_) => INTERNAL,
            })
        }
    }
}
