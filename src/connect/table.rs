//! The report for people: what was tried, what goes where, and what to do.

use std::fmt::{self, Display};
use std::time::Duration;

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};

use super::report::{CheckReport, Finding, MappedTopic, Outcome};

/// Columns a table may take.
const WIDTH: u16 = 120;
/// A line under the header, and nothing else that would have to be cut out of a paste.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

impl CheckReport {
    /// Whether nothing was refused and everybody answered.
    pub fn is_good(&self) -> bool {
        !self.outcomes().any(Outcome::is_bad)
    }

    fn outcomes(&self) -> impl Iterator<Item = Outcome> {
        let findings = self.findings.iter().map(|finding| finding.outcome);
        findings.chain(self.pairs.iter().map(|pair| pair.outcome))
    }

    fn steps(&self) -> Table {
        let mut table = empty(["what", "step", "outcome", "detail", "took"]);
        let mut last = None;
        for finding in &self.findings {
            let what = finding.subject.to_string();
            let again = last.replace(what.clone()).is_some_and(|last| last == what);
            table.add_row([
                if again { String::new() } else { what },
                finding.step.to_owned(),
                finding.outcome.as_str().to_owned(),
                finding.detail.clone(),
                time(finding.outcome, finding.took),
            ]);
        }
        table
    }

    fn mappings(&self) -> Table {
        let mut table = empty([
            "topic → hub",
            "partitioning",
            "partitions",
            "largest event",
            "limit",
            "outcome",
        ]);
        for pair in &self.pairs {
            table.add_row([
                way(pair),
                pair.partitioning.clone(),
                format!(
                    "{} → {}",
                    or_unknown(pair.kafka_partitions),
                    or_unknown(pair.hub_partitions)
                ),
                or_unknown(pair.largest_event),
                or_unknown(pair.event_limit),
                pair.outcome.as_str().to_owned(),
            ]);
        }
        table
    }

    /// What somebody should read: everything between "ok" and "skipped because of that".
    fn remarks(&self) -> Vec<(Outcome, String)> {
        let said = |outcome: Outcome| !matches!(outcome, Outcome::Ok | Outcome::Skipped);
        let text = |what: String, detail: &str, hint: Option<&str>| {
            let mut text = format!("{what}: {detail}");
            if let Some(hint) = hint {
                text.push_str("\n  hint: ");
                text.push_str(hint);
            }
            text
        };
        // Many of one kind have one remark.
        let bad = self.findings.iter().filter(|it| said(it.outcome));
        let same = |one: &Finding, it: &Finding| {
            (one.step, one.outcome, &one.detail, &one.hint)
                == (it.step, it.outcome, &it.detail, &it.hint)
        };
        let findings = kinds(bad, same).into_iter().map(|(it, more)| {
            let what = format!("{}, {}{more}", it.subject, it.step);
            (it.outcome, text(what, &it.detail, it.hint.as_deref()))
        });
        let bad = self.pairs.iter().filter(|it| said(it.outcome));
        let same = |one: &MappedTopic, it: &MappedTopic| {
            (one.outcome, &one.detail, &one.hint) == (it.outcome, &it.detail, &it.hint)
        };
        let pairs = kinds(bad, same).into_iter().map(|(it, more)| {
            let what = format!("mapping {}{more}", way(it));
            (it.outcome, text(what, &it.detail, it.hint.as_deref()))
        });
        let mut remarks = findings.chain(pairs).collect::<Vec<_>>();
        remarks.sort_by_key(|(outcome, _)| std::cmp::Reverse(*outcome));
        remarks
    }

    fn sum(&self) -> String {
        let all = [
            Outcome::Ok,
            Outcome::Note,
            Outcome::Warning,
            Outcome::Refused,
            Outcome::Failed,
            Outcome::Skipped,
        ];
        let counts = all.map(|wanted| (wanted, self.outcomes().filter(|it| *it == wanted).count()));
        let counts = counts.iter().filter(|(outcome, count)| *count > 0 || *outcome == Outcome::Ok);
        let counts = counts.map(|(outcome, count)| format!("{}: {count}", outcome.as_str()));
        counts.collect::<Vec<_>>().join(", ")
    }
}

/// What a terminal shows.
impl Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n\n{}\n", self.steps().trim_fmt(), self.mappings().trim_fmt())?;
        for (outcome, remark) in self.remarks() {
            writeln!(f, "{}: {remark}", outcome.as_str())?;
        }
        write!(f, "{} ({:.1} s); nothing was sent", self.sum(), self.took.as_secs_f64())
    }
}

/// The first of each kind, and how many more there are, in words.
fn kinds<'a, T>(
    all: impl Iterator<Item = &'a T>,
    same: impl Fn(&T, &T) -> bool,
) -> Vec<(&'a T, String)> {
    let mut kinds: Vec<(&T, usize)> = Vec::new();
    for one in all {
        match kinds.iter_mut().find(|(first, _)| same(first, one)) {
            Some((_, more)) => *more += 1,
            None => kinds.push((one, 0)),
        }
    }
    let words = |more| if more == 0 { String::new() } else { format!(" and {more} more") };
    kinds.into_iter().map(|(first, more)| (first, words(more))).collect()
}

fn empty<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(header);
    table
}

fn way(pair: &MappedTopic) -> String {
    let topic = pair.topic.as_deref().unwrap_or("(none)");
    format!("{topic} → {}/{}", pair.namespace, pair.hub)
}

fn or_unknown(number: Option<impl Display>) -> String {
    number.map_or_else(|| "?".to_owned(), |number| number.to_string())
}

fn time(outcome: Outcome, took: Duration) -> String {
    match outcome {
        Outcome::Skipped => String::new(),
        _ if took < Duration::from_secs(1) => format!("{} ms", took.as_millis()),
        _ => format!("{:.1} s", took.as_secs_f64()),
    }
}
