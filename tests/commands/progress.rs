//! The bar of what takes long: drawn for somebody who looks on, never where a program reads, and no log line is torn by it.

use std::io::Read as _;
use std::process::Stdio;

use eventhubs_local::Server;
use stage::{Kafka, Out, PATIENCE, Process, Settings, unique, wait_for};
use tempfile::TempDir;

use crate::terminal::{Screen, pair};

/// A thousand records for a hub, and a thousand for one that is not there yet.
fn scene() -> (Server, Settings) {
    let kafka = Kafka::shared();
    let server = Server::builder().hub("there", 4).start().unwrap();
    let mut settings = Settings::new(kafka, &unique("g"), &server).with("[log]\nlevel = 'debug'");
    for hub in ["there", "later"] {
        let topic = unique(hub);
        kafka.create_topic(&topic, 2);
        kafka.produce(&topic, (0..1000).map(|n| Out::value("x").to(n % 2)));
        settings = settings.mapping(&topic, hub);
    }
    (server, settings)
}

fn catch_up(settings: &Settings, stderr: impl Into<Stdio>, term: &str) -> (Process, TempDir) {
    let (mut command, folder) = settings.command(&["run"], &["--until-caught-up"]);
    command.env("TERM", term).env("NO_COLOR", "1").stdout(Stdio::null()).stderr(stderr);
    (Process::start(command, "it is built by `cargo test`"), folder)
}

#[track_caller]
fn assert_ends((bridge, _folder): (Process, TempDir)) {
    let status = wait_for("it ends", PATIENCE, || bridge.ended());
    assert_eq!(status.code(), Some(0));
}

fn is_bar(line: &str) -> bool {
    line.contains("catching up")
}

/// Each begins with its time.
fn is_log(line: &str) -> bool {
    line.split_whitespace().next().is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok())
}

#[test]
fn on_a_terminal_it_stands_below_the_log_and_is_wiped() {
    let (server, settings) = scene();
    let (screen, theirs) = Screen::open();
    let bridge = catch_up(&settings, theirs, "xterm");
    let (bar, log) = wait_for("half is done, and more is logged", PATIENCE, || {
        let mut lines = screen.lines();
        let bar = lines.pop().filter(|line| is_bar(line))?;
        let half = bar.contains(" 1000/2000 records, ") && bar.ends_with(" left");
        (half && lines.len() > 20).then_some((bar, lines))
    });
    assert!(bar.starts_with("catching up ━"), "{bar}");
    assert!(bar.contains("/s, "), "{bar}");
    for line in log {
        assert!(is_log(&line), "{line}");
    }
    server.create_hub("later", 4).unwrap();
    assert_ends(bridge);
    wait_for("all is read", PATIENCE, || screen.is_closed().then_some(()));
    let lines = screen.lines();
    for line in &lines {
        assert!(is_log(line), "{line}");
    }
    assert!(lines.iter().any(|line| line.contains("caught up: all")), "{lines:#?}");
    assert!(screen.written().contains(" 2000/2000 records"));
}

#[test]
fn where_it_could_not_be_wiped_or_a_program_reads_there_is_none() {
    let (server, settings) = scene();
    server.create_hub("later", 4).unwrap();
    let json = settings.clone().with("[log]\nformat = 'json'");
    for (settings, term) in [(&settings, "dumb"), (&json, "xterm")] {
        let group = format!("[kafka]\ngroup_id = '{}'", unique("g"));
        let settings = settings.clone().with(&group);
        let (screen, theirs) = Screen::open();
        assert_ends(catch_up(&settings, theirs, term));
        wait_for("all is read", PATIENCE, || screen.is_closed().then_some(()));
        let said = screen.written();
        assert!(said.contains("caught up: all") && !said.contains('\u{1b}'), "{said}");
        assert!(!is_bar(&said), "{said}");
    }
    let bridge = settings.until_caught_up().start_with(&[("TERM", "xterm")]);
    assert_eq!(bridge.wait_exit(PATIENCE), 0);
    assert_eq!(bridge.logged("caught up: all"), 1);
    assert_eq!((bridge.logged("catching up"), bridge.logged("\u{1b}")), (0, 0));
}

/// As after a connection by SSH that was cut: whoever cannot be told goes on all the same.
#[test]
fn a_terminal_that_is_gone_is_no_reason_to_end() {
    let (server, settings) = scene();
    let (mut ours, theirs) = pair(24, 80);
    let bridge = catch_up(&settings, theirs, "xterm");
    let (mut said, mut piece) = (Vec::new(), [0; 4096]);
    while !is_bar(&String::from_utf8_lossy(&said)) {
        let count = ours.read(&mut piece).unwrap();
        said.extend_from_slice(&piece[..count]);
    }
    drop(ours);
    server.create_hub("later", 4).unwrap();
    assert_ends(bridge);
    assert_eq!(server.hub("later").total(), 1000);
}
