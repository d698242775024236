//! The bridge: the real binary, from beside this one, with a real file from `config/examples`.
//!
//! Only the addresses of the embedded servers come from the environment. It dies with the demo, whatever ends that:
//! by being dropped, and on Linux by the kernel. What it logs is kept, the last lines of it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use crate::lock;

/// The configuration, as it is in the repository.
pub(crate) const CONFIG: &str = "config/examples/orders-demo.toml";
/// The consumer group that file names.
pub(crate) const GROUP: &str = "orders-bridge";

const PROGRAM: &str = "kafka-eventhubs-bridge";
/// Lines of its log that are kept.
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
    child: Child,
    log: Arc<Mutex<Log>>,
}

/// What it has said so far.
#[derive(Debug, Default)]
struct Log {
    lines: VecDeque<String>,
    admin: Option<SocketAddr>,
}

impl Log {
    fn push(&mut self, line: String) {
        if self.admin.is_none() {
            self.admin = admin_address(&line);
        }
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

impl Bridge {
    /// Starts it. To be called on the thread that lives as long as the demo does.
    pub(crate) fn start(brokers: &str, connection_string: &str) -> Result<Self, StartError> {
        let program = program()?;
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
        die_with_parent(&mut command);
        let refused = |cause| StartError::System { program: program.clone(), cause };
        let mut child = command.spawn().map_err(refused)?;
        let log = Arc::new(Mutex::new(Log::default()));
        if let Some(stderr) = child.stderr.take() {
            let log = Arc::clone(&log);
            std::thread::Builder::new()
                .name("bridge-log".into())
                .spawn(move || keep(stderr, &log))
                .map_err(refused)?;
        }
        Ok(Self { child, log })
    }

    /// Where its probes and metrics are, once it has said so.
    pub(crate) fn admin(&self) -> Option<SocketAddr> {
        lock(&self.log).admin
    }

    /// The last lines of its log.
    pub(crate) fn log(&self) -> Vec<String> {
        lock(&self.log).lines.iter().cloned().collect()
    }

    /// Asks it to drain, commit and exit, as an orchestrator does.
    pub(crate) fn terminate(&mut self) {
        if self.exited().is_none() {
            // SAFETY: sends a signal to a child that has not been waited for, so the id is still its own.
            unsafe { libc::kill(self.child.id() as libc::pid_t, libc::SIGTERM) };
        }
    }

    /// How it ended, if it has.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // Only a bridge that did not stop by itself is still there.
        let _gone = self.child.kill().is_ok() && self.child.wait().is_ok();
    }
}

/// The bridge's binary: built by the same command, so it is beside this one.
fn program() -> Result<PathBuf, StartError> {
    let beside = std::env::current_exe()
        .map_err(|cause| StartError::System { program: PathBuf::from(PROGRAM), cause })?
        .with_file_name(PROGRAM);
    if beside.is_file() { Ok(beside) } else { Err(StartError::Missing(beside)) }
}

#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    // SAFETY: between fork and exec only async-signal-safe functions may be called; `prctl` is a bare system call.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command) {}

fn keep(stderr: impl Read, log: &Mutex<Log>) {
    for line in BufReader::new(stderr).lines() {
        let Ok(line) = line else { return };
        lock(log).push(line);
    }
}

/// The address in the line that says where probes and metrics are.
fn admin_address(line: &str) -> Option<SocketAddr> {
    let (_, address) =
        line.split_once("probes and metrics are served")?.1.split_once("address=")?;
    address.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_says_where_the_metrics_are() {
        let line = "2026-01-01T00:00:00Z  INFO bridge: probes and metrics are served address=127.0.0.1:39041";
        assert_eq!(admin_address(line), Some("127.0.0.1:39041".parse().unwrap()));
        assert_eq!(admin_address("INFO joined address=127.0.0.1:1"), None);
    }

    #[test]
    fn the_log_keeps_its_end() {
        let mut log = Log::default();
        (0..100).for_each(|n| log.push(n.to_string()));
        assert_eq!((log.lines.len(), log.lines.back().unwrap().as_str()), (LINES, "99"));
    }

    #[test]
    fn the_example_names_the_group_and_topic_used_here() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(CONFIG);
        let text = std::fs::read_to_string(file).unwrap();
        for line in [format!("group_id = \"{GROUP}\""), format!("topic = \"{}\"", crate::TOPIC)] {
            assert!(text.contains(&line), "{line}");
        }
    }
}
