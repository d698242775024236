//! A child process: ended with this one, its CPU time and memory as the kernel counts them.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::support::child::spawn;
use crate::support::wait_for;

/// A child that is killed when dropped, and when this process is gone.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    pub(crate) fn spawn(command: Command) -> Self {
        Self { child: spawn(command, "`cargo bench` builds it") }
    }

    /// A copy of this program in another role.
    pub(crate) fn role(args: &[String]) -> Self {
        let program = std::env::current_exe().expect("the program knows its path");
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self::spawn(command)
    }

    /// User and system time so far.
    pub(crate) fn cpu(&self) -> Duration {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: both calls fill plain data, and say so when they do not.
        let known = unsafe {
            let mut clock = 0;
            libc::clock_getcpuclockid(self.child.id() as libc::pid_t, &raw mut clock) == 0
                && libc::clock_gettime(clock, &raw mut time) == 0
        };
        assert!(known, "it runs");
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }

    /// The largest resident memory so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.peak().expect("it runs")
    }

    /// The same; `None` of one that has ended.
    pub(crate) fn peak(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(peak.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
    }

    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours")
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        // SAFETY: a signal to a child that has not been waited for.
        unsafe { libc::kill(self.child.id() as libc::pid_t, libc::SIGTERM) };
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.terminate();
        wait_for("the child ends", Duration::from_secs(60), || self.ended())
    }

    pub(crate) fn stderr(&mut self) -> impl Read + Send + 'static {
        self.child.stderr.take().expect("piped, taken once")
    }

    pub(crate) fn talk(&mut self) -> Talk {
        let output = self.child.stdout.take().expect("piped, taken once");
        Talk { input: self.child.stdin.take().expect("piped"), output: BufReader::new(output) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Lines to and from a child.
#[derive(Debug)]
pub(crate) struct Talk {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Talk {
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the child speaks");
        assert!(!line.is_empty(), "the child ended without an answer");
        line.trim_end().to_owned()
    }

    pub(crate) fn ask(&mut self) -> String {
        self.ask_for("")
    }

    pub(crate) fn ask_for(&mut self, what: &str) -> String {
        self.input.write_all(format!("{what}\n").as_bytes()).expect("the child listens");
        self.line()
    }
}

/// CPU time of this process so far.
pub(crate) fn own_cpu() -> Duration {
    // SAFETY: rusage is plain data, and filled by the call.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}
