//! The Event Hubs server in a process of its own, and what the benchmark asks it.

use std::collections::HashMap;
use std::io::BufRead as _;
use std::time::Duration;

use eventhubs_local::{Event, Retention, Server};
use stage::{Process, Talk};

use crate::shape::Shape;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    hubs: usize,
    /// Partitions of each hub
    #[arg(long)]
    lanes: usize,
    /// 0: a free one
    #[arg(long)]
    port: u16,
    /// Milliseconds until anything that is said leaves
    #[arg(long)]
    latency: u64,
}

/// Serves until its standard input ends; answers each line of it.
pub(crate) fn serve(args: &Args) {
    let shape = Shape { hubs: args.hubs, lanes: args.lanes, partitions: 0 };
    // Everything is kept, for the audit.
    let mut builder = Server::builder()
        .listen(format!("127.0.0.1:{}", args.port))
        .retention(Retention::default())
        .latency(Duration::from_millis(args.latency));
    for number in 0..args.hubs {
        builder = builder.hub(shape.topic(number), args.lanes as u32);
    }
    let server = builder.start().expect("a free port");
    println!("{} {}", server.addr().port(), server.connection_string());
    let mut audit = Audit::default();
    for line in std::io::stdin().lock().lines() {
        match line.expect("the benchmark speaks").as_str() {
            "audit" => {
                audit.look(&server);
                println!("{} {}", audit.stored, audit.different);
            }
            "links" => {
                let views = server.connections();
                let links = views.iter().flat_map(|view| &view.links);
                let links = links.filter(|link| link.address.contains("/Partitions/")).count();
                println!("{links} {}", server.connections_opened());
            }
            _ => {
                let total: u64 = server.hubs().iter().map(|hub| hub.total()).sum();
                println!("{total}");
            }
        }
    }
}

/// Which records have come, by the ids of their events.
#[derive(Default)]
struct Audit {
    stored: u64,
    different: u64,
    /// How far each partition of a hub has been looked through.
    read: HashMap<(usize, u32), i64>,
    /// By topic and partition of Kafka, a bit an offset.
    seen: HashMap<String, Vec<u64>>,
}

impl Audit {
    /// Looks at what is new.
    fn look(&mut self, server: &Server) {
        for (number, hub) in server.hubs().iter().enumerate() {
            for partition in hub.partitions() {
                let from = self.read.get(&(number, partition.id())).copied().unwrap_or(0);
                let mut next = from;
                for event in partition.events_from(from) {
                    next = event.sequence() + 1;
                    self.note(&event);
                }
                self.read.insert((number, partition.id()), next);
            }
        }
    }

    fn note(&mut self, event: &Event) {
        self.stored += 1;
        let id = event.message_id().expect("every event has an id");
        let (place, offset) = id.rsplit_once('/').expect("topic/partition/offset");
        let offset: usize = offset.parse().expect("topic/partition/offset");
        let bits = match self.seen.get_mut(place) {
            Some(bits) => bits,
            None => self.seen.entry(place.to_owned()).or_default(),
        };
        let (word, bit) = (offset / 64, 1 << (offset % 64));
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        self.different += u64::from(bits[word] & bit == 0);
        bits[word] |= bit;
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Estate {
    shape: Shape,
    latency: Duration,
    _process: Process,
    talk: Talk,
    port: u16,
    pub(crate) connection_string: String,
}

impl Estate {
    pub(crate) fn start(shape: Shape, latency: Duration) -> Self {
        Self::start_at(shape, latency, 0)
    }

    fn start_at(shape: Shape, latency: Duration, port: u16) -> Self {
        let args = [
            "estate".to_owned(),
            format!("--hubs={}", shape.hubs),
            format!("--lanes={}", shape.lanes),
            format!("--port={port}"),
            format!("--latency={}", latency.as_millis()),
        ];
        let process = Process::role(&args);
        let mut talk = process.talk();
        let line = talk.line();
        let (port, connection_string) = line.split_once(' ').expect("port and connection string");
        Self {
            shape,
            latency,
            port: port.parse().expect("a port"),
            connection_string: connection_string.to_owned(),
            _process: process,
            talk,
        }
    }

    /// Kills it, does `meanwhile`, and starts it again on the same port, with nothing stored.
    pub(crate) fn crash(self, meanwhile: impl FnOnce()) -> Self {
        let Self { shape, latency, port, .. } = self;
        // Killed by the drop of its process, which `..` has not moved out of `self`.
        drop(self);
        meanwhile();
        Self::start_at(shape, latency, port)
    }

    /// Events stored since it was started.
    pub(crate) fn stored(&mut self) -> u64 {
        self.talk.ask("").parse().expect("a number")
    }

    /// Events stored, and how many different ones.
    pub(crate) fn audit(&mut self) -> (u64, u64) {
        self.pair("audit")
    }

    /// Links to partitions that are attached now, and connections accepted since it was started.
    pub(crate) fn links(&mut self) -> (u64, u64) {
        self.pair("links")
    }

    fn pair(&mut self, what: &str) -> (u64, u64) {
        let line = self.talk.ask(what);
        let (one, two) = line.split_once(' ').expect("two numbers");
        (one.parse().expect("a number"), two.parse().expect("a number"))
    }
}
