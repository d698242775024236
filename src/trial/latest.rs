//! The last records of a topic, read by a consumer that is in no group.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::config::Config;
use crate::group::{CommandError, Selection, enter};
use crate::kafka::Stretch;
use crate::record::{OwnedRecord, Record, TopicPartition};

/// The records at the last `count` offsets of each partition that is meant. Offsets have holes: there may be fewer.
pub fn latest(
    config: &Config,
    of: &Selection,
    count: u32,
    limit: Duration,
) -> Result<Vec<OwnedRecord>, CommandError> {
    let (inquiry, cluster) = enter(&config.kafka, limit)?;
    let topic = of.topic.as_str();
    let Some(facts) = cluster.topics.get(topic) else {
        let hint = "name a topic that exists and that the bridge may see";
        return Err(CommandError::usage(format!("there is no topic `{topic}`"), hint));
    };
    let all = 0..facts.partitions;
    let numbers = match of.partition {
        Some(number) if !all.contains(&number) => {
            return Err(CommandError::no_partition(topic, number, facts.partitions));
        }
        Some(number) => number..number + 1,
        None => all,
    };
    let places: Vec<_> = numbers.map(|number| TopicPartition::new(topic, number)).collect();
    let logs = inquiry.logs(&places, limit);
    let mut stretches = Vec::new();
    for partition in places {
        let Some((first, end)) = logs.get(&partition).copied() else {
            return Err(CommandError::no_log(&partition));
        };
        let from = first.max(end.saturating_sub(i64::from(count)));
        stretches.push(Stretch { partition, from, to: end });
    }
    let mut records = Vec::new();
    let mut each = |record: &Record<'_>, _| {
        records.push(OwnedRecord::copy_of(record));
        ControlFlow::Continue(())
    };
    let read = inquiry.scan(stretches, limit, &mut each);
    let unread =
        read.map_err(|denied| CommandError::denied(&format!("topic `{topic}`"), &denied, ""))?;
    if let Some(unread) = unread.into_iter().next() {
        let doing = format!("{} cannot be read", unread.rest.partition);
        return Err(CommandError::denied(&doing, &unread.why, ""));
    }
    records.sort_by_key(|record| record.with(|it| (it.partition, it.offset)));
    Ok(records)
}
