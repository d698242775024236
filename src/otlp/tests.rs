//! A collector that a test is: what it hears, and what it is told.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsPartialSuccess;
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
            resource: vec![("service.name".to_owned(), "orders".to_owned())],
        };
        Self { listener, metrics: Arc::default(), settings }
    }

    fn start(&self) -> Exporter {
        Exporter::start(&self.settings, &self.metrics, Some("pod-7")).unwrap()
    }

    /// Waits until so many requests have ended so.
    fn wait(&self, outcome: &str, count: u64) {
        let line = format!(
            "bridge_otlp_exports_total{{outcome=\"{outcome}\",signal=\"metrics\"}} {count}"
        );
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
