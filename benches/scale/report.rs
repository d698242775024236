//! The table, and the goals beside what was measured.

use crate::run::{Measured, Outcome, Plan};

/// Seconds from joining to the first event.
const FIRST: f64 = 2.0;
/// CPU per record, in the yardstick's of the same run.
const CPU: f64 = 1.3;
const TRICKLE: f64 = 2.0;
/// Percent of a core.
const IDLE: f64 = 1.0;
/// The same while ten browsers look.
const WATCHED: f64 = 5.0;
/// `limits.memory` and what the process needs beside it.
const MEMORY: f64 = (64 << 20) as f64 + 80e6;
/// What a link in use may take.
const PER_LINK: f64 = 16e3;
/// Seconds.
const STOP: f64 = 2.0;
const BACK: f64 = 10.0;

/// Prints both; whether every step was done and every record stored once.
pub(crate) fn print(plan: &Plan, outcomes: &[Outcome]) -> bool {
    println!(
        "\n{} records of 1000 B a case; the server answers everything after {:?}. CPU is that of the bridge alone.\n",
        plan.records, plan.latency
    );
    println!(
        "| hubs × partitions | missing / twice | start to joining | joining to first event | CPU-µs/record | records/s | trickle, CPU-µs/record | idle | watched | peak RSS | links | connections | SIGTERM at load | server back |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for outcome in outcomes {
        row(outcome, &outcomes[0].measured);
    }
    println!(
        "\n| goal | {} |",
        outcomes.iter().map(|o| o.shape.name()).collect::<Vec<_>>().join(" | ")
    );
    println!("|---|{}", "---|".repeat(outcomes.len()));
    goals(outcomes);
    let failed: Vec<_> =
        outcomes.iter().flat_map(|o| o.failed.iter().map(|f| (o.shape, f))).collect();
    if !failed.is_empty() {
        println!("\nFailed:");
    }
    for (shape, step) in &failed {
        println!("- {}: {step}", shape.name());
    }
    failed.is_empty()
}

fn row(Outcome { shape, measured, .. }: &Outcome, yardstick: &Measured) {
    let times = |value: Option<f64>, of: Option<f64>| match (value, of) {
        (Some(value), Some(of)) => format!("{value:.2} ({:.2} ×)", value / of),
        _ => shown(value, |value| format!("{value:.2}")),
    };
    let seconds = |value: Option<f64>| shown(value, |value| format!("{value:.2} s"));
    println!(
        "| {} | {} / {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        shape.name(),
        shown(measured.missing, |it| it.to_string()),
        shown(measured.twice, |it| it.to_string()),
        seconds(measured.joining),
        seconds(measured.first),
        times(measured.cpu, yardstick.cpu),
        shown(measured.rate, |rate| format!("{:.0} k", rate / 1000.0)),
        times(measured.trickle, yardstick.trickle),
        shown(measured.idle, |idle| format!("{idle:.2} %")),
        shown(measured.watched, |watched| format!("{watched:.2} %")),
        shown(measured.peak, |peak| format!("{:.0} MB", peak / 1e6)),
        shown(measured.links, |it| it.to_string()),
        shown(measured.connections, |it| it.to_string()),
        seconds(measured.stop),
        seconds(measured.back),
    );
}

fn shown<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), text)
}

fn goals(outcomes: &[Outcome]) {
    let yardstick = outcomes[0].measured;
    let times = |value: Option<f64>, of: Option<f64>| Some(value? / of?);
    verdict(outcomes, "all stored, none twice", |measured| {
        let (missing, twice) = (measured.missing?, measured.twice?);
        Some((format!("{missing} / {twice}"), missing == 0 && twice == 0))
    });
    let below = |goal: String, most: f64, unit: &str, of: &dyn Fn(&Measured) -> Option<f64>| {
        verdict(outcomes, &goal, |measured| {
            let value = of(measured)?;
            Some((format!("{value:.2}{unit}"), value <= most))
        });
    };
    below(format!("first event within {FIRST} s of joining"), FIRST, " s", &|it| it.first);
    below(format!("CPU at most {CPU} × the first's"), CPU, " ×", &|it| {
        times(it.cpu, yardstick.cpu)
    });
    below(format!("trickle at most {TRICKLE} × the first's"), TRICKLE, " ×", &|it| {
        times(it.trickle, yardstick.trickle)
    });
    below(format!("idle under {IDLE} % of a core"), IDLE, " %", &|it| it.idle);
    let goal = format!("under {WATCHED} % while ten browsers look");
    below(goal, WATCHED, " %", &|it| it.watched);
    below(format!("SIGTERM at load over within {STOP} s"), STOP, " s", &|it| it.stop);
    below(format!("all lanes back within {BACK} s"), BACK, " s", &|it| it.back);
    let goal = format!("RSS at most 64 MiB + 80 MB + {:.0} kB a link", PER_LINK / 1e3);
    verdict(outcomes, &goal, |measured| {
        let (peak, links) = (measured.peak?, measured.links?);
        let most = MEMORY + links as f64 * PER_LINK;
        Some((format!("{:.0} of {:.0} MB", peak / 1e6, most / 1e6), peak <= most))
    });
}

/// One line: the goal, and what each case has to show for it.
fn verdict(outcomes: &[Outcome], goal: &str, of: impl Fn(&Measured) -> Option<(String, bool)>) {
    let cell = |outcome: &Outcome| match of(&outcome.measured) {
        Some((value, true)) => value,
        Some((value, false)) => format!("{value} **not met**"),
        None => "– **not met**".to_owned(),
    };
    let cells: Vec<_> = outcomes.iter().map(cell).collect();
    println!("| {goal} | {} |", cells.join(" | "));
}
