//! What scripts read: `docs/commands.md` says what each key means. Keys are added, never changed or taken away.

use serde::Serialize;

use crate::kafka::{Group, Standing};

use super::table::exact;
use super::{
    Behind, CommandError, Forecast, Lag, PositionChange, PositionsPlan, ReplaySpan, Replayed,
};

/// Grows when a key changes its meaning.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    group: &'a str,
    state: &'static str,
    members: Vec<Member<'a>>,
    behind: i64,
    oldest_seconds: Option<f64>,
    identified: bool,
    missing: &'a [String],
    partitions: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Member<'a> {
    client: &'a str,
    host: &'a str,
    id: &'a str,
    instance: Option<&'a str>,
    partitions: usize,
}

#[derive(Serialize)]
struct Entry<'a> {
    topic: &'a str,
    partition: i32,
    state: &'static str,
    committed: Option<i64>,
    begin: Option<i64>,
    end: Option<i64>,
    next: Option<i64>,
    behind: Option<i64>,
    lost: i64,
    oldest: Option<String>,
    oldest_seconds: Option<f64>,
}

#[derive(Serialize)]
struct Planned<'a> {
    version: u32,
    group: &'a str,
    state: &'static str,
    members: Vec<Member<'a>>,
    changed: bool,
    again: i64,
    skipped: i64,
    partitions: Vec<Moved<'a>>,
}

#[derive(Serialize)]
struct Moved<'a> {
    topic: &'a str,
    partition: i32,
    state: &'static str,
    before: Option<i64>,
    after: i64,
    begin: i64,
    end: i64,
    clamped: bool,
}

#[derive(Serialize)]
struct Forecasted<'a> {
    version: u32,
    group: &'a str,
    state: &'static str,
    members: Vec<Member<'a>>,
    begun: bool,
    records: i64,
    left: i64,
    seconds: Option<u64>,
    missing: &'a [String],
    renewed: &'a [String],
    partitions: Vec<Sent<'a>>,
}

#[derive(Serialize)]
struct Sent<'a> {
    topic: &'a str,
    partition: i32,
    from: i64,
    to: i64,
    next: i64,
    left: i64,
    begin: Option<i64>,
    end: Option<i64>,
    clamped: bool,
}

#[derive(Serialize)]
struct Over<'a> {
    version: u32,
    group: &'a str,
    done: bool,
    records: i64,
    left: i64,
    partitions: usize,
    seconds: f64,
    records_per_second: f64,
    kept: Option<&'a str>,
}

#[derive(Serialize)]
struct Failed<'a> {
    version: u32,
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    kind: &'static str,
    what: &'a str,
    hint: Option<&'a str>,
}

impl<'a> From<&'a crate::kafka::Member> for Member<'a> {
    fn from(it: &'a crate::kafka::Member) -> Self {
        Self {
            client: &it.client,
            host: it.host.trim_start_matches('/'),
            id: &it.id,
            instance: it.instance.as_deref(),
            partitions: it.partitions,
        }
    }
}

impl<'a> From<&'a Behind> for Entry<'a> {
    fn from(it: &'a Behind) -> Self {
        let Behind { standing, oldest, age, records } = it;
        let Standing { partition, committed, log, case, next, .. } = standing;
        let (begin, end) = log.unzip();
        Self {
            topic: &partition.topic,
            partition: partition.partition,
            state: case.as_str(),
            committed: *committed,
            begin,
            end,
            next: *next,
            behind: *records,
            lost: standing.lost(),
            oldest: oldest.and_then(exact),
            oldest_seconds: age.map(|age| age.as_secs_f64()),
        }
    }
}

impl<'a> From<&'a PositionChange> for Moved<'a> {
    fn from(it: &'a PositionChange) -> Self {
        let PositionChange { standing, log: (begin, end), after, clamped } = it;
        Self {
            topic: &standing.partition.topic,
            partition: standing.partition.partition,
            state: standing.case.as_str(),
            before: standing.committed,
            after: *after,
            begin: *begin,
            end: *end,
            clamped: clamped.is_some(),
        }
    }
}

impl<'a> From<&'a ReplaySpan> for Sent<'a> {
    fn from(it: &'a ReplaySpan) -> Self {
        let (begin, end) = it.standing.log.unzip();
        Self {
            topic: &it.standing.partition.topic,
            partition: it.standing.partition.partition,
            from: it.span.from,
            to: it.span.to,
            next: it.at,
            left: it.left(),
            begin,
            end,
            clamped: it.clamped.is_some(),
        }
    }
}

impl Forecast<'_> {
    /// One JSON document.
    pub fn json(&self) -> String {
        let replay = self.replay;
        written(&Forecasted {
            version: VERSION,
            group: &replay.name,
            state: replay.group.state.as_str(),
            members: members(&replay.group),
            begun: replay.begun,
            records: replay.size(),
            left: replay.left(),
            seconds: self.takes().map(|takes| takes.as_secs()),
            missing: &replay.missing,
            renewed: &replay.renewed,
            partitions: replay.parts.iter().map(Sent::from).collect(),
        })
    }
}

impl Replayed<'_> {
    /// One JSON document.
    pub fn json(&self) -> String {
        written(&Over {
            version: VERSION,
            group: &self.replay.name,
            done: self.arrived,
            records: self.settled,
            left: self.replay.left() - self.settled,
            partitions: self.replay.parts.len(),
            seconds: self.took.as_secs_f64(),
            records_per_second: self.rate(),
            kept: self.kept.as_deref(),
        })
    }
}

fn members(group: &Group) -> Vec<Member<'_>> {
    group.members.iter().map(Member::from).collect()
}

fn written(document: &impl Serialize) -> String {
    serde_json::to_string_pretty(document).expect("it has no maps and no own serializers")
}

impl Lag {
    /// One JSON document.
    pub fn json(&self) -> String {
        written(&Document {
            version: VERSION,
            group: &self.name,
            state: self.group.state.as_str(),
            members: members(&self.group),
            behind: self.records(),
            oldest_seconds: self.age().map(|age| age.as_secs_f64()),
            identified: self.is_identified(),
            missing: &self.missing,
            partitions: self.partitions.iter().map(Entry::from).collect(),
        })
    }
}

impl PositionsPlan {
    /// One JSON document; `changed` is whether it was carried out.
    pub fn json(&self, changed: bool) -> String {
        written(&Planned {
            version: VERSION,
            group: &self.name,
            state: self.group.state.as_str(),
            members: members(&self.group),
            changed,
            again: self.again(),
            skipped: self.skipped(),
            partitions: self.changes.iter().map(Moved::from).collect(),
        })
    }
}

impl CommandError {
    /// One JSON document.
    pub fn json(&self) -> String {
        let error =
            Error { kind: self.kind.as_str(), what: &self.what, hint: self.hint.as_deref() };
        written(&Failed { version: VERSION, error })
    }
}
