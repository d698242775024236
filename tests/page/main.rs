//! The status page in a real Chromium, served by the real admin endpoint.
//!
//! What it shows comes from made-up states, by a stand-in for a reverse proxy (`fake.py`): the page is the process's own, `status` and
//! `events` are not, but for one test. The tests are Python's, on Playwright, which drives the system's Chromium; Playwright and axe come from their
//! registry once, into the user's cache. Without Chromium or Python they are skipped, by name.
//!
//! `SCREENSHOTS=folder` has them write pictures of each state, too (`make screenshots`).

mod runbooks;
mod words;

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use kafka_eventhubs_bridge::admin::log::Levels;
use kafka_eventhubs_bridge::admin::{Changes, Reloads, Server, Views};
use kafka_eventhubs_bridge::config::Config;
use kafka_eventhubs_bridge::health::Health;
use kafka_eventhubs_bridge::metrics::Metrics;
use kafka_eventhubs_bridge::status::Status;
use stage::installed::{at_least, packages, python, skipped};

/// They take half a minute when they have the machine; they share it with the other tests.
const LIMIT: Duration = Duration::from_secs(400);

/// What Chromium is called, by Debian and others.
const CHROMIUM: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

const CONFIGURATION: &str = r#"
kafka = { brokers = "127.0.0.1:9092", group_id = "orders-bridge" }
eventhubs = { connection_string = "Endpoint=sb://localhost;SharedAccessKeyName=a;SharedAccessKey=a2V5;UseDevelopmentEmulator=true;" }
admin = { listen = "127.0.0.1:0" }
mappings = [{ topic = "orders", hub = "orders" }]
"#;

fn chromium() -> Result<&'static str, String> {
    let there = |name: &&&str| at_least(name, &["--version"], (120, 0)).is_ok();
    CHROMIUM.iter().find(there).copied().ok_or_else(|| "chromium is not installed".to_owned())
}

#[test]
fn the_page_in_a_real_browser() {
    let (chromium, ()) = match chromium().and_then(|name| Ok((name, python()?))) {
        Ok(found) => found,
        Err(reason) => return skipped("the status page in a browser", &reason),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page");
    let home =
        stage::installed::installed("page", "python", &folder, &["requirements.txt"], |home| {
            packages(home, &["--no-deps", "--only-binary", ":all:"]);
        });
    let server = server();
    let mut pytest = Command::new(home.join("venv/bin/python"));
    pytest.args(["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations", "5"]);
    pytest
        .arg(&folder)
        .env("CHROMIUM", chromium)
        .env("BRIDGE_PAGE", format!("http://{}", server.address()));
    ends_well(pytest);
}

/// The endpoint of a process whose shards have not begun.
fn server() -> Server {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), CONFIGURATION).unwrap();
    let config = Config::load(file.path(), [], &[], |_, _| None).unwrap();
    let health = Health::new(1, [], [], Duration::ZERO);
    let metrics = Arc::<Metrics>::default();
    let status = Status::new(&config, None, health.clone(), Arc::clone(&metrics));
    let views = Views {
        health,
        metrics,
        status,
        changes: Changes::default(),
        levels: Levels::NONE,
        reloads: Reloads::default(),
    };
    Server::start(&config.admin, views).unwrap()
}

/// Runs it to its end, and shows all it said when that is not good.
fn ends_well(mut command: Command) {
    let (mut said, end) = std::io::pipe().unwrap();
    let command = command.stdin(Stdio::null()).stdout(end.try_clone().unwrap()).stderr(end);
    let mut child = command.spawn().unwrap();
    // Its ends of the pipe are the child's alone from here on.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (over, ended) = mpsc::sync_channel(1);
    let words = thread::spawn(move || {
        let mut text = Vec::new();
        said.read_to_end(&mut text).ok();
        over.send(()).ok();
        String::from_utf8_lossy(&text).into_owned()
    });
    let in_time = ended.recv_timeout(LIMIT).is_ok();
    if !in_time {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    let words = words.join().unwrap();
    assert!(in_time && status.success(), "the page is not as it should be, {status}:\n{words}");
    println!("{words}");
}
