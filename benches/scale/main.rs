//! What size costs: the bridge between a real Kafka and estates of up to 200 hubs, beside one hub of eight partitions in
//! the same run. How to read it: `docs/performance.md`.
//!
//! Each step has a deadline, so it ends whatever the bridge does, and says which step failed. It fails when one did, and
//! when a record is lost or stored twice; goals that are not met are only told.

mod estate;
mod report;
mod run;
mod shape;
mod steps;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
struct Args {
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    /// Records of each case; also `SCALE_RECORDS`
    #[arg(long)]
    records: Option<usize>,
    /// Only estates whose name contains this, such as `100 hubs`; also `SCALE_ONLY`
    #[arg(long)]
    only: Option<String>,
    /// Milliseconds after which the server answers anything
    #[arg(long, default_value_t = 20)]
    latency: u64,
    /// Keys of the configuration to set, such as `limits.memory=32MiB`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What the benchmark asks of itself, in processes of their own.
#[derive(Debug, Subcommand)]
enum Role {
    /// The Event Hubs server
    #[command(hide = true)]
    Estate(estate::Args),
}

/// The server is faster with it; the bridge has its own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(Role::Estate(estate)) = &args.role {
        estate::serve(estate);
        return ExitCode::SUCCESS;
    }
    let variable = |name: &str| std::env::var(name).ok();
    let records = variable("SCALE_RECORDS").map(|text| text.parse().expect("a number"));
    let plan = run::Plan {
        records: args.records.or(records).unwrap_or(1_000_000),
        only: args.only.or_else(|| variable("SCALE_ONLY")).unwrap_or_default(),
        latency: std::time::Duration::from_millis(args.latency),
        overrides: args.overrides,
    };
    let outcomes = run::all(&plan);
    if report::print(&plan, &outcomes) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
