//! The Event Hubs server in a process of its own, which tells how long the records took to it.

use std::collections::{HashMap, HashSet};
use std::io::BufRead as _;
use std::time::Duration;

use amqp::value::Value;
use eventhubs_local::{Event, Retention, Server};
use stage::{Process, Talk};

use crate::shape::Shape;

/// When an answer to a batch leaves.
pub(crate) const ACK: Duration = Duration::from_millis(5);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    hubs: usize,
    /// Partitions of each hub
    #[arg(long)]
    lanes: usize,
}

/// Serves until its standard input ends; answers each line of it.
pub(crate) fn serve(args: &Args) {
    let shape = Shape { hubs: args.hubs, lanes: args.lanes, partitions: 0 };
    // Everything is kept until it is looked at.
    let mut builder = Server::builder().retention(Retention::default()).ack_delay(ACK);
    for number in 0..args.hubs {
        builder = builder.hub(shape.topic(number), args.lanes as u32);
    }
    let server = builder.start().expect("a free port");
    println!("{} {}", server.addr(), server.connection_string());
    let mut digest = Digest::default();
    for line in std::io::stdin().lock().lines() {
        if line.expect("the benchmark speaks") == "digest" {
            println!("{}", digest.look(&server));
        } else {
            let partitions = server.hubs().iter().flat_map(|hub| hub.partitions());
            let counters = partitions.map(eventhubs_local::Partition::counters);
            let sum = counters.fold((0, 0), |(e, d), c| (e + c.events, d + c.deliveries));
            println!("{} {}", sum.0, sum.1);
        }
    }
}

/// What has come, and how old it was then.
#[derive(Default)]
struct Digest {
    /// How far each partition of a hub has been looked through.
    read: HashMap<(usize, u32), i64>,
    /// Offsets by topic and partition of Kafka.
    seen: HashMap<String, HashSet<i64>>,
    twice: u64,
}

impl Digest {
    /// The ages of what is new at three percentiles, in milliseconds; then how many came more than once, ever.
    fn look(&mut self, server: &Server) -> String {
        let mut ages = Vec::new();
        for (number, hub) in server.hubs().iter().enumerate() {
            for partition in hub.partitions() {
                let next = self.read.entry((number, partition.id())).or_default();
                for event in partition.events_from(*next) {
                    *next = event.sequence() + 1;
                    ages.push(age(&event));
                    let id = event.message_id().expect("every event has an id");
                    let (place, offset) = id.rsplit_once('/').expect("topic/partition/offset");
                    let offset = offset.parse().expect("topic/partition/offset");
                    let seen = self.seen.entry(place.to_owned()).or_default();
                    self.twice += u64::from(!seen.insert(offset));
                }
            }
        }
        ages.sort_unstable();
        let at = |part: f64| {
            let index = (ages.len() as f64 * part) as usize;
            ages.get(index.min(ages.len().saturating_sub(1))).copied().unwrap_or(0)
        };
        format!("{} {} {} {}", at(0.5), at(0.99), at(0.999), self.twice)
    }
}

/// Milliseconds from when the broker appended the record.
fn age(event: &Event) -> i64 {
    match event.application_property("kafka_timestamp") {
        Some(Value::Timestamp(at) | Value::Long(at)) => event.enqueued_ms() - at,
        other => panic!("the time of a record: {other:?}"),
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Hub {
    _process: Process,
    talk: Talk,
    /// Host and port.
    pub(crate) address: String,
    pub(crate) connection_string: String,
}

impl Hub {
    pub(crate) fn start(shape: Shape) -> Self {
        let args = [
            "hub".to_owned(),
            format!("--hubs={}", shape.hubs),
            format!("--lanes={}", shape.lanes),
        ];
        let process = Process::role(&args);
        let mut talk = process.talk();
        let line = talk.line();
        let (address, connection_string) =
            line.split_once(' ').expect("address and connection string");
        let (address, connection_string) = (address.to_owned(), connection_string.to_owned());
        Self { _process: process, talk, address, connection_string }
    }

    /// Events and batches accepted since it was started.
    pub(crate) fn count(&mut self) -> (u64, u64) {
        let line = self.talk.ask("");
        let (events, deliveries) = line.split_once(' ').expect("two numbers");
        (events.parse().expect("a number"), deliveries.parse().expect("a number"))
    }

    /// Ages at half, 99 % and 99.9 % of what came since this was last asked, in ms; and what came twice.
    pub(crate) fn digest(&mut self) -> [i64; 4] {
        let line = self.talk.ask("digest");
        let mut numbers = line.split(' ').map(|number| number.parse().expect("a number"));
        std::array::from_fn(|_| numbers.next().expect("four numbers"))
    }
}
