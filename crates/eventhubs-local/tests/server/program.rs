//! The program, started as anyone starts it: where it listens is read from its first lines. Killed when a test ends.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use processes::{Log, PATIENCE, Process, http};
use serde_json::Value;

use crate::support::Client;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_eventhubs-local");

pub(crate) struct Running {
    pub(crate) process: Process,
    said: Log,
    pub(crate) address: SocketAddr,
    /// The connection string to paste.
    pub(crate) connection_string: String,
}

impl Running {
    /// With these arguments and a free port.
    pub(crate) fn with(args: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["--listen", "127.0.0.1:0"]).args(args);
        Self::start(command)
    }

    pub(crate) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped());
        let process = Process::start(command, "it is built by `cargo test`");
        let said = process.said();
        let first = said.wait(&[], PATIENCE).text;
        let listening = first.strip_prefix("listening on ").unwrap();
        let (address, connection_string) = listening.split_once(": ").unwrap();
        let (address, connection_string) = (address.parse().unwrap(), connection_string.to_owned());
        Self { process, said, address, connection_string }
    }

    /// The control port, when one was asked for.
    pub(crate) fn control(&self) -> Control {
        let line = self.said.wait(&["control on"], PATIENCE).text;
        let address = line.strip_prefix("control on http://").unwrap();
        Control { address: address.trim_end_matches('/').parse().unwrap() }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::to_host(self.address, "localhost").await
    }
}

/// A control port, spoken to in HTTP by hand.
#[derive(Clone, Copy)]
pub(crate) struct Control {
    address: SocketAddr,
}

impl Control {
    /// Status and body.
    pub(crate) fn text(self, method: &str, path: &str, body: &str) -> (u16, String) {
        let answer = http::ask(self.address, method, path, "", body).unwrap();
        (answer.status, answer.body)
    }

    pub(crate) fn json(self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, text) = self.text(method, path, body);
        let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        (status, value)
    }

    pub(crate) fn get(self, path: &str) -> Value {
        let (status, value) = self.json("GET", path, "");
        assert_eq!(status, 200, "{path}: {value}");
        value
    }
}
