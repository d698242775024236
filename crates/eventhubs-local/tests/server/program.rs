//! The program, started as anyone starts it: where it listens is read from its first lines. Killed when a test ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::support::{Client, LIMIT};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_eventhubs-local");

pub(crate) struct Running {
    pub(crate) child: Child,
    lines: BufReader<ChildStdout>,
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
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let said = line.trim().strip_prefix("listening on ").unwrap();
        let (address, connection_string) = said.split_once(": ").unwrap();
        let address = address.parse().unwrap();
        Self { child, lines, address, connection_string: connection_string.to_owned() }
    }

    /// The control port, when one was asked for.
    pub(crate) fn control(&mut self) -> Control {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("control on http://").unwrap();
        Control { address: address.trim_end_matches('/').parse().unwrap() }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::to_host(self.address, "localhost").await
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill().is_ok() && self.child.wait().is_ok();
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
        let mut tcp = TcpStream::connect(self.address).unwrap();
        tcp.set_read_timeout(Some(LIMIT)).unwrap();
        let length = body.len();
        write!(tcp, "{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
            .unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
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
