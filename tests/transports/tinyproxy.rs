//! A real HTTP proxy: tinyproxy, which opens tunnels to any port for who knows the password.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use tempfile::TempDir;

use crate::support::child::spawn;
use crate::support::node::free_ports;
use crate::support::{PATIENCE, wait_for};

pub(crate) const PASSWORD: &str = "opensesame";

pub(crate) struct Tinyproxy {
    pub(crate) port: u16,
    dir: TempDir,
    process: Mutex<Child>,
}

impl Tinyproxy {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().expect("a writable temporary directory");
        let port = free_ports(1)[0];
        let text = format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 600\nMaxClients 50\nBasicAuth bridge {PASSWORD}\nLogLevel Connect\nLogFile \"{}\"\n",
            dir.path().join("log").display()
        );
        fs::write(dir.path().join("conf"), text).expect("a writable temporary directory");
        let process = Mutex::new(launch(&dir));
        let proxy = Self { port, dir, process };
        proxy.wait();
        proxy
    }

    /// SIGKILL: every tunnel is gone.
    pub(crate) fn kill(&self) {
        let mut process = self.process.lock().unwrap();
        process.kill().expect("a child of ours");
        process.wait().expect("a child of ours");
    }

    pub(crate) fn restart(&self) {
        *self.process.lock().unwrap() = launch(&self.dir);
        self.wait();
    }

    /// Tunnels opened so far.
    pub(crate) fn tunnels(&self) -> usize {
        let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        log.matches("Established connection to host").count()
    }

    fn wait(&self) {
        wait_for("the proxy listens", PATIENCE, || {
            TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
    }
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        self.process.lock().unwrap().kill().ok();
    }
}

fn launch(dir: &TempDir) -> Child {
    let mut command = Command::new("tinyproxy");
    command.arg("-d").arg("-c").arg(dir.path().join("conf"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    spawn(command, "`make test` installs it")
}
