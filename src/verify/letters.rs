//! The dead letters of the records that are compared, from where the last reading ended.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::time::Duration;

use crate::config::Config;
use crate::group::CommandError;
use crate::kafka::{Cluster, Inquiry, Opened, Stretch};
use crate::record::{Record, TopicPartition};

use super::entry::{ANYWHERE, Digests, EntryKind, SpoolEntry};
use super::ledger::Ledger;
use super::state::LetterBox;

/// Reads the dead-letter topics of the `wanted` mappings, whole the first time: a letter may be much younger than its record.
pub(super) fn read(
    ledger: &mut Ledger,
    config: &Config,
    wanted: &BTreeSet<usize>,
    (inquiry, cluster): (&Inquiry, &Cluster),
    limit: Duration,
) -> Result<(), CommandError> {
    if ledger.state.letters_read {
        return Ok(());
    }
    let meant = config.mappings.iter().enumerate().filter(|(place, _)| wanted.contains(place));
    let topics: BTreeSet<&str> =
        meant.filter_map(|(_, it)| it.failure.dead_letter_topic.as_deref()).collect();
    let mut places = Vec::new();
    for topic in topics {
        let Some(facts) = cluster.topics.get(topic) else { continue };
        places.extend((0..facts.partitions).map(|number| TopicPartition::new(topic, number)));
    }
    let logs = inquiry.logs(&places, limit);
    let (mut stretches, mut boxes) = (Vec::new(), Vec::new());
    for partition in places {
        let Some((first, to)) = logs.get(&partition).copied() else {
            return Err(CommandError::no_log(&partition));
        };
        let (topic, number) = (partition.topic.to_string(), partition.partition);
        let known = ledger.state.letters.iter().find(|it| it.is(&topic, number));
        // One that ends before where it was read to was created again.
        let from =
            known.map(|it| it.next).filter(|next| *next <= to).map_or(first, |it| it.max(first));
        boxes.push(LetterBox { topic, partition: number, next: to });
        stretches.push(Stretch { partition, from, to });
    }
    let hubs: HashMap<(String, String), usize> = ledger
        .state
        .hubs
        .iter()
        .enumerate()
        .map(|(number, hub)| ((hub.namespace.clone(), hub.hub.clone()), number))
        .collect();
    let mut wrong = None;
    let mut each = |record: &Record<'_>, _| {
        let Some(letter) = Opened::of(record) else { return ControlFlow::Continue(()) };
        let origin = letter.origin;
        let way = match origin.hub {
            Some((hub, namespace)) => {
                let hub = hubs.get(&(namespace.to_owned(), hub.to_owned()));
                hub.and_then(|hub| ledger.state.way(origin.topic, *hub))
            }
            // The first bridges did not say which hub.
            None => (0..hubs.len()).find_map(|hub| ledger.state.way(origin.topic, hub)),
        };
        if let Some(way) = way {
            ledger.put(SpoolEntry {
                way,
                partition: origin.partition,
                offset: origin.offset,
                kind: EntryKind::Letter,
                hub_partition: ANYWHERE,
                at: 0,
                digests: Digests::default(),
            });
        }
        if ledger.is_full()
            && let Err(failure) = ledger.spill()
        {
            wrong = Some(failure);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    let unread = inquiry.scan(stretches, limit, &mut each);
    let unread = unread
        .map_err(|denied| CommandError::denied("dead letters cannot be read", &denied, ""))?;
    if let Some(failure) = wrong {
        return Err(failure);
    }
    if let Some(unread) = unread.into_iter().next() {
        let doing = format!("{} cannot be read", unread.rest.partition);
        return Err(CommandError::denied(&doing, &unread.why, ""));
    }
    ledger.state.letters = boxes;
    ledger.state.letters_read = true;
    ledger.save()
}
