//! The bridge as benchmarks have it: a file that they write, and what it costs.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use processes::{Log, Process, http};

use crate::SERVED;

/// Warnings and errors that are passed on.
const SHOWN: usize = 5;

/// A bridge that is measured.
#[derive(Debug)]
pub struct Subject {
    /// What is looked at.
    pub process: Process,
    /// What it says.
    pub log: Log,
}

impl Subject {
    /// Starts a build of the bridge with this file, over which keys are set, such as `limits.memory=32MiB`. The first of what it
    /// complains of is passed on.
    pub fn start(mut program: Command, file: &Path, set: &[String]) -> Self {
        program.arg("run").arg("--config").arg(file);
        program.args(set.iter().flat_map(|pair| ["--set", pair])).stderr(Stdio::piped());
        let process = Process::start(program, "`cargo bench` builds it");
        let said = AtomicUsize::new(0);
        let log = process.log(move |line| {
            let grave = line.contains(" WARN ") || line.contains(" ERROR ");
            if grave && said.fetch_add(1, Ordering::Relaxed) < SHOWN {
                eprintln!("  {line}");
            }
        });
        Self { process, log }
    }

    /// When it began to join its group, if it has.
    pub fn joined(&self) -> Option<Instant> {
        self.log.lines(&["subscribing"]).first().map(|line| line.at)
    }

    /// What one of its pages says now.
    pub fn page(&self, path: &str) -> io::Result<String> {
        let address = self.log.address(SERVED);
        let address = address.ok_or_else(|| io::Error::other("it has not said where"))?;
        let answer = http::get(address, path)?;
        let good = answer.status == 200;
        good.then_some(answer.body).ok_or_else(|| io::Error::other(answer.head))
    }
}
