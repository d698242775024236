//! What people read: as wide as a terminal, with what is wrong at its top.

use std::fmt::{self, Display};
use std::ops::Range;
use std::time::Duration;

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle,
};

use crate::kafka::{Case, Group, Standing};

use super::members::{NAMED, member};
use super::{Behind, Forecast, Lag, PositionChange, PositionsPlan, ReplaySpan, Replayed};

/// Columns a table may take.
const WIDTH: u16 = 80;
/// A line under the header, and nothing else that would have to be cut out of a paste.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));
/// A table with these columns, of which those in `numbers` hold numbers or times.
pub(crate) fn empty<const N: usize>(header: [&str; N], numbers: Range<usize>) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(header);
    // Names may be broken, numbers and times may not.
    for column in table.column_iter_mut().skip(numbers.start).take(numbers.len()) {
        column.set_cell_alignment(CellAlignment::Right);
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    table
}

/// A time in milliseconds, as it may be said to a command.
pub(crate) fn exact(time: i64) -> Option<String> {
    jiff::Timestamp::from_millisecond(time).ok().map(|time| time.to_string())
}

fn who(f: &mut fmt::Formatter<'_>, name: &str, group: &Group) -> fmt::Result {
    write!(f, "group {name}: {}", group.state.as_str())?;
    match group.members.len() {
        0 => writeln!(f, ", no members")?,
        count => writeln!(f, ", members: {count}")?,
    }
    for it in group.members.iter().take(NAMED) {
        writeln!(f, "  {}, partitions: {}", member(it), it.partitions)?;
    }
    match group.members.len().saturating_sub(NAMED) {
        0 => Ok(()),
        more => writeln!(f, "  and {more} more"),
    }
}

/// A [`Lag`], with those partitions that are caught up or without.
#[derive(Debug)]
pub struct ShownGroup<'a> {
    /// What was found.
    pub lag: &'a Lag,
    /// Whether every partition is shown.
    pub all: bool,
}

impl Display for ShownGroup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lag, all } = self;
        who(f, &lag.name, &lag.group)?;
        for topic in &lag.missing {
            writeln!(f, "topic {topic}: kafka does not have it, or this user may not see it")?;
        }
        let shown = lag.partitions.iter().filter(|it| *all || !it.is_caught_up());
        let mut table = match lag.timed {
            true => empty(["partition", "committed", "end", "behind", "oldest", "state"], 1..5),
            false => empty(["partition", "committed", "begin", "end", "behind", "state"], 1..5),
        };
        let (mut rows, mut cases) = (0, Vec::new());
        for it in shown {
            table.add_row(row(it, lag.timed));
            rows += 1;
            cases.push(it.standing.case);
        }
        if rows > 0 {
            writeln!(f, "\n{}", table.trim_fmt())?;
        }
        writeln!(f)?;
        if rows < lag.partitions.len() {
            let more = lag.partitions.len() - rows;
            writeln!(f, "caught up: {more} of {} partitions", lag.partitions.len())?;
        }
        for (case, words) in LEGEND {
            if cases.contains(&case) {
                writeln!(f, "{}: {words}", case.as_str())?;
            }
        }
        if !lag.is_identified() {
            writeln!(
                f,
                "note: no broker gave the ids of topics, so a topic that was created again is not noticed"
            )?;
        }
        sum(f, lag)
    }
}

/// What is not clear by itself.
const LEGEND: [(Case, &str); 5] = [
    (Case::Unknown, "unknown: cannot read the committed position, or the offsets of the log"),
    (
        Case::Held,
        "the position is not in the log; the partition is paused (held) until a position is set",
    ),
    (Case::Gone, "the position is not in the log; `kafka.out_of_range` decides"),
    (Case::Renewed, "the topic was created again, and is read from its first record"),
    (Case::New, "nothing is committed; `kafka.start` decides"),
];

fn row(it: &Behind, timed: bool) -> Vec<String> {
    let Behind { standing, age, records, .. } = it;
    let (first, end) = standing.log.unzip();
    let mut row = vec![standing.partition.to_string(), number(standing.committed)];
    if !timed {
        row.push(number(first));
    }
    row.extend([number(end), records.map_or_else(|| "?".to_owned(), |it| it.to_string())]);
    if timed {
        row.push(match (age, records) {
            (Some(age), _) => time(*age),
            (None, Some(0)) => String::new(),
            (None, _) => "unknown".to_owned(),
        });
    }
    row.push(standing.case.as_str().to_owned());
    row
}

fn number(number: Option<i64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

fn sum(f: &mut fmt::Formatter<'_>, lag: &Lag) -> fmt::Result {
    let behind = lag.partitions.iter().filter(|it| it.records.is_some_and(|it| it > 0)).count();
    let total = lag.partitions.len();
    write!(f, "behind: {} records in {behind} of {total} partitions", lag.records())?;
    match lag.partitions.iter().filter(|it| it.records.is_none()).count() {
        0 => {}
        unknown => write!(f, "; unknown for {unknown}")?,
    }
    if let Some(age) = lag.age() {
        write!(f, "\noldest: written {} ago", time(age))?;
    }
    match lag.partitions.iter().map(|it| it.standing.lost()).sum::<i64>() {
        0 => Ok(()),
        lost => write!(f, "\nlost: {lost} records at most were deleted before they were read"),
    }
}

/// In the two largest units that say something.
fn time(age: Duration) -> String {
    let seconds = age.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if days > 0 => format!("{days} d {} h", hours % 24),
        () if hours > 0 => format!("{hours} h {} m", minutes % 60),
        () if minutes > 0 => format!("{minutes} m {} s", seconds % 60),
        () => format!("{seconds} s"),
    }
}

impl Display for PositionsPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        who(f, &self.name, &self.group)?;
        let mut table = empty(["partition", "before", "after", "moves", "begin", "end", ""], 1..6);
        for it in &self.changes {
            table.add_row(changed(it));
        }
        if !self.changes.is_empty() {
            writeln!(f, "\n{}", table.trim_fmt())?;
        }
        writeln!(f)?;
        for (topic, count) in &self.beside {
            writeln!(
                f,
                "note: {count} more partitions of `{topic}` have no position: once others have one, these are read from their first record, and `kafka.start` does not apply"
            )?;
        }
        let moved = self.changes.iter().filter(|it| it.is_one()).count();
        write!(
            f,
            "positions to change: {moved} of {}\nrecords to send again: {}, to skip: {} (at most)",
            self.changes.len(),
            self.again(),
            self.skipped()
        )
    }
}

fn changed(change: &PositionChange) -> Vec<String> {
    let PositionChange { standing, log: (first, end), after, clamped } = change;
    let Standing { partition, committed, case, .. } = standing;
    let moves = match committed.map(|before| after - before) {
        Some(by) if *case != Case::Renewed => format!("{by:+}"),
        _ => String::new(),
    };
    let mut remarks = Vec::new();
    match case {
        Case::Renewed => remarks.push("before: of an older topic".to_owned()),
        Case::Held | Case::Gone => remarks.push("before: not in the log".to_owned()),
        Case::Unknown => remarks.push("before: unknown".to_owned()),
        Case::New | Case::Good => {}
    }
    remarks.extend(clamped.map(|wanted| format!("clamped: {wanted} is not in the log")));
    vec![
        partition.to_string(),
        number(*committed),
        after.to_string(),
        if moves == "+0" { "0".to_owned() } else { moves },
        first.to_string(),
        end.to_string(),
        remarks.join("; "),
    ]
}

impl Display for Forecast<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let replay = self.replay;
        who(f, &replay.name, &replay.group)?;
        for topic in &replay.missing {
            writeln!(f, "topic {topic}: kafka does not have it, or this user may not see it")?;
        }
        for partition in &replay.renewed {
            writeln!(f, "{partition}: its topic was created again, and nothing of it is sent")?;
        }
        let mut table = empty(["partition", "from", "to", "left", "begin", "end", ""], 1..6);
        for it in &replay.parts {
            table.add_row(part(it));
        }
        if !replay.parts.is_empty() {
            writeln!(f, "\n{}", table.trim_fmt())?;
        }
        let some = replay.parts.iter().filter(|it| it.left() > 0).count();
        let (left, all) = (replay.left(), replay.parts.len());
        write!(f, "\nrecords to send: {left} in {some} of {all} partitions (at most)")?;
        if replay.begun {
            let settled = replay.size() - left;
            write!(f, "\ncontinues an earlier run: {settled} are settled; the ends stay the same")?;
        }
        if let (Some(takes), Some(rate)) = (self.takes(), self.rate) {
            write!(f, "\nat {rate}/s: {}, or longer if the namespace accepts less", time(takes))?;
        }
        Ok(())
    }
}

fn part(it: &ReplaySpan) -> Vec<String> {
    let ReplaySpan { standing, span, at, clamped } = it;
    let (first, end) = standing.log.unzip();
    let mut remarks = Vec::new();
    if *at != span.from {
        remarks.push(format!("continues at {at}"));
    }
    remarks.extend(clamped.as_ref().map(|it| format!("clamped: {it} is not in the log")));
    vec![
        standing.partition.to_string(),
        span.from.to_string(),
        span.to.to_string(),
        it.left().to_string(),
        number(first),
        number(end),
        remarks.join("; "),
    ]
}

impl Display for Replayed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { replay, settled, took, arrived, kept } = self;
        let (all, name) = (replay.parts.len(), &replay.name);
        if *settled == 0 && *arrived {
            f.write_str("nothing is left to be sent")?;
        } else {
            let (seconds, rate) = (took.as_secs_f64(), self.rate());
            write!(
                f,
                "replayed: {settled} records of {all} partitions in {seconds:.1} s, {rate:.0}/s (at most)"
            )?;
        }
        if !arrived {
            let left = replay.left() - settled;
            write!(f, "\nstopped before its end: {left} are left; the same command continues")?;
        }
        match kept {
            Some(why) => write!(
                f,
                "\nnote: group `{name}` could not be deleted, and keeps its positions: {why}"
            ),
            None => Ok(()),
        }
    }
}
