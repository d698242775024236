//! A collector that a test is: what it hears, and what it is told.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use bridge_core::trace::{Origins, TraceContext};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsPartialSuccess;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::config::Tls;

use super::*;

/// What was asked: head and body.
struct Asked {
    head: String,
    body: Vec<u8>,
    stream: TcpStream,
}

impl Asked {
    fn of(listener: &TcpListener) -> Self {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut read, mut byte) = (Vec::new(), [0]);
        while !read.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            read.push(byte[0]);
        }
        let head = String::from_utf8(read).unwrap().to_lowercase();
        let (_, after) = head.split_once("content-length: ").unwrap();
        let mut body = vec![0; after.split_once("\r\n").unwrap().0.parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        Self { head, body, stream }
    }

    fn answer(mut self, status: &str, body: &[u8]) {
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n");
        self.stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        self.stream.write_all(body).unwrap();
    }
}

struct Scene {
    listener: TcpListener,
    metrics: Arc<Metrics>,
    settings: Otlp,
}

impl Scene {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let settings = Otlp {
            endpoint: format!("http://{}/otlp", listener.local_addr().unwrap()),
            headers_file: None,
            tls: Tls::default(),
            timeout: Duration::from_secs(30),
            metrics: Some(Duration::from_hours(1)),
            traces: None,
            resource: vec![("service.name".to_owned(), "orders".to_owned())],
        };
        Self { listener, metrics: Arc::default(), settings }
    }

    fn start(&self) -> Exporter {
        Exporter::start(&self.settings, &self.metrics, Some("pod-7")).unwrap()
    }

    /// Waits until so many requests have ended so.
    fn wait(&self, outcome: &str, count: u64) {
        let signal = if self.settings.traces.is_some() { "traces" } else { "metrics" };
        let labels = format!("{{outcome=\"{outcome}\",signal=\"{signal}\"}}");
        let line = format!("bridge_otlp_exports_total{labels} {count}");
        let deadline = Instant::now() + Duration::from_mins(1);
        while !self.metrics.render().contains(&line) {
            assert!(Instant::now() < deadline, "{line}");
            std::thread::yield_now();
        }
    }
}

#[test]
fn the_first_request_is_made_at_once_and_another_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("headers");
    std::fs::write(&file, "Authorization: Bearer hush1234\nx-team: orders\n").unwrap();
    let mut scene = Scene::new();
    scene.settings.headers_file = Some(file.clone());
    scene.metrics.committed(true);
    let exporter = scene.start();
    let asked = Asked::of(&scene.listener);
    for line in [
        "post /otlp/v1/metrics http/1.1\r\n",
        "\r\ncontent-type: application/x-protobuf\r\n",
        "\r\nauthorization: bearer hush1234\r\n",
        "\r\nx-team: orders\r\n",
    ] {
        assert!(asked.head.contains(line), "{}", asked.head);
    }
    let request = ExportMetricsServiceRequest::decode(&*asked.body).unwrap();
    let [all] = &request.resource_metrics[..] else { panic!("one resource") };
    let resource = all.resource.as_ref().unwrap();
    let names: Vec<_> = resource.attributes.iter().map(|it| &*it.key).collect();
    assert_eq!(names, ["service.name", "service.version", "service.instance.id"]);
    let said = |name: &str| all.scope_metrics[0].metrics.iter().any(|it| it.name == name);
    assert!(said("bridge_commits_total"));
    asked.answer("200 OK", b"");
    scene.wait("ok", 1);

    // Whoever rotates it need not restart the bridge.
    std::fs::write(&file, "x-team: returns").unwrap();
    let end = std::thread::spawn(move || drop(exporter));
    let last = Asked::of(&scene.listener);
    assert!(last.head.contains("\r\nx-team: returns\r\n"), "{}", last.head);
    assert!(!last.head.contains("authorization"), "{}", last.head);
    last.answer("200 OK", b"");
    end.join().unwrap();
}

#[test]
fn what_fails_is_counted_and_the_end_waits_for_nobody() {
    let scene = Scene::new();
    let exporter = scene.start();
    Asked::of(&scene.listener).answer("503 Service Unavailable", b"hush");
    scene.wait("failed", 1);
    // It takes the connection, and is silent from then on.
    let began = Instant::now();
    drop(exporter);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn a_collector_that_takes_only_a_part_has_taken_it() {
    let scene = Scene::new();
    let exporter = scene.start();
    let partial_success = Some(ExportMetricsPartialSuccess {
        rejected_data_points: 3,
        error_message: "too old".to_owned(),
    });
    let answer = ExportMetricsServiceResponse { partial_success };
    Asked::of(&scene.listener).answer("200 OK", &answer.encode_to_vec());
    scene.wait("ok", 1);
    drop(scene.listener);
    drop(exporter);
}

#[test]
fn what_the_operator_says_of_the_instance_stays() {
    let mut scene = Scene::new();
    scene.settings.resource.push(("service.instance.id".to_owned(), "7".to_owned()));
    let resource = resource(&scene.settings, Some("pod-7"));
    let of = |name: &str| resource.attributes.iter().filter(|it| it.key == name).count();
    assert_eq!(of("service.instance.id"), 1);
    assert_ne!(random_id(), random_id());
}

fn destination(partition: Option<&str>) -> Arc<Destination> {
    let (host, hub) = ("ns.servicebus.windows.net".into(), "orders".into());
    Arc::new(Destination { host, hub, partition: partition.map(Into::into) })
}

fn sent(number: u8, error: Option<(&str, &str)>) -> SendSpan {
    let context = TraceContext { trace: [number; 16], span: [number; 8], flags: 1 };
    SendSpan {
        destination: destination((number == 1).then_some("7")),
        began: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000),
        took: Duration::from_millis(5),
        origins: Origins { contexts: vec![context], dropped: 2, events: 40 },
        error: error.map(|(kind, text)| (kind.to_owned(), text.to_owned())),
    }
}

/// The spans of a request, and that they are of one resource.
fn spans(asked: &Asked) -> Vec<Span> {
    assert!(asked.head.starts_with("post /otlp/v1/traces "), "{}", asked.head);
    let request = ExportTraceServiceRequest::decode(&*asked.body).unwrap();
    let [all] = &request.resource_spans[..] else { panic!("one resource") };
    assert_eq!(all.resource.as_ref().unwrap().attributes[0].key, "service.name");
    all.scope_spans[0].spans.clone()
}

fn traced() -> Scene {
    let mut scene = Scene::new();
    scene.settings.metrics = None;
    scene.settings.traces = Some(1.0);
    scene
}

#[test]
fn a_send_becomes_a_span_that_links_its_records() {
    let scene = traced();
    let exporter = scene.start();
    let told = exporter.spans().unwrap();
    told.tell(sent(1, None));
    told.tell(sent(2, Some(("throttled", "throttled: busy"))));
    let asked = Asked::of(&scene.listener);
    let found = spans(&asked);
    let [good, bad] = &found[..] else { panic!("{found:?}") };
    assert_eq!((&*good.name, good.kind, good.parent_span_id.len()), ("send orders", 4, 0));
    assert_eq!(good.start_time_unix_nano, 1_000_000_000_000);
    assert_eq!(good.end_time_unix_nano - good.start_time_unix_nano, 5_000_000);
    assert_ne!(good.trace_id, bad.trace_id);
    let [link] = &good.links[..] else { panic!("one link") };
    assert_eq!((&*link.trace_id, &*link.span_id), (&[1; 16][..], &[1; 8][..]));
    assert_eq!((link.flags, good.dropped_links_count), (0x301, 2));
    let said = |span: &Span| {
        let value = |it: &KeyValue| format!("{}={:?}", it.key, it.value.as_ref().unwrap().value);
        span.attributes.iter().map(value).collect::<Vec<_>>().join(" ")
    };
    for (span, words) in [
        (good, "messaging.system=Some(StringValue(\"eventhubs\"))"),
        (good, "messaging.destination.name=Some(StringValue(\"orders\"))"),
        (good, "messaging.destination.partition.id=Some(StringValue(\"7\"))"),
        (good, "messaging.batch.message_count=Some(IntValue(40))"),
        (good, "server.address=Some(StringValue(\"ns.servicebus.windows.net\"))"),
        (bad, "error.type=Some(StringValue(\"throttled\"))"),
    ] {
        assert!(said(span).contains(words), "{words}: {}", said(span));
    }
    assert!(!said(bad).contains("partition.id"), "the service chooses");
    assert!(good.status.is_none() && !said(good).contains("error"), "{good:?}");
    let status = bad.status.as_ref().unwrap();
    assert_eq!((&*status.message, status.code), ("throttled: busy", 2));

    // Tried again, they are the same.
    asked.answer("503 Service Unavailable", b"");
    let again = Asked::of(&scene.listener);
    assert_eq!(spans(&again), found);
    again.answer("200 OK", b"");
    scene.wait("ok", 1);
    drop(scene.listener);
    drop(exporter);
    let page = scene.metrics.render();
    assert!(page.contains("bridge_otlp_spans_dropped_total{reason=\"not_delivered\"} 0"), "{page}");
}

#[test]
fn what_there_is_no_room_for_is_dropped_and_the_end_waits_for_nobody() {
    let scene = traced();
    let exporter = scene.start();
    let told = exporter.spans().unwrap();
    // The collector takes the connection, and is silent.
    for _ in 0..2_000 {
        told.tell(sent(1, None));
    }
    let began = Instant::now();
    drop(exporter);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let page = scene.metrics.render();
    let dropped = |reason: &str| -> u64 {
        let name = format!("bridge_otlp_spans_dropped_total{{reason=\"{reason}\"}} ");
        page.lines().find_map(|it| it.strip_prefix(&name)).unwrap().parse().unwrap()
    };
    assert!(dropped("queue_full") >= 1_000, "{page}");
    assert_eq!(dropped("queue_full") + dropped("not_delivered"), 2_000);
}

#[test]
fn spans_that_are_refused_are_not_sent_again() {
    let scene = traced();
    let exporter = scene.start();
    exporter.spans().unwrap().tell(sent(1, None));
    Asked::of(&scene.listener).answer("400 Bad Request", b"");
    let deadline = Instant::now() + Duration::from_mins(1);
    let line = "bridge_otlp_spans_dropped_total{reason=\"not_delivered\"} 1";
    while !scene.metrics.render().contains(line) {
        assert!(Instant::now() < deadline, "{line}");
        std::thread::yield_now();
    }
    scene.wait("failed", 1);
    drop(exporter);
}
