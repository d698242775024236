//! A sweep for secrets: whatever a bridge says, in its log, on its pages or at its end, none of them may be in it.
//!
//! What is secret is found in the bridge's own configuration, by the names of keys and in the files they point at; a
//! test adds what it alone knows, such as the tokens an issuer gave. Tokens and signatures are known by their shape.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use regex::Regex;
use toml::{Table, Value};

/// Keys whose value is a secret; with `_file` behind, the file's content is.
const KEYS: &[&str] = &[
    "client_secret",
    "connection_string",
    "key",
    "key_password",
    "password",
    "sasl.password",
    "secondary_connection_string",
    "secondary_key",
    "signature",
    "ssl.key.password",
    "system_access_token",
    "token",
];
/// Files that hold a secret, whatever their keys are called.
const FILES: &[&str] = &["certificate_key_file", "keytab_file"];
/// Shorter text is in every log by chance.
const SHORTEST: usize = 6;

static SHAPES: LazyLock<Regex> = LazyLock::new(|| {
    let jwt = r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+";
    let signature = r"sig=[\w%+/]{8,}";
    let key = r"SharedAccessKey=[^*\s]{4,}";
    let pem = "-----BEGIN [A-Z ]*PRIVATE KEY";
    Regex::new(&format!("{jwt}|{signature}|{key}|{pem}")).expect("a good expression")
});

/// What must not be said.
#[derive(Debug, Default)]
pub struct Sweep {
    secrets: BTreeSet<String>,
    files: BTreeSet<String>,
}

impl Sweep {
    /// For the secrets of this configuration.
    pub fn of(table: &Table, variables: &[(&str, &str)]) -> Self {
        let mut sweep = Self::default();
        sweep.walk(table);
        for (name, value) in variables {
            let name = name.to_lowercase();
            if KEYS.iter().any(|key| name.ends_with(&key.replace('.', "_"))) {
                sweep.add(value);
            }
        }
        sweep
    }

    fn walk(&mut self, table: &Table) {
        for (key, value) in table {
            match value {
                Value::Table(inner) => self.walk(inner),
                Value::String(text) if KEYS.contains(&key.as_str()) => self.add(text),
                Value::String(text) if key == "proxy" => self.add_password(text),
                Value::String(path)
                    if FILES.contains(&key.as_str())
                        || key.strip_suffix("_file").is_some_and(|key| KEYS.contains(&key)) =>
                {
                    self.files.insert(path.clone());
                }
                _ => {}
            }
        }
    }

    /// Adds a secret: text, a connection string or PEM.
    pub fn add(&mut self, secret: &str) {
        let secret = secret.trim();
        if let Some((_, key)) = secret.split_once("SharedAccessKey=") {
            return self.add(key.split(';').next().unwrap_or_default());
        }
        if let Some((_, signature)) = secret.split_once("sig=") {
            return self.add(signature.split(['&', ';']).next().unwrap_or_default());
        }
        // The label lines of PEM are no secret, and each line of its body is one.
        let body = secret.lines().filter(|line| !line.starts_with("-----"));
        for text in body.filter(|text| text.len() >= SHORTEST) {
            let escaped =
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
            self.secrets.insert(escaped.to_string());
            self.secrets.insert(STANDARD.encode(text));
            self.secrets.insert(URL_SAFE_NO_PAD.encode(text));
            self.secrets.insert(text.to_owned());
        }
    }

    fn add_password(&mut self, address: &str) {
        let user = address.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
        if let Some((_, password)) = user.and_then(|(user, _)| user.split_once(':')) {
            self.add(password);
        }
    }

    /// What the files hold now; they may hold something else later.
    fn read(&mut self) {
        for path in self.files.clone() {
            if let Ok(text) = std::fs::read_to_string(Path::new(&path)) {
                self.add(&text);
            }
        }
    }

    /// Panics if `said` holds a secret, without showing more of it than the line it is in.
    #[track_caller]
    pub fn check(&mut self, place: &str, said: &str) {
        self.read();
        for line in said.lines() {
            let found = self.secrets.iter().find(|secret| line.contains(secret.as_str()));
            let found = found.map(String::as_str).or_else(|| SHAPES.find(line).map(|m| m.as_str()));
            assert!(found.is_none(), "a secret, {found:?}, is shown in {place}: {line}");
        }
    }
}

#[test]
fn the_sweep_finds_what_is_shown() {
    let table = "[eventhubs]\nconnection_string = 'Endpoint=sb://a/;SharedAccessKeyName=n;SharedAccessKey=aGVsbG8gd29ybGQ='
                 [eventhubs.connection]\nproxy = 'http://user:pass/word@host:1'\n[kafka.client]\n'sasl.password' = 'sesame, open'";
    let sweep =
        || Sweep::of(&table.parse().expect("good TOML"), &[("AZURE_CLIENT_SECRET", "a~secret")]);
    sweep().check("a log", "n and user, sb://a/, SharedAccessKey=***, sig=***, open sesame");
    for shown in [
        "key aGVsbG8gd29ybGQ= used",
        "aGVsbG8gd29ybGQ%3D",
        "pass%2Fword",
        "Basic c2VzYW1lLCBvcGVu",
        "a~secret",
        "sr=a&sig=abcdefgh%3d",
        "eyJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwIn0.c2lnbmF0dXJl",
    ] {
        let caught = std::panic::catch_unwind(|| sweep().check("a log", shown));
        assert!(caught.is_err(), "{shown}");
    }
}
