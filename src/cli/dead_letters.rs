//! `dead-letters`: what could not be stored, one of it, sending it again, and deleting the oldest.

mod again;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::asking::{answered, can_ask, is_agreed};
use super::progress::Progress;
use super::{ConfigSource, REFUSED, USAGE, answer, say, time};
use crate::group::{CommandError, Selection};
use crate::letters::{
    Before, DeadLetterTopics, Filter, FoundLetter, LetterCounts, LetterEntries, LetterPlace,
    Listing, Purge, Shown, Time, What,
};

/// What is to be done.
#[derive(Debug, Args)]
pub(super) struct DeadLettersArgs {
    #[command(subcommand)]
    action: DeadLettersAction,
}

#[derive(Debug, Subcommand)]
enum DeadLettersAction {
    /// Count the dead letters by source topic, reason and hub, or list each one
    List(ListArgs),
    /// Show one dead letter: the source of its record, the reason, the record, and what to do
    Show(ShowLetterArgs),
    /// Send dead letters again, each as its original record, to the hub it was meant for; none is sent twice
    Replay(again::AgainArgs),
    /// Delete the oldest dead letters of each partition
    Purge(Deletion),
}

#[derive(Debug, Args)]
struct LettersArgs {
    #[command(flatten)]
    source: ConfigSource,
    /// Write the result, or the error, as one JSON document
    #[arg(long)]
    json: bool,
    /// Time limit for each answer of Kafka and for the next record, not for the whole command
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    timeout: Duration,
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    common: LettersArgs,
    /// Only this dead-letter topic, or this partition of it; may be repeated
    #[arg(long = "topic", value_name = "TOPIC[:PARTITION]")]
    topics: Vec<Selection>,
    /// Only dead letters whose record came from this topic, or this partition of it; may be repeated
    #[arg(long = "source", value_name = "TOPIC[:PARTITION]")]
    sources: Vec<Selection>,
    /// Only dead letters with this reason, such as `too_large`; may be repeated
    #[arg(long = "reason", value_name = "REASON")]
    reasons: Vec<String>,
    /// Only dead letters whose record was written at this time or later: `2026-01-31T08:00:00Z`, or a date (midnight UTC)
    #[arg(long, value_name = "TIME")]
    from: Option<Time>,
    /// Only dead letters whose record was written before this time
    #[arg(long, value_name = "TIME")]
    to: Option<Time>,
    /// List each dead letter, the oldest first, instead of counting them
    #[arg(long)]
    each: bool,
    /// How many to list
    #[arg(long, value_name = "N", default_value_t = 100, requires = "each",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

#[derive(Debug, Args)]
struct ShowLetterArgs {
    /// The place of the dead letter, as `list --each` prints it
    #[arg(value_name = "TOPIC/PARTITION/OFFSET")]
    place: LetterPlace,
    #[command(flatten)]
    common: LettersArgs,
    /// Show long keys and values in full
    #[arg(long, conflicts_with = "json")]
    whole: bool,
}

#[derive(Debug, Args)]
struct Deletion {
    #[command(flatten)]
    common: LettersArgs,
    /// Only this dead-letter topic, or this partition of it; may be repeated
    #[arg(long = "topic", value_name = "TOPIC[:PARTITION]")]
    topics: Vec<Selection>,
    /// Delete what was written before this time, or what is below this offset of one partition
    #[arg(long, value_name = "TIME|OFFSET")]
    before: Before,
    /// Show what would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask for confirmation
    #[arg(long, short, conflicts_with = "dry_run")]
    yes: bool,
}

pub(super) fn dead_letters(letters: &DeadLettersArgs) -> ExitCode {
    match &letters.action {
        DeadLettersAction::List(list) => self::list(list),
        DeadLettersAction::Show(show) => self::show(show),
        DeadLettersAction::Replay(question) => again::again(question),
        DeadLettersAction::Purge(deletion) => purge(deletion),
    }
}

impl LettersArgs {
    /// Opens these topics, or all of the configuration, and does `what` with them.
    fn with(
        &self,
        topics: &[Selection],
        what: impl FnOnce(&DeadLetterTopics) -> Result<ExitCode, CommandError>,
    ) -> ExitCode {
        answered(&self.source, self.json, |config| {
            what(&DeadLetterTopics::open(config, topics, self.timeout)?)
        })
    }
}

fn list(list: &ListArgs) -> ExitCode {
    let json = list.common.json;
    list.common.with(&list.topics, |topics| {
        let what = match list.each {
            true => What::Entries(LetterEntries::new(list.limit as usize)),
            false => What::Counts(LetterCounts::default()),
        };
        let ListArgs { sources, reasons, from, to, .. } = list;
        let (sources, reasons) = (sources.clone(), reasons.clone());
        let filter = Filter { sources, reasons, from: *from, to: *to };
        let progress = Progress::of(!json);
        let begin = |total| progress.begin("reading", "records", total);
        let listing = Listing::read(topics, filter, what, begin, |done| progress.at(done))?;
        progress.end();
        let code = if listing.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) };
        Ok(match json {
            true => answer(format_args!("{}", listing.json()), code),
            false => answer(format_args!("{listing}"), code),
        })
    })
}

fn show(show: &ShowLetterArgs) -> ExitCode {
    let ShowLetterArgs { place, common, whole } = show;
    let topic = Selection { topic: place.topic.clone(), partition: Some(place.partition) };
    common.with(&[topic], |topics| {
        let found = FoundLetter::read(topics, place)?;
        if common.json {
            return Ok(answer(format_args!("{}", found.json()), ExitCode::SUCCESS));
        }
        let shown = Shown { found: &found, whole: *whole };
        Ok(answer(format_args!("{shown}"), ExitCode::SUCCESS))
    })
}

fn purge(deletion: &Deletion) -> ExitCode {
    let Deletion { common, topics, before, dry_run, yes } = deletion;
    let is_asked = !yes && !dry_run;
    let hint = "add `--yes` to delete dead letters, or `--dry-run` to see what would be deleted";
    if is_asked && !can_ask(common.json, hint) {
        return ExitCode::from(USAGE);
    }
    common.with(topics, |topics| {
        let plan = Purge::plan(topics, *before)?;
        match common.json {
            true if *dry_run => {
                return Ok(answer(format_args!("{}", plan.json(None)), ExitCode::SUCCESS));
            }
            true => {}
            false => {
                if let Some(code) = shown(&plan, *dry_run, is_asked) {
                    return Ok(code);
                }
            }
        }
        carried_out(common, topics, &plan)
    })
}

/// Shows the plan, and asks; the exit code where that ends it.
fn shown(plan: &Purge, dry_run: bool, is_asked: bool) -> Option<ExitCode> {
    let nothing = "nothing was deleted";
    if dry_run || plan.goes() == 0 {
        return Some(answer(format_args!("{plan}\n{nothing}"), ExitCode::SUCCESS));
    }
    let code = answer(format_args!("{plan}"), ExitCode::SUCCESS);
    if code != ExitCode::SUCCESS {
        return Some(code);
    }
    if is_asked && !is_agreed("Delete them permanently?") {
        return Some(answer(format_args!("{nothing}"), ExitCode::SUCCESS));
    }
    None
}

fn carried_out(
    common: &LettersArgs,
    topics: &DeadLetterTopics,
    plan: &Purge,
) -> Result<ExitCode, CommandError> {
    let purged = plan.carry_out(topics)?;
    let failure = purged.failure();
    let code = if failure.is_some() { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS };
    if common.json {
        return Ok(answer(format_args!("{}", plan.json(Some(&purged))), code));
    }
    if let Some(failure) = failure {
        say(std::io::stderr(), format_args!("{failure}"));
    }
    Ok(answer(format_args!("dead letters deleted: {} (at most)", purged.gone()), code))
}
