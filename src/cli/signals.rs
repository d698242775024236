//! SIGTERM and SIGINT: the first asks to drain, the second ends the process where it stands.
//!
//! `timeout` and shells may signal a process and its group, so that one wish comes as two signals within a millisecond:
//! what follows the first that soon is the first.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a shell reports for a process that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Signals this close are one wish; nobody asks twice as fast.
const SAME: Duration = Duration::from_millis(200);

/// Watches for signals on a thread of its own, from now to the end of the process; the first one speaks.
pub(super) fn watch() -> io::Result<Receiver<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (terminate, interrupt) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let (sender, stop) = sync_channel(1);
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || runtime.block_on(obey(terminate, interrupt, &sender)))?;
    Ok(stop)
}

async fn obey(mut terminate: Signal, mut interrupt: Signal, stop: &SyncSender<()>) {
    let mut next = async || {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    };
    let signal = next().await;
    let asked = Instant::now();
    tracing::info!(signal, "draining; a second signal stops at once");
    // Has room for the one thing it is ever told; a bridge that is gone need not be stopped.
    stop.try_send(()).ok();
    let signal = loop {
        let signal = next().await;
        if asked.elapsed() >= SAME {
            break signal;
        }
    };
    tracing::warn!(signal, "stopping at once; what is not acknowledged will be sent again");
    // SAFETY: `_exit` takes any code and does not return. Unlike `exit` it runs no C destructors, which must not run
    // under the threads of librdkafka and OpenSSL.
    unsafe { libc::_exit(INTERRUPTED) }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    const CHILD: &str = "BRIDGE_TEST_SIGNALS_CHILD";

    /// Not a test by itself: the process the tests below send signals to. It never finishes draining.
    #[test]
    fn child() {
        if std::env::var_os(CHILD).is_none() {
            return;
        }
        let stop = watch().unwrap();
        eprintln!("watching");
        stop.recv().unwrap();
        eprintln!("draining");
        loop {
            std::thread::park();
        }
    }

    /// Signals from the first on, as fast as they are taken, until the child ends: with what, and how long after.
    fn signalled(first: i32, then: i32) -> (Option<i32>, Duration) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "cli::signals::tests::child"])
            .env(CHILD, "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let pid = child.id() as i32;
        // SAFETY: sends a signal to a child that has not been waited for, so the id is still its own.
        let kill = |signal| assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
        // The end of the output ends the wait, should the child die instead.
        assert!(lines.any(|line| line.unwrap() == "watching"), "the child died before it watched");
        let asked = Instant::now();
        kill(first);
        assert!(lines.any(|line| line.unwrap() == "draining"), "the child did not drain");
        let code = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status.code();
            }
            assert!(asked.elapsed() < Duration::from_secs(60), "a second signal stops nothing");
            kill(then);
            std::thread::yield_now();
        };
        (code, asked.elapsed())
    }

    #[test]
    fn the_first_signal_drains_and_the_second_stops_unless_it_is_the_first_again() {
        for (first, then) in [(libc::SIGTERM, libc::SIGTERM), (libc::SIGINT, libc::SIGTERM)] {
            let (code, after) = signalled(first, then);
            assert_eq!(code, Some(130));
            assert!(after >= SAME, "{after:?} after the first");
        }
    }
}
