//! `run`: the bridge, until a signal.

use std::process::ExitCode;

use clap::Args;

use super::caught_up::{Aim, CatchUp, CatchUpWatch};
use super::progress::Progress;
use super::{CONFIGURATION, ConfigSource, INTERNAL, REFUSED, TRY_AGAIN, say, signals, told};
use crate::admin::log::{self, LogError};
use crate::admin::{Changes, Reloads};
use crate::bridge::{self, Reloading, RunError};
use crate::causes;
use crate::config::{Config, LogFormat};

/// What is to run, and when not.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    source: ConfigSource,
    /// Exit with 69 at the start unless every mapping can run; by default the others run
    #[arg(long)]
    strict: bool,
    /// Exit with 0 once the group has settled all records that were there at the start; with 75 if stopped before
    #[arg(long)]
    until_caught_up: bool,
    /// Reload the configuration when the file changes, not only on SIGHUP and `reload`
    #[arg(long, conflicts_with = "until_caught_up")]
    watch_config: bool,
}

pub(super) fn run(run: RunArgs) -> ExitCode {
    let effective = match run.source.effective() {
        Ok(effective) => effective,
        Err(problems) => return told(&problems),
    };
    let config = effective.config.clone();
    let aim = run.until_caught_up.then_some(Aim {
        doing: "catching up",
        done: "caught up: all records that were there at the start are settled",
        goal: None,
    });
    let watched = run.watch_config.then(|| run.source.config.clone());
    let load: bridge::Load = Box::new(move || run.source.effective());
    // What is to be settled is that of the start.
    let reloading = aim.is_none().then_some(Reloading { effective, load, watched });
    let for_people = config.log.format == LogFormat::Text;
    let ended = until_told(config, run.strict, aim, for_people, reloading);
    let is_caught_up = ended.outcome.is_none_or(|outcome| outcome.arrived);
    if ended.code == 0 && !is_caught_up {
        tracing::warn!("stopped before the group was caught up");
        return ExitCode::from(TRY_AGAIN);
    }
    ExitCode::from(ended.code)
}

/// A bridge that has ended.
pub(super) struct EndedBridge {
    /// The exit code, as far as the bridge itself goes.
    pub(super) code: u8,
    /// What came of what was to be settled.
    pub(super) outcome: Option<CatchUp>,
}

/// Runs the bridge until a signal, or until what it aims at is settled. How far it is, is drawn `for_people`.
pub(super) fn until_told(
    config: Config,
    strict: bool,
    aim: Option<Aim>,
    for_people: bool,
    reloading: Option<Reloading>,
) -> EndedBridge {
    let before = |code| EndedBridge { code, outcome: None };
    let changes = Changes::default();
    let progress = Progress::of(for_people);
    let levels = match log::init(&config.log, &changes, progress.clone()) {
        Ok(levels) => levels,
        Err(error) => {
            say(std::io::stderr(), format_args!("error: {error}"));
            return before(match error {
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
    let hears = reloading.is_some().then(|| reloads.clone());
    let started = signals::watch(hears).and_then(|(others, stop)| {
        let watch = aim.map(|aim| CatchUpWatch::begin(&config, aim, others, progress));
        Ok((watch.transpose()?, stop))
    });
    let (watch, stop) = match started {
        Ok(started) => started,
        Err(error) => {
            tracing::error!(%error, "cannot watch for signals, or start the watch for the end");
            return before(INTERNAL);
        }
    };
    // Kubernetes says so in each pod.
    let host = std::env::var("HOSTNAME").ok();
    let run = bridge::Run { config, reloads, reloading, strict, host, changes, levels };
    let ended = bridge::run(run, &stop);
    let outcome = watch.map(CatchUpWatch::end);
    let Err(error) = ended else { return EndedBridge { code: 0, outcome } };
    tracing::error!(name: "ended", error = causes::whole(&error), "the bridge ended with an error");
    let code = match error {
        RunError::Refused(_) => REFUSED,
        RunError::Config(_) => CONFIGURATION,
        RunError::Internal(_) => INTERNAL,
    };
    EndedBridge { code, outcome }
}
