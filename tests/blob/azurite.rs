//! A real storage for blobs: Azurite, with an account and a key of the test's own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode};
use sha2::Sha256;
use stage::installed::{at_least, done, installed};
use stage::node::fresh_dir;
use stage::{PATIENCE, Process, free_port, wait_for};

use crate::block_on;

const PROGRAM: &str = "node_modules/azurite/dist/src/blob/main.js";
const INSTALL: &str = "apt-get install nodejs npm";
const ACCOUNT: &str = "bridge";
const KEY: &[u8] = b"a key of this test, and of nobody else";
const CONTAINER: &str = "large-records";
/// What signatures are for: the forms they have differ by that.
const VERSION: &str = "2019-12-12";
const END: &str = "2099-01-01T00:00:00Z";

/// See the module; it ends with the test.
pub(crate) struct Azurite {
    home: PathBuf,
    data: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Azurite {
    /// One that does not run yet, or why it cannot be had.
    pub(crate) fn new() -> Result<Self, String> {
        let hint = |reason| format!("{reason}; {INSTALL}");
        at_least("node", &["--version"], (20, 0)).map_err(hint)?;
        at_least("npm", &["--version"], (7, 0)).map_err(hint)?;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/blob/azurite");
        let manifests = ["package.json", "package-lock.json"];
        let home = installed("storage", "azurite", &folder, &manifests, |home| {
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"]);
            done(npm.args(["--loglevel", "error"]).current_dir(home));
        });
        Ok(Self { home, data: fresh_dir(), port: free_port(), process: None })
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn start(&mut self) {
        std::fs::create_dir_all(&self.data).expect("a writable temporary directory");
        let mut node = Command::new("node");
        node.arg(self.home.join(PROGRAM)).args(["--blobHost", "127.0.0.1", "--blobPort"]);
        node.arg(self.port.to_string()).arg("--location").arg(&self.data);
        node.args(["--silent", "--disableTelemetry"]);
        node.env("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{}", STANDARD.encode(KEY)));
        node.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(Process::start(node, INSTALL));
        let url = format!("{}?restype=container", self.container());
        wait_for("storage answers", PATIENCE, || {
            ask(Method::GET, &url).ok().filter(|(status, _)| !status.is_server_error())
        });
    }

    /// Kills it. What it has not written yet is gone: it writes its books every few seconds.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Makes the container, where there is none.
    pub(crate) fn create_container(&self) {
        let url = format!("{}?restype=container", self.container());
        let (status, _) = ask(Method::PUT, &url).unwrap();
        assert!(matches!(status, StatusCode::CREATED | StatusCode::CONFLICT), "{status}");
    }

    /// The address of the container.
    pub(crate) fn container(&self) -> String {
        format!("http://127.0.0.1:{}/{ACCOUNT}/{CONTAINER}", self.port)
    }

    /// What is at an address in the container, if anything is.
    pub(crate) fn get(&self, url: &str) -> Option<Vec<u8>> {
        assert!(url.starts_with(&self.container()), "{url} is elsewhere");
        let (status, body) = ask(Method::GET, url).unwrap();
        (status == StatusCode::OK).then_some(body)
    }

    pub(crate) fn delete(&self, url: &str) {
        assert!(url.starts_with(&self.container()), "{url} is elsewhere");
        assert_eq!(ask(Method::DELETE, url).unwrap().0, StatusCode::ACCEPTED);
    }
}

/// A request of who may do everything.
fn ask(method: Method, url: &str) -> reqwest::Result<(StatusCode, Vec<u8>)> {
    let (permissions, services, kinds) = ("rwdlac", "b", "sco");
    let signed = format!(
        "{ACCOUNT}\n{permissions}\n{services}\n{kinds}\n\n{END}\n\nhttps,http\n{VERSION}\n"
    );
    let more = format!(
        "sv={VERSION}&ss={services}&srt={kinds}&sp={permissions}&se={END}&spr=https,http&sig={}",
        sign(&signed)
    );
    let sign = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{sign}{more}");
    block_on(async {
        let request = reqwest::Client::new().request(method, url).header("content-length", "0");
        let answer = request.send().await?;
        Ok((answer.status(), answer.bytes().await?.to_vec()))
    })
}

/// A signature that lets somebody write blobs into the container, and nothing else; as it stands behind the `?` of a URL.
pub(crate) fn signature() -> String {
    let place = format!("/blob/{ACCOUNT}/{CONTAINER}");
    let signed = format!("cw\n\n{END}\n{place}\n\n\n\n{VERSION}\nc\n\n\n\n\n\n");
    format!("sv={VERSION}&sr=c&sp=cw&se={END}&sig={}", sign(&signed))
}

fn sign(text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("a key of any length");
    mac.update(text.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    utf8_percent_encode(&signature, NON_ALPHANUMERIC).to_string()
}
