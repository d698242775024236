//! A server's process: started on a free port, waited for, and gone with the test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use processes::Process;
use processes::installed::{at_least, installed, jars};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// A broker starts in 5 s when it has the machine.
const START: Duration = Duration::from_secs(120);

pub(crate) struct Server {
    process: Process,
    /// Where it was started, and keeps its data.
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the server said:\n{}", self.log());
        }
    }
}

impl Server {
    /// Starts a command in a folder, and waits until something listens on all of those ports, and it has said that it is
    /// ready.
    pub(crate) async fn start(
        mut command: Command,
        folder: TempDir,
        ports: &[u16],
        ready: &str,
    ) -> Self {
        let log = File::create(folder.path().join("log.txt")).expect("a folder to write to");
        let errors = log.try_clone().expect("a file");
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(log).stderr(errors);
        let process = Process::start(command, "it was there before");
        let server = Self { process, folder };
        let begun = Instant::now();
        while !server.is_ready(ports, ready).await {
            if let Some(status) = server.process.ended() {
                panic!("the server ended with {status}");
            }
            assert!(begun.elapsed() < START, "the server is not ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        server
    }

    async fn is_ready(&self, ports: &[u16], ready: &str) -> bool {
        for port in ports {
            if TcpStream::connect(("127.0.0.1", *port)).await.is_err() {
                return false;
            }
        }
        self.log().contains(ready)
    }

    fn log(&self) -> String {
        let log = fs::read(self.folder.path().join("log.txt")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

/// The folder with what a server is made of.
pub(crate) fn manifests(server: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/brokers").join(server)
}

/// Puts a file of a server's manifests into a folder, with what stands for something else replaced.
pub(crate) fn place(server: &str, file: &str, to: &Path, replaced: &[(&str, u16)]) {
    let mut text = fs::read_to_string(manifests(server).join(file)).expect("a file of this test");
    for (word, port) in replaced {
        text = text.replace(word, &port.to_string());
    }
    fs::write(to, text).expect("a folder to write to");
}

/// A Java program of jars that Maven fetches, as the server's `pom.xml` has them; why not, if it cannot be had.
pub(crate) fn java(server: &str, folder: &Path) -> Result<Command, String> {
    let hint = |reason| format!("{reason}; apt-get install default-jre-headless maven");
    if Command::new("java").arg("-version").output().is_err() {
        return Err(hint("java is not installed".to_owned()));
    }
    at_least("mvn", &["--version"], (3, 0)).map_err(hint)?;
    let home = installed("brokers", server, &manifests(server), &["pom.xml"], jars);
    let mut java = Command::new("java");
    // It starts sooner, and takes no quarter of the machine.
    java.args(["-XX:TieredStopAtLevel=1", "-Xmx512m"]);
    java.arg(format!("-Djava.io.tmpdir={}", folder.display()));
    java.arg("-cp").arg(home.join("lib/*"));
    Ok(java)
}
