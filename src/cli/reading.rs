//! How hubs are read: what the commands that read them have in common.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{INTERNAL, say, time};
use crate::eventhubs::reader::DEFAULT_GROUP;

/// See the module.
#[derive(Debug, Args)]
pub(super) struct Reading {
    /// The consumer group to read for; a service lets five readers at a time read a partition for one
    #[arg(long, value_name = "GROUP", default_value = DEFAULT_GROUP)]
    pub(super) consumer_group: String,
    /// Who reads the hubs: Microsoft's own client where it can go, or the bridge's own reader
    #[arg(long, value_enum, default_value_t = Reader::Microsoft)]
    reader: Reader,
    /// How long each answer of Event Hubs, or of Kafka, may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    pub(super) timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reader {
    Microsoft,
    Bridge,
}

impl Reading {
    /// Whether the bridge's own reader is to read.
    pub(super) fn is_own(&self) -> bool {
        self.reader == Reader::Bridge
    }
}

pub(super) fn no_runtime(error: &std::io::Error) -> ExitCode {
    say(std::io::stderr(), format_args!("error: no runtime: {error}"));
    ExitCode::from(INTERNAL)
}
