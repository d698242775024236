//! What the bridge makes of them.

use std::io::Read as _;

use eventhubs_local::{Event, Partition, Server};
use kafka_eventhubs_bridge::status::document::Document;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stage::{Kafka, Out, PATIENCE, Settings, unique, wait_for};

use crate::azurite::{Azurite, signature};
use crate::{own, shared};

struct Scene {
    kafka: &'static Kafka,
    topic: String,
    server: Server,
    settings: Settings,
    /// Holds the signature.
    folder: tempfile::TempDir,
}

impl Scene {
    /// `more` follows behind the mapping.
    fn new(azurite: &Azurite, more: &str) -> Self {
        let (kafka, topic) = (Kafka::shared(), unique("orders"));
        let server = Server::builder().hub("orders", 1).hub("plain", 1).start().unwrap();
        kafka.create_topic_with(&topic, 1, &[("max.message.bytes", "8000000")]);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("signature");
        std::fs::write(&file, format!("?{}\n", signature())).unwrap();
        let settings = Settings::new(kafka, &unique("g"), &server).with(&format!(
            "[claim_check]
            container = '{}'
            prefix = 'kafka/'
            sas_file = '{}'
            timeout = '5s'
            [[mappings]]
            topic = '{topic}'
            hub = 'orders'
            failure.too_large = 'claim_check'
            {more}",
            azurite.container(),
            file.display()
        ));
        Self { kafka, topic, server, settings, folder }
    }

    fn write(&self, values: impl IntoIterator<Item = Vec<u8>>) {
        let one = |value| {
            let out = Out { value: Some(value), ..Out::value("").to(0) }.key("customer");
            out.header("content-type", Some(b"text/plain")).header("h", Some(b"v"))
        };
        let settings = [("message.max.bytes", "8000000")];
        self.kafka.produce_with(&self.topic, values.into_iter().map(one), &settings);
    }

    fn wait(&self, count: u64) -> Vec<Event> {
        assert!(self.server.hub("orders").wait_for(count, PATIENCE), "{count} events");
        self.server.hub("orders").partitions().iter().flat_map(Partition::events).collect()
    }
}

/// 3 MB that no codec makes small.
fn large(seed: u8) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(byte).take(3_000_000).collect()
}

fn body(event: &Event) -> Value {
    serde_json::from_slice(&event.body().unwrap()).unwrap()
}

fn text(event: &Event, property: &str) -> Option<String> {
    event.application_property(property)?.as_str().map(str::to_owned)
}

pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Whether an event stands for that value, and the value is where it says.
fn assert_claims(azurite: &Azurite, event: &Event, value: &[u8]) {
    let url = text(event, "kafka_claim_check").expect("it says that the value is elsewhere");
    let claim = json!({ "url": url, "size": value.len(), "sha256": hash(value), "content_type": "text/plain" });
    assert_eq!(body(event), claim);
    assert!(azurite.get(&url).is_some_and(|blob| blob == value), "{url} holds the value");
}

#[test]
fn a_value_that_is_too_large_is_in_a_blob_and_its_event_says_where() {
    let Some(azurite) = shared() else { return };
    let scene = Scene::new(azurite, "");
    let value = large(1);
    scene.write([b"before".to_vec(), value.clone(), b"after".to_vec()]);
    let bridge = scene.settings.start();
    let events = scene.wait(3);
    let offset = |event: &Event| event.message_id().unwrap().rsplit('/').next().unwrap().to_owned();
    assert_eq!(events.iter().map(offset).collect::<Vec<_>>(), ["0", "1", "2"], "in order");
    assert_claims(azurite, &events[1], &value);
    assert_eq!(events[1].content_type().as_deref(), Some("application/json"));
    assert_eq!(
        (events[1].partition_key(), text(&events[1], "h")),
        (Some("customer"), Some("v".into()))
    );
    for (event, value) in [(&events[0], "before"), (&events[2], "after")] {
        assert_eq!(
            (text(event, "kafka_claim_check"), &*event.body().unwrap()),
            (None, value.as_bytes())
        );
    }
    let url = text(&events[1], "kafka_claim_check").unwrap();
    let name = format!("{}/kafka/{}/0/1-{}", azurite.container(), scene.topic, &hash(&value)[..16]);
    assert_eq!(url, name);
    assert_eq!(bridge.count("bridge_claim_check_uploads_total", &["ok"]), 1);
    assert_eq!(bridge.count("bridge_claim_check_bytes_total", &[]), 3_000_000);
    bridge.stop();
    // `try` shows the same, and puts nothing anywhere.
    azurite.delete(&url);
    let tried = scene.settings.call(&["try"], &["--from-topic", &scene.topic, "--json"]);
    let tried = String::from_utf8(tried.stdout).unwrap();
    let tried: Vec<Value> = tried.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((tried.len(), &tried[1]["body"]), (3, &body(&events[1])), "{tried:?}");
    assert_eq!(tried[1]["properties"]["kafka_claim_check"], json!(url));
    assert_eq!(azurite.get(&url), None);
}

/// Storage is not there at the start, has no container then, and is killed while records flow.
#[test]
fn storage_that_is_away_costs_its_own_records_a_wait_and_nobody_anything() {
    let Some(mut azurite) = own() else { return };
    let plain = unique("plain");
    let scene = Scene::new(&azurite, &format!("[[mappings]]\ntopic = '{plain}'\nhub = 'plain'"));
    scene.kafka.create_topic(&plain, 1);
    scene.write([large(1), b"behind".to_vec()]);
    scene.kafka.produce(&plain, (0..10).map(|n| Out::value(format!("{n}"))));
    let bridge = scene.settings.start();
    assert!(scene.server.hub("plain").wait_for(10, PATIENCE), "the other mapping goes on");
    bridge.wait_metric("bridge_partition_held", &[&scene.topic, "claim_check"], 1.0);
    bridge.wait_log(&["WARN", "storage does not accept a value", &azurite.container(), "blobs=1"]);
    let told = |words: &'static str| {
        bridge.wait_status("what the partition waits for", |status: &Document| {
            let held = status.held.iter().find(|held| held.detail.contains(words))?;
            Some(held.detail.clone())
        })
    };
    assert!(told("blob `").contains(&format!("/kafka/{}/0/0-", scene.topic)));
    azurite.start();
    told("404 Not Found, ContainerNotFound");
    azurite.create_container();
    let events = scene.wait(2);
    assert_claims(&azurite, &events[0], &large(1));
    bridge.wait_log(&["INFO", "storage accepts values again: no partition waits for it"]);
    azurite.kill();
    scene.write([b"small".to_vec(), large(2), large(3), b"last".to_vec()]);
    scene.kafka.produce(&plain, (0..10).map(|n| Out::value(format!("{n}"))));
    assert!(scene.server.hub("plain").wait_for(20, PATIENCE), "the other mapping goes on");
    assert_eq!(&*scene.wait(3)[2].body().unwrap(), b"small");
    bridge.wait_metric("bridge_partition_held", &[&scene.topic, "claim_check"], 1.0);
    azurite.start();
    azurite.create_container();
    let events = scene.wait(6);
    assert_claims(&azurite, &events[3], &large(2));
    assert_claims(&azurite, &events[4], &large(3));
    assert_eq!(&*events[5].body().unwrap(), b"last");
    wait_for("nothing is held", PATIENCE, || {
        bridge.status::<Document>().held.is_empty().then_some(())
    });
    bridge.stop();
    assert_eq!(scene.server.hub("orders").total(), 6, "each once");
}

#[test]
fn a_signature_that_is_refused_may_be_replaced_and_is_shown_nowhere() {
    let Some(azurite) = shared() else { return };
    let scene = Scene::new(azurite, "");
    let file = scene.folder.path().join("signature");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("sig=", "sig=hushhush")).unwrap();
    scene.write([large(4)]);
    let bridge = scene.settings.start();
    bridge.hush("hushhush");
    let line = bridge.wait_log(&["ERROR", "not authorized to write to storage"]);
    assert!(line.contains("403 Forbidden, AuthorizationFailure"), "{line}");
    bridge.wait_metric("bridge_claim_check_uploads_total", &["unauthorized"], 1.0);
    std::fs::write(&file, good).unwrap();
    assert_claims(azurite, &scene.wait(1)[0], &large(4));
    bridge.stop();
}

/// What is compressed may fit then; where it does not, the blob holds it as it would have been sent.
#[test]
fn a_compressed_value_is_read_back_from_its_event_or_from_its_blob() {
    let Some(azurite) = shared() else { return };
    let scene = Scene::new(azurite, "value.compress = 'gzip'");
    let text = b"what is said twice takes no more room ".repeat(100_000);
    scene.write([text.clone(), large(5), b"small".to_vec()]);
    let bridge = scene.settings.start();
    let events = scene.wait(3);
    for (event, value) in [(&events[0], &text[..]), (&events[2], b"small")] {
        let encoding = event.properties().get(7).and_then(|it| it.as_str().map(str::to_owned));
        assert_eq!(encoding.as_deref(), Some("gzip"));
        assert_eq!(event.content_type().as_deref(), Some("text/plain"));
        assert!(unpacked(&event.body().unwrap()) == value);
    }
    assert!(events[0].raw().len() < 100_000);
    let claim = body(&events[1]);
    assert_eq!(claim["content_encoding"], "gzip");
    let stored = azurite.get(claim["url"].as_str().unwrap()).expect("it is there");
    assert_eq!(
        (json!(stored.len()), json!(hash(&stored))),
        (claim["size"].clone(), claim["sha256"].clone())
    );
    assert!(unpacked(&stored) == large(5));
    assert!(events[1].properties().get(7).is_none(), "the claim itself is plain");
    bridge.stop();
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
    out
}

#[test]
fn whether_blobs_may_be_written_is_asked_beforehand_and_none_is() {
    let Some(azurite) = shared() else { return };
    let scene = Scene::new(azurite, "");
    let check = || {
        let output = scene.settings.check(&["--connect", "--json"]);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let steps = said["steps"].as_array().unwrap();
        let found = steps.iter().find(|it| it["subject"] == "container").cloned().unwrap();
        let remark = said["mappings"][0]["detail"].as_str().unwrap_or_default().to_owned();
        (output.status.code(), found, remark)
    };
    let (code, found, remark) = check();
    assert_eq!(
        (code, &found["outcome"], &found["step"]),
        (Some(0), &json!("ok"), &json!("write")),
        "{found}"
    );
    assert_eq!(found["name"], json!(azurite.container()));
    assert!(remark.contains("goes to a blob"), "{remark}");
    assert_eq!(azurite.get(&format!("{}/kafka/check", azurite.container())), None);
    let file = scene.folder.path().join("signature");
    std::fs::write(&file, signature().replace("sig=", "sig=hushhush")).unwrap();
    let (code, found, _) = check();
    assert_eq!((code, &found["outcome"]), (Some(69), &json!("refused")), "{found}");
    let (detail, hint) = (found["detail"].to_string(), found["hint"].to_string());
    assert!(
        detail.contains("403 Forbidden") && hint.contains("Storage Blob Data Contributor"),
        "{found}"
    );
    assert!(!found.to_string().contains("hushhush"), "{found}");
}
