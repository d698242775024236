//! What the bridge costs: real Kafka, the bridge as a child process, an Event Hubs server in a process of its own, and
//! the two floors no bridge on these libraries can go below. How to read it: `docs/performance.md`.
//!
//! Every run is checked: the hub holds as many events as Kafka has records, and the group has committed the end of every
//! partition. A run that is fast and wrong fails.

mod case;
mod consume;
mod hub;
mod own;
mod record;
mod report;
mod run;
mod send;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// The allocator of the bridge, so that the floors do not gain or lose by another one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Args {
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    /// Records of each run; also `BENCH_RECORDS`
    #[arg(long)]
    records: Option<usize>,
    /// Runs of each case, of which the median counts; also `BENCH_ROUNDS`
    #[arg(long)]
    rounds: Option<usize>,
    /// Only cases whose name contains this, such as `100k` or `10 ms`; also `BENCH_ONLY`
    #[arg(long)]
    only: Option<String>,
    /// Keys of the configuration to set, such as `limits.memory=32MiB`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Another build of the bridge, measured beside this one in every case; also `BENCH_BESIDE`
    #[arg(long, value_name = "PROGRAM")]
    beside: Option<PathBuf>,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What the benchmark asks of itself, in processes of their own.
#[derive(Debug, Subcommand)]
enum Role {
    /// The Event Hubs server
    #[command(hide = true)]
    Hub(hub::Args),
    /// The floor of reading
    #[command(hide = true)]
    Consume(consume::Args),
    /// The floor of sending
    #[command(hide = true)]
    Send(send::Args),
    /// The floor of sending with the bridge's own client
    #[command(hide = true)]
    Own(send::Args),
}

fn main() {
    let args = Args::parse();
    match &args.role {
        Some(Role::Hub(hub)) => return hub::serve(hub),
        Some(Role::Consume(floor)) => return consume::measure(floor),
        Some(Role::Send(floor)) => return send::measure(floor),
        Some(Role::Own(floor)) => return own::measure(floor),
        None => {}
    }
    let variable = |name: &str| std::env::var(name).ok();
    let number = |name: &str| variable(name).map(|text| text.parse().expect("a number"));
    let plan = run::Plan {
        records: args.records.or_else(|| number("BENCH_RECORDS")).unwrap_or(400_000),
        rounds: args.rounds.or_else(|| number("BENCH_ROUNDS")).unwrap_or(3),
        only: args.only.or_else(|| variable("BENCH_ONLY")).unwrap_or_default(),
        overrides: args.overrides,
        beside: args.beside.or_else(|| variable("BENCH_BESIDE").map(PathBuf::from)),
    };
    let record = variable("BENCH_RECORD").map(|page| report::Record::begin(page, &plan));
    let results = run::all(&plan);
    report::print(&plan, &results);
    if let Some(record) = record {
        record.finish(&results);
    }
}
