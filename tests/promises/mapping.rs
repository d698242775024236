//! Which topic goes to which hub, which partition of it, and what an event carries there.

use std::collections::{BTreeMap, BTreeSet};

use eventhubs_local::{Event, Hub, Partition, Server};
use stage::audit::Auditor;
use stage::event::{Form, partition_key, place};
use stage::records::record;
use stage::{Kafka, PATIENCE, Settings, Supply, unique};

/// Every event of a hub with the partition it is in.
fn events(hub: &Hub) -> Vec<(u32, Event)> {
    let of = |partition: &Partition| {
        let id = partition.id();
        partition.events().into_iter().map(move |event| (id, event))
    };
    hub.partitions().iter().flat_map(of).collect()
}

/// The Kafka partition and offset an event was made of.
fn source(event: &Event) -> (i32, i64) {
    let (_, partition, offset) = event.message_id().and_then(place).expect("a place");
    (partition, offset)
}

/// One topic, one hub, one way to choose the partition: everything arrives, and is there to be looked at.
fn bridged(partitioning: &str, kafka_partitions: i32, hub_partitions: u32) -> Server {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("part"), unique("g"));
    let server = Server::builder().hub("orders", hub_partitions).start().unwrap();
    let mut supply = Supply::new(kafka, &topic, kafka_partitions);
    supply.write(400);
    let audit = Auditor::of(&topic, kafka_partitions).begin(kafka, &group, &server.hub("orders"));
    let bridge = Settings::new(kafka, &group, &server)
        .with(&format!(
            "[[mappings]]\ntopic = '{topic}'\nhub = 'orders'\npartitioning = '{partitioning}'"
        ))
        .start();
    audit.wait_records(supply.total());
    bridge.stop();
    assert_eq!(audit.finish(supply.ends()).duplicates, []);
    server
}

/// `keyed`: the bridge hashes; `gateway`: only the key is sent, and the server hashes, as the service does.
#[test]
fn a_key_lands_where_event_hubs_itself_would_put_it() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("keys"), unique("g"));
    let server = Server::builder().hub("keyed", 7).hub("gateway", 7).start().unwrap();
    let mut supply = Supply::new(kafka, &topic, 3);
    supply.write(300);
    let [keyed, gateway] = ["keyed", "gateway"].map(|hub| server.hub(hub));
    let audit = Auditor::of(&topic, 3).begin(kafka, &group, &keyed);
    let bridge = Settings::new(kafka, &group, &server)
        .mapping(&topic, "keyed")
        .with(&format!(
            "[[mappings]]\ntopic = '{topic}'\nhub = 'gateway'\npartitioning = 'gateway'"
        ))
        .start();
    audit.wait_records(supply.total());
    assert!(gateway.wait_for(supply.total(), PATIENCE));
    bridge.stop();
    assert_eq!(audit.finish(supply.ends()).duplicates, []);

    let places = |hub: &Hub| {
        let mut places = BTreeMap::<String, BTreeSet<u32>>::new();
        for (partition, event) in events(hub) {
            if let Some(key) = event.partition_key() {
                places.entry(key.to_owned()).or_default().insert(partition);
            }
        }
        places
    };
    let by_bridge = places(&keyed);
    assert!(by_bridge.len() > 500, "{} keys", by_bridge.len());
    assert!(by_bridge.values().all(|partitions| partitions.len() == 1), "one place each");
    assert!(by_bridge.keys().any(|key| key.starts_with("sha256:")), "too long ones among them");
    assert_eq!(places(&gateway), by_bridge);
}

#[test]
fn a_key_that_is_no_partition_key_keeps_one_place() {
    let server = bridged("key", 4, 5);
    let mut keys = BTreeMap::<Vec<u8>, BTreeSet<u32>>::new();
    let mut keyless = BTreeMap::<i32, BTreeSet<u32>>::new();
    for (hub_partition, event) in events(&server.hub("orders")) {
        let (partition, offset) = source(&event);
        match record(partition, offset).key {
            Some(key) if partition_key(&key).0.as_bytes() != key => {
                keys.entry(key).or_default().insert(hub_partition);
            }
            Some(_) => {}
            None => drop(keyless.entry(partition).or_default().insert(hub_partition)),
        }
    }
    assert!(keys.len() > 20, "{} strange keys", keys.len());
    assert!(keys.values().all(|places| places.len() == 1), "{keys:?}");
    // Each Kafka partition has its own.
    assert_eq!(keyless.len(), 4);
    assert!(keyless.values().all(|places| places.len() == 1), "{keyless:?}");
    assert_eq!(keyless.values().collect::<BTreeSet<_>>().len(), 4, "{keyless:?}");
}

#[test]
fn mirror_keeps_the_partition() {
    let server = bridged("mirror", 3, 4);
    for (hub_partition, event) in events(&server.hub("orders")) {
        assert_eq!(hub_partition as i32, source(&event).0);
    }
}

#[test]
fn fixed_is_one_partition() {
    let server = bridged("fixed:2", 3, 4);
    assert!(events(&server.hub("orders")).iter().all(|(partition, _)| *partition == 2));
}

#[test]
fn round_robin_spreads_evenly() {
    let server = bridged("round_robin", 3, 4);
    let hub = server.hub("orders");
    let counts = hub.partitions().iter().map(Partition::len).collect::<Vec<_>>();
    assert_eq!(counts, [300; 4]);
}

/// The order is that of each key: keys that share a hub partition may come by different ways.
#[test]
fn gateway_keeps_the_order_of_each_key() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("gateway"), unique("g"));
    let server = Server::builder().hub("orders", 4).start().unwrap();
    let mut supply = Supply::new(kafka, &topic, 2);
    supply.write(400);
    let bridge = Settings::new(kafka, &group, &server)
        .with(&format!("[[mappings]]\ntopic = '{topic}'\nhub = 'orders'\npartitioning = 'gateway'"))
        .start();
    let hub = server.hub("orders");
    assert!(hub.wait_for(supply.total(), PATIENCE));
    bridge.stop();
    for partition in 0..2 {
        assert_eq!(kafka.committed(&group, &topic, partition), Some(400));
    }
    let mut last = BTreeMap::new();
    let mut places = BTreeMap::<_, BTreeSet<u32>>::new();
    for (hub_partition, event) in events(&hub) {
        let (partition, offset) = source(&event);
        if let Some(key) = record(partition, offset).key {
            let before = last.insert((partition, key.clone()), offset);
            assert!(before < Some(offset), "{key:?}: {offset} after {before:?}");
            places.entry((partition, key)).or_default().insert(hub_partition);
        }
    }
    assert!(places.values().all(|places| places.len() == 1), "a key has one place");
    assert_eq!(hub.total(), supply.total(), "each once");
}

#[test]
fn a_topic_for_two_hubs_is_committed_when_both_have_it() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("copies"), unique("g"));
    let server = Server::builder().hub("east", 4).hub("west", 2).start().unwrap();
    let mut supply = Supply::new(kafka, &topic, 3);
    supply.write(200);
    let audits =
        ["east", "west"].map(|hub| Auditor::of(&topic, 3).begin(kafka, &group, &server.hub(hub)));
    let refusal = server.faults().hub("west").released();
    let bridge = Settings::new(kafka, &group, &server)
        .mapping(&topic, "east")
        .with(&format!("[[mappings]]\ntopic = '{topic}'\nhub = 'west'\npartitioning = 'fixed:1'"))
        .start();
    audits[0].wait_records(supply.total());
    bridge.wait_metric("bridge_send_retries_total", &["hub=\"west\"", "cause=\"released\""], 3.0);
    for partition in 0..3 {
        let position = kafka.committed(&group, &topic, partition).unwrap_or(0);
        assert_eq!(position, 0, "west has nothing");
    }
    assert_eq!(audits[1].records(), 0);
    refusal.clear();
    audits[1].wait_records(supply.total());
    bridge.stop();
    for audit in audits {
        assert_eq!(audit.finish(supply.ends()).duplicates, []);
    }
}

#[test]
fn several_topics_share_a_hub_and_keep_apart() {
    let kafka = Kafka::shared();
    let (topics, group) = ([unique("a"), unique("b"), unique("c")], unique("g"));
    let server = Server::builder().hub("orders", 3).start().unwrap();
    let hub = server.hub("orders");
    let supplies = topics.each_ref().map(|topic| {
        let mut supply = Supply::new(kafka, topic, 2);
        supply.write(200);
        supply
    });
    let audits = topics.each_ref().map(|topic| Auditor::of(topic, 2).begin(kafka, &group, &hub));
    // Two in one mapping, the third in another with batches of its own.
    let [a, b, c] = &topics;
    let bridge = Settings::new(kafka, &group, &server)
        .with(&format!("[[mappings]]\ntopics = ['{a}', '{b}']\nhub = 'orders'"))
        .with(&format!(
            "[[mappings]]\ntopic = '{c}'\nhub = 'orders'\nbatch = {{ max_events = 10 }}"
        ))
        .start();
    for (audit, supply) in audits.iter().zip(&supplies) {
        audit.wait_records(supply.total());
    }
    bridge.stop();
    for (audit, supply) in audits.into_iter().zip(&supplies) {
        assert_eq!(audit.finish(supply.ends()).duplicates, []);
    }
}

#[test]
fn a_pattern_finds_its_topics_and_those_made_later() {
    let kafka = Kafka::shared();
    let (shop, group) = (unique("shop"), unique("g"));
    let names = ["orders", "payments", "later"].map(|name| format!("{shop}.{name}"));
    let server = names.iter().fold(Server::builder(), |server, name| server.hub(name, 2));
    let server = server.hub("all", 2).start().unwrap();
    let supply = |name: &str| {
        let mut supply = Supply::new(kafka, name, 2);
        supply.write(100);
        supply
    };
    let mut supplies = vec![supply(&names[0]), supply(&names[1])];
    // One that the pattern does not take as a whole.
    let other = supply(&format!("my-{shop}.orders"));
    let audits =
        names.each_ref().map(|name| Auditor::of(name, 2).begin(kafka, &group, &server.hub(name)));
    let bridge = Settings::new(kafka, &group, &server)
        .with(&format!("[[mappings]]\ntopic_pattern = '{shop}\\..+'\nhub = '{{topic}}'"))
        .start();
    audits[0].wait_records(200);
    audits[1].wait_records(200);
    supplies.push(supply(&names[2]));
    audits[2].wait_records(200);
    bridge.stop();
    for (audit, supply) in audits.into_iter().zip(&supplies) {
        assert_eq!(audit.finish(supply.ends()).duplicates, []);
    }
    assert_eq!(kafka.committed(&group, other.topic(), 0), None, "it is not read");
}

/// Read, `_schemas` would be held for ever, and one that is excluded would be copied.
#[test]
fn a_topic_that_has_no_hub_or_is_excluded_is_left_out_of_a_pattern() {
    let kafka = Kafka::shared();
    let (shop, group) = (unique("shop"), unique("g"));
    let (orders, schemas) = (format!("{shop}.orders"), format!("_{shop}.schemas"));
    let [internal, audit] = ["internal", "audit"].map(|name| format!("{shop}.{name}"));
    let server = Server::builder().hub(&orders, 2).hub(&internal, 2).hub(&audit, 2);
    let server = server.hub("apart", 2).start().unwrap();
    let [supply, ..] = [&orders, &schemas, &internal, &audit].map(|topic| {
        let mut supply = Supply::new(kafka, topic, 2);
        supply.write(100);
        supply
    });
    let auditor = Auditor::of(&orders, 2).begin(kafka, &group, &server.hub(&orders));
    let bridge = Settings::new(kafka, &group, &server)
        .with(&format!(
            "[[mappings]]\ntopic_pattern = '_?{shop}\\..+'\nhub = '{{topic}}'\n\
             topic_exclude = ['.*\\.internal', '{audit}']\n[kafka]\ndiscovery_interval = '100ms'"
        ))
        .mapping(&audit, "apart")
        .start();
    auditor.wait_records(200);
    assert!(
        server.hub("apart").wait_for(200, PATIENCE),
        "another mapping takes what one leaves out"
    );
    bridge.wait_log(&["WARN", "the topic is left out", &schemas, "topic_exclude"]);
    bridge.wait_metric("bridge_topics_left_out", &["reason=\"hub_name\""], 1.0);
    bridge.wait_ready(200);
    bridge.stop();
    assert_eq!(bridge.logged("the topic is left out"), 1, "it is told once");
    assert_eq!(auditor.finish(supply.ends()).duplicates, []);
    assert_eq!((server.hub(&internal).total(), server.hub(&audit).total()), (0, 0));
    for topic in [&schemas, &internal] {
        assert_eq!(kafka.committed(&group, topic, 0), None, "{topic} is not read");
    }
}

#[test]
fn two_namespaces_each_get_their_own_and_a_copy_of_both() {
    let kafka = Kafka::shared();
    let (topics, group) = ([unique("near"), unique("far")], unique("g"));
    let [near, far] = [(); 2].map(|()| Server::builder().hub("orders", 2).start().unwrap());
    let supplies = topics.each_ref().map(|topic| {
        let mut supply = Supply::new(kafka, topic, 2);
        supply.write(100);
        supply
    });
    let audit = |topic: &str, server: &Server| {
        Auditor::of(topic, 2).begin(kafka, &group, &server.hub("orders"))
    };
    let audits = [
        (audit(&topics[0], &near), &supplies[0]),
        (audit(&topics[0], &far), &supplies[0]),
        (audit(&topics[1], &far), &supplies[1]),
    ];
    let [first, second] = &topics;
    let bridge = Settings::new(kafka, &group, &near)
        .with(&format!("[eventhubs.west]\nconnection_string = '{}'", far.connection_string()))
        .mapping(first, "orders")
        .with(&format!("[[mappings]]\ntopic = '{first}'\nhub = 'orders'\nnamespace = 'west'"))
        .with(&format!("[[mappings]]\ntopic = '{second}'\nhub = 'orders'\nnamespace = 'west'"))
        .start();
    for (audit, supply) in &audits {
        audit.wait_records(supply.total());
    }
    // The hubs have one name, and are two in the metrics.
    let sent = |namespace: &str, supplies: &[Supply]| {
        let labels = [&*format!("eventhubs_namespace=\"{namespace}\""), "hub=\"orders\""];
        let all = supplies.iter().map(Supply::total).sum::<u64>();
        bridge.wait_metric("bridge_events_sent_total", &labels, all as f64);
        assert_eq!(bridge.count("bridge_events_sent_total", &labels), all);
    };
    sent("default", &supplies[..1]);
    sent("west", &supplies);
    bridge.stop();
    for (audit, supply) in audits {
        assert_eq!(audit.finish(supply.ends()).duplicates, []);
    }
    assert_eq!(near.hub("orders").total(), supplies[0].total(), "near has nothing of the other");
}

/// One topic to three hubs, the events dressed differently for each.
#[test]
fn an_event_carries_what_its_mapping_says() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("dress"), unique("g"));
    let forms = [
        ("renamed", "prefix = 'src-'", Form { prefix: Some("src-"), headers: true }),
        ("bare", "source_properties = false", Form { prefix: None, headers: true }),
        ("plain", "headers = false", Form { prefix: Some("kafka_"), headers: false }),
    ];
    let server = forms.iter().fold(Server::builder(), |server, (hub, _, _)| server.hub(*hub, 2));
    let server = server.start().unwrap();
    let mut supply = Supply::new(kafka, &topic, 2);
    supply.write(600);
    let mut settings = Settings::new(kafka, &group, &server);
    for (hub, events, _) in &forms {
        settings = settings.with(&format!(
            "[[mappings]]\ntopic = '{topic}'\nhub = '{hub}'\nevents = {{ {events} }}"
        ));
    }
    let audits = forms.map(|(hub, _, form)| {
        Auditor::of(&topic, 2).form(form).begin(kafka, &group, &server.hub(hub))
    });
    let bridge = settings.start();
    for audit in &audits {
        audit.wait_records(supply.total());
    }
    bridge.stop();
    for audit in audits {
        assert_eq!(audit.finish(supply.ends()).duplicates, []);
    }
}
