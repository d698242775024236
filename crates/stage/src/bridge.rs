//! The bridge as an operator has it: the real program with a file, signals, an exit code, probes and a log.
//!
//! A bridge dies with its test. When the test fails, what the bridge said is printed; when it does not, what the bridge
//! said is swept for secrets.

use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use eventhubs_local::Server;
use processes::{Log, Process};
use tempfile::TempDir;
use toml::{Table, Value};

use crate::sweep::Sweep;
use crate::{Kafka, PATIENCE, unique, wait_for};

mod command;
mod shown;

pub use command::Running;
pub use shown::sum_of;

/// Lines of the log that are printed when a test fails.
const TAIL: usize = 60;
/// The name of its file.
const FILE: &str = "bridge.toml";

/// A configuration file to be.
#[derive(Debug, Clone)]
pub struct Settings {
    table: Table,
    variables: Vec<(String, String)>,
    arguments: Vec<&'static str>,
}

impl Settings {
    /// Without a mapping yet. Commits and discovers often, so that tests need not wait.
    pub fn new(kafka: &Kafka, group: &str, namespace: &Server) -> Self {
        Self::only("").with(&format!(
            "[kafka]
            brokers = '{}'
            group_id = '{group}'
            commit_interval = '100ms'
            discovery_interval = '500ms'
            [eventhubs]
            connection_string = '{}'
            [admin]
            listen = '127.0.0.1:0'",
            kafka.bootstrap(),
            namespace.connection_string()
        ))
    }

    /// Only what `text` says.
    pub fn only(text: &str) -> Self {
        Self { table: Table::new(), variables: Vec::new(), arguments: Vec::new() }.with(text)
    }

    /// Adds what `text` says: tables grow, mappings are appended, anything else is replaced.
    pub fn with(mut self, text: &str) -> Self {
        merge(&mut self.table, text.parse().expect("good TOML"));
        self
    }

    /// Adds the mapping of one topic to one hub.
    pub fn mapping(self, topic: &str, hub: &str) -> Self {
        self.with(&format!("[[mappings]]\ntopic = '{topic}'\nhub = '{hub}'"))
    }

    /// Lays this over each mapping.
    pub fn each_mapping(mut self, text: &str) -> Self {
        let mappings = self.table.get_mut("mappings").and_then(Value::as_array_mut);
        for mapping in mappings.expect("it has mappings") {
            let mapping = mapping.as_table_mut().expect("a mapping is a table");
            merge(mapping, text.parse().expect("good TOML"));
        }
        self
    }

    /// Keeps the mappings to these hubs.
    pub fn only_hubs(mut self, keep: impl Fn(&str) -> bool) -> Self {
        let mappings = self.table.get_mut("mappings").and_then(Value::as_array_mut);
        let hub = |mapping: &Value| mapping.get("hub")?.as_str().map(&keep);
        mappings.expect("it has mappings").retain(|mapping| hub(mapping) == Some(true));
        self
    }

    /// Takes a key out, given with dots.
    pub fn without(mut self, key: &str) -> Self {
        let (mut table, mut rest) = (&mut self.table, key);
        // What follows `kafka.client.` is one name.
        while let Some((name, more)) = rest.split_once('.').filter(|_| !table.contains_key(rest)) {
            let Some(Value::Table(inner)) = table.get_mut(name) else { return self };
            (table, rest) = (inner, more);
        }
        table.remove(rest);
        self
    }

    /// Sets an environment variable.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs until what is there at the start is settled.
    pub fn until_caught_up(mut self) -> Self {
        self.arguments.push("--until-caught-up");
        self
    }

    /// Reloads when the file changes.
    pub fn watched(mut self) -> Self {
        self.arguments.push("--watch-config");
        self
    }

    /// Runs only if everything can run.
    pub fn strict(mut self) -> Self {
        self.arguments.push("--strict");
        self
    }

    /// What the file holds.
    pub fn to_toml(&self) -> String {
        self.table.to_string()
    }

    /// Starts a bridge with this file and environment.
    pub fn start(&self) -> Bridge {
        self.start_with(&[])
    }

    /// The same, with more variables in its environment.
    pub fn start_with(&self, environment: &[(&str, &str)]) -> Bridge {
        if std::env::var("GROUP_PROTOCOL").is_ok_and(|protocol| protocol == "consumer") {
            return self.clone().led_by_broker().run(environment);
        }
        self.run(environment)
    }

    /// The brokers lead the group, unless this is of a static member, or of a session longer than the six seconds the brokers of the
    /// tests say. Heartbeats are theirs to say, too.
    pub fn led_by_broker(mut self) -> Self {
        let kafka = self.table.get("kafka").and_then(Value::as_table);
        let session = kafka
            .and_then(|kafka| kafka.get("client")?.get("session.timeout.ms"))
            .and_then(Value::as_integer);
        let speaks = kafka.is_none_or(|kafka| kafka.contains_key("instance_id"));
        if speaks || session.is_some_and(|session| session > 6000) {
            return self;
        }
        self = self.with("[kafka.client]\n'group.protocol' = 'consumer'");
        self.without("kafka.client.heartbeat.interval.ms")
    }

    fn run(&self, environment: &[(&str, &str)]) -> Bridge {
        let environment = [&self.own()[..], environment].concat();
        let (mut command, dir) = self.command(&["run"], &self.arguments);
        command.envs(environment.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped());
        let process = Process::start(command, "it is built by `cargo test`");
        let log = process.log(|_| ());
        let sweep = Mutex::new(Sweep::of(&self.table, &environment));
        Bridge { process, log, sweep, dir }
    }

    /// The variables of the environment that are its own.
    fn own(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// A folder that holds the file.
    fn written(&self) -> TempDir {
        let folder = tempfile::tempdir().expect("a writable temporary directory");
        std::fs::write(folder.path().join(FILE), self.to_toml()).expect("the same");
        folder
    }
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (Some(Value::Array(old)), Value::Array(new)) => old.extend(new),
            (_, value) => drop(into.insert(key, value)),
        }
    }
}

/// A running bridge.
#[derive(Debug)]
pub struct Bridge {
    process: Process,
    log: Log,
    sweep: Mutex<Sweep>,
    dir: TempDir,
}

impl Bridge {
    /// Sweeps what this bridge says for this secret, too; those of its configuration are known.
    pub fn hush(&self, secret: &str) {
        lock(&self.sweep).add(secret);
    }

    /// Its file holds something else from now on; that is all.
    pub fn rewrite(&self, settings: &Settings) {
        self.write(&settings.to_toml());
    }

    /// The same, of any text.
    pub fn write(&self, text: &str) {
        std::fs::write(self.dir.path().join(FILE), text).expect("a writable directory");
    }

    /// Its file is exchanged as Kubernetes does it with a volume: it is a link to a link to a directory, and the link between
    /// them is replaced.
    pub fn swap(&self, settings: &Settings) {
        let of = |name: &str| self.dir.path().join(name);
        let version = unique("version");
        std::fs::create_dir(of(&version)).expect("a writable directory");
        std::fs::write(of(&version).join(FILE), settings.to_toml()).expect("the same");
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(to, of("new")).expect("a directory that takes links");
            std::fs::rename(of("new"), of(name)).expect("the same");
        };
        link(&version, "..data");
        if !of(FILE).is_symlink() {
            link(&format!("..data/{FILE}"), FILE);
        }
    }

    /// SIGTERM: drain, commit, end. Not before the bridge watches for it.
    pub fn terminate(&self) {
        self.admin();
        self.signal(libc::SIGTERM);
    }

    /// SIGKILL, and waits until the process is gone.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        self.process.signal(signal);
    }

    /// The most memory that has ever been resident.
    pub fn peak_memory(&self) -> u64 {
        self.process.peak_memory().expect("it runs")
    }

    /// The exit code, if the process has ended; `None` also when a signal ended it.
    pub fn exit_code(&self) -> Option<i32> {
        let status = self.process.ended()?;
        assert!(status.code().is_some(), "ended by a signal: {status}\n{}", self.tail());
        status.code()
    }

    /// Waits for the end of the process; then [`Bridge::log`] is whole.
    #[track_caller]
    pub fn wait_exit(&self, limit: Duration) -> i32 {
        let code = wait_for("the bridge ends", limit, || self.exit_code());
        wait_for("its log ends", limit, || self.log.has_ended().then_some(()));
        code
    }

    /// Asks to stop, waits, and wants a clean end.
    #[track_caller]
    pub fn stop(&self) {
        self.terminate();
        assert_eq!(self.wait_exit(PATIENCE), 0, "{}", self.tail());
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until a line of the log holds all of `words`, and gives it.
    #[track_caller]
    pub fn wait_log(&self, words: &[&str]) -> String {
        self.log.wait(words, PATIENCE).text
    }

    /// How often a line of the log holds `word`.
    pub fn logged(&self, word: &str) -> usize {
        self.log.lines(&[word]).len()
    }

    fn tail(&self) -> String {
        self.log.tail(TAIL).join("\n")
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.process.kill();
        if std::thread::panicking() {
            let id = self.process.id();
            eprintln!("--- the bridge (process {id}) said:\n{}\n---", self.tail());
            return;
        }
        wait_for("its log ends", PATIENCE, || self.log.has_ended().then_some(()));
        lock(&self.sweep).check("the log", &self.log());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
