//! Runs a client's program and collects what it says: one JSON object a line, `{"check": NAME, "saw": …}`.
//!
//! A program that does not end in time is killed; what it has printed until then is part of the failure.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::seed::{HUB, Scene, Transport};

/// A program needs 10 s when it has the machine; all of them share it with the other tests.
const LIMIT: Duration = Duration::from_secs(240);

/// Each check's name, and what the client saw.
pub(crate) type Seen = BTreeMap<String, Value>;

pub(crate) fn run(language: &str, mut command: Command, scene: &Scene) -> Seen {
    let transport = scene.transport;
    let host = if transport == Transport::Plain { "127.0.0.1" } else { "localhost" };
    command
        .envs(scene.connections())
        .env("CLIENT_TRANSPORT", transport.word())
        .env("CLIENT_ENDPOINT", format!("{host}:{}", scene.server.addr().port()))
        .env("CLIENT_CA", scene.ca.path())
        // How Node is told of an authority.
        .env("NODE_EXTRA_CA_CERTS", scene.ca.path())
        .env("CLIENT_HUB", HUB)
        .env("CLIENT_OFFSET", &scene.offset)
        .env("CLIENT_TIME_MS", scene.between_ms.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let (over, ended) = mpsc::sync_channel(1);
    let lines = thread::spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok).collect::<Vec<_>>();
        over.send(()).ok();
        lines
    });
    let complaints = thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).ok();
        String::from_utf8_lossy(&text).into_owned()
    });
    let in_time = ended.recv_timeout(LIMIT).is_ok();
    if !in_time {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    let (lines, complaints) = (lines.join().unwrap(), complaints.join().unwrap());
    assert!(
        in_time && status.success(),
        "the {language} program over {transport:?} {}:\n{}\n{complaints}",
        if in_time { "failed" } else { "did not end" },
        lines.join("\n")
    );
    lines.iter().map(|line| entry(line)).collect()
}

fn entry(line: &str) -> (String, Value) {
    let mut object: Value =
        serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
    let name = object["check"].as_str().unwrap_or_else(|| panic!("no check: {line}")).to_owned();
    (name, object["saw"].take())
}
