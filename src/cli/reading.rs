//! How hubs are read: what the commands that read them have in common.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{INTERNAL, say, time};
use crate::eventhubs::reader::DEFAULT_GROUP;

/// See the module.
#[derive(Debug, Args)]
pub(super) struct ReadingArgs {
    /// The consumer group to read with; Event Hubs allows five readers of a partition for each group
    #[arg(long, value_name = "GROUP", default_value = DEFAULT_GROUP)]
    pub(super) consumer_group: String,
    /// The client that reads the hubs: Microsoft's where it can connect, or the bridge's own
    #[arg(long, value_enum, default_value_t = ReaderKind::Microsoft)]
    reader: ReaderKind,
    /// Time limit for each answer of Event Hubs or Kafka
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    pub(super) timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReaderKind {
    Microsoft,
    Bridge,
}

impl ReadingArgs {
    /// Whether the bridge's own reader is to read.
    pub(super) fn is_own(&self) -> bool {
        self.reader == ReaderKind::Bridge
    }
}

pub(super) fn no_runtime(error: &std::io::Error) -> ExitCode {
    say(std::io::stderr(), format_args!("error: cannot start the async runtime: {error}"));
    ExitCode::from(INTERNAL)
}
