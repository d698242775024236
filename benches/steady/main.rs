//! What the bridge costs at a steady rate, and how long a record takes through it: a real Kafka, the bridge as a child
//! process, an Event Hubs server in a process of its own; then the same with Microsoft's buffered producer behind a plain
//! consumer loop. How to read it: `docs/performance.md`.
//!
//! It fails when the bridge loses a record or stores it twice; goals that are not met are only told.

mod hub;
mod report;
mod run;
mod sdk;
#[path = "../scale/shape.rs"]
#[expect(dead_code, reason = "each benchmark uses its part")]
mod shape;
use clap::{Parser, Subcommand};

/// The server is faster with it; the bridge has its own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Args {
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    /// Only cases whose name contains this, such as `320 lanes` or `2000/s`; also `STEADY_ONLY`
    #[arg(long)]
    only: Option<String>,
    /// Seconds each rate is measured
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Keys of the configuration to set, such as `batch.linger=100ms`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// A file of configuration to append, such as a table `[kafka.client]`
    #[arg(long)]
    append: Option<std::path::PathBuf>,
    /// Leaves out the loop with Microsoft's producer; also `STEADY_ALONE=1`
    #[arg(long)]
    alone: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What the benchmark asks of itself, in processes of their own.
#[derive(Debug, Subcommand)]
enum Role {
    /// The Event Hubs server
    #[command(hide = true)]
    Hub(hub::Args),
    /// The consumer loop with Microsoft's producer
    #[command(hide = true)]
    Sdk(sdk::Args),
}

fn main() {
    let args = Args::parse();
    match args.role {
        Some(Role::Hub(hub)) => return hub::serve(&hub),
        Some(Role::Sdk(sdk)) => return sdk::run(&sdk),
        None => {}
    }
    let append = args.append.map(|path| std::fs::read_to_string(path).expect("a file to append"));
    let plan = run::Plan {
        only: args.only.or_else(|| std::env::var("STEADY_ONLY").ok()).unwrap_or_default(),
        seconds: args.seconds,
        overrides: args.overrides,
        append: append.unwrap_or_default(),
        alone: args.alone || std::env::var("STEADY_ALONE").is_ok(),
    };
    report::print(&plan, &run::all(&plan));
}
