//! The program from outside: its lines, its counters, its exit codes.

use std::net::TcpStream;
use std::process::Command;

use processes::{PATIENCE, wait_for};

use crate::program::{PROGRAM, Running};

#[test]
fn it_says_where_it_listens_counts_and_ends_with_zero() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let running = Running::with(&["--hub", "orders:2", "--control", "127.0.0.1:0"]);
        let string = &running.connection_string;
        let endpoint = string.strip_prefix("Endpoint=sb://").unwrap().split(';').next().unwrap();
        assert!(string.ends_with("UseDevelopmentEmulator=true;"), "{string}");
        TcpStream::connect(endpoint).unwrap();

        let counters = running.control().get("/counters");
        assert_eq!(counters[0]["name"], "orders");
        assert_eq!(counters[0]["events"], 0);
        assert_eq!(counters[0]["partitions"].as_array().unwrap().len(), 2);
        assert!(running.control().get("/connections").is_array());

        running.process.signal(signal);
        let status = wait_for("it ends", PATIENCE, || running.process.ended());
        assert!(status.success(), "{status}");
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
