//! A real HTTP proxy: tinyproxy, which opens tunnels to any port for who knows the password.

use std::fs;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use tempfile::TempDir;

use crate::{PATIENCE, free_port, wait_for};
use processes::Process;

/// What it wants to hear from the user `bridge`.
pub const PASSWORD: &str = "opensesame";

/// A running proxy. It ends with its test.
#[derive(Debug)]
pub struct Tinyproxy {
    /// Where it listens.
    pub port: u16,
    dir: TempDir,
    process: Mutex<Process>,
}

impl Tinyproxy {
    /// One that leads to any port.
    pub fn start() -> Self {
        Self::only_to(&[])
    }

    /// One that leads to these ports and to no other, or to any if there are none.
    pub fn only_to(ports: &[u16]) -> Self {
        let dir = tempfile::tempdir().expect("a writable temporary directory");
        let port = free_port();
        configure(&dir, port, ports);
        let process = Mutex::new(launch(&dir));
        let proxy = Self { port, dir, process };
        proxy.wait();
        proxy
    }

    /// The URL of the proxy, with the password.
    pub fn url(&self) -> String {
        format!("http://bridge:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// From now on it leads to these ports, too. Every tunnel is gone.
    pub fn lead_to(&self, ports: &[u16]) {
        self.kill();
        configure(&self.dir, self.port, ports);
        self.restart();
    }

    /// How often somebody asked for a tunnel to that port.
    pub fn asked_for(&self, port: u16) -> usize {
        self.log().lines().filter(|line| line.contains(&format!(":{port} HTTP/"))).count()
    }

    /// SIGKILL: every tunnel is gone.
    pub fn kill(&self) {
        self.process.lock().unwrap().kill();
    }

    /// Starts it again, at the same port.
    pub fn restart(&self) {
        *self.process.lock().unwrap() = launch(&self.dir);
        self.wait();
    }

    /// Tunnels opened so far.
    pub fn tunnels(&self) -> usize {
        self.log().matches("Established connection to host").count()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn wait(&self) {
        wait_for("the proxy listens", PATIENCE, || {
            TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
    }
}

fn configure(dir: &TempDir, port: u16, to: &[u16]) {
    let to: Vec<_> = to.iter().map(|port| format!("ConnectPort {port}")).collect();
    let to = to.join("\n");
    let text = format!(
        "Port {port}\nListen 127.0.0.1\nTimeout 600\nMaxClients 50\nBasicAuth bridge {PASSWORD}\nLogLevel Connect\n\
         LogFile \"{}\"\n{to}\n",
        dir.path().join("log").display()
    );
    fs::write(dir.path().join("conf"), text).expect("a writable temporary directory");
}

fn launch(dir: &TempDir) -> Process {
    let mut command = Command::new("tinyproxy");
    command.arg("-d").arg("-c").arg(dir.path().join("conf"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Process::start(command, "`make test` installs it")
}
