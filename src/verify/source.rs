//! From the records of the range to the events that should be there: each goes through the very steps that the bridge takes.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bridge_core::mapping::{Partitioning, Policy};
use bridge_core::rehearse::Rehearsed;
use bytes::Bytes;

use crate::config::Config;
use crate::eventhubs::reader::HubEvent;
use crate::group::Failure;
use crate::kafka::{Inquiry, Stretch};
use crate::record::{Record, TopicPartition};
use crate::route::Route;
use crate::trial::{Hub, Trial};

use super::entry::{ANYWHERE, Digests, Entry, Kind};
use super::ledger::Ledger;
use super::state::State;
use super::watch::Watch;

/// What a hub takes where it does not say so.
pub(super) const LIMIT: usize = 1 << 20;

/// Reads what is left of the sources; `false` when it was stopped before.
pub(super) fn read(
    ledger: &mut Ledger,
    config: &Config,
    wanted: &BTreeSet<usize>,
    hubs: &[(String, String, Hub)],
    inquiry: &Inquiry,
    limit: Duration,
    watch: &dyn Watch,
) -> Result<bool, Failure> {
    let begun = Instant::now();
    let mut trial = Trial::new(config, wanted.clone(), Hub { partitions: None, limit: LIMIT });
    let mut places = HashMap::new();
    for (number, (namespace, hub, is)) in hubs.iter().enumerate() {
        trial.know(namespace, hub, *is);
        places.insert((namespace.as_str(), hub.as_str()), number);
    }
    let sources = &ledger.state.sources;
    let numbers: HashMap<(String, i32), usize> = sources
        .iter()
        .enumerate()
        .map(|(number, it)| ((it.topic.clone(), it.partition), number))
        .collect();
    let stretches: Vec<Stretch> = sources
        .iter()
        .map(|it| Stretch {
            partition: TopicPartition::new(it.topic.as_str(), it.partition),
            from: it.next,
            to: it.to,
        })
        .collect();
    let total: i64 = stretches.iter().map(Stretch::len).sum();
    watch.begin("reading records", "records", total.unsigned_abs());
    let (mut wrong, mut stopped) = (None, false);
    let mut each = |record: &Record<'_>, done: i64| {
        watch.at(done.unsigned_abs());
        let mut entries = Vec::new();
        trial.rehearse(record, |route, became, why| {
            let hub = places.get(&(&*route.namespace, &*route.hub)).copied();
            let way = hub.and_then(|hub| ledger.state.way(record.topic, hub));
            match way {
                Some(way) => entries.extend(entry(record, route, became, way, why)),
                None => entries.push(Err("its hub is not known".to_owned())),
            }
        });
        for entry in entries {
            match entry {
                Ok(entry) => ledger.put(entry),
                Err(why) => {
                    wrong = Some(why);
                    return ControlFlow::Break(());
                }
            }
        }
        let Some(number) = numbers.get(&(record.topic.to_owned(), record.partition)) else {
            return ControlFlow::Continue(());
        };
        ledger.state.sources[*number].next = record.offset + 1;
        ledger.state.counts.records += 1;
        if ledger.is_due()
            && let Err(failure) = ledger.save()
        {
            wrong = Some(failure.to_string());
            return ControlFlow::Break(());
        }
        stopped = watch.is_over();
        if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let unread = inquiry.scan(stretches, limit, &mut each);
    let unread = unread.map_err(|denied| Failure::denied("records cannot be read", &denied, ""))?;
    if let Some(why) = wrong {
        return Err(Failure::denied("records cannot be compared", &why, ""));
    }
    took(&mut ledger.state, "records", begun);
    if let Some(unread) = unread.into_iter().next() {
        ledger.save()?;
        let doing = format!("{} cannot be read", unread.rest.partition);
        return Err(Failure::denied(&doing, &unread.why, "the same command goes on"));
    }
    if !stopped {
        // Markers of transactions, and what compaction took, are no records.
        ledger.state.sources.iter_mut().for_each(|source| source.next = source.next.max(source.to));
    }
    ledger.save()?;
    Ok(!stopped)
}

pub(super) fn took(state: &mut State, what: &str, begun: Instant) {
    *state.counts.seconds.entry(what.to_owned()).or_default() += begun.elapsed().as_secs_f64();
}

fn entry(
    record: &Record<'_>,
    route: &Route,
    became: Rehearsed,
    way: u32,
    why: Option<&str>,
) -> Option<Result<Entry, String>> {
    let mut entry = Entry {
        way,
        partition: record.partition,
        offset: record.offset,
        kind: Kind::Expected,
        hub_partition: ANYWHERE,
        at: record.timestamp.unwrap_or_default(),
        digests: Digests::default(),
    };
    match became {
        Rehearsed::Event(event) => {
            // Whose turn it was, or where the service has put a batch, is not known any more.
            let known =
                !matches!(route.partitioning, Partitioning::RoundRobin | Partitioning::Gateway);
            let place = event.partition.filter(|_| known).and_then(|it| u32::try_from(it).ok());
            entry.hub_partition = place.unwrap_or(ANYWHERE);
            let read = HubEvent::decode(&Bytes::from(event.message));
            let replayed = replayed(route);
            match read {
                Ok(event) => entry.digests = Digests::of(&event, Some(&replayed)),
                Err(why) => return Some(Err(why)),
            }
        }
        Rehearsed::Filtered(_) => entry.kind = Kind::Filtered,
        Rehearsed::Refused { .. } => {
            entry.kind = match route.failure.policy {
                Policy::DeadLetter => Kind::DeadLetter,
                Policy::Drop => Kind::Dropped,
                // Its partition stands before it.
                Policy::Halt => Kind::Unknown,
            }
        }
        Rehearsed::NoPlace(_) => entry.kind = Kind::Unknown,
        Rehearsed::Missing(missing) => {
            let why = why.unwrap_or("it is not known");
            return Some(Err(format!(
                "{}/{}/{}: {}: {why}",
                record.topic, record.partition, record.offset, missing.what
            )));
        }
    }
    Some(Ok(entry))
}

/// The property by which an event says that it was replayed.
pub(super) fn replayed(route: &Route) -> String {
    format!("{}replayed", route.events.prefix)
}
