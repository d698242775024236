//! The endpoint over real sockets, spoken to in plain HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::*;
use crate::admin::response::parameter;
use crate::health::Trouble;

fn settings(listen: SocketAddr) -> config::Admin {
    config::Admin { listen, token_file: None }
}

/// Of a bridge that has not started.
fn views(health: Health) -> Views {
    let (config, metrics) = (crate::config::sample(|_| ()), Arc::<Metrics>::default());
    let status = Status::new(&config, None, health.clone(), Arc::clone(&metrics));
    Views {
        health,
        metrics,
        status,
        changes: Changes::default(),
        levels: Levels::NONE,
        reloads: Reloads::default(),
    }
}

fn start() -> (Server, Health) {
    let health = Health::new(
        1,
        [("default".into(), Some("orders".into()))],
        ["orders".into()],
        Duration::ZERO,
    );
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let views = views(health.clone());
    let server = Server::start(&settings(listen), views).unwrap();
    (server, health)
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

fn send(server: &Server, request: &str) -> String {
    let mut stream = connect(server);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(server: &Server, path: &str) -> String {
    send(server, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("no answer")
}

#[test]
fn probes_tell_the_truth_and_why() {
    let (server, health) = start();
    assert_eq!(status(&get(&server, "/livez")), "200");
    let unready = get(&server, "/readyz");
    assert_eq!(status(&unready), "503");
    assert!(unready.contains("shard 0: not a member of its consumer group"), "{unready}");
    health.shard(0).joined(true);
    health.shard(0).namespace("default", true, "");
    let ready = get(&server, "/readyz");
    assert_eq!(status(&ready), "200");
    assert!(ready.ends_with("{\"held\":[],\"ok\":true,\"reasons\":[]}\n"), "{ready}");
}

/// Each kind of entry has the keys, and the state, by which the table of the runbooks tells it.
#[test]
fn what_is_held_is_told_by_the_keys_of_its_entry() {
    let (server, health) = start();
    let [namespace, topic, name] = ["west", "orders", "hub"].map(Arc::<str>::from);
    let (hub, of) = (|| name.clone(), || namespace.clone());
    let entries = [
        (Trouble::Hub { namespace: of(), hub: hub() }, "`namespace`, `hub`"),
        (
            Trouble::Delivery { namespace: of(), hub: hub() },
            "`namespace`, `hub`, `state` = `retrying`",
        ),
        (
            Trouble::Token { namespace: of(), hub: hub() },
            "`namespace`, `hub`, `state` = `token_ended`",
        ),
        (Trouble::Throttled(of()), "`namespace`, `state` = `throttled`"),
        (Trouble::Topic(topic.clone()), "`topic`"),
        (Trouble::DeadLetters(topic.clone()), "`dead_letter_topic`"),
        (
            Trouble::Place { topic: topic.clone(), namespace: of(), hub: hub() },
            "`topic`, `namespace`, `hub`",
        ),
        (Trouble::Partition { topic, partition: 3 }, "`topic`, `partition`"),
    ];
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/runbooks.md");
    let page = std::fs::read_to_string(page).unwrap();
    for (trouble, keys) in entries {
        let row = match keys {
            "`topic`" | "`dead_letter_topic`" => "| `topic`; `dead_letter_topic` |".to_owned(),
            keys => format!("| {keys} |"),
        };
        assert!(page.contains(&row), "no row `{row}`");
        health.trouble(trouble.clone(), Some("why"));
        let answer = get(&server, "/readyz");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        let entry = body["held"][0].as_object().unwrap();
        assert_eq!((&entry["detail"], entry["seconds"].is_u64()), (&json!("why"), true));
        let told = |key: &str| match (key, entry.get(key)) {
            ("state", Some(state)) => Some(format!("`state` = `{}`", state.as_str().unwrap())),
            (_, value) => value.map(|_| format!("`{key}`")),
        };
        let all = ["topic", "dead_letter_topic", "namespace", "hub", "partition", "state"];
        assert_eq!(all.iter().filter_map(|key| told(key)).collect::<Vec<_>>().join(", "), keys);
        assert_eq!(entry.len(), 2 + keys.split(", ").count(), "{entry:?}");
        health.trouble(trouble, None);
    }
}

#[test]
fn metrics_are_a_page_for_prometheus() {
    let (server, _health) = start();
    let page = get(&server, "/metrics");
    assert_eq!(status(&page), "200");
    assert!(page.contains("content-type: text/plain; version=0.0.4"), "{page}");
    assert!(page.contains("bridge_build_info{"), "{page}");
}

#[test]
fn status_and_changes_are_json_that_nobody_keeps() {
    let (server, health) = start();
    let body = |answer: &str| -> Value {
        assert_eq!(status(answer), "200");
        assert!(answer.contains("cache-control: no-store"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    };
    let starting = body(&get(&server, "/status"));
    assert_eq!((&starting["version"], &starting["state"]), (&json!(1), &json!("starting")));
    assert_eq!(starting["shards"][0]["answers"], json!(false));
    health.draining();
    // As old as a second at most.
    let draining = std::iter::repeat_with(|| body(&get(&server, "/status")));
    assert!(draining.take(100_000).any(|it| it["state"] == "draining"));
    let none = body(&get(&server, "/events"));
    assert_eq!(none, json!({ "version": 1, "next": 0, "lost": 0, "events": [] }));
    assert_eq!(status(&get(&server, "/events?since=x")), "400");
}

#[test]
fn the_page_comes_with_what_guards_it() {
    let (server, _health) = start();
    for path in ["/", "/page.js", "/page/map.js"] {
        let file = get(&server, path);
        assert_eq!(status(&file), "200");
        assert!(file.contains("content-security-policy: default-src 'none'; script-src 'self'; "));
        assert!(file.contains("frame-ancestors 'none'"), "{file}");
        assert!(file.contains("x-content-type-options: nosniff"), "{file}");
        assert!(file.contains("referrer-policy: no-referrer"), "{file}");
        assert!(file.contains("cache-control: no-cache"), "{file}");
    }
    assert_eq!(status(&send(&server, "POST / HTTP/1.1\r\nhost: x\r\n\r\n")), "405");
}

#[test]
fn anything_else_is_refused() {
    let (server, _health) = start();
    assert_eq!(status(&get(&server, "/config")), "404");
    assert_eq!(status(&get(&server, "/page/tests.rs")), "404");
    let wrong = send(&server, "POST /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(status(&wrong), "405");
    assert!(wrong.contains("allow: GET,HEAD\r\n"), "{wrong}");
    for path in ["/log?level=off", "/reload", "/mappings/0/pause", "/mappings/x/resume"] {
        let wrong = get(&server, path);
        assert_eq!(status(&wrong), "405", "{path}");
        assert!(wrong.contains("allow: POST\r\n"), "{wrong}");
    }
    for path in ["/log/", "/mappings", "/mappings/0", "/mappings/0/pause/1", "//livez", "/livez/"] {
        assert_eq!(status(&get(&server, path)), "404", "{path}");
    }
    let long = format!("/{}", "a".repeat(2 * HEAD));
    assert_eq!(status(&get(&server, &long)), "431");
}

#[test]
fn who_asks_for_the_head_gets_no_body() {
    let (server, _health) = start();
    let head = send(&server, "HEAD /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(status(&head), "200");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn an_endpoint_of_metrics_serves_nothing_else() {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::of_metrics(listen, "`--metrics`", || "one 1\n".to_owned()).unwrap();
    assert!(get(&server, "/metrics").ends_with("\r\n\r\none 1\n"));
    assert_eq!(status(&get(&server, "/status")), "404");
    assert_eq!(status(&send(&server, "POST /metrics HTTP/1.1\r\nhost: x\r\n\r\n")), "405");
}

#[test]
fn parameters_are_read_as_forms_write_them() {
    let uri = "/log?none&level=info,a%3Ddebug+b%2B&level=off".parse().unwrap();
    assert_eq!(parameter(&uri, "level").as_deref(), Some("info,a=debug b+"));
    assert_eq!(parameter(&uri, "none"), None);
    assert_eq!(parameter(&"/log".parse().unwrap(), "level"), None);
}

#[test]
fn a_full_house_answers_again_when_a_guest_leaves() {
    let (server, _health) = start();
    let mut idle: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connect(&server)).collect();
    let mut waiting = connect(&server);
    waiting.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    waiting.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let early = waiting.read(&mut [0]);
    assert!(early.is_err(), "answered although {CONNECTIONS} connections were open: {early:?}");
    idle.pop();
    waiting.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).unwrap();
    assert_eq!(status(&answer), "200");
}

#[test]
fn a_taken_port_is_named() {
    let (server, health) = start();
    let error = Server::start(&settings(server.address()), views(health)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot listen on `{}`, the `admin.listen` address", server.address())
    );
}

#[test]
fn dropping_the_server_frees_the_port() {
    let (server, health) = start();
    let address = server.address();
    drop(server);
    assert!(TcpStream::connect(address).is_err());
    Server::start(&settings(address), views(health)).unwrap();
}
