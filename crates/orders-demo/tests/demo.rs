//! The demo as somebody runs it: every order arrives, the exit code says so, and the advice it gives is good.
//!
//! The bridge's binary belongs to another package, and cargo builds it for that package's own tests; built alone, this
//! one says what is missing.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

const DEMO: &str = env!("CARGO_BIN_EXE_orders-demo");
/// Ten times what it takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(120);

fn beside(program: &str) -> PathBuf {
    Path::new(DEMO).with_file_name(program)
}

/// What came of a run.
struct Outcome {
    code: Option<i32>,
    told: String,
    errors: String,
}

fn start(arguments: &[&str]) -> Child {
    assert!(
        beside("kafka-eventhubs-bridge").is_file(),
        "the bridge is not built: run `cargo build --workspace --bins`, or test the whole workspace"
    );
    Command::new(DEMO)
        .args(arguments)
        // Meant for another bridge, and wrong.
        .env("BRIDGE_KAFKA__BROKERS", "no-such-host:1")
        .env("BRIDGE_ADMIN__LISTEN", "nonsense")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs the demo to its end, or kills it at the limit. `on_line` sees each line it says.
fn demo(arguments: &[&str], mut on_line: impl FnMut(&str, u32)) -> Outcome {
    let mut child = start(arguments);
    let id = child.id();
    let (done, waiting) = sync_channel::<()>(1);
    let watchdog = std::thread::spawn(move || {
        let in_time = waiting.recv_timeout(LIMIT).is_ok();
        if !in_time {
            signal("-KILL", &id.to_string());
        }
        in_time
    });
    let mut told = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        on_line(&line, id);
        told += &(line + "\n");
    }
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    let code = child.wait().unwrap().code();
    // Nobody listens once the limit has passed.
    done.send(()).ok();
    assert!(watchdog.join().unwrap(), "longer than {LIMIT:?}:\n{told}\n{errors}");
    Outcome { code, told, errors }
}

/// Whether a line says that records are in the hub.
fn flows(line: &str) -> bool {
    line.contains(" hub ") && !line.contains(" hub 0 ")
}

fn signal(name: &str, id: &str) -> bool {
    Command::new("kill").args([name, id]).stderr(Stdio::null()).status().unwrap().success()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The processes that `id` has started and that are still there.
fn children(id: u32) -> Vec<String> {
    let output = Command::new("ps").args(["-o", "pid=", "--ppid", &id.to_string()]).output();
    text(&output.unwrap().stdout).split_whitespace().map(str::to_owned).collect()
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} took longer than {LIMIT:?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn every_order_arrives_and_what_is_advised_works() {
    let Outcome { code, told, errors } =
        demo(&["--plain", "--orders", "2000", "--rate", "4000"], |_, _| {});
    assert_eq!(code, Some(0), "{told}\n{errors}");
    for part in [
        "every order arrived, once and in order",
        "2,000 orders, 9,552 records",
        "9,552 records in, 9,552 events out, 0 retries",
        "9,552 events in hub `orders`",
        "inventory      9,552 events",
        "payment        9,552 events",
        "fulfilment     9,552 events",
        "✓ nothing lost",
        "✓ nothing twice  0 duplicates",
        "✓ order per key  2,000 orders, each step after the one before; 0 out of turn",
        "✓ lag 0          committed 9,552 of 9,552",
        "✓ clean stop     exit code 0",
        "make test",
    ] {
        assert!(told.contains(part), "`{part}` is not in\n{told}");
    }
    assert!(!told.contains('✗') && errors.is_empty(), "{told}\n{errors}");
    assert!(told.starts_with("  0s  orders 0/2000"), "{told}");

    assert_good_configuration(&advised(&told));
}

/// The configuration the summary tells to save.
fn advised(told: &str) -> String {
    let from = told.find("    [kafka]").unwrap();
    let to = told.find("  then\n").unwrap();
    told[from..to].lines().map(|line| line.trim_start().to_owned() + "\n").collect()
}

fn assert_good_configuration(toml: &str) {
    assert_eq!(toml.lines().filter(|line| !line.is_empty()).count(), 8, "short:\n{toml}");
    let whole = "Endpoint=sb://ns.servicebus.windows.net;SharedAccessKeyName=k;SharedAccessKey=v";
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("advised.toml");
    std::fs::write(&file, toml.replace("Endpoint=sb://…", whole)).unwrap();
    let output = Command::new(beside("kafka-eventhubs-bridge"))
        .args(["check", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn ctrl_c_brings_the_open_orders_to_their_end() {
    let mut interrupted = false;
    let Outcome { code, told, errors } =
        demo(&["--plain", "--orders", "200000", "--rate", "500"], |line, id| {
            if !interrupted && flows(line) {
                interrupted = signal("-INT", &id.to_string());
            }
        });
    assert!(interrupted, "{told}");
    assert_eq!(code, Some(0), "{told}\n{errors}");
    assert!(told.contains("✓ nothing lost") && told.contains("✓ order per key"), "{told}");
    assert!(!told.contains("200,000 orders,"), "{told}");
}

#[test]
fn a_bridge_that_dies_fails_the_run_and_shows_its_log() {
    let mut killed = false;
    // It would run for forty seconds; it must not go on without its bridge.
    let Outcome { code, told, .. } =
        demo(&["--plain", "--orders", "20000", "--rate", "500"], |line, id| {
            if !killed && flows(line) {
                killed = children(id).iter().all(|bridge| signal("-KILL", bridge));
            }
        });
    assert!(killed, "{told}");
    assert_eq!(code, Some(1), "{told}");
    for part in [
        "✗ nothing lost",
        "✗ clean stop",
        "error: the bridge ended unexpectedly",
        "The end of the bridge's log",
        "partitions assigned",
    ] {
        assert!(told.contains(part), "`{part}` is not in\n{told}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_bridge_dies_with_the_demo() {
    let mut child = start(&["--plain", "--orders", "20000", "--rate", "500"]);
    let id = child.id();
    until("the bridge's start", || !children(id).is_empty());
    let bridges = children(id);
    child.kill().unwrap();
    child.wait().unwrap();
    until("the bridge's end", || bridges.iter().all(|bridge| !signal("-0", bridge)));
}

#[test]
fn without_the_bridge_it_says_what_to_build() {
    let alone = tempdir("alone");
    let demo = alone.join("orders-demo");
    std::fs::hard_link(DEMO, &demo).unwrap();
    let output = Command::new(&demo).arg("--plain").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("build it with `cargo build --workspace --bins`"), "{errors}");
}

/// An empty directory on the file system of the target directory.
fn tempdir(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::remove_dir_all(&directory).ok();
    std::fs::create_dir_all(&directory).unwrap();
    directory
}
