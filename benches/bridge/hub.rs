//! The Event Hubs server in a process of its own, and what the benchmark asks it.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use eventhubs_local::{Retention, Server, Tls};
use stage::{Process, Talk};

use crate::case::PARTITIONS;

pub(crate) const NAME: &str = "orders";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Milliseconds until each answer
    #[arg(long)]
    ack_delay: u64,
    /// Serves TLS, and writes the authority to trust there
    #[arg(long)]
    ca: Option<PathBuf>,
}

/// Serves until its standard input ends; answers each line of it with its counters.
pub(crate) fn serve(args: &Args) {
    // Counts everything and keeps next to nothing, as `eventhubs-local --discard` does.
    let retention = Retention { events: 1000, bytes: 16 << 20, age: None };
    let mut builder = Server::builder().hub(NAME, PARTITIONS as u32).retention(retention);
    if args.ack_delay > 0 {
        builder = builder.ack_delay(Duration::from_millis(args.ack_delay));
    }
    if let Some(ca) = &args.ca {
        let tls = Tls::generate(&["localhost"]).expect("a certificate");
        let authority = tls.ca_pem().expect("it was generated");
        std::fs::write(ca, authority).expect("a writable directory");
        builder = builder.tls(tls);
    }
    let server = builder.start().expect("a free port");
    println!("{} {}", server.addr().port(), server.connection_string());
    for line in std::io::stdin().lock().lines() {
        line.expect("the benchmark speaks");
        let hub = server.hub(NAME);
        let counters = hub.partitions().iter().map(eventhubs_local::Partition::counters);
        let sum = counters.fold((0, 0), |(e, d), c| (e + c.events, d + c.deliveries));
        println!("{} {}", sum.0, sum.1);
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Hub {
    _process: Process,
    talk: Talk,
    pub(crate) port: u16,
    pub(crate) connection_string: String,
}

/// What the hub has accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) events: usize,
    pub(crate) deliveries: usize,
}

impl Hub {
    /// With `ca`, it serves TLS with a certificate of the authority in that file.
    pub(crate) fn start(ack: Duration, ca: Option<&Path>) -> Self {
        let ca = ca.map(|ca| format!("--ca={}", ca.display()));
        let ack = format!("--ack-delay={}", ack.as_millis());
        let args: Vec<_> = ["hub".to_owned(), ack].into_iter().chain(ca).collect();
        let process = Process::role(&args);
        let mut talk = process.talk();
        let line = talk.line();
        let (port, connection_string) = line.split_once(' ').expect("port and connection string");
        Self {
            port: port.parse().expect("a port"),
            connection_string: connection_string.to_owned(),
            _process: process,
            talk,
        }
    }

    pub(crate) fn count(&mut self) -> Count {
        let line = self.talk.ask("");
        let mut numbers = line.split(' ').map(|number| number.parse().expect("a number"));
        let mut next = || numbers.next().expect("two numbers");
        Count { events: next(), deliveries: next() }
    }
}
