//! The table and the verdicts.

use crate::hub::ACK;
use crate::run::{Measured, Outcome, Plan, name};

/// CPU-µs per record, by the rate.
const CPU: [(u64, f64); 2] = [(2_000, 20.0), (20_000, 4.0)];
/// Percent of a core.
const IDLE: f64 = 1.0;
/// What `batch.linger` is without a word, in milliseconds.
const LINGER: i64 = 10;
/// What may come on top of linger and two acknowledgements.
const MARGIN: i64 = 5;

/// Prints both.
pub(crate) fn print(plan: &Plan, outcomes: &[Outcome]) {
    println!(
        "\nRecords of 1000 B at a steady rate for {} s, acknowledged after {ACK:?}. CPU is that of the bridge alone; ages are from the \
         broker's append to the arrival at the hub. SDK: Microsoft's buffered producer behind a plain consumer loop.\n",
        plan.seconds
    );
    println!(
        "| case | CPU-µs/record | events/batch | p50 | p99 | p99.9 | SDK, CPU-µs/record | p50 | p99 | p99.9 |\n\
         |---|---|---|---|---|---|---|---|---|---|"
    );
    for Outcome { shape, rate, bridge, sdk } in outcomes {
        let (name, idle) = (name(*shape, *rate), *rate == 0);
        let cells = |it: Option<&Measured>, batch: bool| match it {
            None => "– | – | – | –".to_owned(),
            Some(it) if idle => {
                format!("{:.2} % of a core |{} – | – | –", it.cpu, if batch { " – |" } else { "" })
            }
            Some(Measured { cpu, batch: events, ages: [half, most, nearly_all] }) => {
                let events = if batch { format!(" {events:.1} |") } else { String::new() };
                format!("{cpu:.1} |{events} {half} ms | {most} ms | {nearly_all} ms")
            }
        };
        println!("| {name} | {} | {} |", cells(Some(bridge), true), cells(sdk.as_ref(), false));
    }
    println!("\n| goal | measured | verdict |\n|---|---|---|");
    for (rate, most) in CPU {
        let goal = format!("{rate}/s: at most {most} µs a record");
        verdict(&goal, outcomes, rate, |it| (format!("{:.1} µs", it.cpu), it.cpu <= most));
    }
    verdict(&format!("idle under {IDLE} % of a core"), outcomes, 0, |it| {
        (format!("{:.2} %", it.cpu), it.cpu <= IDLE)
    });
    let most = LINGER + 2 * ACK.as_millis() as i64 + MARGIN;
    for rate in [200, 2_000, 20_000] {
        let goal = format!("{rate}/s: p99 at most {most} ms");
        verdict(&goal, outcomes, rate, |it| (format!("{} ms", it.ages[1]), it.ages[1] <= most));
    }
}

/// One line: each estate of that rate, and whether all are good.
fn verdict(goal: &str, outcomes: &[Outcome], rate: u64, of: impl Fn(&Measured) -> (String, bool)) {
    let measured: Vec<_> =
        outcomes.iter().filter(|it| it.rate == rate).map(|it| of(&it.bridge)).collect();
    if measured.is_empty() {
        return;
    }
    let met = if measured.iter().all(|(_, good)| *good) { "met" } else { "**not met**" };
    let texts: Vec<_> = measured.into_iter().map(|(text, _)| text).collect();
    println!("| {goal} | {} | {met} |", texts.join(", "));
}
