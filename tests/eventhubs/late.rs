//! A network that stands still and goes on: what was given up meanwhile is not stored behind what followed it.

use std::io::Write;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use eventhubs_local::{Server, Tls};
use kafka_eventhubs_bridge::config;
use kafka_eventhubs_bridge::eventhubs::Target;
use tempfile::NamedTempFile;

use super::links::way;
use super::{Opened, PATIENCE, World, batch};

/// Of a batch that the network has whole nobody can say so, so the one that is given up is larger than what it holds.
fn nothing_is_stored_late(world: &World, means: &config::ConnectionSettings) {
    let way = way(world.server.addr().port(), Duration::ZERO);
    let (tell, told) = sync_channel(1024);
    let namespace = world.by_means_of(&way, means.clone());
    let target = Target::Partition("0".into());
    let lane = namespace.lane("orders", target, move |event| drop(tell.send(event)));
    let lane = Opened { lane, told, limits: std::cell::RefCell::default() };
    lane.send_until_accepted(batch(&["0"]));
    way.gate.set(true);
    let large = format!("1{}", "x".repeat(900_000));
    let causes = lane.send_until_accepted(batch(&[&large]));
    assert!(!causes.is_empty(), "the first connection stood still");
    for value in ["2", "3"] {
        lane.send_until_accepted(batch(&[value]));
    }
    way.gate.set(false);
    // What could still come on the old way comes before what is asked for now by another.
    let others = world.by_means_of(&way, means.clone());
    let others = others.lane("orders", Target::Partition("1".into()), |_| {});
    others.send(batch(&["other"]));
    lane.send_until_accepted(batch(&["4"]));
    let deadline = Instant::now() + PATIENCE;
    while world.bodies(1).is_empty() {
        assert!(Instant::now() < deadline, "the other lane's event arrives");
        std::thread::yield_now();
    }
    let first: Vec<_> = world.bodies(0).iter().map(|body| body[..1].to_owned()).collect();
    assert_eq!(first, ["0", "1", "2", "3", "4"]);
}

#[test]
fn what_was_given_up_is_never_stored_late() {
    nothing_is_stored_late(&World::new(), &config::ConnectionSettings::default());
}

fn in_tls(protocol: config::Protocol) {
    let tls = Tls::generate(&["localhost"]).unwrap();
    let mut ca = NamedTempFile::new().unwrap();
    ca.write_all(tls.ca_pem().expect("it was generated").as_bytes()).unwrap();
    let server = Server::builder().hub("orders", 4).tls(tls).listen("127.0.0.1:0");
    let tls = config::Tls { ca_file: Some(ca.path().to_owned()), identity: None };
    let means =
        config::ConnectionSettings { protocol, tls, proxy: config::Proxy::None, endpoint: None };
    nothing_is_stored_late(&World::with(server.start().unwrap()), &means);
}

#[test]
fn nor_in_tls() {
    in_tls(config::Protocol::Amqp);
}

#[test]
fn nor_in_a_websocket() {
    in_tls(config::Protocol::WebSocket);
}
