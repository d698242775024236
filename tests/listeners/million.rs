//! The same records through every door: all of them, once, in order, with their keys.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use eventhubs_local::{Hub, Server};
use stage::event::place;
use stage::{Out, Settings, unique, wait_for};

use crate::house::{HUB, House, PASSWORD, USER};
use crate::issuer::{AUDIENCE, SECRET};

const KAFKA_PARTITIONS: i32 = 4;
const HUB_PARTITIONS: u32 = 4;
/// For all of them, on a slow machine.
const LIMIT: Duration = Duration::from_secs(240);

/// Records of each partition.
const EACH: i64 = 250_000;
const ALL: u64 = EACH as u64 * KAFKA_PARTITIONS as u64;

/// The n-th record of a partition.
fn record(partition: i32, n: i64) -> Out {
    Out::value(format!("{partition}/{n}")).key(format!("customer-{}", n % 997)).to(partition)
}

/// The topic, written once.
fn topic(house: &House) -> &'static str {
    static TOPIC: OnceLock<String> = OnceLock::new();
    TOPIC.get_or_init(|| {
        let topic = unique("million");
        house.kafka.create_topic(&topic, KAFKA_PARTITIONS);
        let mut writer = house.kafka.writer(&[("compression.type", "lz4")]);
        for n in 0..EACH {
            for partition in 0..KAFKA_PARTITIONS {
                writer.write(&topic, &record(partition, n));
            }
        }
        writer.finish();
        topic
    })
}

/// Each record is there once, in the partition of its key, behind those that were before it.
fn compare(hub: &Hub, topic: &str) {
    let mut seen = vec![vec![false; EACH as usize]; KAFKA_PARTITIONS as usize];
    for lane in hub.partitions() {
        let mut last = [-1; KAFKA_PARTITIONS as usize];
        for event in lane.events_from(0) {
            let (found, partition, offset) =
                event.message_id().and_then(place).expect("the message-id is a place");
            let expected = record(partition, offset);
            assert_eq!(found, topic);
            assert_eq!(event.body().as_deref(), expected.value.as_deref());
            let key = event.partition_key().expect("a key");
            assert_eq!(Some(key.as_bytes()), expected.key.as_deref());
            assert_eq!(eventhubs_local::partition_of(key, HUB_PARTITIONS), lane.id());
            let last = &mut last[partition as usize];
            assert!(*last < offset, "out of order: {partition}/{offset} after {last}");
            *last = offset;
            let seen = &mut seen[partition as usize][offset as usize];
            assert!(!std::mem::replace(seen, true), "twice: {partition}/{offset}");
        }
    }
    assert!(seen.iter().flatten().all(|seen| *seen), "every record is there");
}

/// Everything comes in by that listener. `adapt` may say more.
fn all_through(listener: &str, security: &str, adapt: impl FnOnce(Settings) -> Settings) {
    let house = House::shared();
    let topic = topic(house);
    let (group, began) = (unique("g"), Instant::now());
    let server = Server::builder().hub(HUB, HUB_PARTITIONS).start().unwrap();
    let settings = house.settings(listener, security, &group, &server).mapping(topic, HUB);
    let settings = adapt(settings);
    settings.assert_sound();
    let bridge = settings.start();
    let hub = server.hub(HUB);
    wait_for("all records in the hub", LIMIT, || (hub.total() >= ALL).then_some(()));
    bridge.wait_ready(200);
    bridge.stop();
    compare(&hub, topic);
    let all = (0..KAFKA_PARTITIONS).collect::<Vec<_>>();
    let committed = house.kafka.group(&group).committed(topic, &all).expect("kafka answers");
    assert_eq!(committed, vec![Some(EACH); all.len()]);
    assert_eq!(bridge.logged("ERROR"), 0, "{}", bridge.log());
    eprintln!("{ALL} records through {listener} in {:?}", began.elapsed());
}

#[test]
fn through_tls() {
    all_through("TLS", &House::shared().trust(), |it| it);
}

#[test]
fn through_tls_with_a_certificate_of_ones_own() {
    let house = House::shared();
    all_through("MUTUAL", &(house.trust() + &house.certificate("client")), |it| it);
}

#[test]
fn through_plain() {
    let house = House::shared();
    all_through("PLAIN", &(house.trust() + &House::login("plain", PASSWORD)), |it| it);
}

#[test]
fn through_plain_without_tls() {
    let login = House::shared().login_by_file("plain", USER, "password");
    all_through("BARE", &format!("tls = false\n{login}"), |it| it);
}

#[test]
fn through_scram_sha_256() {
    let house = House::shared();
    let login = house.login_by_file("scram-sha-256", USER, "password");
    all_through("SCRAM256", &(house.trust() + &login), |it| it);
}

#[test]
fn through_scram_sha_512() {
    let house = House::shared();
    all_through("SCRAM512", &(house.trust() + &House::login("scram-sha-512", PASSWORD)), |it| it);
}

#[test]
fn with_tokens_of_an_issuer() {
    let house = House::shared();
    all_through("TOKEN", &(house.trust() + &house.oidc(&house.issuer, SECRET)), |it| it);
}

#[test]
fn with_tokens_of_entra() {
    let house = House::shared();
    let ca = house.path("ca.pem");
    all_through("TOKEN", &(house.trust() + &house.entra()), |settings| {
        settings.variable("SSL_CERT_FILE", ca.to_str().expect("a path that is text"))
    });
}

#[test]
fn with_a_token_from_a_file() {
    let house = House::shared();
    let file = house.write("a-token", &house.issuer.token(AUDIENCE));
    all_through("TOKEN", &(house.trust() + &House::token_file(&file)), |it| it);
}
