//! A running bridge is steered: mappings are paused, drained and resumed, and what is logged is changed; by those who may.

use std::os::unix::process::CommandExt as _;

use eventhubs_local::Server;
use kafka_eventhubs_bridge::admin::Answer;
use kafka_eventhubs_bridge::status::document::Document;
use serde_json::Value;
use stage::audit::{Audit, Auditor};
use stage::records::{Pour, record};
use stage::{Bridge, Kafka, PATIENCE, Settings, Supply, unique, wait_for};

const PARTITIONS: i32 = 2;
const TOKEN: &str = "a token of the tests, not a secret one";

/// Two topics, each to a hub of its own, and records written to both all the time.
struct Two {
    group: String,
    topics: [String; 2],
    server: Server,
    settings: Settings,
    audits: [Audit; 2],
    pours: [Pour; 2],
}

const HUBS: [&str; 2] = ["orders", "returns"];

impl Two {
    fn new(kafka: &Kafka) -> Self {
        let server = Server::builder().hub(HUBS[0], 2).hub(HUBS[1], 2).start().unwrap();
        let (topics, group) = (HUBS.map(unique), unique("g"));
        let pours = topics.each_ref().map(|topic| {
            let mut supply = Supply::new(kafka, topic, PARTITIONS);
            supply.write(200);
            supply.pour()
        });
        let audit = |index: usize| {
            let auditor = Auditor::of(&topics[index], PARTITIONS);
            auditor.begin(kafka, &group, &server.hub(HUBS[index]))
        };
        let settings = Settings::new(kafka, &group, &server);
        let settings = settings.mapping(&topics[0], HUBS[0]).mapping(&topics[1], HUBS[1]);
        let audits = [audit(0), audit(1)];
        Self { group, topics, server, settings, audits, pours }
    }

    fn wait_more(&self, which: usize, more: u64) {
        let audit = &self.audits[which];
        audit.wait_records(audit.records() + more);
    }

    /// Everything comes over, once.
    fn finish(self, bridge: &Bridge) {
        let supplies = self.pours.map(Pour::stop);
        for (supply, audit) in supplies.iter().zip(&self.audits) {
            audit.wait_records(supply.total());
        }
        bridge.stop();
        for (supply, audit) in supplies.iter().zip(self.audits) {
            assert_eq!(audit.finish(supply.ends()).duplicates, []);
        }
    }
}

#[track_caller]
fn good(bridge: &Bridge, command: &str, arguments: &[&str]) -> String {
    let (code, said) = bridge.command(command, arguments);
    assert_eq!(code, Some(0), "{command} {arguments:?}: {said}");
    said
}

#[test]
fn a_mapping_is_drained_and_goes_on_and_the_other_does_not_notice() {
    let kafka = Kafka::shared();
    let two = Two::new(kafka);
    let bridge = two.settings.start();
    two.wait_more(0, 300);
    let said = good(&bridge, "drain", &[&two.topics[0]]);
    assert!(said.starts_with("mapping 0 (orders) is paused"), "{said}");
    // All that was read is stored and committed, and nothing more is read.
    let drained = two.audits[0].records();
    wait_for("it is committed", PATIENCE, || {
        let committed = |partition| kafka.committed(&two.group, &two.topics[0], partition);
        let sum: i64 = (0..PARTITIONS).filter_map(committed).sum();
        (sum == drained as i64).then_some(())
    });
    two.wait_more(1, 1_000);
    assert_eq!(two.audits[0].records(), drained, "it is paused");
    let status: Document = bridge.status();
    let of = |index: usize| (status.mappings[index].paused, status.mappings[index].partitions_held);
    assert_eq!((of(0), of(1)), ((true, 2), (false, 0)));
    bridge.wait_metric("bridge_partition_held", &[&two.topics[0], "reason=\"paused\""], 2.0);
    assert!(good(&bridge, "pause", &["orders"]).contains("already paused"));
    let said: Value = serde_json::from_str(&good(&bridge, "resume", &["--json", "0"])).unwrap();
    let expected =
        serde_json::json!({ "mapping": 0, "hub": "orders", "paused": false, "changed": true });
    assert_eq!(said["mappings"][0], expected);
    two.wait_more(0, 300);
    let kinds: Vec<_> = bridge.events::<Answer>(0).events.into_iter().map(|it| it.change).collect();
    for kind in ["mapping_paused", "mapping_resumed"] {
        assert_eq!(kinds.iter().filter(|it| *it == kind).count(), 1, "{kinds:?}");
    }
    two.finish(&bridge);
}

#[test]
fn a_mapping_that_is_paused_in_the_configuration_waits_to_be_resumed() {
    let kafka = Kafka::shared();
    let two = Two::new(kafka);
    let paused = format!(
        "[[mappings]]\ntopic = '{}'\nhub = 'orders'\npaused = true\n[[mappings]]\ntopic = '{}'\nhub = 'returns'",
        two.topics[0], two.topics[1]
    );
    let bridge = two.settings.clone().without("mappings").with(&paused).start();
    two.wait_more(1, 1_000);
    assert_eq!(two.audits[0].records(), 0);
    assert!(bridge.status::<Document>().mappings[0].paused);
    good(&bridge, "resume", &["--all"]);
    two.wait_more(0, 300);
    two.finish(&bridge);
}

#[test]
fn what_cannot_drain_says_so_and_stays_paused() {
    let two = Two::new(Kafka::shared());
    let bridge = two.settings.start();
    two.wait_more(0, 300);
    let refusing = two.server.faults().hub(HUBS[0]).released();
    bridge.wait_metric("bridge_send_retries_total", &["hub=\"orders\""], 1.0);
    let (code, said) = bridge.command("drain", &["0", "--timeout", "1s"]);
    assert_eq!(code, Some(75), "{said}");
    assert!(
        said.contains("records are not delivered after 1 s; the mappings stay paused"),
        "{said}"
    );
    refusing.clear();
    good(&bridge, "drain", &["0"]);
    let (code, said) = bridge.command("pause", &["nothing"]);
    assert_eq!(code, Some(64));
    assert!(
        said.contains(
            "no mapping has the name `nothing`; the mappings are 0 (orders), 1 (returns)"
        ),
        "{said}"
    );
    good(&bridge, "resume", &["--all"]);
    two.finish(&bridge);
}

#[test]
fn what_is_logged_can_be_changed() {
    let two = Two::new(Kafka::shared());
    let bridge = two.settings.start();
    two.wait_more(0, 300);
    assert_eq!(bridge.logged("DEBUG"), 0, "{}", bridge.log());
    good(&bridge, "log-level", &["debug"]);
    let refusing = two.server.faults().hub(HUBS[0]).released();
    bridge.wait_log(&["DEBUG", "a batch is still not stored; the bridge sends it again"]);
    refusing.clear();
    good(&bridge, "log-level", &["info,kafka_eventhubs_bridge=warn"]);
    let (code, said) = bridge.command("log-level", &["inof"]);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("did you mean `info`?"), "{said}");
    two.finish(&bridge);
}

/// Each method on each path that changes something, and on some that do not.
#[test]
fn without_the_token_nothing_can_be_changed_over_the_network() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("t"), unique("g"));
    kafka.create_topic(&topic, 1);
    kafka.produce(&topic, [record(0, 0)]);
    let server = Server::builder().hub("orders", 1).start().unwrap();
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN.replace(' ', "-")).unwrap();
    let token = format!("[admin]\nlisten = '127.0.0.1:0'\ntoken_file = '{}'", file.display());
    let writes = [
        "/mappings/0/pause",
        "/mappings/0/resume",
        "/log?level=off",
        "/mappings/7/pause",
        "/reload",
    ];
    let methods = ["POST", "PUT", "DELETE", "PATCH", "GET", "HEAD", "OPTIONS", "TRACE"];
    for (settings, refusal) in [(settings.clone(), 403), (settings.clone().with(&token), 401)] {
        let bridge = settings.start();
        bridge.wait_ready(200);
        for token in [None, Some(""), Some("wrong"), Some("a-token-of-the-tests,-not-a-secret-onf")]
        {
            for path in writes {
                for method in methods {
                    let (status, body) = bridge.request(method, path, token);
                    assert!([refusal, 405].contains(&status), "{method} {path}: {status} {body}");
                }
            }
            assert_eq!(bridge.request("POST", "/status", token).0, 405);
        }
        assert!(!bridge.status::<Document>().mappings[0].paused);
        assert_eq!(bridge.count("bridge_config_reloads_total", &["applied"]), 0);
        let good = Some(TOKEN.replace(' ', "-"));
        let (status, _) = bridge.request("POST", writes[0], good.as_deref());
        assert_eq!(status, if refusal == 401 { 200 } else { 403 });
        assert_eq!(bridge.status::<Document>().mappings[0].paused, refusal == 401);
        if refusal == 401 {
            assert_eq!(bridge.request("POST", writes[3], good.as_deref()).0, 404);
            let changed = folder.path().join("other");
            std::fs::write(&changed, "another-token-of-sixteen").unwrap();
            std::fs::rename(&changed, &file).unwrap();
            assert_eq!(bridge.request("POST", writes[1], good.as_deref()).0, 401, "it has changed");
            let arguments = ["--token-file", file.to_str().unwrap(), "0"];
            let (code, said) = bridge.command("resume", &arguments);
            assert_eq!(code, Some(0), "{said}");
        }
        bridge.stop();
    }
}

/// Only root can be somebody else.
#[test]
fn another_user_of_the_machine_is_refused() {
    // SAFETY: it reads a number of the process and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let kafka = Kafka::shared();
    let (topic, group) = (unique("t"), unique("g"));
    kafka.create_topic(&topic, 1);
    let server = Server::builder().hub("orders", 1).start().unwrap();
    let bridge = Settings::new(kafka, &group, &server).mapping(&topic, "orders").start();
    bridge.wait_ready(200);
    // The program lies where others may not look, so it is run from a copy.
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("bridge");
    std::fs::copy(env!("CARGO_BIN_EXE_kafka-eventhubs-bridge"), &copy).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    let as_is = bridge.steering("pause", &["0"]);
    let output = std::process::Command::new(&copy).args(as_is.get_args()).uid(65_534).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    bridge.wait_log(&["WARN", "another user of this machine was refused"]);
    assert!(!bridge.status::<Document>().mappings[0].paused);
    bridge.stop();
}
