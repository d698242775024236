//! The thread that looks at files and asks for tokens.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::config::{BrokerLogin, BrokerTls, Given, Secret, Security};
use crate::kafka::security::{read, try_certificates};

use crate::watched::Watched;

use super::renewal::Renewal;
use super::{Bearer, Pass, Shared};

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What the thread owns.
pub(super) struct Keeper {
    shared: Weak<Shared>,
    password: Option<Password>,
    certificates: Option<Certificates>,
    tokens: Option<KeptTokens>,
}

/// A password in a file.
struct Password {
    username: String,
    path: PathBuf,
    text: Watched<Secret>,
}

/// The files of TLS, of which only a digest is kept.
struct Certificates {
    tls: BrokerTls,
    paths: Vec<PathBuf>,
    digest: Watched<Vec<u8>>,
}

struct KeptTokens {
    renewal: Renewal,
    extensions: BTreeMap<String, String>,
    runtime: tokio::runtime::Runtime,
}

impl Keeper {
    /// `None` if there is nothing to keep.
    pub(super) fn new(security: &Security, shared: Weak<Shared>) -> io::Result<Option<Self>> {
        let mut keeper = Self { shared, password: None, certificates: None, tokens: None };
        match &security.login {
            Some(BrokerLogin::Password { username, password: Given::File(path), .. }) => {
                let text = Watched::new(secret(path).unwrap_or_default());
                let (username, path) = (username.clone(), path.clone());
                keeper.password = Some(Password { username, path, text });
            }
            Some(BrokerLogin::Token { source, extensions }) => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let extensions = extensions.clone();
                let renewal = Renewal::new(source);
                keeper.tokens = Some(KeptTokens { renewal, extensions, runtime });
            }
            _ => {}
        }
        if let Some(tls) = &security.tls {
            let paths = files(tls);
            if !paths.is_empty() {
                let digest = Watched::new(digest(&paths).unwrap_or_default());
                keeper.certificates = Some(Certificates { tls: tls.clone(), paths, digest });
            }
        }
        let idle =
            keeper.password.is_none() && keeper.certificates.is_none() && keeper.tokens.is_none();
        Ok((!idle).then_some(keeper))
    }

    /// The thread's body: until nobody shares the access any more.
    pub(super) fn run(mut self) {
        while let Some(shared) = self.shared.upgrade() {
            if let Some(password) = &mut self.password {
                password.look(&shared);
            }
            if let Some(certificates) = &mut self.certificates {
                certificates.look(&shared);
            }
            if let Some(tokens) = &mut self.tokens {
                tokens.look(&shared);
            }
            drop(shared);
            thread::park_timeout(LOOK);
        }
    }
}

impl Password {
    fn look(&mut self, shared: &Shared) {
        if !self.text.look(secret(&self.path)) {
            return;
        }
        let username = self.username.clone();
        tracing::info!(name: "kafka_password_changed", username, file = %self.path.display(), "the password for kafka has changed");
        shared.give(Pass::Password { username, password: self.text.held().clone() });
    }
}

impl Certificates {
    fn look(&mut self, shared: &Shared) {
        if !self.digest.look(digest(&self.paths)) {
            return;
        }
        match try_certificates(&self.tls) {
            Ok(()) => {
                tracing::info!(name: "kafka_certificates_changed", "the certificates for kafka have changed");
                shared.rotations.fetch_add(1, Ordering::AcqRel);
            }
            // Perhaps only one of them is there yet; the next change is looked at again.
            Err(why) => tracing::warn!(
                "the certificates for kafka have changed, but the new ones cannot be used; the bridge keeps the old ones: {why}"
            ),
        }
    }
}

impl KeptTokens {
    fn look(&mut self, shared: &Arc<Shared>) {
        match self.runtime.block_on(self.renewal.turn()) {
            None => {}
            Some(Ok(token)) => shared.give(Pass::Token(Bearer::new(&token, &self.extensions))),
            Some(Err(refusal)) => shared.refuse(&refusal),
        }
    }
}

/// The secret in a file; `None` if there is none.
fn secret(path: &Path) -> Option<Secret> {
    let text = read(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| Secret::new(text))
}

fn files(tls: &BrokerTls) -> Vec<PathBuf> {
    let identity = tls.identity.iter();
    let identity = identity.flat_map(|it| [it.certificate_file.clone(), it.key_file.clone()]);
    let password = match &tls.key_password {
        Some(Given::File(path)) => Some(path.clone()),
        _ => None,
    };
    tls.ca_file.iter().cloned().chain(identity).chain(password).collect()
}

/// A digest of what the files hold; `None` if one cannot be read.
fn digest(paths: &[PathBuf]) -> Option<Vec<u8>> {
    let mut digest = Sha256::new();
    for path in paths {
        let text = read(path).ok()?;
        digest.update(text.len().to_be_bytes());
        digest.update(&text);
    }
    Some(digest.finalize().to_vec())
}
