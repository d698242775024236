//! `verify --live`: a running bridge is followed, what is planted behind it is told as a metric, and nothing that goes away ends it.

use std::net::SocketAddr;

use eventhubs_local::Server;
use serde_json::{Value, json};
use stage::bridge::sum_of;
use stage::{
    Bridge, Kafka, Out, PATIENCE, Running, Settings, free_port, http, plant, unique, wait_for,
};

use crate::said::refused;

const FAULTS: &str = "bridge_verify_faults_total";
const ROUNDS: &str = "bridge_verify_rounds_total";
const COMPARED: &str = "bridge_verify_records_compared_total";

/// A bridge that runs, from a topic of two partitions to a hub of three.
struct Scene {
    server: Server,
    settings: Settings,
    topic: String,
    group: String,
    bridge: Bridge,
}

impl Scene {
    fn new(mapping: &str) -> Self {
        let (kafka, topic, group) = (Kafka::shared(), unique("orders"), unique("g"));
        let server = Server::builder().hub("orders", 3).start().unwrap();
        kafka.create_topic(&topic, 2);
        let settings = Settings::new(kafka, &group, &server)
            .with(&format!("[[mappings]]\ntopic = '{topic}'\nhub = 'orders'\n{mapping}"));
        let bridge = settings.start();
        bridge.wait_ready(200);
        Self { server, settings, topic, group, bridge }
    }

    fn produce(&self, count: usize) {
        let record = |n: usize| Out::value(format!("{n}")).key(format!("key-{n}")).to(n as i32 % 2);
        Kafka::shared().produce(&self.topic, (0..count).map(record));
    }

    /// Waits until so much is committed of both partitions together.
    fn wait_committed(&self, all: i64) {
        let of = |partition| Kafka::shared().committed(&self.group, &self.topic, partition);
        wait_for(&format!("{all} are committed"), PATIENCE, || {
            ([0, 1].into_iter().filter_map(of).sum::<i64>() >= all).then_some(())
        });
    }

    /// Stores the last event of a hub partition once more.
    fn store_again(&self) {
        let mut lanes = plant::lanes(&self.server.hub("orders"));
        let some = lanes.iter().position(|events| !events.is_empty()).expect("something was sent");
        for (lane, events) in lanes.iter_mut().enumerate() {
            // Of that one the last event, and nothing of the others.
            events.drain(..if lane == some { events.len() - 1 } else { events.len() });
        }
        plant::put(self.server.addr(), "orders", &lanes);
    }

    fn follow(&self, arguments: &[&str]) -> Followed {
        let metrics = format!("127.0.0.1:{}", free_port());
        let follow = ["--live", "--every", "1s", "--reader", "bridge", "--json"];
        let arguments = [&follow, arguments, &["--metrics", &metrics]].concat();
        let running = self.settings.begin(&["verify"], &arguments);
        Followed { running, metrics: metrics.parse().expect("an address") }
    }
}

/// A `verify --live` that runs.
struct Followed {
    running: Running,
    metrics: SocketAddr,
}

impl Followed {
    /// The sum of all series of `name` with these labels.
    fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let page = http::get(self.metrics, "/metrics").ok()?;
        Some(sum_of(&page.body, name, labels))
    }

    #[track_caller]
    fn wait(&self, name: &str, labels: &[&str], value: f64) {
        let mut last = None;
        let met = || {
            last = self.metric(name, labels);
            last.is_some_and(|it| it >= value).then_some(())
        };
        wait_for(
            &format!("{name}{labels:?} is {value}: {}", self.running.log.text()),
            PATIENCE,
            met,
        );
        assert_eq!(last, Some(value), "{name}{labels:?}: {}", self.running.said.text());
    }

    /// What was told of each round.
    fn rounds(&self) -> Vec<Value> {
        let said = self.running.said.text();
        said.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

#[test]
fn a_running_bridge_is_followed_and_what_is_planted_behind_it_is_told() {
    let scene = Scene::new("");
    scene.produce(100);
    let followed = scene.follow(&["--from", "earliest"]);
    followed.wait(COMPARED, &[], 100.0);
    scene.produce(50);
    followed.wait(COMPARED, &[], 150.0);

    // A service that is away costs a round, and nothing of what is compared.
    let away = scene.server.faults().hub("orders").refuse_read(503, "com.microsoft:server-busy");
    scene.produce(30);
    wait_for("a round fails", PATIENCE, || {
        followed.metric(ROUNDS, &["outcome=\"failed\""]).filter(|count| *count > 0.0)
    });
    assert!(
        followed.running.log.text().contains("hub `default/orders`"),
        "{}",
        followed.running.log.text()
    );
    away.clear();
    followed.wait(COMPARED, &[], 180.0);
    assert_eq!(followed.metric(FAULTS, &[]), Some(0.0), "{}", followed.running.said.text());
    assert_eq!(followed.metric("bridge_verify_partitions_without_position", &[]), Some(0.0));

    // At least once is also twice.
    scene.store_again();
    let twice = ["delivery=\"at_least_once\"", "fault=\"twice\"", "hub=\"orders\""];
    followed.wait(FAULTS, &twice, 1.0);
    assert_eq!(followed.metric(ROUNDS, &["outcome=\"faults\""]), Some(0.0));

    // What is committed and was never sent.
    scene.bridge.stop();
    scene.produce(20);
    let end = Kafka::shared().watermarks(&scene.topic, 0).1;
    Kafka::shared().commit(&scene.group, &scene.topic, 0, end);
    followed.wait(FAULTS, &["fault=\"missing\""], 10.0);
    assert_eq!(followed.metric(ROUNDS, &["outcome=\"faults\""]), Some(1.0));
    assert_eq!(followed.metric(FAULTS, &[]), Some(11.0), "{}", followed.running.said.text());
    assert_eq!(followed.running.end(libc::SIGTERM), Some(76));
    let rounds = followed.rounds();
    let faulty: Vec<&Value> = rounds.iter().filter(|it| it["good"] == json!(false)).collect();
    let [twice, missing] = faulty[..] else { panic!("{rounds:#?}") };
    assert_eq!((&twice["promises_kept"], &twice["faults"]["twice"]), (&json!(true), &json!(1)));
    assert_eq!(missing["promises_kept"], json!(false));
    assert_eq!(missing["examples"][0]["record"], format!("{}/0/{}", scene.topic, end - 10));
}

#[test]
fn one_that_is_killed_goes_on_where_it_was() {
    let scene = Scene::new("delivery = 'effectively_once'");
    scene.produce(40);
    scene.wait_committed(40);
    let work = tempfile::tempdir().unwrap();
    let arguments = ["--work-dir", work.path().to_str().unwrap()];
    let followed = scene.follow(&arguments);
    wait_for("a round is over", PATIENCE, || {
        followed.metric(ROUNDS, &["outcome=\"good\""]).filter(|count| *count > 0.0)
    });
    assert_eq!(followed.metric(COMPARED, &[]), Some(0.0), "it begins with what is committed");
    scene.produce(60);
    followed.wait(COMPARED, &[], 60.0);
    assert_eq!(followed.metric(FAULTS, &[]), Some(0.0), "{}", followed.running.said.text());
    assert_eq!(followed.running.end(libc::SIGKILL), None);

    // What happens meanwhile is found afterwards.
    scene.produce(30);
    scene.wait_committed(130);
    scene.store_again();
    let followed = scene.follow(&arguments);
    followed.wait(COMPARED, &[], 30.0);
    let twice = ["delivery=\"effectively_once\"", "fault=\"twice\""];
    followed.wait(FAULTS, &twice, 1.0);
    assert_eq!(followed.metric(FAULTS, &[]), Some(1.0), "{}", followed.running.said.text());
    assert_eq!(followed.running.end(libc::SIGTERM), Some(76));
    scene.bridge.stop();

    let verify = &["verify"];
    let other = [&arguments[..], &["--live", "--from", "2026-01-01"]].concat();
    refused(&scene.settings, verify, &other, 64, &["belongs to a comparison with other arguments"]);
    refused(&scene.settings, verify, &["--live", "--to", "latest"], 64, &["--to", "--live"]);
    refused(&scene.settings, verify, &["--from", "earliest", "--every", "5m"], 64, &["--live"]);
    refused(&scene.settings, verify, &["--live", "--every", "10ms"], 64, &["between 1s and 24h"]);
    refused(&scene.settings, verify, &[], 64, &["--from"]);
    let taken = format!("{}", scene.server.addr());
    let words = ["cannot listen", "`--metrics`", "hint: "];
    refused(&scene.settings, verify, &["--live", "--metrics", &taken], 64, &words);
}
