//! What a running bridge shows: its endpoints, and what the commands that ask them make of it.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use processes::http::ask;
use serde::de::DeserializeOwned;

use super::lock;
use crate::{Bridge, PATIENCE, SERVED, program, rest, wait_for};

impl Bridge {
    /// Where probes and metrics are served; waits until it has been said.
    pub(super) fn admin(&self) -> SocketAddr {
        self.wait_log(&[SERVED]);
        self.log.address(SERVED).expect("an address in the line")
    }

    /// Asks one endpoint: status and body. `None` when nobody answers.
    fn get(&self, path: &str) -> Option<(u16, String)> {
        self.ask("GET", path, "")
    }

    fn ask(&self, method: &str, path: &str, header: &str) -> Option<(u16, String)> {
        let answer = ask(self.admin(), method, path, header, "").ok()?;
        lock(&self.sweep).check(path, &answer.head);
        lock(&self.sweep).check(path, &answer.body);
        Some((answer.status, answer.body))
    }

    /// Status and body of `/livez`.
    pub fn liveness(&self) -> (u16, String) {
        wait_for("/livez answers", PATIENCE, || self.get("/livez"))
    }

    /// Status and body of `/readyz`.
    pub fn readiness(&self) -> (u16, String) {
        wait_for("/readyz answers", PATIENCE, || self.get("/readyz"))
    }

    /// Waits until `/readyz` answers with `status`, and gives the body.
    #[track_caller]
    pub fn wait_ready(&self, status: u16) -> String {
        wait_for(&format!("/readyz says {status}"), PATIENCE, || {
            let (now, body) = self.readiness();
            (now == status).then_some(body)
        })
    }

    /// Waits until `/readyz` answers with 503 and all these words, and gives the body: one reason may follow another.
    #[track_caller]
    pub fn wait_unready(&self, words: &[&str]) -> String {
        wait_for(&format!("/readyz says 503 and {words:?}"), PATIENCE, || {
            let (status, body) = self.readiness();
            (status == 503 && words.iter().all(|word| body.contains(word))).then_some(body)
        })
    }

    /// `/status`, of the shape that is documented.
    pub fn status<Document: DeserializeOwned>(&self) -> Document {
        self.read("/status")
    }

    fn read<T: DeserializeOwned>(&self, path: &str) -> T {
        let (_, body) = wait_for("the page answers", PATIENCE, || self.get(path));
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    /// Waits until `/status` says so.
    #[track_caller]
    pub fn wait_status<Document: DeserializeOwned, T>(
        &self,
        what: &str,
        so: impl Fn(&Document) -> Option<T>,
    ) -> T {
        wait_for(&format!("/status tells of {what}"), PATIENCE, || so(&self.status()))
    }

    /// What the command `status` shows of this bridge.
    pub fn shown(&self, arguments: &[&str]) -> String {
        let (code, said) = self.command("status", arguments);
        assert_eq!(code, Some(0), "{said}");
        said
    }

    /// Runs a command that asks or steers this bridge: exit code, and what it said.
    pub fn command(&self, command: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.steering(command, arguments).output().expect("built by `cargo test`");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).expect("text"))
    }

    /// That command, before it is run.
    pub fn steering(&self, command: &str, arguments: &[&str]) -> Command {
        let mut program = program();
        program.args([command, "--address", &self.admin().to_string()]).args(arguments);
        program
    }

    /// Sends a request of any kind, perhaps with a token: its status and body.
    pub fn request(&self, method: &str, path: &str, token: Option<&str>) -> (u16, String) {
        let token = token.map_or(String::new(), |it| format!("Authorization: Bearer {it}\r\n"));
        wait_for("the endpoint answers", PATIENCE, || self.ask(method, path, &token))
    }

    /// `/events?since=N`, of the shape that is documented.
    pub fn events<Answer: DeserializeOwned>(&self, since: u64) -> Answer {
        self.read(&format!("/events?since={since}"))
    }

    /// The whole of `/metrics`.
    pub fn metrics(&self) -> String {
        wait_for("/metrics answers", PATIENCE, || self.get("/metrics")).1
    }

    /// The sum of all series of `name` that have these labels, written as in the exposition: `cause="timeout"`.
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        sum_of(&self.metrics(), name, labels)
    }

    /// [`Bridge::metric`] of what is counted in whole numbers.
    pub fn count(&self, name: &str, labels: &[&str]) -> u64 {
        self.metric(name, labels) as u64
    }

    /// Waits until [`Bridge::metric`] is at least `least`.
    #[track_caller]
    pub fn wait_metric(&self, name: &str, labels: &[&str], least: f64) {
        wait_for(&format!("{name}{labels:?} is {least}"), PATIENCE, || {
            let enough = self.metric(name, labels) >= least;
            if !enough {
                rest(Duration::from_millis(30));
            }
            enough.then_some(())
        });
    }
}

/// The sum of all series of `name` on a page of metrics that have these labels.
pub fn sum_of(page: &str, name: &str, labels: &[&str]) -> f64 {
    let of_name =
        |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
    let wanted = |line: &&str| labels.iter().all(|label| line.contains(label));
    let value = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
    page.lines().filter(of_name).filter(wanted).filter_map(value).sum()
}
