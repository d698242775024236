//! What goes to a collector of OpenTelemetry is what happened; and no collector, however it fails, changes what happens.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use eventhubs_local::Server;
use stage::authority::Authority;
use stage::{Kafka, Out, PATIENCE, Settings, unique, wait_for};

use crate::collector::{Collector, texts};

const HUB: &str = "orders";
const RECORDS: u32 = 600;

/// Every fifth record has no trace, and of the others every third one is not sampled.
fn traceparent(number: u32) -> Option<String> {
    let flags = u8::from(!number.is_multiple_of(3));
    let trace = u128::from(number) + (0x0af7_6519_u128 << 96);
    (!number.is_multiple_of(5)).then(|| format!("00-{trace:032x}-b7ad6b7169203331-{flags:02x}"))
}

fn produce(kafka: &Kafka, topic: &str) {
    kafka.create_topic(topic, 3);
    let record = |number: u32| {
        let record = Out::value(number.to_string()).key(format!("k{number}"));
        let trace = traceparent(number);
        match &trace {
            Some(trace) => record.header("traceparent", Some(trace.as_bytes())),
            None => record,
        }
    };
    kafka.produce(topic, (0..RECORDS).map(record));
}

fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.concat()
}

#[test]
fn spans_link_the_records_they_sent_and_metrics_are_those_of_the_page() {
    let kafka = Kafka::shared();
    let server = Server::builder().hub(HUB, 4).start().unwrap();
    let (topic, group) = (unique("traced"), unique("g"));
    produce(kafka, &topic);
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let authority = Authority::generate();
    let (collector, address) = Collector::start("hush-of-otlp", &authority.sign(&["localhost"]));
    let bridge = Settings::new(kafka, &group, &server)
        .mapping(&topic, HUB)
        .with(&format!(
            "[otlp]
            endpoint = 'https://localhost:{}'
            ca_file = '{}'
            headers_file = '{}'
            metrics_interval = '1s'
            service_name = 'orders-bridge'
            resource_attributes = 'deployment.environment.name=test'
            [log]
            level = 'trace'",
            address.port(),
            file("ca.pem", authority.pem()),
            file("headers", "Authorization: Bearer hush-of-otlp"),
        ))
        .variable("HOSTNAME", "pod-7")
        .start();
    bridge.hush("hush-of-otlp");
    let hub = server.hub(HUB);
    assert!(hub.wait_for(RECORDS.into(), PATIENCE), "everything is delivered");

    let sampled: BTreeSet<_> =
        (0..RECORDS).filter_map(traceparent).filter(|it| it.ends_with("01")).collect();
    let spans = wait_for("every sampled record is linked", PATIENCE, || {
        let spans = collector.heard().spans;
        let linked = spans.iter().map(|it| it.links.len()).sum::<usize>();
        (linked >= sampled.len()).then_some(spans)
    });
    // Which hub partition each trace went to.
    let mut places = BTreeMap::new();
    for partition in hub.partitions() {
        for event in partition.events() {
            if let Some(trace) = event.application_property("traceparent") {
                places.insert(trace.as_str().unwrap().to_owned(), partition.id().to_string());
            }
        }
    }
    let mut linked = BTreeSet::new();
    let mut events = 0;
    for span in &spans {
        let said = texts(&span.attributes);
        let place = &said["messaging.destination.partition.id"];
        assert_eq!((&*span.name, span.kind), ("send orders", 4));
        assert_eq!(said["messaging.system"], "eventhubs");
        assert_eq!(said["server.address"], "127.0.0.1");
        assert!(span.status.is_none() && !said.contains_key("error.type"), "{said:?}");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
        let count: usize = said["messaging.batch.message_count"].parse().unwrap();
        assert!(count >= span.links.len() + span.dropped_links_count as usize);
        events += count;
        for link in &span.links {
            let trace = format!("00-{}-{}-01", hex(&link.trace_id), hex(&link.span_id));
            assert_eq!(places.get(&trace), Some(place), "{trace}");
            assert!(linked.insert(trace), "linked once");
        }
    }
    assert_eq!(linked, sampled);
    assert!(events <= RECORDS as usize, "{events}");

    // What moves by itself, or by being exported.
    let moves = ["bridge_otlp_", "_seconds{", "bridge_kafka_brokers", "bridge_prefetched_bytes"];
    let stands =
        |line: &str| line.starts_with("bridge_") && !moves.iter().any(|it| line.contains(it));
    wait_for("the metrics are those of the page", PATIENCE, || {
        let heard = collector.heard();
        let exported: BTreeSet<_> = heard.lines.into_iter().filter(|it| stands(it)).collect();
        let page = bridge.metrics();
        let page = page.lines().filter(|it| !it.contains("_bucket{") && stands(it));
        let page: BTreeSet<_> = page.map(str::to_owned).collect();
        (page.len() > 30 && exported == page).then_some(())
    });
    let resource = collector.heard().resource;
    assert_eq!(resource["service.name"], "orders-bridge");
    assert_eq!(resource["service.instance.id"], "pod-7");
    assert_eq!(resource["deployment.environment.name"], "test");
    bridge.stop();
}

/// Delivers everything, says that `endpoint` does not answer, and stops soon.
fn delivers_without(endpoint: &str) {
    let kafka = Kafka::shared();
    let server = Server::builder().hub(HUB, 4).start().unwrap();
    let (topic, group) = (unique("traced"), unique("g"));
    produce(kafka, &topic);
    let bridge = Settings::new(kafka, &group, &server)
        .mapping(&topic, HUB)
        .with(&format!("[otlp]\nendpoint = '{endpoint}'\ntimeout = '1s'\nmetrics_interval = '1s'"))
        .start();
    assert!(server.hub(HUB).wait_for(RECORDS.into(), PATIENCE), "everything is delivered");
    for signal in ["signal=\"metrics\"", "signal=\"traces\""] {
        bridge.wait_metric("bridge_otlp_exports_total", &[signal, "outcome=\"failed\""], 2.0);
    }
    bridge.wait_ready(200);
    let line = bridge.wait_log(&["cannot export to the collector", "metrics"]);
    assert!(line.contains(endpoint), "{line}");
    assert!(bridge.logged("cannot export to the collector") <= 2, "once for each signal");
    let began = Instant::now();
    bridge.stop();
    // Spans alone would be tried for a minute.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    for partition in 0..3 {
        let end = kafka.watermarks(&topic, partition).1;
        assert_eq!(kafka.committed(&group, &topic, partition), (end > 0).then_some(end));
    }
}

#[test]
fn a_collector_that_is_away_changes_nothing() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    delivers_without(&format!("http://{address}"));
}

#[test]
fn a_collector_that_is_silent_changes_nothing() {
    // The system takes the connections, and nobody reads them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    delivers_without(&format!("http://{}", silent.local_addr().unwrap()));
}
