//! Any command of the bridge that takes a configuration: run to its end, or beside the test.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use processes::{Log, Process};
use serde_json::Value;
use tempfile::TempDir;

use crate::sweep::Sweep;
use crate::{PATIENCE, Settings, program, rest, wait_for};

impl Settings {
    /// The program with this command, in this environment, with a file that lasts as long as the folder.
    pub fn command(&self, command: &[&str], arguments: &[&str]) -> (Command, TempDir) {
        let folder = self.written();
        let mut program = program();
        program.args(command).arg("--config").arg(folder.path().join(super::FILE)).args(arguments);
        program.envs(self.own()).stdin(Stdio::null());
        (program, folder)
    }

    /// Runs a command to its end, and sweeps what it says.
    pub fn call(&self, command: &[&str], arguments: &[&str]) -> Output {
        let (mut program, _folder) = self.command(command, arguments);
        let output = program.output().expect("it is built by `cargo test`");
        let what = format!("what `{}` says", command.join(" "));
        let mut sweep = Sweep::of(&self.table, &self.own());
        for said in [&output.stdout, &output.stderr] {
            sweep.check(&what, &String::from_utf8_lossy(said));
        }
        output
    }

    /// The same of `check`.
    pub fn check(&self, arguments: &[&str]) -> Output {
        self.call(&["check"], arguments)
    }

    /// `check` finds nothing wrong with this file.
    #[track_caller]
    pub fn assert_sound(&self) {
        let output = self.check(&[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts a command, and goes on.
    pub fn begin(&self, command: &[&str], arguments: &[&str]) -> Running {
        let (mut program, folder) = self.command(command, arguments);
        program.stdout(Stdio::piped()).stderr(Stdio::piped());
        let process = Process::start(program, "it is built by `cargo test`");
        let (said, log) = (process.said(), process.log(|_| ()));
        Running { process, said, log, _folder: folder }
    }
}

/// A command that runs. It dies with its test; when that fails, what it said is printed.
#[derive(Debug)]
pub struct Running {
    process: Process,
    /// Its standard output.
    pub said: Log,
    /// Its standard error.
    pub log: Log,
    _folder: TempDir,
}

impl Running {
    /// Waits until a line of the log holds all of `words`.
    #[track_caller]
    pub fn wait_log(&self, words: &[&str]) {
        self.log.wait(words, PATIENCE);
    }

    /// Sends a signal, and waits for its end: the exit code, if there is one.
    #[track_caller]
    pub fn end(&self, signal: i32) -> Option<i32> {
        self.process.signal(signal);
        wait_for("it ends", PATIENCE, || self.process.ended()).code()
    }

    /// Waits for its end, and wants this exit code; gives the document it said.
    #[track_caller]
    pub fn ends(self, code: i32) -> Value {
        let status = wait_for("it ends", PATIENCE, || self.process.ended());
        assert_eq!(status.code(), Some(code), "{}", self.log.whole());
        serde_json::from_str(&self.said.whole()).expect("a document")
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.process.terminate();
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(self) {
        self.process.kill();
    }

    /// The same after `time`, unless it ends before.
    pub fn kill_after(self, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time && self.process.ended().is_none() {
            rest(Duration::from_millis(2));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the command said:\n{}\n---", self.log.tail(super::TAIL).join("\n"));
        }
    }
}
