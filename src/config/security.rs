//! How the bridge is let in by Kafka: over TLS or not, and as whom.
//!
//! What stands in a file is named here and read when it is needed, so that it may change while the bridge runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{ClientCertificate, Entra, Given};

/// `[kafka.security]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Security {
    /// TLS, unless it is switched off.
    pub tls: Option<BrokerTls>,
    /// SASL, if the brokers ask for it.
    pub login: Option<BrokerLogin>,
}

/// TLS to the brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerTls {
    /// The only authorities trusted, in PEM; those of the system if none.
    pub ca_file: Option<PathBuf>,
    /// What we show when asked who we are.
    pub identity: Option<ClientCertificate>,
    /// What the key of that certificate is encrypted with.
    pub key_password: Option<Given>,
    /// Whether a broker's certificate has to be that of its name.
    pub verify_host_name: bool,
}

/// Who logs in, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerLogin {
    /// A user with a password.
    Password {
        /// How it is proven.
        mechanism: Mechanism,
        /// The user.
        username: String,
        /// The password.
        password: Given,
    },
    /// A token: `OAUTHBEARER`.
    Token {
        /// Where tokens come from.
        source: TokenSource,
        /// SASL extensions that go with each of them.
        extensions: BTreeMap<String, String>,
    },
    /// A ticket of Kerberos: `GSSAPI`.
    Kerberos {
        /// Who we are.
        principal: String,
        /// Our key.
        keytab_file: PathBuf,
        /// Who the brokers are.
        service_name: String,
    },
}

/// How a password is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// By showing it.
    Plain,
    /// By a challenge and SHA-256.
    ScramSha256,
    /// By a challenge and SHA-512.
    ScramSha512,
}

impl Mechanism {
    /// As SASL names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Where tokens for the brokers come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// An issuer of OIDC that gives them for a client's own credentials.
    Oidc(Oidc),
    /// A file in which somebody else keeps a JWT.
    File(PathBuf),
    /// IAM of AWS, for the clusters of a region.
    AwsMskIam {
        /// The region.
        region: String,
    },
    /// Entra ID.
    Entra(Entra),
}

/// A client of an OIDC issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oidc {
    /// The URL of the token endpoint.
    pub endpoint: String,
    /// The client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Given,
    /// What the tokens are for, if the issuer wants to know.
    pub scope: Option<String>,
    /// Authorities the issuer's certificate may come from, beside those of the system, in PEM.
    pub ca_file: Option<PathBuf>,
}
