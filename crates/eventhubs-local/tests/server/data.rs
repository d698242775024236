//! Events on disk: what was accepted is there after the program was killed, once; and a full disk takes nothing.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::program::{PROGRAM, Running};
use crate::support::{Client, send, soon, start, stored, until};
use eventhubs_local::{Retention, Server, StartError};
use fe2o3_amqp::types::messaging::Outcome;

fn program(data: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["--listen", "127.0.0.1:0", "--hub", "orders:1", "--data"]).arg(data);
    command
}

fn library(data: &Path) -> Result<Server, StartError> {
    Server::builder().hub("orders", 1).data(data).start()
}

fn ids(server: &Server) -> Vec<String> {
    stored(server, 0)
}

#[tokio::test]
async fn what_was_accepted_before_a_kill_is_there_once() {
    let data = tempfile::tempdir().unwrap();
    let mut accepted = Vec::new();
    for round in 0..4 {
        let running = Running::start(program(data.path()));
        let mut client = running.client().await;
        let mut sender = client.sender("orders/Partitions/0").await;
        // Up to 32 deliveries are on their way when the process dies.
        let mut waiting = VecDeque::new();
        for number in 0..100 * (round + 1) {
            let ids = [format!("{round}-{number}-a"), format!("{round}-{number}-b")];
            let answer = start(&mut sender, &[&ids[0], &ids[1]]).await;
            waiting.push_back((ids, answer));
            if waiting.len() == 32 {
                let (ids, answer) = waiting.pop_front().unwrap();
                assert!(matches!(soon(answer).await.unwrap(), Outcome::Accepted(_)));
                accepted.extend(ids);
            }
        }
        running.process.kill();
    }
    let server = library(data.path()).unwrap();
    let stored = ids(&server);
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for id in &stored {
        *counts.entry(id).or_default() += 1;
    }
    assert!(counts.values().all(|count| *count == 1));
    let lost: Vec<_> = accepted.iter().filter(|id| !counts.contains_key(id.as_str())).collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert_eq!(accepted.len(), 2 * (69 + 169 + 269 + 369));
    // In order, whole deliveries, without holes.
    let events = server.hub("orders").partition(0).events();
    assert!(events.iter().zip(0..).all(|(event, number)| event.sequence() == number));
    assert!(stored.chunks(2).all(|pair| pair[0].strip_suffix('a') == pair[1].strip_suffix('b')));
}

/// Fills the disk through the program, makes room, and goes on; gives the ids of what was accepted.
async fn fill_and_go_on(running: &Running, make_room: impl FnOnce()) -> Vec<String> {
    let mut client = running.client().await;
    let mut sender = client.sender("orders/Partitions/0").await;
    let body = "x".repeat(200);
    let mut accepted = Vec::new();
    let refused = loop {
        let id = format!("{}-{body}", accepted.len());
        match send(&mut sender, &[&id]).await {
            Outcome::Accepted(_) => accepted.push(id),
            Outcome::Rejected(rejected) => break rejected.error.unwrap(),
            other => panic!("{other:?}"),
        }
        assert!(accepted.len() < 2_000, "the limit has no effect");
    };
    assert!(accepted.len() > 50, "{}", accepted.len());
    let condition = format!("{:?}", refused.condition);
    assert!(condition.contains("ResourceLimitExceeded"), "{condition}");
    // Again and again, on the same link.
    for _ in 0..3 {
        let id = format!("refused-{body}");
        assert!(matches!(send(&mut sender, &[&id]).await, Outcome::Rejected(_)));
    }
    make_room();
    for number in 0..5 {
        let id = format!("later-{number}-{body}");
        assert!(matches!(send(&mut sender, &[&id]).await, Outcome::Accepted(_)));
        accepted.push(id);
    }
    accepted
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_write_that_is_cut_short_refuses_events_and_breaks_nothing() {
    let data = tempfile::tempdir().unwrap();
    // No file may pass 64 KiB: the system writes what fits of the record that would, and refuses the rest.
    let mut limited = Command::new("sh");
    let command = r#"trap "" XFSZ; ulimit -S -f 128; exec "$0" "$@""#;
    limited.args(["-c", command, PROGRAM]);
    limited.args(["--listen", "127.0.0.1:0", "--hub", "orders:1", "--data"]).arg(data.path());
    let running = Running::start(limited);
    let pid = running.process.id().to_string();
    let make_room = || {
        let raised = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status();
        assert!(raised.unwrap().success());
    };
    let accepted = fill_and_go_on(&running, make_room).await;
    drop(running);
    assert_eq!(ids(&library(data.path()).unwrap()), accepted);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_refuses_events_until_there_is_room() {
    let mount = tempfile::tempdir().unwrap();
    // A file system of 256 KiB that only the program sees, half of it taken.
    let inside = |script: &str| {
        let mut command = Command::new("unshare");
        command
            .args(["--map-root-user", "--mount", "sh", "-ec", script, PROGRAM])
            .arg(mount.path());
        command
    };
    let mounted = r#"mount -t tmpfs -o size=256k tmpfs "$1""#;
    if !inside(mounted).output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: a full disk: this machine lets nobody mount a tmpfs with `unshare`");
        return;
    }
    let running = Running::start(inside(&format!(
        r#"{mounted}; head -c 131072 /dev/zero > "$1/other"
        exec "$0" --listen 127.0.0.1:0 --hub orders:1 --data "$1/data""#
    )));
    let seen = Path::new("/proc").join(running.process.id().to_string()).join("root");
    let seen = seen.join(mount.path().strip_prefix("/").unwrap());
    let room = || std::fs::remove_file(seen.join("other")).unwrap();
    let accepted = fill_and_go_on(&running, room).await;
    // The file system goes with the program: what is on it is looked at before.
    let copy = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-r").arg(seen.join("data")).arg(copy.path()).status();
    assert!(copied.unwrap().success());
    drop(running);
    assert_eq!(ids(&library(&copy.path().join("data")).unwrap()), accepted);
}

#[tokio::test]
async fn a_receiver_goes_on_over_a_restart_with_the_same_offsets() {
    let data = tempfile::tempdir().unwrap();
    let offsets = |server: &Server| -> Vec<_> {
        let events = server.hub("orders").partition(0).events();
        events.iter().map(|it| (it.sequence(), it.offset(), it.enqueued_ms())).collect()
    };
    let server = library(data.path()).unwrap();
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender("orders/Partitions/0").await;
    send(&mut sender, &["a", "b"]).await;
    let before = offsets(&server);
    assert!(matches!(library(data.path()), Err(StartError::Data { .. })), "it is in use");
    drop(server);
    let server = Server::builder().hub("orders", 1).data(data.path()).sync(true).start().unwrap();
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender("orders/Partitions/0").await;
    send(&mut sender, &["c"]).await;
    assert_eq!(offsets(&server)[..2], before);
    assert_eq!(ids(&server), ["a", "b", "c"]);
}

#[tokio::test]
async fn old_events_go_by_themselves() {
    let retention = Retention { age: Some(Duration::from_millis(100)), ..Retention::default() };
    let server = Server::builder().hub("orders", 1).retention(retention).start().unwrap();
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender("orders/Partitions/0").await;
    send(&mut sender, &["a"]).await;
    let hub = server.hub("orders");
    until(|| hub.partition(0).is_empty()).await;
    assert_eq!((hub.total(), hub.partition(0).next_sequence()), (1, 1));
}
