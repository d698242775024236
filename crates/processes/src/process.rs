//! A child process, and what the kernel counts of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Mutex;

use crate::child::spawn;
use crate::log::Log;
use crate::{PATIENCE, lock, wait_for};

/// A child that is killed when this is dropped, and when this process is gone.
#[derive(Debug)]
pub struct Process {
    id: u32,
    child: Mutex<Child>,
}

impl Process {
    /// Starts it; `hint` says what to do when that cannot be.
    pub fn start(command: Command, hint: &str) -> Self {
        Self::of(spawn(command, hint))
    }

    /// One that was started.
    pub fn of(child: Child) -> Self {
        Self { id: child.id(), child: Mutex::new(child) }
    }

    /// A copy of this program in another role, which can be talked to.
    pub fn role(arguments: &[String]) -> Self {
        let program = std::env::current_exe().expect("a program knows where it is");
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self::start(command, "it runs already")
    }

    /// What it says on its standard error, which is piped; to be asked for once. Each line is shown to `look` as it comes.
    pub fn log(&self, look: impl Fn(&str) + Send + 'static) -> Log {
        Log::keep(lock(&self.child).stderr.take().expect("piped, taken once"), look)
    }

    /// What it says on its standard output, which is piped; to be asked for once.
    pub fn said(&self) -> Log {
        Log::keep(lock(&self.child).stdout.take().expect("piped, taken once"), |_| ())
    }

    /// A talk over its standard input and output, which are piped; to be asked for once.
    pub fn talk(&self) -> Talk {
        let mut child = lock(&self.child);
        let output = child.stdout.take().expect("piped, taken once");
        Talk { input: child.stdin.take().expect("piped"), output: BufReader::new(output) }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        lock(&self.child).try_wait().expect("a child of ours")
    }

    /// Sends a signal, unless it has ended.
    pub fn signal(&self, signal: i32) {
        let mut child = lock(&self.child);
        if child.try_wait().expect("a child of ours").is_none() {
            // SAFETY: a signal to a child that has not been waited for, so that the number is still its own.
            unsafe { libc::kill(child.id() as libc::pid_t, signal) };
        }
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.signal(libc::SIGTERM);
    }

    /// SIGTERM, and how it ended.
    #[track_caller]
    pub fn stop(&self) -> ExitStatus {
        self.terminate();
        wait_for("the process ends", PATIENCE, || self.ended())
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&self) {
        let mut child = lock(&self.child);
        child.kill().expect("a child of ours");
        child.wait().expect("a child of ours");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = lock(&self.child);
        child.kill().ok();
        child.wait().ok();
    }
}

/// Lines to and from a process.
#[derive(Debug)]
pub struct Talk {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Talk {
    /// The next line it says.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the process speaks");
        assert!(!line.is_empty(), "the process ended without an answer");
        line.trim_end().to_owned()
    }

    /// What it answers to `what`.
    pub fn ask(&mut self, what: &str) -> String {
        writeln!(self.input, "{what}").expect("the process listens");
        self.line()
    }
}
