//! One case after the other: each with its topics, its server and its bridge.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use stage::{Kafka, Out, Subject, block_on, program, unique};

use crate::estate::Estate;
use crate::shape::Shape;
use crate::steps::Steps;

/// Topics made with one request.
const TOPICS: usize = 50;

/// What is to be measured.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) records: usize,
    pub(crate) only: String,
    pub(crate) latency: Duration,
    pub(crate) overrides: Vec<String>,
}

/// What came of a case. What could not be measured is not there, and said in `failed`.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) shape: Shape,
    pub(crate) measured: Measured,
    pub(crate) failed: Vec<String>,
}

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Measured {
    /// Seconds from the start of the process until it joins the group.
    pub(crate) joining: Option<f64>,
    /// Seconds from joining to the first event stored.
    pub(crate) first: Option<f64>,
    pub(crate) rate: Option<f64>,
    /// CPU-µs per record under load.
    pub(crate) cpu: Option<f64>,
    /// The same of 200 records a second.
    pub(crate) trickle: Option<f64>,
    /// Percent of a core with nothing to do.
    pub(crate) idle: Option<f64>,
    /// The same while ten browsers show its status.
    pub(crate) watched: Option<f64>,
    /// Events that are missing at the end, and those that came more than once.
    pub(crate) missing: Option<i64>,
    pub(crate) twice: Option<u64>,
    /// Links attached after the load, and connections made until then.
    pub(crate) links: Option<u64>,
    pub(crate) connections: Option<u64>,
    /// The largest resident memory of the whole life, in bytes.
    pub(crate) peak: Option<f64>,
    /// Seconds from the server's return until every lane has delivered again.
    pub(crate) back: Option<f64>,
    /// Seconds from SIGTERM at load to the end of the process.
    pub(crate) stop: Option<f64>,
}

/// Runs the yardstick, and the estates that are asked for.
pub(crate) fn all(plan: &Plan) -> Vec<Outcome> {
    let estates = Shape::ESTATES.into_iter().filter(|shape| shape.name().contains(&plan.only));
    let shapes: Vec<_> = [Shape::YARDSTICK].into_iter().chain(estates).collect();
    let kafka = Kafka::start(1);
    let dir = tempfile::tempdir().expect("a temporary directory");
    shapes
        .into_iter()
        .map(|shape| Case { plan, kafka: &kafka, shape, dir: dir.path() }.run())
        .collect()
}

/// A case and what it needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) kafka: &'a Kafka,
    pub(crate) shape: Shape,
    dir: &'a Path,
}

impl Case<'_> {
    fn run(self) -> Outcome {
        let begin = Instant::now();
        self.create_topics();
        let records = (0..self.plan.records).map(|number| self.shape.load(number));
        self.produce(records);
        eprintln!(
            "{}: {} records in {:.0?}",
            self.shape.name(),
            self.plan.records,
            begin.elapsed()
        );
        let estate = Estate::start(self.shape, self.plan.latency);
        let config = self.configure(&estate);
        let started = Instant::now();
        let bridge = Subject::start(program(), &config, &self.plan.overrides);
        let mut steps = Steps::new(self, estate, bridge);
        steps.all(started);
        let Steps { measured, failed, .. } = steps;
        for step in &failed {
            eprintln!("  {}: {step}", self.shape.name());
        }
        Outcome { shape: self.shape, measured, failed }
    }

    fn create_topics(self) {
        let admin: AdminClient<DefaultClientContext> =
            self.kafka.config().create().expect("a client");
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(60)));
        let names: Vec<_> = (0..self.shape.hubs).map(|number| self.shape.topic(number)).collect();
        for some in names.chunks(TOPICS) {
            let partitions = self.shape.partitions as i32;
            let topic = |name| NewTopic::new(name, partitions, TopicReplication::Fixed(1));
            let topics: Vec<_> = some.iter().map(String::as_str).map(topic).collect();
            for made in block_on(admin.create_topics(&topics, &options)).expect("kafka answers") {
                made.unwrap_or_else(|(name, code)| panic!("topic `{name}` was not made: {code}"));
            }
        }
        for name in &names {
            self.kafka.wait_partitions(name, self.shape.partitions as i32);
        }
        // The first group of a broker waits for the topic of offsets to be made; that is not what is measured.
        self.kafka.commit("warm-up", &names[0], 0, 0);
    }

    /// Writes records, each with the number of its topic, and waits until Kafka has them.
    pub(crate) fn produce(self, records: impl IntoIterator<Item = (usize, Out)>) {
        let names: Vec<_> = (0..self.shape.hubs).map(|number| self.shape.topic(number)).collect();
        let mut writer = self.kafka.writer(&[("linger.ms", "200"), ("batch.size", "65536")]);
        for (topic, record) in records {
            writer.write(&names[topic], &record);
        }
        writer.finish();
    }

    fn configure(self, estate: &Estate) -> PathBuf {
        let path = self.dir.join("bridge.toml");
        let text = format!(
            "[kafka]\nbrokers = \"{}\"\ngroup_id = \"{}\"\n[eventhubs]\nconnection_string = \"{}\"\n\
             [[mappings]]\ntopic_pattern = '{}'\nhub = \"{{topic}}\"\n[admin]\nlisten = \"127.0.0.1:0\"\n",
            self.kafka.bootstrap(),
            unique("scale"),
            estate.connection_string,
            self.shape.pattern(),
        );
        std::fs::write(&path, text).expect("a writable directory");
        path
    }
}
