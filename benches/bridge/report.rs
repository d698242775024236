//! The table and the verdicts; and a row of the page of all versions.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::case::{Case, Keys, Load, Step, VALUE, Way};
use crate::record::{self, Range, Row};
use crate::run::{Outcome, Plan, Run};

const FLOORS: f64 = 1.3;
const KEYS: f64 = 1.15;
const TLS: f64 = 1.6;
/// CPU-µs a record on top of the plain twin.
const STEPS: [(Step, f64, &str); 3] = [
    (Step::Header, 0.1, "a filter by header"),
    (Step::Expression, 2.0, "an expression over a value of 1 KB"),
    (Step::Decode, 4.0, "Avro of 1 KB to JSON"),
];
/// Two builds of one program differ as much by themselves.
const SAME: f64 = 1.05;
const RATE: f64 = 150_000.0;
const PEAK: f64 = 100e6;
const FIRST: f64 = 0.5;

/// Prints both.
pub(crate) fn print(plan: &Plan, outcomes: &[Outcome]) {
    println!(
        "\n{} records of {VALUE} B with two headers, and of other sizes as many bytes or twice as many records; 8 partitions, \
         median of {} (smallest to largest)",
        plan.records, plan.rounds
    );
    println!(
        "CPU is user and system time of one process. Each run: events in the hub = records, committed = end.\n"
    );
    println!(
        "| keys, acknowledged | bridge, CPU-µs/record | read only | send only | own send only | bridge / floors | records/s | events/batch | peak RSS | start to joining | joining to first event |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for outcome in outcomes {
        row(outcome);
    }
    println!("\n| goal | measured | verdict |\n|---|---|---|");
    goals(outcomes);
}

fn row(Outcome { case, runs }: &Outcome) {
    let cpu = Spread::of(runs, |run| run.cpu);
    let rate = Spread::of(runs, |run| run.rate / 1000.0);
    println!(
        "| {} | {:.2} ({:.2} to {:.2}) | {} | {} | {} | {} | {:.0} k ({:.0} to {:.0}) | {:.0} | {:.0} MB | {:.2} s | {:.2} s |",
        case.name(),
        cpu.median,
        cpu.least,
        cpu.most,
        shown(Spread::of(runs, |run| run.consume).median),
        shown(Spread::of(runs, |run| run.send).median),
        shown(Spread::of(runs, |run| run.own).median),
        if case.twin() == *case { shown(ratio(runs)) } else { shown(0.0) },
        rate.median,
        rate.least,
        rate.most,
        Spread::of(runs, |run| run.batch).median,
        Spread::of(runs, |run| run.peak).median / 1e6,
        Spread::of(runs, |run| run.start).median,
        Spread::of(runs, |run| run.first).median,
    );
}

/// What was not measured is 0.
fn shown(value: f64) -> String {
    if value > 0.0 { format!("{value:.2}") } else { "–".to_owned() }
}

/// Medians against medians: floors and bridge are measured one after the other, not at the same time.
fn ratio(runs: &[Run]) -> f64 {
    let median = |of: fn(&Run) -> f64| Spread::of(runs, of).median;
    median(|run| run.cpu) / (median(|run| run.consume) + median(|run| run.send))
}

fn goals(outcomes: &[Outcome]) {
    let all = |of: &dyn Fn(&[Run]) -> f64| -> Vec<f64> {
        outcomes.iter().map(|outcome| of(&outcome.runs)).collect()
    };
    let most = |values: Vec<f64>| values.into_iter().fold(f64::MIN, f64::max);
    let plain = outcomes.iter().filter(|outcome| outcome.case.twin() == outcome.case);
    let ratios: Vec<_> = plain.map(|outcome| ratio(&outcome.runs)).collect();
    if !ratios.is_empty() {
        let ratio = most(ratios);
        verdict(
            "at most 1.3 × the sum of the floors, worst case",
            format!("{ratio:.2}"),
            ratio <= FLOORS,
        );
    }
    for (way, name) in [(Way::Tls, "TLS"), (Way::WebSocket, "WebSocket (and TLS)")] {
        let secured = outcomes.iter().find(|outcome| outcome.case.way == way);
        let Some((secured, plain)) = secured.and_then(|it| beside_twin(outcomes, it)) else {
            continue;
        };
        let ratio = secured / plain;
        let goal = format!("{name} at most {TLS} × the CPU of its plain twin");
        verdict(&goal, format!("{ratio:.2}"), ratio <= TLS);
    }
    for (step, most, name) in STEPS {
        let stepped = outcomes.iter().find(|outcome| outcome.case.step == step);
        let Some((stepped, plain)) = stepped.and_then(|it| beside_twin(outcomes, it)) else {
            continue;
        };
        let goal = format!("{name} at most {most} µs a record");
        verdict(&goal, format!("{:.2} µs", stepped - plain), stepped - plain <= most);
    }
    let beside = outcomes.iter().filter(|outcome| outcome.runs.iter().all(|run| run.beside > 0.0));
    for outcome in beside {
        let median = |of: fn(&Run) -> f64| Spread::of(&outcome.runs, of).median;
        let ratio = median(|run| run.cpu) / median(|run| run.beside);
        let goal = format!("{}: as the build beside", outcome.case.name());
        verdict(&goal, format!("{ratio:.3} ×"), ratio <= SAME);
    }
    let many = |of: fn(&Run) -> f64| {
        let pairs = outcomes.iter().filter(|o| o.case.load.keys == Keys::Many).filter_map(|many| {
            let load = Load { keys: Keys::None, ..many.case.load };
            let twin = Case { load, ..many.case };
            let none = outcomes.iter().find(|outcome| outcome.case == twin)?;
            Some(Spread::of(&many.runs, of).median / Spread::of(&none.runs, of).median)
        });
        pairs.collect::<Vec<_>>()
    };
    let cpu = many(|run| run.cpu);
    if !cpu.is_empty() {
        let cpu = most(cpu);
        let measured = format!("{:+.0} % CPU", (cpu - 1.0) * 100.0);
        verdict("100 000 keys within 15 % of no key", measured, cpu <= KEYS);
    }
    let slow = outcomes.iter().filter(|outcome| outcome.case.ack == Duration::from_millis(10));
    let rates = slow.map(|outcome| Spread::of(&outcome.runs, |run| run.rate).median);
    let rate = rates.fold(f64::MAX, f64::min);
    if rate < f64::MAX {
        let measured = format!("{rate:.0}/s");
        verdict("at least 150 000 records/s when acknowledged after 10 ms", measured, rate >= RATE);
    }
    let peak = most(all(&|runs| Spread::of(runs, |run| run.peak).most));
    verdict(
        "at most 100 MB resident at any time, any run",
        format!("{:.0} MB", peak / 1e6),
        peak <= PEAK,
    );
    let first = most(all(&|runs| Spread::of(runs, |run| run.first).median));
    verdict("first event within 0.5 s of joining", format!("{first:.2} s"), first <= FIRST);
}

/// A row that is to be written when all is measured.
pub(crate) struct Record {
    page: PathBuf,
    commit: String,
}

impl Record {
    /// Ends the process where the figures would not be those of a commit, or not all of them.
    pub(crate) fn begin(page: String, plan: &Plan) -> Self {
        let git = |args: &[&str]| {
            let output = Command::new("git").args(args).output().expect("git");
            assert!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("text").trim().to_owned()
        };
        assert_eq!(
            git(&["status", "--porcelain"]),
            "",
            "BENCH_RECORD wants a commit without changes"
        );
        let whole = plan.only.is_empty() && plan.overrides.is_empty() && plan.rounds >= 3;
        assert!(whole && plan.records >= 400_000, "BENCH_RECORD wants the whole benchmark");
        Self { page: page.into(), commit: git(&["rev-parse", "--short=12", "HEAD"]) }
    }

    /// Writes the row.
    pub(crate) fn finish(self, outcomes: &[Outcome]) {
        let usual = |case: &Case| case.twin() == *case && case.load == Load::usual(case.load.keys);
        let plain: Vec<_> = outcomes.iter().filter(|outcome| usual(&outcome.case)).collect();
        let median =
            |of: fn(&Run) -> f64| plain.iter().map(move |it| Spread::of(&it.runs, of).median);
        let range = |of: fn(&Run) -> f64| Range::of(median(of)).expect("a case");
        let row = Row {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: self.commit,
            machine: machine(),
            cpu: range(|run| run.cpu),
            floors: range(|run| run.consume + run.send),
            ratio: Range::of(plain.iter().map(|it| ratio(&it.runs))).expect("a case"),
            rate: range(|run| run.rate),
            peak: plain.iter().flat_map(|it| &it.runs).map(|run| run.peak).fold(0.0, f64::max),
            first: range(|run| run.first).most,
        };
        let page = std::fs::read_to_string(&self.page).expect("the page");
        let page = record::recorded(&page, &row).expect("a page with the table");
        std::fs::write(&self.page, page).expect("a page that can be written");
        println!("\n{row}\nis written to {}", self.page.display());
    }
}

/// What this machine is, in a few words.
fn machine() -> String {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        line.split([':', '=']).nth(1).unwrap_or("unknown").trim().trim_matches('"').to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = value(&read("/proc/meminfo"), "MemTotal");
    let kilobytes = memory.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(0.0_f64);
    format!(
        "{cores} cores, {}, {:.0} GB, {}",
        value(&read("/proc/cpuinfo"), "model name"),
        kilobytes / 1e6,
        value(&read("/etc/os-release"), "PRETTY_NAME"),
    )
}

/// CPU per record of a case and of its plain twin.
fn beside_twin(outcomes: &[Outcome], of: &Outcome) -> Option<(f64, f64)> {
    let plain = outcomes.iter().find(|outcome| outcome.case == of.case.twin())?;
    let median = |outcome: &Outcome| Spread::of(&outcome.runs, |run| run.cpu).median;
    Some((median(of), median(plain)))
}

fn verdict(goal: &str, measured: String, met: bool) {
    println!("| {goal} | {measured} | {} |", if met { "met" } else { "**not met**" });
}

/// Median, and how far the runs lie apart.
struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(runs: &[Run], value: impl Fn(&Run) -> f64) -> Self {
        let mut values: Vec<f64> = runs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => f64::midpoint(values[middle - 1], values[middle]),
            _ => values[middle],
        };
        Self { least: values[0], median, most: values[values.len() - 1] }
    }
}
