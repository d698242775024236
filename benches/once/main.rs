//! What a start after a crash costs where each event is to be stored once: a real Kafka, an Event Hubs server in a process of its own
//! that answers after 20 ms, and the bridge, killed under load. How to read it: `docs/performance.md`.
//!
//! It fails when a record is lost, and when one comes twice that must not.

#[path = "../scale/estate.rs"]
#[expect(dead_code, reason = "each benchmark uses its part")]
mod estate;
#[path = "../scale/shape.rs"]
#[expect(dead_code, reason = "each benchmark uses its part")]
mod shape;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use stage::bridge::sum_of;
use stage::{Kafka, Subject, program, rest, unique};

use estate::Estate;
use shape::Shape;

/// The server is faster with it; the bridge has its own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LATENCY: Duration = Duration::from_millis(20);
const SHAPES: [Shape; 2] =
    [Shape { hubs: 1, lanes: 32, partitions: 8 }, Shape { hubs: 1, lanes: 1024, partitions: 8 }];
/// How often counters are read.
const PACE: Duration = Duration::from_millis(5);
const SETTLE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(300);
/// After a crash it waits for so long before it reads: `lease` and `late` by default.
const WAITS: f64 = 10.0;

#[derive(Debug, Parser)]
struct Args {
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    /// Records of each case; also `ONCE_RECORDS`
    #[arg(long)]
    records: Option<usize>,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What the benchmark asks of itself, in a process of its own.
#[derive(Debug, Subcommand)]
enum Role {
    /// The Event Hubs server
    #[command(hide = true)]
    Estate(estate::Args),
}

fn main() {
    let args = Args::parse();
    if let Some(Role::Estate(estate)) = &args.role {
        return estate::serve(estate);
    }
    let variable = std::env::var("ONCE_RECORDS");
    let variable = variable.map(|text| text.parse().expect("`ONCE_RECORDS` is a number"));
    let records = args.records.or(variable.ok()).unwrap_or(1_000_000);
    let kafka = Kafka::start(1);
    let folder = tempfile::tempdir().expect("a temporary directory");
    println!(
        "| hub partitions | delivery | start after | s to the first new event | of this it waits | of this it reads | events since the last commit | events read | twice |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for shape in SHAPES {
        let topic = shape.topic(0);
        kafka.create_topic(&topic, shape.partitions as i32);
        let mut writer = kafka.writer(&[]);
        (0..records).for_each(|number| writer.write(&topic, &shape.load(number).1));
        writer.finish();
        for delivery in ["at_least_once", "effectively_once"] {
            let file = folder.path().join("bridge.toml");
            let case = Case { kafka: &kafka, shape, delivery, records: records as u64, file };
            case.run();
        }
    }
}

struct Case<'a> {
    kafka: &'a Kafka,
    shape: Shape,
    delivery: &'a str,
    records: u64,
    file: PathBuf,
}

impl Case<'_> {
    /// A third is delivered, then it is stopped; another third, then it is killed.
    fn run(&self) {
        let mut estate = Estate::start(self.shape, LATENCY);
        let group = unique("once");
        self.configure(&estate, &group);
        let bridge = Subject::start(program(), &self.file, &[]);
        until(&mut estate, self.records / 3);
        assert!(bridge.process.stop().success());
        let mut sent = estate.stored();
        for ended in ["a clean stop", "SIGKILL"] {
            let ahead = sent - self.committed(&group);
            let bridge = Subject::start(program(), &self.file, &[]);
            until(&mut estate, sent + 1);
            let first = bridge.joined().expect("it joins its group").elapsed().as_secs_f64();
            let metrics = bridge.page("/metrics").expect("it answers");
            let read = sum_of(&metrics, "bridge_lookup_events_read_total", &[]) as u64;
            let looks = bridge.log.lines(&["hub was read for events"]);
            let is_last = ended == "SIGKILL";
            until(&mut estate, if is_last { self.records } else { self.records * 2 / 3 });
            if is_last {
                // All are there when as many different ones are.
                while estate.audit().1 < self.records {
                    rest(PACE);
                }
                assert!(bridge.process.stop().success());
            } else {
                drop(bridge);
                // What was on its way is stored by then.
                rest(SETTLE);
            }
            sent = estate.stored();
            let (stored, different) = estate.audit();
            let twice = stored - different;
            let once = self.delivery == "effectively_once";
            assert!(!once || twice == 0, "{twice} came twice");
            let waits = if once && is_last { WAITS } else { 0.0 };
            println!(
                "| {} | `{}` | {ended} | {first:.1} | {waits:.1} | {:.1} | {ahead} | {read} | {twice} |",
                self.shape.lanes,
                self.delivery,
                looks.iter().fold(0.0, |sum, look| sum + seconds(&look.text))
            );
        }
    }

    fn configure(&self, estate: &Estate, group: &str) {
        let topic = self.shape.topic(0);
        let text = format!(
            "[kafka]\nbrokers = '{}'\ngroup_id = '{group}'\ninstance_id = 'one'\ncommit_interval = '1s'\n\
             [eventhubs]\nconnection_string = '{}'\n[effectively_once]\nclock_skew = '100ms'\n\
             [[mappings]]\ntopic = '{topic}'\nhub = '{topic}'\ndelivery = '{}'\n[log]\nlevel = 'info,kafka_eventhubs_bridge::pipeline::lookups=debug'\n[admin]\nlisten = '127.0.0.1:0'\n",
            self.kafka.bootstrap(),
            estate.connection_string,
            self.delivery,
        );
        std::fs::write(&self.file, text).expect("a temporary directory");
    }

    /// Records that are committed.
    fn committed(&self, group: &str) -> u64 {
        let topic = self.shape.topic(0);
        let of = |partition| self.kafka.committed(group, &topic, partition).unwrap_or(0);
        (0..self.shape.partitions as i32).map(of).sum::<i64>() as u64
    }
}

/// Waits until so many events are stored.
fn until(estate: &mut Estate, events: u64) {
    let begun = Instant::now();
    while estate.stored() < events {
        assert!(begun.elapsed() < PATIENCE, "{} of {events} events", estate.stored());
        rest(PACE);
    }
}

/// How long the look took that a line tells of.
fn seconds(line: &str) -> f64 {
    let (_, after) = line.split_once("seconds=").expect("seconds in the line");
    after.split(' ').next().and_then(|it| it.parse().ok()).expect("seconds")
}
