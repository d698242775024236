//! Documents as text for people, 80 columns wide.

use std::collections::BTreeMap;
use std::fmt;

use bytesize::ByteSize;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use jiff::{SignedDuration, Timestamp};

use crate::status::document::{Document, Held, Mapping, Reading, Sending, State, Summary};

const WIDTH: u16 = 80;
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));
/// More rows of one kind are counted.
const ROWS: usize = 20;

/// Everything, the whole first, then what is in trouble.
pub(super) struct StatusTable<'a>(pub(super) &'a [Document]);

impl fmt::Display for StatusTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(all) = self;
        all.iter().try_for_each(|status| head(f, status))?;
        write!(f, "\n{}", mappings(all))?;
        titled(f, "Kafka partitions that are not read", &partitions(all))?;
        titled(f, "Hub partitions in trouble", &hub_partitions(all))?;
        let mut title = "\n\nHeld";
        for it in all.iter().flat_map(|status| &status.held) {
            write!(f, "{title}")?;
            title = "";
            held(f, it)?;
        }
        Ok(())
    }
}

fn titled(f: &mut fmt::Formatter<'_>, title: &str, table: &Table) -> fmt::Result {
    if table.is_empty() { Ok(()) } else { write!(f, "\n\n{title}\n{table}") }
}

/// A member in a few lines.
fn head(f: &mut fmt::Formatter<'_>, status: &Document) -> fmt::Result {
    let Document { bridge, summary, memory, .. } = status;
    let state = match (status.state, status.ready) {
        (State::Starting, _) => "starting",
        (State::Draining, _) => "draining",
        (State::Running, true) => "running",
        (State::Running, false) => "running, not ready",
    };
    if let Some(host) = &bridge.host {
        write!(f, "{host}: ")?;
    }
    let up = lasted(bridge.now.duration_since(bridge.started));
    writeln!(f, "bridge {}, group {}, {state} for {up}", bridge.version, bridge.group)?;
    writeln!(f, "  {}", lag(summary))?;
    writeln!(
        f,
        "  in {:.0} records/s ({}/s), out {:.0} events/s ({}/s)",
        summary.records_per_second,
        size(summary.record_bytes_per_second as u64),
        summary.events_per_second,
        size(summary.event_bytes_per_second as u64),
    )?;
    let held = size(memory.events_bytes + memory.prefetched_bytes);
    let (limit, in_flight) = (size(memory.limit_bytes), summary.in_flight_records);
    writeln!(f, "  memory {held} of {limit}, {in_flight} records in flight")?;
    for reason in &status.reasons {
        writeln!(f, "  not ready: {reason}")?;
    }
    for shard in status.shards.iter().filter(|shard| shard.joined && !shard.answers) {
        writeln!(f, "  shard {} does not answer: its partitions are missing", shard.shard)?;
    }
    for it in &status.namespaces {
        if let Some(detail) = &it.detail {
            writeln!(f, "  namespace {} {detail}", it.namespace)?;
        }
    }
    Ok(())
}

fn lag(summary: &Summary) -> String {
    let behind = match (summary.lag_records, summary.lag_seconds) {
        (Some(records), Some(seconds)) => format!("{records} records behind, {}", time(seconds)),
        (None, Some(seconds)) => format!("{} behind", time(seconds)),
        _ => "no partitions".to_owned(),
    };
    match summary.caught_up_in_seconds {
        _ if summary.partitions == 0 => behind,
        Some(0.0) => format!("{behind}: keeps up"),
        Some(left) => format!("{behind}: caught up in {}", time(left)),
        None => format!("{behind}: does not catch up"),
    }
}

/// One row a mapping, all members together.
fn mappings(all: &[Document]) -> Table {
    let mut together = BTreeMap::<usize, Mapping>::new();
    for mapping in all.iter().flat_map(|it| &it.mappings) {
        let Some(sum) = together.get_mut(&mapping.mapping) else {
            together.insert(mapping.mapping, mapping.clone());
            continue;
        };
        let more = |sum: Option<u64>, it: Option<u64>| Some(sum? + it?).or(sum).or(it);
        sum.paused |= mapping.paused;
        sum.partitions += mapping.partitions;
        sum.partitions_held += mapping.partitions_held;
        sum.in_flight_records += mapping.in_flight_records;
        sum.lag_records = more(sum.lag_records, mapping.lag_records);
        sum.lag_seconds = sum.lag_seconds.into_iter().chain(mapping.lag_seconds).reduce(f64::max);
    }
    let mut table = empty(["topics → hub", "behind", "records", "partitions", "held"]);
    for index in 1..5 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for it in together.values() {
        let topics = it.topics.as_ref().map(|names| names.join(", "));
        let topics = topics.or(it.topic_pattern.clone()).unwrap_or_default();
        let namespace = match &*it.namespace {
            "default" => String::new(),
            name => format!("{name}/"),
        };
        table.add_row([
            format!("{topics} → {namespace}{}", it.hub),
            it.lag_seconds.map_or("-".to_owned(), time),
            it.lag_records.map_or("-".to_owned(), |records| records.to_string()),
            it.partitions.to_string(),
            if it.paused { "paused".to_owned() } else { it.partitions_held.to_string() },
        ]);
    }
    table
}

fn partitions(all: &[Document]) -> Table {
    let mut table = empty(["partition", "state", "for", "why"]);
    let places = all.iter().flat_map(|status| {
        let of = move |topic| (status.bridge.now, topic);
        status.topics.iter().map(of)
    });
    let places = places
        .flat_map(|(now, topic)| topic.partitions.iter().map(move |it| (now, &*topic.topic, it)));
    let troubled = places.filter(|(_, _, it)| it.state != Reading::Flowing);
    let rows = troubled.map(|(now, topic, it)| {
        let state = match it.state {
            Reading::Flowing => "flowing",
            Reading::Held => "held",
            Reading::Halted => "halted",
            Reading::Draining => "draining",
        };
        let why = it.detail.clone().or(it.reason.clone()).unwrap_or_default();
        [format!("{topic}/{}", it.partition), state.to_owned(), since(now, it.since), why]
    });
    fill(&mut table, rows);
    table
}

fn hub_partitions(all: &[Document]) -> Table {
    let mut table = empty(["hub partition", "state", "for", "next try", "why"]);
    let places = all.iter().flat_map(|status| {
        let of = move |hub| (status.bridge.now, hub);
        status.hubs.iter().map(of)
    });
    let places = places.flat_map(|(now, hub)| hub.partitions.iter().map(move |it| (now, hub, it)));
    let rows = places.filter(|(_, _, it)| it.state != Sending::Sending).map(|(now, hub, it)| {
        let state = match it.state {
            Sending::Sending => "sending",
            Sending::Waiting => "waiting",
            Sending::Throttled => "throttled",
            Sending::Retrying => "retrying",
        };
        [
            format!("{}/{}/{}", hub.namespace, hub.hub, it.partition),
            state.to_owned(),
            since(now, it.since),
            it.next_try_seconds.map_or("-".to_owned(), |next| format!("in {}", time(next))),
            it.detail.clone().unwrap_or_default(),
        ]
    });
    fill(&mut table, rows);
    table
}

/// So many rows, and how many there are more.
fn fill<const N: usize>(table: &mut Table, rows: impl Iterator<Item = [String; N]>) {
    let mut rows = rows.fuse();
    for row in rows.by_ref().take(ROWS) {
        table.add_row(row);
    }
    let more = rows.count();
    if more > 0 {
        table.add_row([format!("and {more} more")]);
    }
}

fn held(f: &mut fmt::Formatter<'_>, it: &Held) -> fmt::Result {
    let partition = it.partition.map(|number| number.to_string());
    let parts = [&it.namespace, &it.hub, &it.topic, &it.dead_letter_topic, &partition];
    let place = parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("/");
    let lasts = time(it.seconds as f64);
    write!(
        f,
        "\n  {place}: {}, for {lasts}\n    {}\n    runbook: {}",
        it.kind, it.detail, it.runbook
    )
}

fn empty<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDTH).set_header(header);
    table
}

fn since(now: Timestamp, since: Option<Timestamp>) -> String {
    since.map_or("-".to_owned(), |since| lasted(now.duration_since(since)))
}

fn time(seconds: f64) -> String {
    SignedDuration::try_from_secs_f64(seconds).map_or("ever".to_owned(), lasted)
}

/// In the two largest units that matter.
pub(in crate::cli) fn lasted(time: SignedDuration) -> String {
    let seconds = time.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match () {
        () if days > 0 => format!("{days} d {hours} h"),
        () if hours > 0 => format!("{hours} h {minutes} min"),
        () if minutes > 0 => format!("{minutes} min {rest} s"),
        () if seconds >= 10 => format!("{seconds} s"),
        () => format!("{:.1} s", time.as_secs_f64()),
    }
}

fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

#[cfg(test)]
mod tests;
