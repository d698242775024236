//! While records flow: passwords, certificates and tokens change, and an issuer goes away. Nothing is lost, nothing is
//! doubled.

use eventhubs_local::Server;
use stage::issuer::Mood;
use stage::scram::SHA_256;
use stage::{PATIENCE, Scene, unique, wait_for};

use crate::house::{HUB, House};
use crate::issuer::{AUDIENCE, SECRET};

const DEBUG: &str = "log.level = 'debug'";

/// Records that come in by one door.
fn begin(house: &House, listener: &str, security: &str, more: &str) -> Scene {
    let server = Server::builder().hub(HUB, 4).start().unwrap();
    Scene::at(&house.kafka, "flow", server, |group, server| {
        house.settings(listener, security, group, server).with(more)
    })
}

/// The broker asks again every few seconds, so it notices before anybody else.
#[test]
fn a_password_is_replaced_in_mid_flow() {
    let house = House::shared();
    let user = unique("rotating");
    house.kafka.set_password(&user, SHA_256, "hush, the first");
    let file = house.write(&user, "hush, the first");
    let file = file.file_name().and_then(|name| name.to_str()).expect("a name");
    let login = house.login_by_file("scram-sha-256", &user, file);
    let flow = begin(house, "STRICT", &(house.trust() + &login), DEBUG);
    let bridge = flow.settings.start();
    for secret in ["hush, the first", "hush, the second", "hush, the third"] {
        bridge.hush(secret);
    }
    flow.wait_more(1_000);
    house.kafka.set_password(&user, SHA_256, "hush, the second");
    bridge.wait_log(&["WARN", "invalid credentials", &user, "`kafka.security.password_file`"]);
    house.write(&user, "hush, the second");
    bridge.wait_log(&["the password for kafka has changed", &user]);
    flow.wait_more(2_000);
    // Now in good order: nobody need notice.
    let complaints = bridge.logged(" WARN ");
    house.write(&user, "hush, the third");
    house.kafka.set_password(&user, SHA_256, "hush, the third");
    flow.wait_more(2_000);
    bridge.wait_ready(200);
    assert!(bridge.logged(" WARN ") <= complaints + 2, "{}", bridge.log());
    assert_eq!(flow.finish(&bridge), []);
}

/// Client certificates of a new authority, and a new password, count before the broker stops to take the old ones.
#[test]
fn certificates_and_passwords_are_replaced_before_a_broker_restarts() {
    let house = House::open();
    let user = unique("rotating");
    house.kafka.set_password(&user, SHA_256, "hush, the first");
    let file = house.write(&user, "hush, the first");
    let file = file.file_name().and_then(|name| name.to_str()).expect("a name");
    let known = house.trust();
    let security = known.clone() + &house.certificate("client");
    let by_certificate = begin(&house, "MUTUAL", &security, DEBUG);
    let login = house.login_by_file("scram-sha-256", &user, file);
    let by_password = begin(&house, "SCRAM256", &(known + &login), DEBUG);
    let bridges = [by_certificate.settings.start(), by_password.settings.start()];
    bridges[1].hush("hush, the first");
    bridges[1].hush("hush, the second");
    by_certificate.wait_more(1_000);
    by_password.wait_more(1_000);

    house.write_certificate("client", &house.next_clients.sign(&["bridge"]));
    house.write(&user, "hush, the second");
    bridges[0].wait_log(&["the consumer starts again, with the new certificates for kafka"]);
    bridges[1].wait_log(&["the password for kafka has changed", &user]);
    house.kafka.set_password(&user, SHA_256, "hush, the second");
    by_certificate.wait_more(1_000);
    house.write("clients.pem", house.next_clients.pem());
    house.kafka.stop(1);
    for bridge in &bridges {
        bridge.wait_metric("bridge_kafka_brokers", &["state=\"down\""], 1.0);
    }
    house.kafka.restart(1);
    by_certificate.wait_more(2_000);
    by_password.wait_more(2_000);
    by_certificate.finish(&bridges[0]);
    by_password.finish(&bridges[1]);
    for bridge in bridges {
        assert_eq!(bridge.logged("ERROR"), 0, "{}", bridge.log());
    }
}

/// The files change once more while the first shard drains, and are not whole: it cannot come back yet.
#[test]
fn a_shard_that_cannot_be_started_anew_costs_the_other_nothing() {
    let house = House::open();
    let security = house.trust() + &house.certificate("client");
    let flow = begin(&house, "MUTUAL", &security, "[limits]\nshards = 2\ndrain_timeout = '30s'");
    let bridge = flow.settings.start();
    flow.wait_more(1_000);
    bridge.wait_ready(200);

    // It drains for as long as the hub takes nothing.
    let stuck = flow.server.faults().hub(HUB).released();
    wait_for("something is under way", PATIENCE, || (stuck.fired() >= 8).then_some(()));
    let good = house.next_clients.sign(&["bridge"]);
    house.write_certificate("client", &good);
    bridge.wait_log(&["the consumer starts again, with the new certificates for kafka", "shard=0"]);
    house.write("client.key", "half a key");
    stuck.clear();
    bridge.wait_log(&["WARN", "the consumer cannot start again yet, retrying", "shard=0"]);
    bridge.wait_unready(&["shard 0: not a member of its consumer group"]);
    // The other has all partitions.
    flow.wait_more(3_000);
    let (_, ready) = bridge.readiness();
    assert!(!ready.contains("shard 1"), "{ready}");
    assert_eq!(bridge.liveness().0, 200, "a restart would not help");
    assert_eq!(bridge.logged("the consumer starts again"), 1, "the other waits for its turn");

    house.write_certificate("client", &good);
    bridge.wait_ready(200);
    bridge.wait_log(&["the consumer starts again, with the new certificates for kafka", "shard=1"]);
    flow.wait_more(1_000);
    assert_eq!(flow.finish(&bridge), []);
    assert_eq!(bridge.logged("ERROR"), 0, "{}", bridge.log());
}

#[test]
fn several_lives_of_a_token_and_an_issuer_that_is_away() {
    let house = House::shared();
    let issuer = house.issuer.twin(&house.authority.sign(&["localhost"]));
    issuer.rules().lifetime = 6;
    let security = house.trust() + &house.oidc(&issuer, SECRET);
    let flow = begin(house, "TOKEN", &security, DEBUG);
    let bridge = flow.settings.start();
    flow.wait_more(1_000);
    for _ in 0..4 {
        let before = issuer.rules().issued.len();
        wait_for("another token", PATIENCE, || {
            (issuer.rules().issued.len() > before).then_some(())
        });
        flow.wait_more(500);
    }
    // Away for less than a token lives.
    issuer.rules().mood = Mood::Says(503, "upgrading".to_owned());
    bridge.wait_log(&[
        "WARN",
        "cannot get a token for kafka",
        "the old one is valid until its end",
    ]);
    issuer.rules().mood = Mood::Good;
    bridge.wait_log(&["a token for kafka was issued again"]);
    flow.wait_more(500);
    // And for longer: the broker lets nobody stay whose token has ended.
    issuer.rules().mood = Mood::Says(503, "upgrading".to_owned());
    bridge.wait_log(&["WARN", "the token for kafka has expired"]);
    bridge.wait_metric("bridge_kafka_brokers", &["state=\"down\""], 1.0);
    issuer.rules().mood = Mood::Good;
    bridge.wait_metric("bridge_kafka_brokers", &["state=\"up\""], 1.0);
    flow.wait_more(1_000);
    assert_eq!(flow.finish(&bridge), []);
    assert_eq!(bridge.logged("ERROR"), 0, "{}", bridge.log());
}

#[test]
fn a_token_in_a_file_is_replaced_again_and_again() {
    let house = House::shared();
    let issuer = house.issuer.twin(&house.authority.sign(&["localhost"]));
    issuer.rules().lifetime = 8;
    let name = unique("token");
    let file = house.write(&name, &issuer.token(AUDIENCE));
    let flow = begin(house, "TOKEN", &(house.trust() + &House::token_file(&file)), DEBUG);
    let bridge = flow.settings.start();
    flow.wait_more(500);
    // Each is taken two or three seconds later, so that several have ended when this does.
    for _ in 0..8 {
        let before = bridge.logged("a token for kafka was issued");
        house.write(&name, &issuer.token(AUDIENCE));
        wait_for("the token is taken", PATIENCE, || {
            (bridge.logged("a token for kafka was issued") > before).then_some(())
        });
        flow.wait_more(200);
    }
    assert_eq!(flow.finish(&bridge), []);
    assert_eq!(bridge.logged(" WARN "), 0, "{}", bridge.log());
}
