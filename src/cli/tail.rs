//! `tail`: what is in a hub.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::mpsc::Receiver;

use clap::Args;

use super::asking::answered;
use super::reading::{ReadingArgs, no_runtime};
use super::replay::bound;
use super::{ConfigSource, REFUSED, say, signals};
use crate::config::{self, Config};
use crate::eventhubs::reader::{Many, ReadFrom, ReaderEvent};
use crate::group::{CommandError, PositionTarget};
use crate::readback::{HubPlace, ReadHub, SeenEvent, failure};

/// Events of each partition that are shown where nothing else is said.
const LAST: i64 = 10;

/// What is to be shown.
#[derive(Debug, Args)]
pub(super) struct TailArgs {
    #[command(flatten)]
    source: ConfigSource,
    /// The hub, as a mapping names it, also with its namespace
    #[arg(value_name = "[NAMESPACE/]HUB")]
    hub: String,
    /// Only this partition, by its id; may be repeated
    #[arg(long = "partition", value_name = "ID")]
    partitions: Vec<String>,
    /// Where to start: a time such as `2026-01-31T08:00:00Z`, a date (midnight UTC), `earliest`, `latest`, or `sequence:N`; by default
    /// the last 10 events of each partition
    #[arg(long, value_name = "TIME|sequence:N")]
    from: Option<From>,
    /// Only events with this partition key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Stop after this many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    events: Option<u64>,
    /// Continue with events that are stored later, until a signal
    #[arg(long)]
    follow: bool,
    /// Write one line of JSON for each event
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: ReadingArgs,
}

/// Where to begin.
#[derive(Debug, Clone, Copy)]
enum From {
    At(config::Start),
    Sequence(i64),
}

impl FromStr for From {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "write a time with its zone such as 2026-01-31T08:00:00Z, a date such as 2026-01-31 (its midnight, \
                     UTC), `earliest`, `latest`, or `sequence:N`";
        if let Some(number) = text.trim().strip_prefix("sequence:") {
            return number.parse().ok().filter(|it| *it >= 0).map(Self::Sequence).ok_or(wrong);
        }
        match bound(text) {
            Ok(PositionTarget::Start(start)) => Ok(Self::At(start)),
            _ => Err(wrong),
        }
    }
}

pub(super) fn tail(question: &TailArgs) -> ExitCode {
    answered(&question.source, question.json, |config| {
        let place = HubPlace::of(&question.hub, config)?;
        let stop = match signals::watch(None) {
            Ok((_, stop)) => stop,
            Err(error) => return Ok(no_runtime(&error)),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return Ok(no_runtime(&error)),
        };
        let stopped = runtime.spawn_blocking(move || stopped(&stop));
        let told = runtime.block_on(async {
            tokio::select! {
                told = question.show(config, place) => told,
                _ = stopped => Ok(ExitCode::SUCCESS),
            }
        });
        // Whoever waits for a signal waits on.
        runtime.shutdown_background();
        told
    })
}

/// Waits for a wish to stop.
fn stopped(stop: &Receiver<()>) {
    if stop.recv().is_err() {
        // Nobody can ask for it any more.
        std::thread::park();
    }
}

impl TailArgs {
    async fn show(&self, config: &Config, place: HubPlace) -> Result<ExitCode, CommandError> {
        let ReadingArgs { consumer_group, timeout, .. } = &self.reading;
        let own = self.reading.is_own();
        let mut hub = ReadHub::open(config, place, consumer_group, own, *timeout).await?;
        let chosen = self.chosen(&hub)?;
        let what = chosen
            .iter()
            .map(|number| hub.reading(*number, self.start(&hub, *number), self.follow));
        let doing = format!("hub `{}`", hub.place());
        let refused = |error| CommandError::denied(&doing, &error, "");
        let what = what.collect();
        let many = hub.read(what).await.map_err(refused)?;
        if !self.json {
            say(std::io::stderr(), format_args!("{}", hub.by));
        }
        let code = self.tell(&hub, &chosen, many).await;
        hub.leave().await;
        Ok(code)
    }

    /// The partitions that are meant, by their numbers.
    fn chosen(&self, hub: &ReadHub) -> Result<Vec<usize>, CommandError> {
        let ids: Vec<&str> = hub.partitions.iter().map(|(id, _)| id.as_str()).collect();
        if self.partitions.is_empty() {
            return Ok((0..ids.len()).collect());
        }
        let mut chosen = BTreeSet::new();
        for wanted in &self.partitions {
            let Some(number) = ids.iter().position(|id| id == wanted) else {
                let what = format!("hub `{}` has no partition `{wanted}`", hub.place());
                return Err(CommandError::usage(
                    what,
                    format!("its partitions are {}", ids.join(", ")),
                ));
            };
            chosen.insert(number);
        }
        Ok(chosen.into_iter().collect())
    }

    fn start(&self, hub: &ReadHub, number: usize) -> ReadFrom {
        let next = hub.partitions[number].1.last_sequence.saturating_add(1);
        match self.from {
            None => ReadFrom::Sequence((next - LAST).max(0)),
            Some(From::At(config::Start::Earliest)) => ReadFrom::Earliest,
            Some(From::At(config::Start::Latest)) => ReadFrom::Sequence(next),
            Some(From::At(config::Start::At(millis))) => ReadFrom::Enqueued(millis),
            Some(From::Sequence(first)) => ReadFrom::Sequence(first),
        }
    }

    /// Writes events as they come.
    async fn tell(&self, hub: &ReadHub, chosen: &[usize], mut many: Many) -> ExitCode {
        let mut left = self.events.unwrap_or(u64::MAX);
        let mut code = ExitCode::SUCCESS;
        let mut written = Ok(());
        while let Some((place, told)) = many.next().await {
            let partition = hub.partitions[chosen[place]].0.as_str();
            match told {
                ReaderEvent::Ended => {}
                ReaderEvent::Failed(error) => {
                    let failure = failure(hub.place(), partition, &error);
                    say(std::io::stderr(), format_args!("{failure}"));
                    code = ExitCode::from(REFUSED);
                }
                ReaderEvent::Events(events) => {
                    let wanted = |key: &Option<String>| self.key.is_none() || *key == self.key;
                    let events = events.into_iter().filter(|event| wanted(&event.key));
                    let seen =
                        events.map(|event| SeenEvent::of(event, hub.place(), partition, hub.by));
                    let flow = self.write(seen, &mut left, &mut written);
                    if flow.is_break() {
                        break;
                    }
                }
            }
        }
        super::written(written, code)
    }

    fn write(
        &self,
        seen: impl Iterator<Item = SeenEvent>,
        left: &mut u64,
        written: &mut std::io::Result<()>,
    ) -> ControlFlow<()> {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        for seen in seen {
            *written = match self.json {
                true => writeln!(out, "{}", seen.json()),
                false => writeln!(out, "{seen}"),
            };
            *left -= 1;
            if written.is_err() || *left == 0 {
                break;
            }
        }
        let flushed = out.flush();
        if written.is_ok() {
            *written = flushed;
        }
        if written.is_err() || *left == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
