//! Starting a process that dies with this one.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

/// Starts a process that dies with this one: by a panic, by SIGKILL, however. `hint` says what to do when it cannot be started.
pub fn spawn(command: Command, hint: &str) -> Child {
    let program = command.get_program().display().to_string();
    start(command).unwrap_or_else(|error| panic!("{program} can not be run: {error}; {hint}"))
}

/// The same, for who says it in other words. Elsewhere than on Linux it dies only where it is dropped or told.
///
/// Linux sends the signal when the *thread* that started it ends, so one thread that never ends starts them all.
pub fn start(mut command: Command) -> io::Result<Child> {
    type Order = (Command, SyncSender<io::Result<Child>>);
    static STARTER: OnceLock<Mutex<SyncSender<Order>>> = OnceLock::new();
    let parent = std::process::id();
    // SAFETY: only async-signal-safe calls between fork and exec.
    unsafe {
        command.pre_exec(move || {
            die_with_parent();
            // Under `nohup` this process ignores it, and so would all that it starts.
            libc::signal(libc::SIGHUP, libc::SIG_DFL);
            if libc::getppid() as u32 != parent {
                return Err(io::Error::other("the process that started it is gone"));
            }
            Ok(())
        });
    }
    let starter = STARTER.get_or_init(|| {
        let (orders, inbox) = mpsc::sync_channel::<Order>(1);
        thread::spawn(move || {
            for (mut command, answer) in inbox {
                answer.send(command.spawn()).ok();
            }
        });
        Mutex::new(orders)
    });
    let (answer, child) = mpsc::sync_channel(1);
    let orders = starter.lock().unwrap_or_else(PoisonError::into_inner).clone();
    orders.send((command, answer)).expect("the starting thread never ends");
    child.recv().expect("the starting thread never ends")
}

/// This process goes on as another program, and dies with the one that started it. Gives why it does not.
pub fn become_it(mut command: Command) -> io::Error {
    die_with_parent();
    command.exec()
}

fn die_with_parent() {
    // SAFETY: a system call that takes plain numbers.
    #[cfg(target_os = "linux")]
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
}
