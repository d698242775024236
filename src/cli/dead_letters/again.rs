//! `dead-letters replay`: each letter goes again, as the record that it was, to the hub that was to have it.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Args;

use crate::cli::replay::{SendingArgs, bound};
use crate::config::Config;
use crate::group::{CommandError, PositionTarget, ReplayPlan, Session};

/// What is to be sent again.
#[derive(Debug, Args)]
pub(super) struct AgainArgs {
    /// Where to start in the dead-letter topics: `earliest`, a time such as `2026-01-31T08:00:00Z`, a date (midnight UTC), or an offset
    /// of one partition. The first run needs it; a later run without it continues where the last one ended
    #[arg(long, value_name = "TIME|OFFSET", value_parser = bound)]
    from: Option<PositionTarget>,
    #[command(flatten)]
    sending: SendingArgs,
}

pub(super) fn again(question: &AgainArgs) -> ExitCode {
    question.sending.go(false, |config, chosen| question.plan(config, chosen))
}

impl AgainArgs {
    /// What is to be sent, and the configuration that sends it.
    fn plan(
        &self,
        config: &Config,
        chosen: &BTreeSet<usize>,
    ) -> Result<(Config, ReplayPlan), CommandError> {
        let SendingArgs { to, topics, timeout, dry_run, .. } = &self.sending;
        let dead = config.dead_letter_topics(chosen);
        if dead.is_empty() {
            let what = "no selected mapping writes dead letters";
            return Err(CommandError::usage(
                what,
                "set `[failure] policy = \"dead_letter\"` for a mapping to write them",
            ));
        }
        if let Some(other) = topics.iter().find(|it| !dead.contains(&it.topic)) {
            let what = format!("no selected mapping writes dead letters to `{}`", other.topic);
            let all = dead.iter().map(|topic| format!("`{topic}`")).collect::<Vec<_>>();
            return Err(CommandError::usage(
                what,
                format!("the dead-letter topics are {}", all.join(", ")),
            ));
        }
        let group = self.sending.group(config, "dead-letters")?;
        let asked = config.clone().for_replay(&group, self.sending.kind());
        let looked_at = asked.clone().of_topics(&dead);
        let mut session = Session::open(&looked_at, topics, *timeout)?;
        let read = session.read_by(config);
        let plan = |session: &Session<'_>| ReplayPlan::next(session, self.from, *to);
        let mut replay = plan(&session)?;
        if !dry_run {
            // What was asked for by `--from` is fixed by now, and goes on where it stands.
            let again = |session: &Session<'_>| ReplayPlan::next(session, None, *to);
            replay = replay.fix(&mut session, again, *timeout)?;
        }
        Ok((asked.for_letters(chosen, &replay.topics(), &read), replay))
    }
}
