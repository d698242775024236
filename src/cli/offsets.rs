//! `offsets`: what the group has committed, and where it shall go on instead.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::asking::{Asking, can_ask, is_agreed};
use super::{USAGE, answer, lag, say};
use crate::group::{CommandError, PositionTarget, PositionsPlan, Session};

/// What is to be done.
#[derive(Debug, Args)]
pub(super) struct OffsetsArgs {
    #[command(subcommand)]
    action: OffsetsAction,
}

#[derive(Debug, Subcommand)]
enum OffsetsAction {
    /// Show the position of each partition, and the first and last offset of its log
    Show(Asking),
    /// Set positions while no bridge of the group runs: of all mapped topics, or of the named ones
    Set(Placement),
}

#[derive(Debug, Args)]
struct Placement {
    #[command(flatten)]
    asking: Asking,
    /// The new position: `earliest`, `latest`, an offset, `+N`, `-N`, a time such as `2026-01-31T08:00:00Z`, or a date (midnight UTC)
    #[arg(long, value_name = "TO", allow_hyphen_values = true)]
    to: PositionTarget,
    /// Show what would change, and change nothing; works also while a bridge runs
    #[arg(long)]
    dry_run: bool,
    /// Do not ask for confirmation
    #[arg(long, short, conflicts_with = "dry_run")]
    yes: bool,
}

pub(super) fn offsets(offsets: &OffsetsArgs) -> ExitCode {
    match &offsets.action {
        OffsetsAction::Show(asking) => lag::tell(asking, false, true),
        OffsetsAction::Set(placement) => set(placement),
    }
}

fn set(placement: &Placement) -> ExitCode {
    let Placement { asking, to, dry_run, yes } = placement;
    let is_asked = !yes && !dry_run;
    let hint = "add `--yes` to change positions, or `--dry-run` to see what would change";
    if is_asked && !can_ask(asking.json, hint) {
        return ExitCode::from(USAGE);
    }
    asking.ask(|session| {
        let plan = PositionsPlan::make(session, *to)?;
        if *dry_run {
            return Ok(tried(asking, &plan));
        }
        if let Some(failure) = plan.objection() {
            return Err(failure);
        }
        if !asking.json
            && let Some(code) = shown(&plan, is_asked)
        {
            return Ok(code);
        }
        carried_out(asking, session, &plan)
    })
}

fn tried(asking: &Asking, plan: &PositionsPlan) -> ExitCode {
    if asking.json {
        return answer(format_args!("{}", plan.json(false)), ExitCode::SUCCESS);
    }
    if let Some(failure) = plan.objection() {
        say(std::io::stderr(), format_args!("note: {}", failure.what));
    }
    answer(format_args!("{plan}\nnothing was changed"), ExitCode::SUCCESS)
}

/// Shows the plan, and asks; the exit code where that ends it.
fn shown(plan: &PositionsPlan, is_asked: bool) -> Option<ExitCode> {
    let code = answer(format_args!("{plan}"), ExitCode::SUCCESS);
    if code != ExitCode::SUCCESS {
        return Some(code);
    }
    if is_asked && !is_agreed("Set these positions?") {
        return Some(answer(format_args!("nothing was changed"), ExitCode::SUCCESS));
    }
    None
}

fn carried_out(
    asking: &Asking,
    session: &mut Session<'_>,
    plan: &PositionsPlan,
) -> Result<ExitCode, CommandError> {
    plan.carry_out(session, asking.timeout)?;
    if asking.json {
        return Ok(answer(format_args!("{}", plan.json(true)), ExitCode::SUCCESS));
    }
    let count = plan.changes.len();
    let set = format_args!("positions set, and read back to be sure: {count}");
    Ok(answer(set, ExitCode::SUCCESS))
}
