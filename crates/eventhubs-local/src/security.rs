//! The flags of who may connect: certificates, keys and issuers.

use std::path::PathBuf;

use clap::Args;
use eventhubs_local::{Builder, Issuer, IssuerError, Rights, Tls, TlsError};
use serde::Deserialize;

/// What a generated certificate is for.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

#[derive(Debug, Args)]
pub(crate) struct Security {
    /// A shared access key, of one hub if it names one, by default with every right; without any key, every signature
    /// passes
    #[arg(long = "key", value_name = "[HUB/]NAME=VALUE[:send,listen]", value_parser = key)]
    keys: Vec<Key>,
    #[command(flatten)]
    files: Files,
}

/// Certificates and issuers, by flag or in the file under `[security]`.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Files {
    /// Serve TLS too, with this certificate chain and private key in PEM
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"], conflicts_with = "tls_generate")]
    pub(crate) tls: Option<Vec<PathBuf>>,
    /// Serve TLS too, with a new certificate for `localhost`; write the authority to trust to that file
    #[arg(long, value_name = "CA")]
    tls_generate: Option<PathBuf>,
    /// Take client certificates of these authorities (PEM) for SASL EXTERNAL
    #[arg(long, value_name = "CA")]
    tls_clients: Option<PathBuf>,
    /// Check JWTs with the keys of this JWKS document
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// The audience JWTs must have [default: `https://eventhubs.azure.net`]
    #[arg(long, value_name = "URI", requires = "jwks")]
    jwt_audience: Option<String>,
    /// The issuer JWTs must have
    #[arg(long, value_name = "URI", requires = "jwks")]
    jwt_issuer: Option<String>,
}

/// A key as a flag says it.
#[derive(Clone)]
struct Key {
    hub: Option<String>,
    name: String,
    value: String,
    rights: Rights,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Which of the files is to be corrected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecurityError {
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("`{}`: {cause}", path.display())]
    Issuer { path: PathBuf, cause: IssuerError },
    #[error("cannot use `{}`: {cause}", path.display())]
    File { path: PathBuf, cause: std::io::Error },
    #[error("`tls` is a certificate chain and its key, and cannot be used with `tls_generate`")]
    Certificate,
    #[error("`--tls-clients` needs `--tls` or `--tls-generate`")]
    ClientsWithoutTls,
}

impl Security {
    /// What the flags do not say, the file may.
    pub(crate) fn or(mut self, file: Files) -> Self {
        let flags = self.files;
        self.files = Files {
            tls_clients: flags.tls_clients.or(file.tls_clients),
            jwks: flags.jwks.or(file.jwks),
            jwt_audience: flags.jwt_audience.or(file.jwt_audience),
            jwt_issuer: flags.jwt_issuer.or(file.jwt_issuer),
            ..if flags.tls.is_some() || flags.tls_generate.is_some() {
                Files { tls: flags.tls, tls_generate: flags.tls_generate, ..Files::default() }
            } else {
                Files { tls: file.tls, tls_generate: file.tls_generate, ..Files::default() }
            }
        };
        self
    }

    pub(crate) fn apply(self, mut builder: Builder) -> Result<Builder, SecurityError> {
        for Key { hub, name, value, rights } in self.keys {
            builder = builder.limited_key(hub.as_deref(), name, value, rights);
        }
        let Files { tls, tls_generate, tls_clients, jwks, jwt_audience, jwt_issuer } = self.files;
        let mut tls = match tls.as_deref() {
            None => None,
            Some([chain, key]) if tls_generate.is_none() => Some(Tls::read(chain, key)?),
            Some(_) => return Err(SecurityError::Certificate),
        };
        if let Some(path) = tls_generate {
            let generated = Tls::generate(&LOCAL)?;
            let written = std::fs::write(&path, generated.ca_pem().unwrap_or_default());
            written.map_err(|cause| SecurityError::File { path, cause })?;
            tls = Some(generated);
        }
        if let Some(path) = tls_clients {
            let without = tls.take().ok_or(SecurityError::ClientsWithoutTls)?;
            tls = Some(without.trust_clients(read(path)?.as_bytes())?);
        }
        if let Some(tls) = tls {
            builder = builder.tls(tls);
        }
        if let Some(path) = jwks {
            let issuer = Issuer::from_jwks(&read(path.clone())?);
            let mut issuer = issuer.map_err(|cause| SecurityError::Issuer { path, cause })?;
            if let Some(audience) = jwt_audience {
                issuer = issuer.audience(audience);
            }
            if let Some(name) = jwt_issuer {
                issuer = issuer.name(name);
            }
            builder = builder.issuer(issuer);
        }
        Ok(builder)
    }
}

fn read(path: PathBuf) -> Result<String, SecurityError> {
    std::fs::read_to_string(&path).map_err(|cause| SecurityError::File { path, cause })
}

/// `[HUB/]NAME=VALUE[:RIGHTS]`. A value may have any sign in it; only an end that is a list of rights is one.
fn key(text: &str) -> Result<Key, String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    let (hub, name) = match name.split_once('/') {
        Some((hub, name)) => (Some(hub.to_owned()), name),
        None => (None, name),
    };
    let limited = value.rsplit_once(':').and_then(|(value, end)| Some((value, end.parse().ok()?)));
    let (value, rights) = limited.unwrap_or((value, Rights::ALL));
    if name.is_empty() || value.is_empty() || hub.as_deref() == Some("") {
        return Err("write NAME=VALUE".into());
    }
    Ok(Key { hub, name: name.to_owned(), value: value.to_owned(), rights })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_have_a_hub_and_rights_and_any_value() {
        let parts = |text: &str| {
            let Key { hub, name, value, rights } = key(text).unwrap();
            (hub, name, value, rights)
        };
        let of = |hub: Option<&str>, name: &str, value: &str, rights| {
            (hub.map(str::to_owned), name.to_owned(), value.to_owned(), rights)
        };
        assert_eq!(parts("root=a=b=="), of(None, "root", "a=b==", Rights::ALL));
        assert_eq!(parts("root=a:b"), of(None, "root", "a:b", Rights::ALL));
        assert_eq!(parts("in=x:send"), of(None, "in", "x", Rights::SEND));
        assert_eq!(parts("orders/out=x:listen"), of(Some("orders"), "out", "x", Rights::LISTEN));
        let both = Rights { send: true, listen: true, manage: false };
        assert_eq!(parts("io=x:listen,send"), of(None, "io", "x", both));
        for wrong in ["root", "=x", "root=", "/root=x"] {
            assert!(key(wrong).is_err(), "{wrong}");
        }
    }
}
