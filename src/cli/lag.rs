//! `lag`: how far the group is behind, asked of Kafka, whether a bridge runs or not.

use std::process::ExitCode;

use super::answer;
use super::asking::Asking;
use crate::group::{Lag, ShownGroup};

use clap::Args;

/// What is asked.
#[derive(Debug, Args)]
pub(super) struct LagArgs {
    #[command(flatten)]
    asking: Asking,
    /// Also show the partitions that are caught up
    #[arg(long, conflicts_with = "json")]
    all: bool,
}

pub(super) fn lag(question: &LagArgs) -> ExitCode {
    let LagArgs { asking, all } = question;
    tell(asking, true, *all)
}

/// Asks, and tells what was found; with `timed`, how old the records are that are not settled.
pub(super) fn tell(asking: &Asking, timed: bool, all: bool) -> ExitCode {
    asking.ask(|session| {
        let lag = Lag::ask(session, timed)?;
        Ok(match asking.json {
            true => answer(format_args!("{}", lag.json()), ExitCode::SUCCESS),
            false => answer(format_args!("{}", ShownGroup { lag: &lag, all }), ExitCode::SUCCESS),
        })
    })
}
