//! The bridge: the real binary, from beside this one, with a real file from `config/examples`.
//!
//! Only the addresses of the embedded servers come from the environment. It dies with the demo, whatever ends that:
//! by being dropped, and on Linux by the kernel. What it logs is kept, the last lines of it.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use processes::{Log, Process, SERVED, built, child};

/// The configuration, as it is in the repository.
pub(crate) const CONFIG: &str = "config/examples/orders-demo.toml";
/// The consumer group that file names.
pub(crate) const GROUP: &str = "orders-bridge";

const PROGRAM: &str = "kafka-eventhubs-bridge";
/// Lines of its log that are shown.
const LINES: usize = 40;

/// Why the bridge did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// It has to be built.
    #[error("there is no `{}`: build it with `cargo build --workspace --bins`", .0.display())]
    Missing(PathBuf),
    /// The demo runs from its checkout.
    #[error("there is no `{}`: run the demo from the checkout it was built in", .0.display())]
    Config(PathBuf),
    /// The system says no.
    #[error("`{}` cannot be started: {cause}", program.display())]
    System {
        /// The bridge.
        program: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
}

/// The running bridge.
#[derive(Debug)]
pub(crate) struct Bridge {
    process: Process,
    log: Log,
}

impl Bridge {
    /// Starts it.
    pub(crate) fn start(brokers: &str, connection_string: &str) -> Result<Self, StartError> {
        // Built by the same command, so it is beside this one.
        let program = built(PROGRAM);
        if !program.is_file() {
            return Err(StartError::Missing(program));
        }
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(CONFIG);
        let config = config.canonicalize().map_err(|_| StartError::Config(config))?;
        let mut command = Command::new(&program);
        command.arg("run").arg("--config").arg(config);
        // What the environment says to another bridge is not meant for this one.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BRIDGE_") {
                command.env_remove(name);
            }
        }
        command
            .env("BRIDGE_KAFKA__BROKERS", brokers)
            .env("BRIDGE_EVENTHUBS__CONNECTION_STRING", connection_string)
            .env("BRIDGE_ADMIN__LISTEN", "127.0.0.1:0")
            // Unlike a real Kafka, the embedded one does not answer a waiting fetch when a record comes, only when the
            // wait is over: half a second, unless it is told otherwise.
            .env("BRIDGE_KAFKA__CLIENT__FETCH_WAIT_MAX_MS", "20")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // A Ctrl-C in the terminal is for the demo, which then stops the bridge in its turn.
            .process_group(0);
        let started = child::start(command);
        let child = started.map_err(|cause| StartError::System { program, cause })?;
        let process = Process::of(child);
        let log = process.log(|_| ());
        Ok(Self { process, log })
    }

    /// Where its probes and metrics are, once it has said so.
    pub(crate) fn admin(&self) -> Option<SocketAddr> {
        self.log.address(SERVED)
    }

    /// The last lines of its log.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.tail(LINES)
    }

    /// Asks it to drain, commit and exit, as an orchestrator does.
    pub(crate) fn terminate(&self) {
        self.process.terminate();
    }

    /// How it ended, if it has.
    pub(crate) fn exited(&self) -> Option<ExitStatus> {
        self.process.ended()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_names_the_group_and_topic_used_here() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(CONFIG);
        let text = std::fs::read_to_string(file).unwrap();
        for line in [format!("group_id = \"{GROUP}\""), format!("topic = \"{}\"", crate::TOPIC)] {
            assert!(text.contains(&line), "{line}");
        }
    }
}
