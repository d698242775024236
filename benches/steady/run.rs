//! One estate after the other: its topics, its server, a bridge, and one rate after the other.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::hub::Hub;
use crate::process::Process;
use crate::shape::Shape;
use crate::support::{Kafka, rest, unique, wait_for};

/// Eight lanes, 320, and eight behind a thousand Kafka partitions.
const ESTATES: [Shape; 3] = [
    Shape::YARDSTICK,
    Shape { hubs: 10, lanes: 32, partitions: 5 },
    Shape { hubs: 2, lanes: 4, partitions: 500 },
];
/// Records a second.
const RATES: [u64; 3] = [200, 2_000, 20_000];
/// How often the records that are due are written: each time to the next partition of Kafka.
const PACE: Duration = Duration::from_millis(1);
/// Of each rate, and of nothing, what is not counted.
const SETTLE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(60);

/// What is to be measured.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) only: String,
    pub(crate) seconds: u64,
    pub(crate) overrides: Vec<String>,
    pub(crate) append: String,
}

/// What came of a rate.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) shape: Shape,
    /// 0: nothing came.
    pub(crate) rate: u64,
    /// CPU-µs per record; where nothing came, percent of a core.
    pub(crate) cpu: f64,
    /// Events in a batch.
    pub(crate) batch: f64,
    /// How old records were at half, 99 % and 99.9 %, in ms.
    pub(crate) ages: [i64; 3],
}

/// How a case is called.
pub(crate) fn name(shape: Shape, rate: u64) -> String {
    let partitions = shape.hubs * shape.partitions;
    let rate = if rate == 0 { "idle".to_owned() } else { format!("{rate}/s") };
    format!("{} lanes, {partitions} Kafka partitions, {rate}", shape.all_lanes())
}

/// Runs what is asked for.
pub(crate) fn all(plan: &Plan) -> Vec<Outcome> {
    let kafka = Kafka::start(1);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut outcomes = Vec::new();
    for shape in ESTATES {
        let rates = RATES.into_iter().chain([0]);
        let rates: Vec<_> = rates.filter(|rate| name(shape, *rate).contains(&plan.only)).collect();
        if !rates.is_empty() {
            let mut estate = Estate::start(plan, &kafka, shape, dir.path());
            outcomes.extend(rates.into_iter().map(|rate| estate.measure(rate)));
            estate.check();
        }
    }
    assert!(!outcomes.is_empty(), "no case is called `{}`", plan.only);
    outcomes
}

/// A bridge that runs, and what is around it.
struct Estate<'a> {
    plan: &'a Plan,
    kafka: &'a Kafka,
    shape: Shape,
    hub: Hub,
    bridge: Process,
    written: u64,
}

/// The counters at one time.
struct Reading {
    at: Instant,
    cpu: Duration,
    events: u64,
    deliveries: u64,
}

impl<'a> Estate<'a> {
    fn start(plan: &'a Plan, kafka: &'a Kafka, shape: Shape, dir: &Path) -> Self {
        for number in 0..shape.hubs {
            // Ages are told from when the broker had the record.
            let settings = [("message.timestamp.type", "LogAppendTime")];
            kafka.create_topic_with(&shape.topic(number), shape.partitions as i32, &settings);
        }
        kafka.commit("warm-up", &shape.topic(0), 0, 0);
        let hub = Hub::start(shape);
        let config = configure(plan, kafka, shape, &hub, dir);
        let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-eventhubs-bridge"));
        command.arg("run").arg("--config").arg(config).stderr(Stdio::null());
        for pair in &plan.overrides {
            command.arg("--set").arg(pair);
        }
        let bridge = Process::spawn(command);
        let mut estate = Self { plan, kafka, shape, hub, bridge, written: 0 };
        // Every partition is read and every link is attached before anything is measured.
        let some = (shape.hubs * shape.partitions * 2).max(shape.all_lanes() * 20);
        let mut writer = kafka.writer(&[]);
        for number in 0..some {
            let (topic, record) = shape.trickle(number);
            writer.write(&shape.topic(topic), &record);
        }
        writer.finish();
        estate.written = some as u64;
        estate.until_all();
        estate
    }

    fn until_all(&mut self) {
        let Self { hub, bridge, written, .. } = self;
        wait_for("every record is stored", PATIENCE, || {
            assert_eq!(bridge.ended(), None, "the bridge ended by itself");
            (hub.count().0 >= *written).then_some(())
        });
    }

    fn read(&mut self) -> Reading {
        let (events, deliveries) = self.hub.count();
        Reading { at: Instant::now(), cpu: self.bridge.cpu(), events, deliveries }
    }

    fn measure(&mut self, rate: u64) -> Outcome {
        self.produce(rate, SETTLE);
        self.hub.digest();
        let low = self.read();
        self.produce(rate, Duration::from_secs(self.plan.seconds));
        let high = self.read();
        self.until_all();
        let [half, most, nearly_all, _] = self.hub.digest();
        let (used, events) = ((high.cpu - low.cpu).as_secs_f64(), high.events - low.events);
        let cpu = match rate {
            0 => used / (high.at - low.at).as_secs_f64() * 100.0,
            _ => used * 1e6 / events as f64,
        };
        let batch = events as f64 / (high.deliveries - low.deliveries) as f64;
        let ages = [half, most, nearly_all];
        eprintln!("{}: {cpu:.2}, {batch:.1}, {ages:?}", name(self.shape, rate));
        Outcome { shape: self.shape, rate, cpu, batch, ages }
    }

    /// Writes at that rate for so long.
    fn produce(&mut self, rate: u64, time: Duration) {
        if rate == 0 {
            return rest(time);
        }
        let shape = self.shape;
        let names: Vec<_> = (0..shape.hubs).map(|number| shape.topic(number)).collect();
        let mut writer = self.kafka.writer(&[("linger.ms", "0")]);
        let (begin, mut number, mut turn) = (Instant::now(), 0, 0);
        while begin.elapsed() < time {
            let due = (begin.elapsed().as_secs_f64() * rate as f64) as u64;
            if number < due {
                let partition = (turn / shape.hubs % shape.partitions) as i32;
                for number in number..due {
                    let (_, record) = shape.trickle((self.written + number) as usize);
                    writer.write(&names[turn % shape.hubs], &record.to(partition));
                }
                (number, turn) = (due, turn + 1);
            }
            rest(PACE);
        }
        writer.finish();
        self.written += number;
    }

    /// Not one event more or less than records.
    fn check(&mut self) {
        self.until_all();
        let status = self.bridge.stop();
        assert!(status.success(), "the bridge ended with {status}");
        let [.., twice] = self.hub.digest();
        assert_eq!((self.hub.count().0, twice), (self.written, 0), "events, and those twice");
    }
}

fn configure(plan: &Plan, kafka: &Kafka, shape: Shape, hub: &Hub, dir: &Path) -> PathBuf {
    let path = dir.join("bridge.toml");
    let text = format!(
        "[kafka]\nbrokers = \"{}\"\ngroup_id = \"{}\"\n[eventhubs]\nconnection_string = \"{}\"\n\
         [[mappings]]\ntopic_pattern = '{}'\nhub = \"{{topic}}\"\n[admin]\nlisten = \"127.0.0.1:0\"\n{}",
        kafka.bootstrap(),
        unique("steady"),
        hub.connection_string,
        shape.pattern(),
        plan.append,
    );
    std::fs::write(&path, text).expect("a writable directory");
    path
}
