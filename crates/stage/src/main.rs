//! The stage as a program, for tests that are written in other languages.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use stage::Release;
use stage::listener::Listener;
use stage::node::Node;

/// What tests stand on
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Becomes a Kafka of one node, which dies with the process that started it
    Kafka {
        /// For its settings, its log and its data; begun again in the same one, it goes on
        folder: PathBuf,
        /// Where clients reach it, at 127.0.0.1
        #[arg(long)]
        port: u16,
        /// Where it reaches itself
        #[arg(long)]
        controller: u16,
        /// A further listener, at `localhost`
        #[arg(long = "listener", value_name = "NAME=PROTOCOL:PORT", value_parser = listener)]
        listeners: Vec<Listener>,
        /// A line of its settings
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
    },
}

fn listener(text: &str) -> Result<Listener, &'static str> {
    let parts = || {
        let (name, rest) = text.split_once('=')?;
        let (protocol, port) = rest.split_once(':')?;
        Some((name.to_owned(), protocol.to_owned(), port.parse().ok()?))
    };
    let (name, protocol, port) = parts().ok_or("it is written `NAME=PROTOCOL:PORT`")?;
    Ok(Listener { name, protocol, port, settings: Vec::new() })
}

fn main() -> ExitCode {
    let Part::Kafka { folder, port, controller, listeners, settings } = Args::parse().part;
    let settings = settings.join("\n");
    let jars = Release::V4_1.jars();
    let node = Node::alone(folder, [port, controller], &listeners, &settings, &jars);
    eprintln!("java can not be run: {}", node.become_it());
    ExitCode::FAILURE
}
