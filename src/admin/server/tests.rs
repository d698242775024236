//! The endpoint over real sockets, spoken to in plain HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;

fn start() -> (Server, Health) {
    let health = Health::new(
        1,
        [("default".into(), Some("orders".into()))],
        ["orders".into()],
        Duration::ZERO,
    );
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::start(listen, health.clone(), Arc::default()).unwrap();
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

#[test]
fn metrics_are_a_page_for_prometheus() {
    let (server, _health) = start();
    let page = get(&server, "/metrics");
    assert_eq!(status(&page), "200");
    assert!(page.contains("content-type: text/plain; version=0.0.4"), "{page}");
    assert!(page.contains("bridge_build_info{"), "{page}");
}

#[test]
fn anything_else_is_refused() {
    let (server, _health) = start();
    assert_eq!(status(&get(&server, "/")), "404");
    assert_eq!(status(&get(&server, "/config")), "404");
    assert_eq!(status(&send(&server, "POST /livez HTTP/1.1\r\nhost: x\r\n\r\n")), "405");
    let long = format!("/{}", "a".repeat(2 * HEAD));
    assert_eq!(status(&get(&server, &long)), "431");
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
    let error = Server::start(server.address(), health, Arc::default()).unwrap_err();
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
    Server::start(address, health, Arc::default()).unwrap();
}
