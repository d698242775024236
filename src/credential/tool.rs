//! Runs the command-line tools of developers, which end with the attempt they belong to.

use std::ffi::OsStr;
use std::io;
use std::process::{Output, Stdio};

use azure_identity::Executor;
use tokio::process::Command;

/// Runs a tool; one that is still at work when its time is up is killed.
#[derive(Debug)]
pub(super) struct Tool;

#[async_trait::async_trait]
impl Executor for Tool {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        Command::new(program).args(args).stdin(Stdio::null()).kill_on_drop(true).output().await
    }
}
