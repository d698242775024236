//! How fast `verify` compares, beside what reading alone takes, and the memory it needs: a real Kafka, an Event Hubs server in a
//! process of its own, and the commands as people call them. How to read it: `docs/performance.md`.
//!
//! It fails when `verify` finds a fault where there is none, or not the faults that are planted.

#[path = "../steady/hub.rs"]
#[expect(dead_code, reason = "each benchmark uses its part")]
mod hub;
#[path = "../scale/shape.rs"]
#[expect(dead_code, reason = "each benchmark uses its part")]
mod shape;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use eventhubs_local::Server;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use stage::usage::own_cpu;
use stage::{Kafka, Process, plant, rest};

use hub::Hub;
use shape::Shape;

/// The server is faster with it; the bridge has its own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LOOK: Duration = Duration::from_millis(5);
const SHAPE: Shape = Shape::YARDSTICK;

#[derive(Debug, Parser)]
struct Args {
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    /// How many records; also `VERIFY_RECORDS`
    #[arg(long)]
    records: Option<u64>,
    /// Bytes of each, at most 1000; also `VERIFY_BYTES`
    #[arg(long)]
    bytes: Option<usize>,
    /// Who reads, `bridge` or `microsoft`; both, unless it is said; also `VERIFY_READER`
    #[arg(long)]
    reader: Option<String>,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What the benchmark asks of itself, in a process of its own.
#[derive(Debug, Subcommand)]
enum Role {
    /// The Event Hubs server
    #[command(hide = true)]
    Hub(hub::Args),
}

/// What a command took.
struct Took {
    time: Duration,
    cpu: Duration,
    memory: u64,
    /// What was written to standard output.
    said: String,
}

impl Took {
    /// What was said as JSON.
    fn document(&self) -> serde_json::Value {
        serde_json::from_str(&self.said).expect("a document")
    }

    fn tell(&self, what: &str, records: u64) {
        let (records, micros) = (records as f64, self.cpu.as_secs_f64() * 1e6);
        let memory = match self.memory >> 20 {
            0 => "-".to_owned(),
            megabytes => format!("{megabytes} MB"),
        };
        println!(
            "| {what} | {:.0} k | {:.1} | {memory} |",
            records / self.time.as_secs_f64() / 1e3,
            micros / records,
        );
    }
}

fn main() {
    let args = Args::parse();
    if let Some(Role::Hub(hub)) = args.role {
        return hub::serve(&hub);
    }
    let variable = |name: &str| std::env::var(name).ok();
    let number = |name: &str| variable(name)?.parse::<u64>().ok();
    let records = args.records.or_else(|| number("VERIFY_RECORDS")).unwrap_or(1_000_000);
    let bytes = args.bytes.or_else(|| Some(number("VERIFY_BYTES")? as usize)).unwrap_or(1_000);
    let only = args.reader.or_else(|| variable("VERIFY_READER")).unwrap_or_default();
    let kafka = Kafka::start(1);
    let mut hub = Hub::start(SHAPE);
    let topic = SHAPE.topic(0);
    kafka.create_topic(&topic, SHAPE.partitions as i32);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("bridge.toml");
    let faults = planted(&kafka, &topic, &file, &hub);
    let mut writer = kafka.writer(&[]);
    for number in 0..records {
        let mut record = SHAPE.load(number as usize).1;
        if let Some(value) = &mut record.value {
            value.truncate(bytes);
        }
        writer.write(&topic, &record);
    }
    writer.finish();
    let before = hub.count().0;
    configure(&file, &kafka, &topic, &hub.connection_string);
    let copied = run(&file, &["run", "--until-caught-up"], 0);
    assert_eq!(hub.count().0 - before, records, "the bridge has copied all");
    println!("| | records/s | CPU-µs/record | peak RSS |\n|---|---|---|---|");
    copied.tell("the bridge copies them", records);
    read_kafka(&kafka, &topic, records + PLANTED);
    for reader in ["bridge", "microsoft"].into_iter().filter(|reader| reader.contains(&only)) {
        let nothing = ["--from", "earliest", "--key", "nobody's", "--reader", reader];
        let read = run(&file, &[&["tail", &topic], &nothing[..]].concat(), 0);
        read.tell(&format!("reading the hub alone, by `{reader}`"), records);
        // Those with faults are older.
        let good = ["verify", "--from", "2026-06-01", "--json", "--reader", reader];
        let took = run(&file, &good, 0);
        assert_eq!(took.document()["expected"], records, "{}", took.said);
        took.tell(&format!("`verify`, by `{reader}`"), records);
        let all = ["verify", "--from", "earliest", "--json", "--reader", reader];
        let took = run(&file, &all, 76);
        let document = took.document();
        assert_eq!(document["expected"], records + PLANTED, "{document}");
        assert_eq!(found(&document), faults, "{document}");
        took.tell(&format!("the same with {} faults, by `{reader}`", faults.len()), records);
    }
}

/// Records whose events are at fault are among the first of so many, of the first day of the year.
const PLANTED: u64 = 1000;

/// Has the bridge copy the first records to an Event Hubs of their own, and puts their events, with faults, into `hub`. Gives the
/// faults and their records.
fn planted(kafka: &Kafka, topic: &str, file: &Path, hub: &Hub) -> Vec<(String, String)> {
    let mut writer = kafka.writer(&[]);
    for number in 0..PLANTED as usize {
        writer.write(topic, &plant::record(number));
    }
    writer.finish();
    let server = Server::builder().hub(topic, SHAPE.lanes as u32).start().expect("a free port");
    configure(file, kafka, topic, &server.connection_string());
    run(file, &["run", "--until-caught-up"], 0);
    let mut lanes = plant::lanes(&server.hub(topic));
    let mut faults = Vec::new();
    for (offset, plant) in plant::plants(topic, 200) {
        (plant.change)(&mut lanes);
        faults.push((plant.fault.to_owned(), format!("{topic}/1/{offset}")));
    }
    plant::put(hub.address.parse().expect("an address"), topic, &lanes);
    faults.sort();
    faults
}

/// The faults of a report and their records.
fn found(document: &serde_json::Value) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let examples = document["examples"].as_array().expect("a list").iter();
    let mut found: Vec<_> = examples.map(|it| (text(&it["fault"]), text(&it["record"]))).collect();
    found.sort();
    found
}

fn configure(file: &Path, kafka: &Kafka, topic: &str, hubs: &str) {
    let text = format!(
        "[kafka]\nbrokers = '{}'\ngroup_id = 'verify'\n[eventhubs]\nconnection_string = '{hubs}'\n\
         [[mappings]]\ntopic = '{topic}'\nhub = '{topic}'\n",
        kafka.bootstrap(),
    );
    std::fs::write(file, text).expect("a temporary directory");
}

/// Runs the bridge's own program to its end, which is to be that one.
fn run(file: &Path, arguments: &[&str], code: i32) -> Took {
    let said = tempfile::NamedTempFile::new().expect("a temporary directory");
    let mut command = stage::program();
    command.args(arguments).arg("--config").arg(file).stdin(Stdio::null()).stderr(Stdio::null());
    command.stdout(said.reopen().expect("it is there"));
    let begun = Instant::now();
    let process = Process::start(command, "`cargo bench` builds it");
    let (mut cpu, mut memory) = (Duration::ZERO, 0);
    loop {
        (cpu, memory) = (process.cpu().max(cpu), process.peak_memory().unwrap_or(0).max(memory));
        if let Some(status) = process.ended() {
            let time = begun.elapsed();
            let said = std::fs::read_to_string(said.path()).expect("it is text");
            assert_eq!(status.code(), Some(code), "{arguments:?}: {said}");
            return Took { time, cpu, memory, said };
        }
        rest(LOOK);
    }
}

fn read_kafka(kafka: &Kafka, topic: &str, records: u64) {
    // A consumer that is assigned its partitions needs a group all the same.
    let mut settings = kafka.config();
    let consumer: BaseConsumer = settings.set("group.id", "alone").create().expect("a consumer");
    let mut all = TopicPartitionList::new();
    for partition in 0..SHAPE.partitions as i32 {
        all.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
    }
    let (begun, cpu) = (Instant::now(), own_cpu());
    consumer.assign(&all).expect("partitions that are there");
    let (mut read, mut bytes) = (0, 0);
    while read < records {
        if let Some(record) = consumer.poll(Duration::from_secs(10)) {
            bytes += record.expect("a record").payload_len();
            read += 1;
        }
    }
    assert!(bytes > 0);
    let (time, cpu) = (begun.elapsed(), own_cpu() - cpu);
    Took { time, cpu, memory: 0, said: String::new() }
        .tell("reading Kafka alone, by a plain consumer", records);
}
