//! The program from outside: its lines, its counters, its exit codes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_eventhubs-local");

/// Ends the program when a test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill().is_ok() && self.0.wait().is_ok();
    }
}

fn get(address: &str, path: &str) -> String {
    let mut tcp = TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(tcp, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn it_says_where_it_listens_counts_and_ends_with_zero() {
    for signal in ["-TERM", "-INT"] {
        let child = Command::new(PROGRAM)
            .args(["--listen", "127.0.0.1:0", "--hub", "orders:2", "--control", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut running = Running(child);
        let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
        let listening = lines.next().unwrap().unwrap();
        let (_, string) = listening.split_once(": ").unwrap();
        let endpoint = string.strip_prefix("Endpoint=sb://").unwrap().split(';').next().unwrap();
        assert!(string.ends_with("UseDevelopmentEmulator=true;"), "{string}");
        TcpStream::connect(endpoint).unwrap();

        let control = lines.next().unwrap().unwrap();
        let address =
            control.strip_prefix("control on http://").unwrap().split('/').next().unwrap();
        let counters: serde_json::Value = serde_json::from_str(&get(address, "/counters")).unwrap();
        assert_eq!(counters[0]["name"], "orders");
        assert_eq!(counters[0]["events"], 0);
        assert_eq!(counters[0]["partitions"].as_array().unwrap().len(), 2);
        let connections = get(address, "/connections");
        assert!(serde_json::from_str::<serde_json::Value>(&connections).unwrap().is_array());

        let pid = running.0.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        assert!(running.0.wait().unwrap().success());
    }
}

#[test]
fn what_cannot_be_served_has_its_exit_code() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (args, code, part) in [
        (vec!["--listen", "127.0.0.1:0"], 78, "no hub"),
        (vec!["--hub", "orders:1", "--listen", &address], 69, "cannot listen"),
    ] {
        let output = Command::new(PROGRAM).args(&args).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(part), "{text}");
    }
}
