//! `run`: the bridge, until a signal.

use std::process::ExitCode;

use clap::Args;

use super::caught_up::Watch;
use super::progress::Progress;
use super::{CONFIGURATION, INTERNAL, REFUSED, Source, TRY_AGAIN, say, signals, told};
use crate::admin::log::{self, LogError};
use crate::admin::{Changes, Reloads};
use crate::bridge::{self, RunError};
use crate::causes;
use crate::config::LogFormat;

/// What is to run, and when not.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    source: Source,
    /// End with 69 before a record is read unless every mapping can run; otherwise those run that can
    #[arg(long)]
    strict: bool,
    /// End with 0 once the group has settled what was there at the start; with 75 if it is stopped before
    #[arg(long)]
    until_caught_up: bool,
    /// Reload the configuration whenever the file changes; without it, on SIGHUP and by `reload`
    #[arg(long, conflicts_with = "until_caught_up")]
    watch_config: bool,
}

pub(super) fn run(run: Run) -> ExitCode {
    let effective = match run.source.effective() {
        Ok(effective) => effective,
        Err(problems) => return told(&problems),
    };
    let config = &effective.config;
    let changes = Changes::default();
    let progress = Progress::of(config.log.format == LogFormat::Text);
    let levels = match log::init(&config.log, &changes, progress.clone()) {
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
    let reloads = Reloads::default();
    let hears = (!run.until_caught_up).then(|| reloads.clone());
    let started = signals::watch(hears).and_then(|(others, stop)| {
        let watch = run.until_caught_up.then(|| Watch::begin(config, others, progress));
        Ok((watch.transpose()?, stop))
    });
    let (watch, stop) = match started {
        Ok(started) => started,
        Err(error) => {
            tracing::error!(%error, "cannot watch for signals");
            return ExitCode::from(INTERNAL);
        }
    };
    let watched = run.watch_config.then(|| run.source.config.clone());
    let load: bridge::Load = Box::new(move || run.source.effective());
    let whole = bridge::Run {
        effective,
        load: (!run.until_caught_up).then_some(load),
        reloads,
        watched,
        strict: run.strict,
        // Kubernetes says so in each pod.
        host: std::env::var("HOSTNAME").ok(),
        changes,
        levels,
    };
    ended(bridge::run(whole, &stop), watch.is_none_or(Watch::end))
}

fn ended(ended: Result<(), RunError>, is_caught_up: bool) -> ExitCode {
    match ended {
        Ok(()) if is_caught_up => ExitCode::SUCCESS,
        Ok(()) => {
            tracing::warn!("stopped before it was caught up");
            ExitCode::from(TRY_AGAIN)
        }
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
