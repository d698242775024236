//! An order-processing system in one terminal, with nothing installed but Rust.
//!
//! ```text
//! order service ──▶ Kafka (embedded) ──▶ the bridge ──▶ Event Hubs (embedded) ──▶ inventory, payment, fulfilment
//! ```
//!
//! The bridge is the real binary in a process of its own, the departments read through Microsoft's own client. `run` has
//! the course of it; `broker`, `service`, `bridge` and `consumer` are its parts; `shop`, `ledger`, `books`, `inbox`,
//! `gauges` and `summary` are pure; `view` shows it.

mod books;
mod bridge;
mod broker;
mod consumer;
mod gauges;
mod inbox;
mod ledger;
mod order;
mod probe;
mod run;
mod service;
mod shop;
mod signals;
mod snapshot;
mod summary;
mod view;
mod watch;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clap::Parser;

use run::Error;
use service::Demand;
use summary::{Facts, Summary};
use view::View;

/// The topic in Kafka.
const TOPIC: &str = "orders";
/// The event hub.
const HUB: &str = "orders";
/// Partitions of the hub.
const HUB_PARTITIONS: u32 = 8;

/// Runs orders through Kafka, the bridge and Event Hubs, and checks that every one arrives once and in order
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    /// Number of orders to place
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=200_000))]
    orders: u64,
    /// Orders to place per second, about
    #[arg(long, default_value_t = 1_500, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rate: u64,
    /// Print a line each second instead of a screen
    #[arg(long)]
    plain: bool,
}

/// Locks, ignoring poison: counters are whole whatever panicked beside them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match demo(&arguments).and_then(|facts| Ok(tell(&facts).map(|()| facts.good())?)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("orders-demo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs it; the terminal is given back before anything is told.
fn demo(arguments: &Arguments) -> Result<Facts, Error> {
    let mut view = View::open(arguments.plain, signals::watch()?)?;
    run::run(Demand { orders: arguments.orders, rate: arguments.rate }, &mut view)
}

fn tell(facts: &Facts) -> io::Result<()> {
    let mut out = io::stdout();
    let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    writeln!(out, "{}", Summary { facts, colour })?;
    out.flush()
}
