//! Every signal that would end the process asks to drain; a second wish to stop ends it where it stands. SIGHUP alone asks to
//! reload, as it does elsewhere, where something can be reloaded.
//!
//! The default of a dozen signals is to end a process, and none of them says that what is in flight does not matter: a
//! closed terminal, a script of logrotate, the end of `ulimit -t`. What says that the process is wrong (SIGSEGV, SIGABRT
//! and their like) still ends it, as a panic does. What is ignored from the start stays so, for `nohup` means it.
//!
//! `timeout` and shells may signal a process and its group, so that one wish comes as two signals within a millisecond:
//! what follows the first that soon is the first.

use std::future::poll_fn;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::admin::Reloads;

/// What a shell reports for a process that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Signals this close are one wish; nobody asks twice as fast.
const SAME: Duration = Duration::from_millis(200);

/// How people and supervisors say stop: only these stop at once when they come again. A closed terminal sends SIGHUP twice,
/// by the shell and by the kernel.
const STOP: [(i32, &str); 3] =
    [(libc::SIGTERM, "SIGTERM"), (libc::SIGINT, "SIGINT"), (libc::SIGQUIT, "SIGQUIT")];

/// The others that end a process by default and are not of a fault. SIGXFSZ is not among them: the write that was too long
/// fails as one on a full disk does.
const OTHERS: [(i32, &str); 10] = [
    (libc::SIGHUP, "SIGHUP"),
    (libc::SIGUSR1, "SIGUSR1"),
    (libc::SIGUSR2, "SIGUSR2"),
    (libc::SIGALRM, "SIGALRM"),
    (libc::SIGVTALRM, "SIGVTALRM"),
    (libc::SIGPROF, "SIGPROF"),
    (libc::SIGIO, "SIGIO"),
    (libc::SIGPWR, "SIGPWR"),
    (libc::SIGSTKFLT, "SIGSTKFLT"),
    (libc::SIGXCPU, "SIGXCPU"),
];

/// Watches for signals on a thread of its own, from now to the end of the process; the first one speaks. Others that may
/// stop the bridge speak by the sender. SIGHUP asks for one of the `reloads`.
pub(super) fn watch(reloads: Option<Reloads>) -> io::Result<(SyncSender<()>, Receiver<()>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let wishes = {
        let _inside = runtime.enter();
        // A write beyond `ulimit -f` fails then, and ends nothing; nobody has to hear of it.
        drop(signal(SignalKind::from_raw(libc::SIGXFSZ))?);
        Wishes::new()?
    };
    let (sender, stop) = sync_channel(1);
    let others = sender.clone();
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || runtime.block_on(obey(wishes, &sender, reloads)))?;
    Ok((others, stop))
}

/// All signals that are watched, each with its name.
struct Wishes(Vec<(String, Signal)>);

/// A signal that came.
struct Wish {
    name: String,
    /// Whether it is a word for "stop" and nothing else.
    stops: bool,
}

impl Wishes {
    fn new() -> io::Result<Self> {
        let real_time = (libc::SIGRTMIN()..=libc::SIGRTMAX())
            .map(|number| (number, format!("SIGRTMIN+{}", number - libc::SIGRTMIN())));
        let others = OTHERS.map(|(number, name)| (number, name.to_owned()));
        // Background jobs of a script begin with SIGINT and SIGQUIT ignored, and SIGINT is documented to drain.
        let watched =
            others.into_iter().chain(real_time).filter(|(number, _)| !is_ignored(*number));
        let stop = STOP.map(|(number, name)| (number, name.to_owned()));
        let watch = |(number, name)| Ok((name, signal(SignalKind::from_raw(number))?));
        stop.into_iter().chain(watched).map(watch).collect::<io::Result<_>>().map(Self)
    }

    async fn next(&mut self) -> Wish {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Wish> {
        for (name, signal) in &mut self.0 {
            if signal.poll_recv(context).is_ready() {
                let stops = STOP.iter().any(|(_, stop)| stop == name);
                return Poll::Ready(Wish { name: name.clone(), stops });
            }
        }
        Poll::Pending
    }
}

/// Whether the process was started with `signal` ignored.
fn is_ignored(signal: i32) -> bool {
    let mut now = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: asks only, and what it answers is written to `now` when it returns 0.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), now.as_mut_ptr()) == 0
            && now.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

async fn obey(mut wishes: Wishes, stop: &SyncSender<()>, reloads: Option<Reloads>) {
    let signal = loop {
        let Wish { name, .. } = wishes.next().await;
        match &reloads {
            Some(reloads) if name == "SIGHUP" => reloads.ask(),
            _ => break name,
        }
    };
    let asked = Instant::now();
    tracing::info!(name: "draining", signal, "draining; a second signal stops at once");
    // Has room for the one thing it is ever told; a bridge that is gone need not be stopped.
    stop.try_send(()).ok();
    let signal = loop {
        let Wish { name, stops } = wishes.next().await;
        if stops && asked.elapsed() >= SAME {
            break name;
        }
        tracing::debug!(signal = name, "a drain has already begun");
    };
    tracing::warn!(
        signal,
        "stopping at once; events without an acknowledgement will be sent again"
    );
    // SAFETY: `_exit` takes any code and does not return. Unlike `exit` it runs no C destructors, which must not run
    // under the threads of librdkafka and OpenSSL.
    unsafe { libc::_exit(INTERRUPTED) }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Lines};
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, ChildStderr, Command, Stdio};

    use super::*;

    const CHILD: &str = "BRIDGE_TEST_SIGNALS_CHILD";
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Not a test by itself: the process the tests below send signals to. It never finishes draining.
    #[test]
    fn child() {
        if std::env::var_os(CHILD).is_none() {
            return;
        }
        let (_others, stop) = watch(None).unwrap();
        eprintln!("SIGHUP ignored: {}", is_ignored(libc::SIGHUP));
        eprintln!("watching");
        stop.recv().unwrap();
        eprintln!("draining");
        loop {
            std::thread::park();
        }
    }

    struct Draining {
        child: Child,
        lines: Lines<BufReader<ChildStderr>>,
    }

    impl Draining {
        fn start(change: impl FnOnce(&mut Command)) -> Self {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command
                .args(["--exact", "--nocapture", "cli::signals::tests::child"])
                .env(CHILD, "1")
                .stdout(Stdio::null())
                .stderr(Stdio::piped());
            change(&mut command);
            let mut child = command.spawn().unwrap();
            let lines = BufReader::new(child.stderr.take().unwrap()).lines();
            Self { child, lines }
        }

        /// The end of the output ends the wait, should the child die instead.
        fn says(&mut self, line: &str) {
            assert!(self.lines.any(|said| said.unwrap() == line), "the child never says `{line}`");
        }

        fn signal(&self, signal: i32) {
            // SAFETY: sends a signal to a child that has not been waited for, so the id is still its own.
            assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
        }

        /// `signal` as fast as it is taken, until the child ends or `enough` is over: with what it ended.
        fn press(&mut self, signal: i32, enough: Duration) -> Option<i32> {
            let begun = Instant::now();
            while begun.elapsed() < enough {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status.code();
                }
                self.signal(signal);
                std::thread::yield_now();
            }
            None
        }
    }

    #[test]
    fn the_first_signal_drains_and_the_second_stops_unless_it_is_the_first_again() {
        for (first, then) in [(libc::SIGTERM, libc::SIGTERM), (libc::SIGINT, libc::SIGQUIT)] {
            let mut child = Draining::start(|_| {});
            child.says("watching");
            let asked = Instant::now();
            child.signal(first);
            child.says("draining");
            assert_eq!(child.press(then, PATIENCE), Some(130), "a second signal stops nothing");
            let after = asked.elapsed();
            assert!(after >= SAME, "{after:?} after the first");
        }
    }

    #[test]
    fn every_signal_that_would_end_the_process_drains_it() {
        let ends = STOP.iter().chain(&OTHERS).map(|(number, _)| *number);
        for signal in ends.chain([libc::SIGRTMIN(), libc::SIGRTMAX()]) {
            let mut child = Draining::start(|_| {});
            child.says("watching");
            child.signal(signal);
            child.says("draining");
            child.child.kill().unwrap();
            child.child.wait().unwrap();
        }
    }

    #[test]
    fn a_closed_terminal_that_says_so_twice_does_not_cut_the_drain_short() {
        let mut child = Draining::start(|_| {});
        child.says("watching");
        child.signal(libc::SIGHUP);
        child.says("draining");
        assert_eq!(child.press(libc::SIGHUP, SAME * 2), None, "it stopped at once");
        assert_eq!(child.press(libc::SIGTERM, PATIENCE), Some(130));
    }

    #[test]
    fn under_nohup_a_closed_terminal_ends_nothing() {
        let ignore = || {
            // SAFETY: `signal` may be called between fork and exec.
            unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
            Ok(())
        };
        // SAFETY: as `ignore`.
        let mut child = Draining::start(|command| {
            unsafe { command.pre_exec(ignore) };
        });
        child.says("SIGHUP ignored: true");
        child.signal(libc::SIGTERM);
        child.says("draining");
        child.press(libc::SIGTERM, PATIENCE);
    }

    /// It drains when it is told to afterwards, and to be told so was the first.
    #[test]
    fn a_write_that_fails_ends_nothing() {
        for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
            let mut child = Draining::start(|_| {});
            child.says("watching");
            assert_eq!(child.press(signal, SAME * 2), None);
            assert!(child.child.try_wait().unwrap().is_none(), "signal {signal} ended it");
            child.signal(libc::SIGTERM);
            child.says("draining");
            assert_eq!(child.press(libc::SIGHUP, SAME * 2), None, "it was the second");
            assert_eq!(child.press(libc::SIGTERM, PATIENCE), Some(130));
        }
    }

    #[test]
    fn what_says_that_the_process_is_wrong_ends_it() {
        for signal in [
            libc::SIGSEGV,
            libc::SIGABRT,
            libc::SIGBUS,
            libc::SIGFPE,
            libc::SIGILL,
            libc::SIGSYS,
            libc::SIGTRAP,
        ] {
            let mut child = Draining::start(|_| {});
            child.says("watching");
            // The runtime of Rust looks at the first of some, whether it was an overflow of the stack.
            assert_eq!(child.press(signal, PATIENCE), None);
            let status = child.child.try_wait().unwrap().expect("it has ended");
            assert_eq!(status.signal(), Some(signal));
        }
    }
}
