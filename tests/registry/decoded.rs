//! What the bridge makes of them.

use eventhubs_local::{Event, Partition, Server};
use kafka_eventhubs_bridge::status::document::Document;
use serde_json::{Value, json};
use stage::{Kafka, Out, PATIENCE, Settings, unique, wait_for};

use crate::apicurio::Apicurio;
use crate::{own, shared};

const MONEY: &str = r#"{"type": "record", "name": "Money", "namespace": "shop", "fields": [
    {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "currency", "type": "string"}]}"#;
const ORDER: &str = r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
    {"name": "id", "type": "long"}, {"name": "total", "type": "shop.Money"}]}"#;
const CUSTOMER: &str =
    "syntax = \"proto3\";\npackage shop;\nmessage Customer { string full_name = 1; }\n";
const PURCHASE: &str = "syntax = \"proto3\";\npackage shop;\nimport \"customer.proto\";\n\
    message Purchase { int64 id = 1; Customer customer = 2; }\n";
const NOTE: &str = r#"{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"text": {"type": "string"}}}"#;

/// Framed as Confluent's serializers do.
fn framed(id: u32, payload: &[u8]) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..], payload].concat()
}

/// An order of 12.30 EUR, as Avro.
fn order(id: u8) -> Vec<u8> {
    [&[id * 2, 4], &1230_u16.to_be_bytes()[..], b"\x06EUR"].concat()
}

/// A purchase of Ada's, as Protobuf: the first message of the schema.
fn purchase(id: u8) -> Vec<u8> {
    [&[0, 8, id, 0x12, 5, 0x0a, 3][..], b"Ada"].concat()
}

struct Scene {
    kafka: &'static Kafka,
    topic: String,
    server: Server,
    settings: Settings,
}

impl Scene {
    /// `by` says whose serializer wrote the values; `more` follows in the mapping.
    fn new(registry: &str, by: &str, more: &str) -> Self {
        let (kafka, topic) = (Kafka::shared(), unique("orders"));
        let server = Server::builder().hub("orders", 1).hub("plain", 1).start().unwrap();
        kafka.create_topic(&topic, 1);
        let settings = Settings::new(kafka, &unique("g"), &server).with(registry).with(&format!(
            "[[mappings]]
            topic = '{topic}'
            hub = 'orders'
            value.decode = '{by}'
            {more}"
        ));
        Self { kafka, topic, server, settings }
    }

    fn write(&self, values: impl IntoIterator<Item = Vec<u8>>) {
        self.kafka.produce(
            &self.topic,
            values.into_iter().map(|value| Out { value: Some(value), ..Out::value("").to(0) }),
        );
    }

    fn wait(&self, count: u64) -> Vec<Event> {
        assert!(self.server.hub("orders").wait_for(count, PATIENCE), "{count} events");
        self.server.hub("orders").partitions().iter().flat_map(Partition::events).collect()
    }
}

fn body(event: &Event) -> Value {
    serde_json::from_slice(&event.body().unwrap()).unwrap()
}

fn registered(apicurio: &Apicurio, name: &str) -> [u32; 3] {
    let subject = |of: &str| format!("{name}-{of}");
    apicurio.register(&subject("money"), "AVRO", MONEY, &[]);
    let money = subject("money");
    let avro = apicurio.register(&subject("order"), "AVRO", ORDER, &[("shop.Money", &money)]);
    apicurio.register(&subject("customer"), "PROTOBUF", CUSTOMER, &[]);
    let customer = subject("customer");
    let references = [("customer.proto", &*customer)];
    let protobuf = apicurio.register(&subject("purchase"), "PROTOBUF", PURCHASE, &references);
    [avro, protobuf, apicurio.register(&subject("note"), "JSON", NOTE, &[])]
}

#[test]
fn values_of_each_kind_become_json_by_their_schemas() {
    let Some(apicurio) = shared() else { return };
    let [avro, protobuf, note] = registered(&apicurio, &unique("a"));
    let scene = Scene::new(&apicurio.settings(), "confluent", "");
    let text = br#"{"text": 1.10}"#;
    scene.write([framed(avro, &order(21)), framed(protobuf, &purchase(7)), framed(note, text)]);
    let bridge = scene.settings.start();
    let events = scene.wait(3);
    assert_eq!(
        body(&events[0]),
        json!({ "id": 21, "total": { "amount": "12.30", "currency": "EUR" } })
    );
    assert_eq!(body(&events[1]), json!({ "id": "7", "customer": { "fullName": "Ada" } }));
    assert_eq!(&*events[2].body().unwrap(), text, "JSON stays as it is");
    for (event, id) in events.iter().zip([avro, protobuf, note]) {
        assert_eq!(event.content_type().as_deref(), Some("application/json"));
        let property = |name| event.application_property(name);
        assert_eq!(property("schema-id").unwrap().as_str(), Some(&*id.to_string()));
    }
    let name = events[0].application_property("schema-name").unwrap();
    assert_eq!(name.as_str(), Some("shop.Order"));
    bridge.stop();
    // What `try` shows is the same.
    let tried = scene.settings.call(&["try"], &["--from-topic", &scene.topic, "--json"]);
    let tried = String::from_utf8(tried.stdout).unwrap();
    let tried: Vec<Value> = tried.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(tried.len(), 3, "{tried:?}");
    for (tried, event) in tried.iter().zip(&events) {
        assert_eq!((&tried["body"], &tried["outcome"]), (&body(event), &json!("sent")), "{tried}");
    }
}

/// Apicurio's own frame, and its own ids: its API of Confluent's form gives the global ones.
#[test]
fn ids_of_apicurio_are_asked_of_its_own_api() {
    let Some(apicurio) = shared() else { return };
    let [avro, protobuf, _] = registered(&apicurio, &unique("c"));
    let scene = Scene::new(&apicurio.settings(), "apicurio", "value.ids = 'global'");
    let framed =
        |id: u32, payload: &[u8]| [&[0], &u64::from(id).to_be_bytes()[..], payload].concat();
    // Which message it is, stands before a Protobuf value with its length.
    let named = [&[10, 10, 8][..], b"Purchase", &purchase(7)[1..]].concat();
    scene.write([framed(avro, &order(21)), framed(protobuf, &named)]);
    let bridge = scene.settings.start();
    let events = scene.wait(2);
    let total = json!({ "amount": "12.30", "currency": "EUR" });
    assert_eq!(body(&events[0]), json!({ "id": 21, "total": total }));
    assert_eq!(body(&events[1]), json!({ "id": "7", "customer": { "fullName": "Ada" } }));
    bridge.stop();
}

/// The registry is away at the start, is rebuilt with nothing in it, is killed while records flow, and comes back.
#[test]
fn a_registry_that_is_away_or_empty_costs_its_own_records_a_wait_and_nobody_anything() {
    let Some(mut apicurio) = own() else { return };
    let plain = unique("plain");
    let scene = Scene::new(
        &apicurio.settings(),
        "confluent",
        &format!("[[mappings]]\ntopic = '{plain}'\nhub = 'plain'"),
    );
    scene.kafka.create_topic(&plain, 1);
    apicurio.start();
    let first = apicurio.register("first", "AVRO", r#""long""#, &[]);
    apicurio.kill();
    scene.write([framed(first, &[2]), framed(first, &[4])]);
    scene.kafka.produce(&plain, (0..10).map(|n| Out::value(format!("{n}"))));
    let bridge = scene.settings.start();
    assert!(scene.server.hub("plain").wait_for(10, PATIENCE), "the other mapping goes on");
    bridge.wait_metric("bridge_partition_held", &[&scene.topic, "schema"], 1.0);
    bridge.wait_log(&["WARN", "cannot connect to the registry", "registry=\"main\"", "schemas=1"]);
    bridge.wait_status("the schema that it waits for", |status: &Document| {
        let held = status.held.iter().map(|it| it.detail.clone()).next()?;
        let named = format!("schema id {first} of registry `main`: http://");
        held.contains(&named).then_some(())
    });
    assert_eq!(scene.server.hub("orders").total(), 0);
    // It is there, and knows nothing.
    apicurio.start();
    bridge.wait_status("what the registry says", |status: &Document| {
        let held = status.held.iter().map(|it| it.detail.clone()).next()?;
        held.contains("404").then_some(())
    });
    bridge.wait_log(&["INFO", "the registry answers again", "registry=\"main\""]);
    bridge.wait_log(&["WARN", "does not have a schema", &format!("schema=id {first}")]);
    assert_eq!(apicurio.register("first", "AVRO", r#""long""#, &[]), first);
    let events = scene.wait(2);
    assert_eq!(events.iter().map(body).collect::<Vec<_>>(), [json!(1), json!(2)]);
    bridge.wait_log(&["INFO", "the schema was found"]);
    bridge.wait_metric("bridge_registry_requests_total", &["main", "ok"], 1.0);
    // What is known needs no registry.
    apicurio.kill();
    scene.write([framed(first, &[6])]);
    assert_eq!(body(&scene.wait(3)[2]), json!(3));
    wait_for("nothing is held", PATIENCE, || {
        bridge.status::<Document>().held.is_empty().then_some(())
    });
    bridge.stop();
    assert_eq!(scene.server.hub("orders").total(), 3, "each once");
}

#[test]
fn what_cannot_be_decoded_goes_the_way_of_what_cannot_be_stored() {
    let Some(apicurio) = shared() else { return };
    let name = unique("b");
    let id = apicurio.register(
        &name,
        "AVRO",
        r#"{"type": "record", "name": "N", "fields": [{"name": "n", "type": "string"}]}"#,
        &[],
    );
    let letters = unique("refused");
    let scene = Scene::new(
        &apicurio.settings(),
        "confluent",
        &format!("failure = {{ policy = 'dead_letter', dead_letter_topic = '{letters}' }}"),
    );
    scene.kafka.create_topic(&letters, 1);
    let secret = "hush-hush";
    let values = [secret.as_bytes().to_vec(), framed(id, b"\x20short"), framed(id, b"\x04ok")];
    scene.write(values.clone());
    let bridge = scene.settings.start();
    assert_eq!(body(&scene.wait(1)[0]), json!({ "n": "ok" }));
    for reason in ["not_framed", "unreadable"] {
        let labels = [&*scene.topic, "dead_letter", reason];
        bridge.wait_metric("bridge_records_refused_total", &labels, 1.0);
    }
    let log = bridge.log();
    assert!(
        log.contains(&format!("value, by schema id {id}: `N.n`: the value ends early")),
        "{log}"
    );
    assert!(!log.contains(secret), "what is in a value is nobody's");
    bridge.stop();
    // They hold what was read, byte for byte.
    let shown =
        scene.settings.call(&["dead-letters", "show"], &[&format!("{letters}/0/1"), "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["value"]["text"].as_str().unwrap().as_bytes(), values[1]);
}
