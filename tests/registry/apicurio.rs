//! A real registry: Apicurio, which speaks Confluent's API. It keeps everything in its memory.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bridge_schema::SchemaId;
use serde_json::{Value, json};
use stage::installed::{at_least, done, installed};
use stage::node::fresh_dir;
use stage::{PATIENCE, Process, free_port, wait_for};

use crate::block_on;

const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";
const PROGRAM: &str = "apicurio-registry-app-2.6.13.Final-runner.jar";
const INSTALL: &str = "apt-get install default-jre-headless maven";

/// See the module; it ends with the test.
pub(crate) struct Apicurio {
    home: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Apicurio {
    /// One that does not run yet, or why it cannot be had.
    pub(crate) fn new() -> Result<Self, String> {
        let hint = |reason| format!("{reason}; {INSTALL}");
        if Command::new("java").arg("-version").output().is_err() {
            return Err(hint("java is not installed".to_owned()));
        }
        at_least("mvn", &["--version"], (3, 0)).map_err(hint)?;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registry");
        let home = installed("registries", "apicurio", &folder, &["apicurio.version"], |home| {
            let artifact = std::fs::read_to_string(home.join("apicurio.version")).unwrap();
            let artifact = format!("-Dartifact={}", artifact.trim());
            let mut maven = Command::new("mvn");
            maven.args(["-q", "-B", COPY, &artifact, "-DoutputDirectory=."]);
            done(maven.current_dir(home));
            let archive = std::fs::read_dir(home).unwrap().map(|entry| entry.unwrap().path());
            let archive =
                archive.into_iter().find(|path| path.extension().is_some_and(|it| it == "gz"));
            let archive = archive.expect("Maven has fetched it");
            done(Command::new("tar").arg("-xzf").arg(&archive).current_dir(home));
            std::fs::remove_file(archive).unwrap();
        });
        Ok(Self { home, port: free_port(), process: None })
    }

    /// Starts it, with nothing in it, and waits until it answers.
    pub(crate) fn start(&mut self) {
        let folder = fresh_dir();
        std::fs::create_dir_all(&folder).expect("a writable temporary directory");
        let mut java = Command::new("java");
        java.args(["-XX:TieredStopAtLevel=1", "-Xmx256m", "-Dquarkus.http.host=127.0.0.1"]);
        java.arg(format!("-Dquarkus.http.port={}", self.port));
        java.arg("-jar").arg(self.home.join(PROGRAM)).current_dir(folder);
        java.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(Process::start(java, INSTALL));
        let url = format!("{}/subjects", self.address());
        wait_for("the registry answers", PATIENCE, || {
            TcpStream::connect(("127.0.0.1", self.port)).ok()?;
            let asked = block_on(async { reqwest::get(&url).await });
            asked.is_ok_and(|answer| answer.status().is_success()).then_some(())
        });
    }

    /// Kills it, and with it all that it holds.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Where it speaks Confluent's API.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port)
    }

    /// The configuration of it as registry `main`.
    pub(crate) fn settings(&self) -> String {
        format!("[registries.main]\naddresses = ['{}']\ntimeout = '2s'\n", self.address())
    }

    /// Registers a schema; gives its id.
    pub(crate) fn register(
        &self,
        subject: &str,
        kind: &str,
        schema: &str,
        references: &[(&str, &str)],
    ) -> u32 {
        let references = references
            .iter()
            .map(|(name, subject)| json!({ "name": name, "subject": subject, "version": 1 }));
        let references: Vec<_> = references.collect();
        let body = json!({ "schemaType": kind, "schema": schema, "references": references });
        let said = self.post(&format!("/subjects/{subject}/versions"), &body);
        said["id"].as_u64().unwrap_or_else(|| panic!("{said}")) as u32
    }

    /// Its own id of what has `id` in Confluent's API, which counts texts.
    pub(crate) fn global_id(&self, id: u32) -> SchemaId {
        let root = self.address().replace("/apis/ccompat/v7", "/apis/registry/v2");
        let get = |path: String| -> Value {
            let url = format!("{root}{path}");
            let body = block_on(async { reqwest::get(url).await?.bytes().await }).unwrap();
            serde_json::from_slice(&body).unwrap()
        };
        let found = get(format!("/search/artifacts?contentId={id}"));
        let artifact = found["artifacts"][0]["id"].as_str().unwrap();
        let said = get(format!("/groups/default/artifacts/{artifact}/meta"));
        SchemaId::GlobalId(said["globalId"].as_i64().unwrap_or_else(|| panic!("{said}")))
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.address());
        block_on(async {
            let request = reqwest::Client::new().post(url).body(body.to_string());
            let answer = request.header("content-type", "application/json").send().await.unwrap();
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
        })
    }
}
