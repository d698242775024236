//! From the events of the hubs to entries, many partitions at once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::eventhubs::reader::{HubEvent, ReadFrom, ReadRequest, ReaderEvent};
use crate::group::CommandError;
use crate::readback::{ReadHub, failure};

use super::entry::{Digests, EntryKind, SpoolEntry};
use super::ledger::Ledger;
use super::source::took;
use super::watch::ProgressWatch;

/// Nothing comes for so long before it is looked whether it is to be stopped.
const PATIENCE: Duration = Duration::from_millis(200);

/// Reads what is left of the hubs; `false` when it was stopped before.
pub(super) async fn read(
    ledger: &mut Ledger,
    hubs: &mut [ReadHub],
    watch: &dyn ProgressWatch,
) -> Result<bool, CommandError> {
    let begun = Instant::now();
    let since = ledger.state.since;
    let total = ledger.state.hubs.iter().flat_map(|hub| &hub.lanes);
    let total = total.map(|lane| (lane.until + 1 - lane.next.unwrap_or(0)).max(0)).sum::<i64>();
    watch.begin("reading events", "events", total.unsigned_abs());
    let mut done = 0;
    for (number, hub) in hubs.iter_mut().enumerate() {
        let finished = one(ledger, number, hub, since, &mut done, watch).await?;
        took(&mut ledger.state, "events", begun);
        ledger.save()?;
        if !finished {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn one(
    ledger: &mut Ledger,
    number: usize,
    hub: &mut ReadHub,
    since: Option<i64>,
    done: &mut u64,
    watch: &dyn ProgressWatch,
) -> Result<bool, CommandError> {
    let (places, what) = left(ledger, number, hub, since);
    let ways = Ways::of(ledger, number);
    let place = hub.place().clone();
    let refused = |error| CommandError::denied(&format!("hub `{place}`"), &error, "");
    let mut many = hub.read(what).await.map_err(refused)?;
    hub.by.as_str().clone_into(&mut ledger.state.hubs[number].by);
    let mut failed = None;
    loop {
        let Ok(next) = timeout(PATIENCE, many.next()).await else {
            if watch.is_over() {
                return Ok(false);
            }
            continue;
        };
        let Some((reader, told)) = next else { break };
        let lane = places[reader];
        match told {
            ReaderEvent::Ended => ledger.state.hubs[number].lanes[lane].done = true,
            ReaderEvent::Failed(error) => {
                let id = &ledger.state.hubs[number].lanes[lane].id;
                failed = Some(failure(&place, id, &error));
            }
            ReaderEvent::Events(events) => {
                take(ledger, &ways, (number, lane), &events);
                *done += events.len() as u64;
                watch.at(*done);
                if ledger.is_due() {
                    ledger.save()?;
                }
                if watch.is_over() {
                    return Ok(false);
                }
            }
        }
    }
    match failed {
        Some(failure) => {
            // What was read stands; the same command goes on.
            ledger.save()?;
            Err(failure)
        }
        None => Ok(true),
    }
}

/// Keeps what was read of a lane.
fn take(ledger: &mut Ledger, ways: &Ways, (hub, lane): (usize, usize), events: &[HubEvent]) {
    for event in events {
        ledger.state.counts.events += 1;
        match ways.entry(event, lane) {
            Some(entry) => ledger.put(entry),
            None => ledger.state.counts.others += 1,
        }
    }
    if let Some(last) = events.last() {
        ledger.state.hubs[hub].lanes[lane].next = Some(last.sequence + 1);
    }
}

/// The lanes of a hub that are still to be read, and what of each.
fn left(
    ledger: &Ledger,
    number: usize,
    hub: &ReadHub,
    since: Option<i64>,
) -> (Vec<usize>, Vec<ReadRequest>) {
    let mut places = Vec::new();
    let mut what = Vec::new();
    for (place, lane) in ledger.state.hubs[number].lanes.iter().enumerate() {
        let Some(partition) = hub.partitions.iter().position(|(id, _)| *id == lane.id) else {
            continue;
        };
        if lane.done {
            continue;
        }
        let start = match (lane.next, since) {
            (Some(next), _) => ReadFrom::Sequence(next),
            (None, Some(since)) => ReadFrom::Enqueued(since),
            (None, None) => ReadFrom::Earliest,
        };
        let mut reading = hub.reading(partition, start, false);
        reading.until = Some(lane.until);
        what.push(reading);
        places.push(place);
    }
    (places, what)
}

/// The ways to one hub.
struct Ways {
    /// By topic: the number, and the property that does not count.
    ways: HashMap<String, (u32, String)>,
    /// Where what was compared before ends, by topic and partition; of one that goes on.
    behind: HashMap<String, HashMap<i32, i64>>,
}

impl Ways {
    fn of(ledger: &Ledger, hub: usize) -> Self {
        let ways = ledger.state.ways.iter().enumerate().filter(|(_, way)| way.hub == hub);
        let ways = ways
            .map(|(number, way)| (way.topic.clone(), (number as u32, way.replayed.clone())))
            .collect();
        let mut behind: HashMap<String, HashMap<i32, i64>> = HashMap::new();
        let sources = ledger.state.sources.iter().filter(|it| !it.fresh);
        for source in sources {
            behind.entry(source.topic.clone()).or_default().insert(source.partition, source.from);
        }
        Self { ways, behind }
    }

    /// `None` for what no mapping that is meant has sent, and for what was replayed of records that were compared before: it is to be there
    /// again.
    fn entry(&self, event: &HubEvent, lane: usize) -> Option<SpoolEntry> {
        let (topic, partition, offset) = coordinates(event.message_id.as_deref()?)?;
        let (way, replayed) = self.ways.get(topic)?;
        let behind = self.behind.get(topic).and_then(|all| all.get(&partition));
        if behind.is_some_and(|end| offset < *end) && event.property(replayed).is_some() {
            return None;
        }
        Some(SpoolEntry {
            way: *way,
            partition,
            offset,
            kind: EntryKind::Found,
            hub_partition: lane as u32,
            at: event.sequence,
            digests: Digests::of(event, Some(replayed)),
        })
    }
}

/// Topic, partition and offset of a message-id.
fn coordinates(id: &str) -> Option<(&str, i32, i64)> {
    let mut parts = id.rsplitn(3, '/');
    let (offset, partition, topic) = (parts.next()?, parts.next()?, parts.next()?);
    Some((topic, partition.parse().ok()?, offset.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_by_the_message_id_of_its_event() {
        assert_eq!(coordinates("orders/3/17"), Some(("orders", 3, 17)));
        assert_eq!(coordinates("a.b_c-d/0/0"), Some(("a.b_c-d", 0, 0)));
        for other in ["", "orders", "orders/3", "orders/x/17", "orders/3/x"] {
            assert_eq!(coordinates(other), None, "{other}");
        }
    }
}
