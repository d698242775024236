//! One run after the other, interleaved: a neighbour that is busy for a minute harms all cases alike.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use stage::{Kafka, Process, Subject, program, rest, unique, wait_for};

use crate::case::{Case, Load, PARTITIONS, SCHEMA, Step, Way};
use crate::hub::{self, Hub};

/// A run that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often the counters are read: far below what a run takes, far above what reading them takes.
const PACE: Duration = Duration::from_millis(10);

/// What is to be measured.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) records: usize,
    pub(crate) rounds: usize,
    pub(crate) only: String,
    pub(crate) overrides: Vec<String>,
    /// Another build of the bridge, which is measured beside this one.
    pub(crate) beside: Option<PathBuf>,
}

/// All runs of a case.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) case: Case,
    pub(crate) runs: Vec<Run>,
}

/// One run of the bridge, and the floors beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// CPU-µs per record of the bridge alone.
    pub(crate) cpu: f64,
    /// Records per second while every partition has some: the last fifth is not counted, because keys are not spread
    /// evenly, and partitions that run dry say nothing of the bridge.
    pub(crate) rate: f64,
    /// Bytes.
    pub(crate) peak: f64,
    /// Seconds from subscribing to the first event in the hub.
    pub(crate) first: f64,
    /// Seconds from the start of the process to subscribing.
    pub(crate) start: f64,
    /// Events in a batch.
    pub(crate) batch: f64,
    /// CPU-µs per record of reading only; 0 where it is not measured.
    pub(crate) consume: f64,
    /// CPU-µs per event of sending only; 0 where it is not measured.
    pub(crate) send: f64,
    /// The same with the bridge's own client.
    pub(crate) own: f64,
    /// CPU-µs per record of the build beside; 0 where there is none.
    pub(crate) beside: f64,
}

/// Runs everything.
pub(crate) fn all(plan: &Plan) -> Vec<Outcome> {
    let cases = Case::all().into_iter().filter(|case| case.name().contains(&plan.only));
    let mut outcomes: Vec<Outcome> = cases.map(|case| Outcome { case, runs: vec![] }).collect();
    assert!(!outcomes.is_empty(), "no case is called `{}`", plan.only);
    let kafka = Kafka::start(1);
    let mut loads: Vec<Load> = Vec::new();
    for outcome in &outcomes {
        if !loads.contains(&outcome.case.load) {
            loads.push(outcome.case.load);
        }
    }
    for load in loads {
        fill(&kafka, load, load.records(plan.records));
    }
    let registry = registry();
    let dir = tempfile::tempdir().expect("a temporary directory");
    for round in 1..=plan.rounds {
        for outcome in &mut outcomes {
            let run = Bench {
                plan,
                kafka: &kafka,
                registry: &registry,
                case: outcome.case,
                dir: dir.path(),
            };
            let run = run.run();
            eprintln!(
                "round {round}, {:<30} {:.2} µs/record, floors {:.2} + {:.2} (own {:.2}), {:.0} records/s, {:.0} MB",
                outcome.case.name(),
                run.cpu,
                run.consume,
                run.send,
                run.own,
                run.rate,
                run.peak / 1e6
            );
            outcome.runs.push(run);
        }
    }
    outcomes
}

/// A registry that has one schema. It is asked once a run.
fn registry() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    let body = serde_json::json!({ "schema": SCHEMA }).to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            // To the end of the request.
            lines.find(String::is_empty);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}",
                body.len()
            );
            write!(stream, "{head}\r\n\r\n{body}").ok();
        }
    });
    format!("http://{address}")
}

/// Makes a topic, and writes its records.
fn fill(kafka: &Kafka, load: Load, records: usize) {
    let (begin, topic) = (Instant::now(), load.topic());
    kafka.create_topic(&topic, PARTITIONS);
    let all = (0..records).map(|number| load.record(number));
    kafka.produce_with(&topic, all, &load.settings());
    // The first group of a broker waits for the topic of offsets to be made; that is not what is measured.
    kafka.commit("warm-up", &topic, 0, 0);
    eprintln!("{topic}: {records} records in {:.1?}", begin.elapsed());
}

struct Bench<'a> {
    plan: &'a Plan,
    kafka: &'a Kafka,
    registry: &'a str,
    case: Case,
    dir: &'a Path,
}

/// A reading of the counters.
struct Reading {
    at: Instant,
    cpu: Duration,
    count: hub::Count,
}

impl Bench<'_> {
    fn records(&self) -> usize {
        self.case.load.records(self.plan.records)
    }

    fn run(&self) -> Run {
        let (config, mut run) = self.whole(program());
        // An older build may know no steps.
        let beside = self.plan.beside.as_ref().filter(|_| self.case.step == Step::None);
        if let Some(beside) = beside {
            run.beside = self.whole(Command::new(beside)).1.cpu;
        }
        if self.case.twin() != self.case {
            // It is measured against its plain twin, which has the floors.
            return run;
        }
        run.send = self.send_floor("send", run.batch);
        run.own = self.send_floor("own", run.batch);
        run.consume = self.consume_floor(&config);
        run
    }

    /// A run of this build: its configuration, and what was measured.
    fn whole(&self, program: Command) -> (PathBuf, Run) {
        let group = unique("bench");
        let ca = self.dir.join("ca.pem");
        let secured = self.case.way != Way::Plain;
        let mut hub = Hub::start(self.case.ack, secured.then_some(&*ca));
        let config = self.configure(&group, &hub);
        let run = self.bridge(program, &config, &mut hub);
        self.check(&group, hub.count().events);
        (config, run)
    }

    fn configure(&self, group: &str, hub: &Hub) -> PathBuf {
        let path = self.dir.join("bridge.toml");
        let way = match self.case.way {
            Way::Plain => String::new(),
            way => format!(
                "[eventhubs.connection]\nca_file = \"ca.pem\"\ntransport = \"{}\"\n",
                if way == Way::Tls { "amqp" } else { "websocket" }
            ),
        };
        let registries = match self.case.step {
            Step::Decode => format!("[registries.main]\naddresses = [\"{}\"]\n", self.registry),
            _ => String::new(),
        };
        let text = format!(
            "[kafka]\nbrokers = \"{}\"\ngroup_id = \"{group}\"\n[eventhubs]\nconnection_string = \"{}\"\n\
             [[mappings]]\ntopic = \"{}\"\nhub = \"{}\"\n{}[admin]\nlisten = \"127.0.0.1:0\"\n{way}{registries}",
            self.kafka.bootstrap(),
            hub.connection_string,
            self.case.topic(),
            hub::NAME,
            self.case.step.keys(),
        );
        std::fs::write(&path, text).expect("a writable directory");
        path
    }

    /// The bridge from its start until it has stopped by itself, cleanly.
    fn bridge(&self, program: Command, config: &Path, hub: &mut Hub) -> Run {
        let records = self.records();
        let begin = Instant::now();
        let bridge = Subject::start(program, config, &self.plan.overrides);
        let mut until = |events: usize, pace: Duration| {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let count = hub.count();
                let reading = Reading { at: Instant::now(), cpu: bridge.process.cpu(), count };
                if count.events >= events {
                    return reading;
                }
                assert_eq!(bridge.process.ended(), None, "the bridge ended by itself");
                assert!(reading.at < deadline, "{} of {records} after {PATIENCE:?}", count.events);
                rest(pace);
            }
        };
        let first = until(1, Duration::from_millis(1));
        let low = until(records / 10, PACE);
        let tail = until(records * 8 / 10, PACE);
        let high = until(records, PACE);
        let peak = bridge.process.peak_memory().expect("it runs") as f64;
        let status = bridge.process.stop();
        assert!(status.success(), "the bridge ended with {status}");
        let subscribed = bridge.joined().expect("the bridge says when it subscribes");
        let events = (high.count.events - low.count.events) as f64;
        let deliveries = (high.count.deliveries - low.count.deliveries) as f64;
        Run {
            cpu: (high.cpu - low.cpu).as_secs_f64() * 1e6 / events,
            rate: (tail.count.events - low.count.events) as f64 / (tail.at - low.at).as_secs_f64(),
            peak,
            first: (first.at - subscribed).as_secs_f64(),
            start: (subscribed - begin).as_secs_f64(),
            batch: events / deliveries,
            consume: 0.0,
            send: 0.0,
            own: 0.0,
            beside: 0.0,
        }
    }

    /// Not one event more or less than records, and everything committed.
    fn check(&self, group: &str, events: usize) {
        let records = self.records();
        assert_eq!(events, records, "{}: events in the hub", self.case.name());
        let mut config = self.kafka.config();
        let client: BaseConsumer = config.set("group.id", group).create().expect("a client");
        let topic = &self.case.topic();
        let mut list = TopicPartitionList::new();
        list.add_partition_range(topic, 0, PARTITIONS - 1);
        let timeout = Duration::from_secs(20);
        let committed = client.committed_offsets(list, timeout).expect("kafka answers");
        let mut total = 0;
        for element in committed.elements() {
            let partition = element.partition();
            let (_, end) =
                client.fetch_watermarks(topic, partition, timeout).expect("kafka answers");
            assert_eq!(element.offset(), Offset::Offset(end), "committed of partition {partition}");
            total += end;
        }
        assert_eq!(total, records as i64, "records in Kafka");
    }

    fn consume_floor(&self, config: &Path) -> f64 {
        floor(&[
            "consume".to_owned(),
            format!("--config={}", config.display()),
            format!("--topic={}", self.case.topic()),
            format!("--records={}", self.records()),
        ])
    }

    fn send_floor(&self, role: &str, batch: f64) -> f64 {
        let hub = Hub::start(self.case.ack, None);
        floor(&[
            role.to_owned(),
            format!("--port={}", hub.port),
            format!("--events={}", self.records()),
            format!("--batch={batch:.0}"),
            format!("--size={}", self.case.load.size),
        ])
    }
}

fn floor(args: &[String]) -> f64 {
    let process = Process::role(args);
    let line = process.talk().line();
    let status = wait_for("the floor ends", PATIENCE, || process.ended());
    assert!(status.success(), "`{}` ended with {status}", args.join(" "));
    line.split(' ').next().and_then(|cpu| cpu.parse().ok()).expect("a number")
}
