//! From the records of the range to the events that should be there: each goes through the very steps that the bridge takes.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bridge_core::mapping::{Partitioning, Policy};
use bridge_core::rehearse::{Rehearsed, RehearsedEvent};
use bytes::Bytes;

use crate::config::Config;
use crate::eventhubs::reader::HubEvent;
use crate::group::CommandError;
use crate::kafka::{Inquiry, Stretch};
use crate::record::{Record, TopicPartition};
use crate::route::Route;
use crate::trial::{AssumedHub, Trial};

use super::entry::{ANYWHERE, Digests, EntryKind, SpoolEntry};
use super::ledger::Ledger;
use super::state::{KafkaRange, VerifyState};
use super::watch::ProgressWatch;

/// What a hub takes where it does not say so.
pub(super) const LIMIT: usize = 1 << 20;

/// Hubs by namespace and name, and what they are.
pub(super) type PlannedHubs = [(String, String, AssumedHub)];

/// What each record goes through.
struct RecordSteps<'a> {
    trial: Trial,
    /// Numbers of the hubs.
    hubs: HashMap<(&'a str, &'a str), usize>,
    /// Numbers of the sources, by partition and topic.
    sources: HashMap<i32, HashMap<String, usize>>,
    made: Vec<Result<Vec<SpoolEntry>, String>>,
}

/// Reads what is left of the sources; `false` when it was stopped before.
pub(super) fn read(
    ledger: &mut Ledger,
    config: &Config,
    wanted: &BTreeSet<usize>,
    hubs: &PlannedHubs,
    (inquiry, limit): (&Inquiry, Duration),
    watch: &dyn ProgressWatch,
) -> Result<bool, CommandError> {
    let begun = Instant::now();
    let mut steps = RecordSteps::new(config, wanted, hubs, &ledger.state);
    let stretches: Vec<Stretch> = ledger.state.sources.iter().map(stretch).collect();
    let total: i64 = stretches.iter().map(Stretch::len).sum();
    watch.begin("reading records", "records", total.unsigned_abs());
    let (mut wrong, mut stopped) = (None, false);
    let mut each = |record: &Record<'_>, done: i64| {
        watch.at(done.unsigned_abs());
        if let Err(failure) = steps.take(record, ledger) {
            wrong = Some(failure);
            return ControlFlow::Break(());
        }
        stopped = watch.is_over();
        if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let unread = inquiry.scan(stretches, limit, &mut each);
    let unread =
        unread.map_err(|denied| CommandError::denied("records cannot be read", &denied, ""))?;
    if let Some(failure) = wrong {
        return Err(failure);
    }
    took(&mut ledger.state, "records", begun);
    if let Some(unread) = unread.into_iter().next() {
        ledger.save()?;
        let doing = format!("{} cannot be read", unread.rest.partition);
        return Err(CommandError::denied(&doing, &unread.why, "the same command continues"));
    }
    if !stopped {
        // Markers of transactions, and what compaction took, are no records.
        ledger.state.sources.iter_mut().for_each(|source| source.next = source.next.max(source.to));
    }
    ledger.save()?;
    Ok(!stopped)
}

fn stretch(source: &KafkaRange) -> Stretch {
    let partition = TopicPartition::new(source.topic.as_str(), source.partition);
    Stretch { partition, from: source.next, to: source.to }
}

impl<'a> RecordSteps<'a> {
    fn new(
        config: &Config,
        wanted: &BTreeSet<usize>,
        hubs: &'a PlannedHubs,
        state: &VerifyState,
    ) -> Self {
        let any = AssumedHub { partitions: None, limit: LIMIT };
        let mut trial = Trial::new(config, wanted.clone(), any);
        let mut places = HashMap::new();
        for (number, (namespace, hub, is)) in hubs.iter().enumerate() {
            trial.know(namespace, hub, *is);
            places.insert((namespace.as_str(), hub.as_str()), number);
        }
        let mut sources: HashMap<i32, HashMap<String, usize>> = HashMap::new();
        for (number, source) in state.sources.iter().enumerate() {
            sources.entry(source.partition).or_default().insert(source.topic.clone(), number);
        }
        Self { trial, hubs: places, sources, made: Vec::new() }
    }

    /// Puts what a record should become, and that it was read.
    fn take(&mut self, record: &Record<'_>, ledger: &mut Ledger) -> Result<(), CommandError> {
        let Self { trial, hubs, sources, made } = self;
        trial.rehearse(record, |route, became, why| {
            let hub = hubs.get(&(&*route.namespace, &*route.hub));
            let way = hub.and_then(|hub| ledger.state.way(record.topic, *hub));
            made.push(match way {
                Some(way) => entries(record, route, became, way, why),
                None => Err(format!("hub `{}/{}` is unknown", route.namespace, route.hub)),
            });
        });
        for made in made.drain(..) {
            let doing = "records cannot be compared";
            let made = made.map_err(|why| CommandError::denied(doing, &why, ""))?;
            for entry in made {
                ledger.put(entry);
            }
        }
        let source = sources.get(&record.partition).and_then(|all| all.get(record.topic));
        if let Some(source) = source {
            ledger.state.sources[*source].next = record.offset + 1;
            ledger.state.counts.records += 1;
        }
        if ledger.is_due() { ledger.save() } else { Ok(()) }
    }
}

pub(super) fn took(state: &mut VerifyState, what: &str, begun: Instant) {
    *state.counts.seconds.entry(what.to_owned()).or_default() += begun.elapsed().as_secs_f64();
}

/// What is to be there of a record, by one mapping: an entry for each of its events, or one that says why there are none.
fn entries(
    record: &Record<'_>,
    route: &Route,
    became: Rehearsed,
    way: u32,
    why: Option<&str>,
) -> Result<Vec<SpoolEntry>, String> {
    let entry = SpoolEntry {
        way,
        partition: record.partition,
        offset: record.offset,
        kind: EntryKind::Expected,
        hub_partition: ANYWHERE,
        at: record.timestamp.unwrap_or_default(),
        digests: Digests::default(),
    };
    let kind = match became {
        Rehearsed::Events(events) => {
            let expected = |event| expected(event, route, entry);
            return events.into_iter().map(expected).collect();
        }
        Rehearsed::Filtered(_) => EntryKind::Filtered,
        Rehearsed::Refused { .. } => match route.failure.policy {
            Policy::DeadLetter => EntryKind::DeadLetter,
            Policy::Drop => EntryKind::Dropped,
            // Its partition stands before it.
            Policy::Halt => EntryKind::Unknown,
        },
        Rehearsed::NoPlace(_) => EntryKind::Unknown,
        Rehearsed::Missing(missing) => {
            let why = why.unwrap_or("it is unknown");
            let place = format!("{}/{}/{}", record.topic, record.partition, record.offset);
            return Err(format!("{place}: {}: {why}", missing.what));
        }
    };
    Ok(vec![SpoolEntry { kind, ..entry }])
}

fn expected(event: RehearsedEvent, route: &Route, entry: SpoolEntry) -> Result<SpoolEntry, String> {
    // Whose turn it was, or where the service has put a batch, is not known any more.
    let known = !matches!(route.partitioning, Partitioning::RoundRobin | Partitioning::Gateway);
    let place = event.partition.filter(|_| known).and_then(|it| u32::try_from(it).ok());
    let read = HubEvent::decode(&Bytes::from(event.message))?;
    let digests = Digests::of(&read, Some(&replayed(route)));
    Ok(SpoolEntry { hub_partition: place.unwrap_or(ANYWHERE), digests, ..entry })
}

/// The property by which an event says that it was replayed.
pub(super) fn replayed(route: &Route) -> String {
    format!("{}replayed", route.events.prefix)
}
