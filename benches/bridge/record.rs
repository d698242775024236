//! A row of `docs/benchmarks.md`: what a version costs. Of text alone, so that the tests of the page read it by the same rules.

use std::fmt;

/// The head of the table.
pub(crate) const HEAD: &str = "| version | commit | machine | CPU-µs/record | both floors | of the floors | records/s | peak RSS | first event |";
const LINE: &str = "|---|---|---|---|---|---|---|---|---|";

/// The least and the most of some medians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Range {
    /// Of all of them; none without one.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        values.into_iter().fold(None, |range: Option<Self>, value| {
            let Self { least, most } = range.unwrap_or(Self { least: value, most: value });
            Some(Self { least: least.min(value), most: most.max(value) })
        })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} to {:.2}", self.least, self.most)
    }
}

/// A version, and what it costs in records of 1000 bytes, whatever their keys and however soon they are acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) version: String,
    pub(crate) commit: String,
    pub(crate) machine: String,
    /// Microseconds of the bridge.
    pub(crate) cpu: Range,
    /// Microseconds of reading alone and sending alone, together.
    pub(crate) floors: Range,
    /// The one divided by the other.
    pub(crate) ratio: Range,
    /// Records a second.
    pub(crate) rate: Range,
    /// Bytes, of the run that took most.
    pub(crate) peak: f64,
    /// Seconds from joining to the first event, of the case that took longest.
    pub(crate) first: f64,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, commit, machine, cpu, floors, ratio, rate, peak, first } = self;
        let (slow, quick, peak) = (rate.least / 1e3, rate.most / 1e3, peak / 1e6);
        write!(
            f,
            "| {version} | `{commit}` | {machine} | {cpu} | {floors} | {ratio} | {slow:.0} k to {quick:.0} k | {peak:.0} MB | {first:.2} s |"
        )
    }
}

/// `page` with `row` on top of its table, in the place of another of that version; none where it has no such table.
pub(crate) fn recorded(page: &str, row: &Row) -> Option<String> {
    let (before, rows) = page.split_once(&format!("{HEAD}\n{LINE}\n"))?;
    let same = format!("| {} |", row.version);
    let kept = rows.split_inclusive('\n').filter(|line| !line.starts_with(&same));
    Some(format!("{before}{HEAD}\n{LINE}\n{row}\n{}", kept.collect::<String>()))
}
