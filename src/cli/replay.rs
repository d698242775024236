//! `replay`: sends again what stands between two places of each partition, beside the bridge, whose group it leaves alone.
//!
//! The bridge itself does it, in a group of its own that says how far it is. The name of that group follows from the arguments, so
//! the same command goes on where the last one ended.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use clap::Args;

use super::asking::{failed, meant, read};
use super::caught_up::{Aim, CatchUp};
use super::run::until_told;
use super::{ConfigSource, TRY_AGAIN, answer, say, time};
use crate::config::{self, Config, LogFormat};
use crate::group::{
    CommandError, Forecast, Goal, PositionTarget, ReplayPlan, Replayed, Selection, Session,
};

/// How long what a replay leaves behind may take to be tidied up: a member that was killed leaves when its session is over.
const TIDY: Duration = Duration::from_secs(30);

/// What is to be sent again.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// Where to start: a time such as `2026-01-31T08:00:00Z`, a date (midnight UTC), `earliest`, or an offset of one partition
    #[arg(long, value_name = "TIME|OFFSET", value_parser = bound)]
    from: PositionTarget,
    #[command(flatten)]
    sending: SendingArgs,
}

/// How it is sent again, and how much of it.
#[derive(Debug, Args)]
pub(super) struct SendingArgs {
    #[command(flatten)]
    source: ConfigSource,
    /// Where to stop, exclusive; by default the end of each partition when the first run starts
    #[arg(long, value_name = "TIME|OFFSET", default_value = "latest", value_parser = bound)]
    pub(super) to: PositionTarget,
    /// Only this topic, or this partition of it; may be repeated
    #[arg(long = "topic", value_name = "TOPIC[:PARTITION]")]
    pub(super) topics: Vec<Selection>,
    /// Only this mapping: its number in `status`, or the name of its topic, pattern or hub; may be repeated
    #[arg(long = "mapping", value_name = "MAPPING")]
    mappings: Vec<String>,
    /// Read at most this many records per second, such as `5000/s`
    #[arg(long, value_name = "N/s")]
    rate: Option<PerSecond>,
    /// The consumer group of the replay; by default a name made of the bridge's group and these arguments
    #[arg(long, value_name = "GROUP")]
    pub(super) name: Option<String>,
    /// Serve probes, metrics and the status page at this address; by default nothing is served
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
    /// Show what would be sent, and send nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Write the plan, or the result, as one JSON document
    #[arg(long)]
    json: bool,
    /// Time limit for the questions to Kafka before the start
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    pub(super) timeout: Duration,
}

/// Records a second.
#[derive(Debug, Clone, Copy)]
struct PerSecond(u64);

impl FromStr for PerSecond {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.trim().strip_suffix("/s").unwrap_or(text).trim();
        let number = number.parse().ok().filter(|rate| (1..=1_000_000_000).contains(rate));
        number.map(Self).ok_or("write records a second, such as 5000/s")
    }
}

/// A place that does not count from what somebody has committed.
pub(super) fn bound(text: &str) -> Result<PositionTarget, &'static str> {
    match text.parse() {
        Ok(PositionTarget::Shift(_)) | Err(_) => {
            Err("write a time with its zone such as 2026-01-31T08:00:00Z, a date such as \
                                             2026-01-31 (its midnight, UTC), `earliest`, `latest`, or an offset")
        }
        Ok(target) => Ok(target),
    }
}

pub(super) fn replay(question: &ReplayArgs) -> ExitCode {
    question.sending.go(true, |config, chosen| {
        let group = question.group(config)?;
        let asked = config.clone().for_replay(&group, question.sending.kind());
        let replay = question.plan(&asked, chosen)?;
        Ok((asked.narrowed(chosen, &replay.topics()), replay))
    })
}

impl ReplayArgs {
    /// The group: the same for the same question, whatever its rate.
    fn group(&self, config: &Config) -> Result<String, CommandError> {
        let SendingArgs { to, topics, mappings, .. } = &self.sending;
        let topics = topics.iter().map(|it| match it.partition {
            Some(partition) => format!("{}:{partition}", it.topic),
            None => it.topic.clone(),
        });
        let (topics, mappings): (BTreeSet<_>, BTreeSet<_>) =
            (topics.collect(), mappings.iter().collect());
        let asked = format!("{} {to} {topics:?} {mappings:?}", self.from);
        self.sending.group(config, &format!("replay.{:012x}", short(&asked)))
    }

    /// What is to be sent, and where it stands; from here on that is fixed, unless it is only asked for.
    fn plan(&self, config: &Config, chosen: &BTreeSet<usize>) -> Result<ReplayPlan, CommandError> {
        let SendingArgs { to, topics, timeout, dry_run, .. } = &self.sending;
        let taken = |topic: &str| {
            let by = chosen.iter().filter_map(|place| config.mappings.get(*place));
            by.into_iter().any(|mapping| mapping.topics.takes(topic))
        };
        if let Some(other) = topics.iter().find(|it| !taken(&it.topic)) {
            let what = format!("no selected mapping reads topic `{}`", other.topic);
            let hint = "select a mapping that reads it with `--mapping`; a `paused` mapping is only used when it is named";
            return Err(CommandError::usage(what, hint));
        }
        let mut session = Session::open(config, topics, *timeout)?;
        session.keep(taken);
        let plan = |session: &Session<'_>| ReplayPlan::plan(session, self.from, *to);
        let replay = plan(&session)?;
        if *dry_run || replay.left() == 0 {
            Ok(replay)
        } else {
            replay.fix(&mut session, plan, *timeout)
        }
    }
}

impl SendingArgs {
    /// Sends again what `plan` makes of the configuration and of the mappings that are meant, unless it is only asked for. The group is
    /// deleted `at_last`, or kept.
    pub(super) fn go(
        &self,
        at_last: bool,
        plan: impl FnOnce(&Config, &BTreeSet<usize>) -> Result<(Config, ReplayPlan), CommandError>,
    ) -> ExitCode {
        let config = match read(&self.source, self.json) {
            Ok(config) => config,
            Err(code) => return code,
        };
        let (mut config, replay) =
            match self.chosen(&config).and_then(|chosen| plan(&config, &chosen)) {
                Ok(planned) => planned,
                Err(failure) => return failed(&failure, self.json),
            };
        if self.dry_run {
            return self.shown(&replay);
        }
        if let Some(address) = self.listen {
            config.admin.listen = address;
        }
        self.carry_out(&config, &replay, at_last)
    }

    pub(super) fn kind(&self) -> config::Replay {
        let (rate, is_served) = (self.rate.map(|rate| rate.0), self.listen.is_some());
        config::Replay { rate, is_served, letters: None }
    }

    /// The name of the group: as it is said, or else that of the bridge's, and this.
    pub(super) fn group(&self, config: &Config, own: &str) -> Result<String, CommandError> {
        let ours = &config.kafka.group_id;
        match &self.name {
            None => Ok(format!("{ours}.{own}")),
            Some(name) if name == ours => {
                let what =
                    format!("`{name}` is the group of the bridge, which a replay never changes");
                Err(CommandError::usage(what, "give another `--name`, or none"))
            }
            Some(name) if name.is_empty() => Err(CommandError::usage(
                "the name of a group cannot be empty",
                "give another `--name`, or none",
            )),
            Some(name) => Ok(name.clone()),
        }
    }

    /// The mappings that are meant, by their places. Those that are paused are to be named.
    fn chosen(&self, config: &Config) -> Result<BTreeSet<usize>, CommandError> {
        if self.mappings.is_empty() {
            let all = config.mappings.iter().enumerate();
            return Ok(all.filter(|(_, it)| !it.paused).map(|(place, _)| place).collect());
        }
        meant(config, &self.mappings)
    }

    fn shown(&self, replay: &ReplayPlan) -> ExitCode {
        let forecast = Forecast { replay, rate: self.kind().rate };
        match self.json {
            true => answer(format_args!("{}", forecast.json()), ExitCode::SUCCESS),
            false => answer(
                format_args!("{forecast}\nnothing was sent, and nothing was changed"),
                ExitCode::SUCCESS,
            ),
        }
    }

    /// Sends it, unless it is sent already.
    fn carry_out(&self, config: &Config, replay: &ReplayPlan, at_last: bool) -> ExitCode {
        for topic in &replay.missing {
            let what = "kafka does not have it, or this user may not see it; nothing of it is sent";
            say(std::io::stderr(), format_args!("note: topic `{topic}`: {what}"));
        }
        for partition in &replay.renewed {
            let what = "the topic was deleted and created again since the replay began; nothing of it is sent";
            say(std::io::stderr(), format_args!("note: `{partition}`: {what}"));
        }
        if replay.begun && !self.json {
            let ReplayPlan { name, .. } = replay;
            let (left, size) = (replay.left(), replay.size());
            let what = format!("continuing: {left} of {size} records are left (at most)");
            say(std::io::stderr(), format_args!("note: group `{name}`: {what}"));
        }
        let begun = Instant::now();
        let (mut code, mut outcome) = (0, CatchUp { arrived: true, settled: 0 });
        if replay.left() > 0 {
            let goal = Some(Goal::of(replay));
            let done = "replay done: every record is settled";
            let aim = Aim { doing: "replaying", done, goal };
            let for_people = !self.json && config.log.format == LogFormat::Text;
            let ended = until_told(config.clone(), true, Some(aim), for_people, None);
            let before = CatchUp { arrived: false, settled: 0 };
            (code, outcome) = (ended.code, ended.outcome.unwrap_or(before));
        }
        let took = begun.elapsed();
        let kept = match outcome.arrived {
            true if at_last && (replay.begun || replay.left() > 0) => forget(config),
            true if replay.left() > 0 => {
                close(config, replay);
                None
            }
            _ => None,
        };
        let CatchUp { arrived, settled } = outcome;
        let told = Replayed { replay, settled, took, arrived, kept };
        code = if code == 0 && !arrived { TRY_AGAIN } else { code };
        match self.json {
            true => answer(format_args!("{}", told.json()), ExitCode::from(code)),
            false => answer(format_args!("{told}"), ExitCode::from(code)),
        }
    }
}

/// Deletes the group of a replay that is over; otherwise says why it is kept.
fn forget(config: &Config) -> Option<String> {
    match Session::open(config, &[], TIDY) {
        Ok(session) => ReplayPlan::forget(&session, TIDY).err().map(|why| why.to_string()),
        Err(failure) => Some(failure.what),
    }
}

/// Notes in a group that is kept that all of it is settled, or warns that it could not.
fn close(config: &Config, replay: &ReplayPlan) {
    let closed = Session::open(config, &[], TIDY).map_err(|failure| failure.what);
    let closed =
        closed.and_then(|session| replay.close(&session, TIDY).map_err(|error| error.to_string()));
    if let Err(why) = closed {
        tracing::warn!(
            why,
            "cannot store the end of the replay: the same command would continue, and may find nothing left"
        );
    }
}

/// A number that other texts hardly have: FNV-1a, of 48 bits.
fn short(text: &str) -> u64 {
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    (hash >> 48 ^ hash) & 0xffff_ffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_a_second() {
        for (text, rate) in [("5000/s", 5000), ("1", 1), (" 20 /s", 20)] {
            assert_eq!(text.parse::<PerSecond>().map(|it| it.0), Ok(rate), "{text}");
        }
        for wrong in ["", "0", "0/s", "-1", "5/m", "5k", "/s", "1.5/s"] {
            assert!(wrong.parse::<PerSecond>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_counts_from_what_somebody_has_committed() {
        for right in ["900", "earliest", "latest", "2026-01-31", "2026-01-31T08:00:00+01:00"] {
            assert!(bound(right).is_ok(), "{right}");
        }
        for wrong in ["+5", "-5", "yesterday", "", "2026-01-31T08:00:00"] {
            assert!(bound(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn other_questions_have_other_groups() {
        let all = ["", "a", "b", "ab", "ba", "earliest latest {} {}"].map(short);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(all.iter().all(|it| *it < 1 << 48));
    }
}
