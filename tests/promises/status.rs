//! `/status` and `/events`: one picture of the whole bridge, true at each moment, and what has changed.

use std::collections::BTreeSet;

use eventhubs_local::Server;
use kafka_eventhubs_bridge::admin::{Answer, Change};
use kafka_eventhubs_bridge::status::document::{
    Document, Hub, HubPartition, Partition, Reading, Sending, State,
};
use stage::records::record;
use stage::scene::{HUB, PARTITIONS};
use stage::{Bridge, Kafka, Out, PATIENCE, Scene, Settings, unique, wait_for};

fn partitions(status: &Document) -> &[Partition] {
    status.topics.first().map_or(&[], |topic| &topic.partitions)
}

fn hub(status: &Document) -> Option<&Hub> {
    status.hubs.first()
}

fn hub_partition<'a>(status: &'a Document, name: &str) -> Option<&'a HubPartition> {
    hub(status)?.partitions.iter().find(|it| it.partition == name)
}

/// The kinds of all changes, and those of one kind.
fn kinds(bridge: &Bridge) -> BTreeSet<String> {
    bridge.events::<Answer>(0).events.into_iter().map(|it| it.change).collect()
}

fn wait_change(bridge: &Bridge, kind: &str) -> Change {
    wait_for(&format!("/events tells of {kind}"), PATIENCE, || {
        bridge.events::<Answer>(0).events.into_iter().rfind(|it| it.change == kind)
    })
}

#[test]
fn a_bridge_that_keeps_up_says_so_in_numbers() {
    let scene = Scene::new(Kafka::shared(), "status");
    let bridge = scene.settings.start();
    scene.wait_more(500);
    let status = bridge.wait_status("rates, and every hub partition", |status: &Document| {
        let all = hub(status)?.partitions.len() == 4;
        (all && status.summary.events_per_second > 0.0).then(|| status.clone())
    });
    assert_eq!((status.version, status.state, status.ready), (1, State::Running, true));
    assert_eq!((&*status.bridge.group, &*status.reasons), (&*scene.group, &[][..]));
    assert!(status.bridge.started <= status.bridge.now, "{:?}", status.bridge);
    assert_eq!(status.memory.limit_bytes, 64 << 20);
    let summary = &status.summary;
    assert_eq!((summary.partitions, summary.partitions_held), (PARTITIONS as usize, 0));
    assert!(summary.records_per_second > 0.0 && summary.send_seconds.is_some(), "{summary:?}");
    let [mapping] = &*status.mappings else { panic!("{:?}", status.mappings) };
    assert_eq!(mapping.topics.as_deref(), Some(&[scene.topic.clone()][..]));
    assert_eq!((&*mapping.hub, &*mapping.partitioning), (HUB, "key"));
    let numbers = |it: &Partition| (it.partition, it.shard, it.state, it.reason.is_none());
    let expected = (0..PARTITIONS).map(|number| (number, 0, Reading::Flowing, true));
    assert!(partitions(&status).iter().map(numbers).eq(expected), "{:?}", status.topics);
    let hub = hub(&status).expect("a hub");
    assert_eq!((&*hub.namespace, &*hub.hub, hub.known_partitions), ("default", HUB, Some(4)));
    let names = hub.partitions.iter().map(|it| (&*it.partition, it.state));
    assert!(names.eq(["0", "1", "2", "3"].map(|name| (name, Sending::Sending))), "{hub:?}");
    let [namespace] = &*status.namespaces else { panic!("{:?}", status.namespaces) };
    assert!(namespace.connected && namespace.connections > 0 && namespace.links >= 4);
    assert!(namespace.token_expires.is_some_and(|at| at > status.bridge.now), "{namespace:?}");
    let kinds = kinds(&bridge);
    for kind in ["started", "connected", "partitions_assigned"] {
        assert!(kinds.contains(kind), "{kinds:?}");
    }
    let shown = bridge.shown(&[]);
    assert!(shown.contains(&format!("group {}, running", scene.group)), "{shown}");
    let json: serde_json::Value = serde_json::from_str(&bridge.shown(&["--json"])).expect("JSON");
    assert_eq!(json["members"][0]["status"]["bridge"]["group"], *scene.group);
    let all: Answer = bridge.events(0);
    assert_eq!(bridge.events::<Answer>(all.next).events, [], "nothing has changed since");
    assert_eq!(scene.finish(&bridge), []);
}

#[test]
fn what_stands_is_told_with_its_cause_until_it_is_over() {
    let scene = Scene::new(Kafka::shared(), "cause").with("[limits]\nmemory = '16 MiB'");
    let bridge = scene.settings.start();
    scene.wait_more(500);
    let fault = scene.server.faults().hub(HUB).partition(2).released();
    let stands = bridge.wait_status("a hub partition that is retried", |status: &Document| {
        hub_partition(status, "2").filter(|it| it.state == Sending::Retrying).cloned()
    });
    assert!(stands.since.is_some() && stands.attempts > 0, "{stands:?}");
    assert!(stands.detail.is_some_and(|detail| detail.contains("released")));
    let held = bridge.wait_status("its hub", |status: &Document| {
        status.held.iter().find(|held| held.kind == "delivery").cloned()
    });
    assert_eq!(held.runbook, "EventHubsBridgeHubPartitionStuck");
    assert_eq!(held.hub.as_deref(), Some(HUB));
    let change = wait_change(&bridge, "not_accepting");
    assert_eq!((&*change.level, &change.fields["hub"]), ("warn", &HUB.into()));
    fault.clear();
    let change = wait_change(&bridge, "accepting");
    assert!(change.fields.contains_key("lasted"), "{change:?}");
    bridge.wait_status("nothing that is held", |status: &Document| {
        let sends = hub_partition(status, "2")?.state == Sending::Sending;
        (sends && status.held.is_empty()).then_some(())
    });
    assert_eq!(scene.finish(&bridge), []);
}

#[test]
fn partitions_without_room_are_held_and_say_what_for() {
    let scene = Scene::new(Kafka::shared(), "room").with("[limits]\nmemory = '16 MiB'");
    let fault = scene.server.faults().hub(HUB).released();
    let bridge = scene.settings.start();
    let held = bridge.wait_status("a partition that is held", |status: &Document| {
        partitions(status).iter().find(|it| it.state == Reading::Held).cloned()
    });
    assert!(held.reason.is_some_and(|reason| reason.starts_with("hub_")));
    assert!(held.detail.is_some_and(|detail| detail.contains(HUB)) && held.since.is_some());
    let status: Document = bridge.status();
    assert!(status.summary.partitions_held > 0 || status.mappings[0].partitions_held == 0);
    fault.clear();
    bridge.wait_status("partitions that flow", |status: &Document| {
        let flow = partitions(status).iter().all(|it| it.state == Reading::Flowing);
        (flow && status.summary.partitions_held == 0).then_some(())
    });
    assert_eq!(scene.finish(&bridge), []);
}

#[test]
fn a_throttled_namespace_is_told_with_its_rate() {
    let scene = Scene::new(Kafka::shared(), "slowly");
    let bridge = scene.settings.start();
    scene.wait_more(500);
    let busy = scene.server.faults().hub(HUB).server_busy();
    bridge.wait_status("a throttle", |status: &Document| {
        let throttled = status.namespaces[0].throttled.is_some();
        let of_hub = hub(status)?.partitions.iter().any(|it| it.state == Sending::Throttled);
        let held = status.held.iter().any(|held| held.kind == "throttled");
        (throttled && of_hub && held).then_some(())
    });
    wait_change(&bridge, "throttled");
    busy.clear();
    let ended = wait_change(&bridge, "throttle_ended");
    assert_eq!((&*ended.level, &ended.fields["namespace"]), ("info", &"default".into()));
    bridge.wait_status("no throttle", |status: &Document| {
        status.namespaces[0].throttled.is_none().then_some(())
    });
    assert_eq!(scene.finish(&bridge), []);
}

#[test]
fn how_far_behind_is_told_in_records_and_in_time() {
    const HOUR: i64 = 3600;
    let kafka = Kafka::shared();
    let (topic, group) = (unique("old"), unique("g"));
    kafka.create_topic(&topic, 1);
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis() as i64;
    kafka.produce(&topic, vec![Out::value("old").at(now - HOUR * 1000); 3]);
    let server = Server::builder().hub(HUB, 1).start().unwrap();
    let refusing = server.faults().hub(HUB).released();
    let bridge = Settings::new(kafka, &group, &server).mapping(&topic, HUB).start();
    let behind = bridge.wait_status("three records", |status: &Document| {
        (status.summary.lag_records == Some(3)).then(|| status.clone())
    });
    assert!(behind.summary.lag_seconds.is_some_and(|lag| lag >= HOUR as f64), "{behind:?}");
    assert_eq!(behind.summary.caught_up_in_seconds, None, "nothing is delivered");
    assert_eq!(behind.mappings[0].lag_records, Some(3));
    refusing.clear();
    bridge.wait_status("nothing that is behind", |Document { summary, .. }: &Document| {
        let none = summary.lag_records == Some(0) && summary.lag_seconds == Some(0.0);
        (none && summary.caught_up_in_seconds == Some(0.0)).then_some(())
    });
    bridge.stop();
}

/// A record that is too large halts its partition; the bridge then stops while a hub does not answer.
#[test]
fn a_halt_and_a_drain_are_told() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("halted"), unique("g"));
    kafka.create_topic(&topic, 2);
    let large = Out { value: Some(vec![b'x'; 32 << 10]), ..record(0, 0) };
    kafka.produce(&topic, [large, record(1, 0)]);
    let server = Server::builder().hub(HUB, 1).max_message_size(16 << 10);
    let server = server.start().unwrap();
    let bridge = Settings::new(kafka, &group, &server).mapping(&topic, HUB).start();
    let halted = bridge.wait_status("a halt", |status: &Document| {
        partitions(status).iter().find(|it| it.state == Reading::Halted).cloned()
    });
    assert_eq!((halted.partition, halted.reason.as_deref()), (0, Some("halted")));
    assert!(halted.detail.is_some_and(|detail| detail.contains("bytes")), "why");
    let held = bridge.wait_status("its entry", |status: &Document| status.held.first().cloned());
    assert_eq!((&*held.kind, &*held.runbook), ("partition", "EventHubsBridgePartitionHalted"));
    assert_eq!(wait_change(&bridge, "partition_halted").level, "error");
    let refusing = server.faults().hub(HUB).released();
    kafka.produce(&topic, [record(1, 1)]);
    bridge.wait_status("a batch under way", |status: &Document| {
        (status.summary.in_flight_records > 1).then_some(())
    });
    bridge.terminate();
    bridge.wait_status("the drain", |status: &Document| {
        (status.state == State::Draining).then_some(())
    });
    wait_change(&bridge, "draining");
    refusing.clear();
    assert_eq!(bridge.wait_exit(PATIENCE), 0);
}
