//! One estate after the other: its topics, its server, a bridge, and one rate after the other; and again without the bridge.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stage::{Kafka, Process, Subject, program, rest, unique};

use crate::hub::Hub;
use crate::sdk;
use crate::shape::Shape;

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
const LOOK: Duration = Duration::from_millis(20);

/// What is to be measured.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) only: String,
    pub(crate) seconds: u64,
    pub(crate) overrides: Vec<String>,
    pub(crate) append: String,
    /// Without Microsoft's producer beside it.
    pub(crate) alone: bool,
}

/// What came of a rate.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) shape: Shape,
    /// 0: nothing came.
    pub(crate) rate: u64,
    pub(crate) bridge: Measured,
    /// `None` where it was left out, or did not store every record once.
    pub(crate) sdk: Option<Measured>,
}

/// What a rate took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
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
        if rates.is_empty() {
            continue;
        }
        for number in 0..shape.hubs {
            // Ages are told from when the broker had the record.
            let settings = [("message.timestamp.type", "LogAppendTime")];
            kafka.create_topic_with(&shape.topic(number), shape.partitions as i32, &settings);
        }
        kafka.commit("warm-up", &shape.topic(0), 0, 0);
        let bridge = through(plan, &kafka, shape, Who::Bridge, dir.path(), &rates);
        let bridge = bridge.expect("the bridge stores every record once");
        let sdk = if plan.alone {
            None
        } else {
            through(plan, &kafka, shape, Who::Sdk, dir.path(), &rates)
        };
        for (number, rate) in rates.into_iter().enumerate() {
            let sdk = sdk.as_ref().map(|all| all[number]);
            outcomes.push(Outcome { shape, rate, bridge: bridge[number], sdk });
        }
    }
    assert!(!outcomes.is_empty(), "no case is called `{}`", plan.only);
    outcomes
}

/// Who brings the records over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Bridge,
    /// Microsoft's buffered producer behind a plain consumer loop.
    Sdk,
}

/// Every rate through one estate; `None` when not every record was stored once.
fn through(
    plan: &Plan,
    kafka: &Kafka,
    shape: Shape,
    who: Who,
    dir: &Path,
    rates: &[u64],
) -> Option<Vec<Measured>> {
    let mut estate = Estate::start(plan, kafka, shape, who, dir);
    estate.warm_up()?;
    let measured: Vec<_> = rates.iter().map(|rate| estate.measure(*rate)).collect::<Option<_>>()?;
    estate.check()?;
    Some(measured)
}

/// A bridge that runs, or what stands for it, and what is around it.
struct Estate<'a> {
    plan: &'a Plan,
    kafka: &'a Kafka,
    shape: Shape,
    who: Who,
    hub: Hub,
    process: Process,
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
    fn start(plan: &'a Plan, kafka: &'a Kafka, shape: Shape, who: Who, dir: &Path) -> Self {
        let hub = Hub::start(shape);
        let process = match who {
            Who::Bridge => {
                let config = configure(plan, kafka, shape, &hub, dir);
                Subject::start(program(), &config, &plan.overrides).process
            }
            Who::Sdk => sdk::start(kafka.bootstrap(), shape, &hub),
        };
        Self { plan, kafka, shape, who, hub, process, written: 0 }
    }

    /// Every partition is read and every link is attached before anything is measured.
    fn warm_up(&mut self) -> Option<()> {
        let shape = self.shape;
        let some = (shape.hubs * shape.partitions * 2).max(shape.all_lanes() * 20);
        let mut writer = self.kafka.writer(&[]);
        for number in 0..some {
            let (topic, record) = shape.trickle(number);
            writer.write(&shape.topic(topic), &record);
        }
        writer.finish();
        self.written = some as u64;
        self.until_all()
    }

    /// `None` when Microsoft's producer does not bring them: it has its own troubles, which are no reason to fail.
    fn until_all(&mut self) -> Option<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stored = self.hub.count().0;
            if stored >= self.written {
                return Some(());
            }
            let ended = self.process.ended();
            if ended.is_some() || Instant::now() > deadline {
                let what = format!("{stored} of {} stored, ended: {ended:?}", self.written);
                assert_eq!(self.who, Who::Sdk, "{what}");
                eprintln!("Microsoft's producer: {what}");
                return None;
            }
            rest(LOOK);
        }
    }

    fn read(&mut self) -> Reading {
        let (events, deliveries) = self.hub.count();
        Reading { at: Instant::now(), cpu: self.process.cpu(), events, deliveries }
    }

    fn measure(&mut self, rate: u64) -> Option<Measured> {
        self.produce(rate, SETTLE);
        self.hub.digest();
        let low = self.read();
        self.produce(rate, Duration::from_secs(self.plan.seconds));
        let high = self.read();
        self.until_all()?;
        let [half, most, nearly_all, _] = self.hub.digest();
        let (used, events) = ((high.cpu - low.cpu).as_secs_f64(), high.events - low.events);
        let cpu = match rate {
            0 => used / (high.at - low.at).as_secs_f64() * 100.0,
            _ => used * 1e6 / events as f64,
        };
        let batch = events as f64 / (high.deliveries - low.deliveries) as f64;
        let ages = [half, most, nearly_all];
        eprintln!("{:?}, {}: {cpu:.2}, {batch:.1}, {ages:?}", self.who, name(self.shape, rate));
        Some(Measured { cpu, batch, ages })
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
    fn check(&mut self) -> Option<()> {
        self.until_all()?;
        if self.who == Who::Bridge {
            let status = self.process.stop();
            assert!(status.success(), "the bridge ended with {status}");
        }
        let [.., twice] = self.hub.digest();
        let (stored, written) = ((self.hub.count().0, twice), (self.written, 0));
        if self.who == Who::Bridge {
            assert_eq!(stored, written, "events, and those twice");
        } else if stored != written {
            eprintln!("Microsoft's producer: {stored:?} events, and those twice, of {written:?}");
            return None;
        }
        Some(())
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
