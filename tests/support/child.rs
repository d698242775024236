//! Child processes that die with the test process.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

/// Starts a process that dies with this one: by a panic, by SIGKILL, however. `hint` says what to do when it cannot be started.
///
/// Linux sends the signal when the *thread* that spawned ends, so one thread that never ends spawns them all.
pub fn spawn(mut command: Command, hint: &str) -> Child {
    type Order = (Command, SyncSender<std::io::Result<Child>>);
    static SPAWNER: OnceLock<Mutex<SyncSender<Order>>> = OnceLock::new();
    let program = command.get_program().display().to_string();
    let parent = std::process::id();
    // SAFETY: only async-signal-safe calls between fork and exec.
    unsafe {
        command.pre_exec(move || {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            // Under `nohup` the tests ignore it, and so would all that they start.
            libc::signal(libc::SIGHUP, libc::SIG_DFL);
            if libc::getppid() as u32 != parent {
                return Err(std::io::Error::other("the test process is gone"));
            }
            Ok(())
        });
    }
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = mpsc::sync_channel::<Order>(1);
        thread::spawn(move || {
            for (mut command, answer) in inbox {
                answer.send(command.spawn()).ok();
            }
        });
        Mutex::new(orders)
    });
    let (answer, child) = mpsc::sync_channel(1);
    let orders = spawner.lock().unwrap_or_else(PoisonError::into_inner).clone();
    orders.send((command, answer)).expect("the spawning thread never ends");
    let child = child.recv().expect("the spawning thread never ends");
    child.unwrap_or_else(|error| panic!("{program} can not be run: {error}; {hint}"))
}
