//! Runs a client's program and collects what it says: one JSON object a line, `{"check": NAME, "saw": …}`.
//!
//! A program that does not end in time is killed; what it has printed until then is part of the failure.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use eventhubs_local::Server;
use serde_json::Value;

use crate::seed::{HUB, Seeded};

/// A program needs 10 s when it has the machine; all of them share it with the other tests.
const LIMIT: Duration = Duration::from_secs(240);

/// Each check's name, and what the client saw.
pub(crate) type Seen = BTreeMap<String, Value>;

pub(crate) fn run(language: &str, mut command: Command, server: &Server, seeded: &Seeded) -> Seen {
    command
        .env("CLIENT_CONNECTION", &seeded.connection)
        .env("CLIENT_WRONG_KEY", &seeded.wrong)
        .env("CLIENT_ENDPOINT", format!("127.0.0.1:{}", server.addr().port()))
        .env("CLIENT_HUB", HUB)
        .env("CLIENT_OFFSET", &seeded.offset)
        .env("CLIENT_TIME_MS", seeded.between_ms.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let lines = thread::spawn(move || {
        BufReader::new(stdout).lines().map_while(Result::ok).collect::<Vec<_>>()
    });
    let complaints = thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).ok();
        String::from_utf8_lossy(&text).into_owned()
    });
    let ended = wait(&mut child);
    let (lines, complaints) = (lines.join().unwrap(), complaints.join().unwrap());
    assert_eq!(
        ended,
        Some(true),
        "the {language} program failed:\n{}\n{complaints}",
        lines.join("\n")
    );
    lines.iter().map(|line| entry(line)).collect()
}

/// Whether it succeeded; `None` when it had to be killed.
fn wait(child: &mut Child) -> Option<bool> {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.success());
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn entry(line: &str) -> (String, Value) {
    let mut object: Value =
        serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
    let name = object["check"].as_str().unwrap_or_else(|| panic!("no check: {line}")).to_owned();
    (name, object["saw"].take())
}
