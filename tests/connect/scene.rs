//! A check, and what it found, as a script and as a person reads it.

use std::net::TcpListener;
use std::process::Output;
use std::thread;

use eventhubs_local::Server;
use serde_json::Value;
use stage::{Kafka, Settings, unique};

pub(crate) const HUB: &str = "orders";
pub(crate) const PARTITIONS: u32 = 4;
/// In no output.
pub(crate) const KEY: &str = "aHVzaC1odXNoLWh1c2g=";

/// An Event Hubs with one hub and one key.
pub(crate) fn server() -> Server {
    Server::builder().hub(HUB, PARTITIONS).key("root", KEY).start().expect("a free port")
}

/// A topic to the hub, both as they should be.
pub(crate) fn scene(server: &Server, partitions: i32) -> (Settings, String) {
    let (topic, group) = (unique("checked"), unique("g"));
    Kafka::shared().create_topic(&topic, partitions);
    (Settings::new(Kafka::shared(), &group, server).mapping(&topic, HUB), topic)
}

/// What was found, and the exit code.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) code: i32,
    pub(crate) json: Value,
}

fn said(output: &Output) -> (i32, String) {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors, "", "a report goes to standard output");
    assert!(!text.contains(KEY), "a secret in\n{text}");
    (output.status.code().unwrap(), text)
}

/// As a script sees it.
#[track_caller]
pub(crate) fn check(settings: &Settings) -> Checked {
    check_with(settings, &[])
}

#[track_caller]
pub(crate) fn check_with(settings: &Settings, more: &[&str]) -> Checked {
    let (code, text) = said(&settings.check(&[&["--connect", "--json"], more].concat()));
    let json: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
    assert_eq!(json["good"].as_bool(), Some(code == 0), "{text}");
    Checked { code, json }
}

/// As a person sees it.
#[track_caller]
pub(crate) fn table(settings: &Settings) -> (i32, String) {
    said(&settings.check(&["--connect"]))
}

impl Checked {
    /// One step of one subject.
    #[track_caller]
    pub(crate) fn step(&self, subject: &str, name: &str, step: &str) -> &Value {
        let mut steps = self.json["steps"].as_array().unwrap().iter();
        let found =
            steps.find(|it| it["subject"] == subject && it["name"] == name && it["step"] == step);
        found.unwrap_or_else(|| panic!("no {subject} {name}, {step} in\n{:#}", self.json))
    }

    /// The step has this outcome; its detail and hint hold all of `words`.
    #[track_caller]
    pub(crate) fn found(
        &self,
        (subject, name, step): (&str, &str, &str),
        outcome: &str,
        words: &[&str],
    ) {
        let found = self.step(subject, name, step);
        assert_eq!(found["outcome"], outcome, "{found:#}");
        for word in words {
            let said = format!("{} {}", found["detail"], found["hint"]);
            assert!(said.contains(word), "`{word}` is not in {found:#}");
        }
        if ["refused", "failed"].contains(&outcome) {
            assert!(found["hint"].is_string(), "what to do? {found:#}");
            assert_eq!(self.code, 69);
        }
    }

    /// The only mapping there is.
    #[track_caller]
    pub(crate) fn mapping(&self) -> &Value {
        let mappings = self.json["mappings"].as_array().unwrap();
        assert_eq!(mappings.len(), 1, "{:#}", self.json);
        &mappings[0]
    }

    /// Steps whose outcome is not `ok`, as `subject name, step: outcome`.
    pub(crate) fn not_ok(&self) -> Vec<String> {
        let steps =
            self.json["steps"].as_array().unwrap().iter().filter(|it| it["outcome"] != "ok");
        steps
            .map(|it| {
                let text = |key: &str| it[key].as_str().unwrap();
                format!(
                    "{} {}, {}: {}",
                    text("subject"),
                    text("name"),
                    text("step"),
                    text("outcome")
                )
            })
            .collect()
    }
}

/// An address that takes connections and never says a word.
pub(crate) fn silent() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    // Ends with the test process; what it holds is never closed before.
    thread::spawn(move || listener.incoming().flatten().collect::<Vec<_>>());
    address.to_string()
}

/// An address where nobody listens.
pub(crate) fn closed() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().to_string()
}
