//! What the operator said: read from a file, the environment and flags, and checked before any port opens.
//!
//! ```text
//! bridge.toml < BRIDGE_… variables < --set flags     layers     one tree, each value knows who said it
//!                                                    read       tree → raw, every wrong key and type gathered
//!                                                    check      raw → shape, every contradiction gathered
//! ```
//! The invariant: a [`Config`] that exists has been checked whole; nobody downstream checks it again. When it
//! cannot exist, [`Problems`] holds everything that is wrong with it, not the first thing. What only Kafka or
//! Event Hubs can know (whether a topic or hub exists) is left to them.

mod address;
mod check;
mod claim_check;
mod connection_string;
mod credential;
mod defaults;
mod effective;
mod explain;
mod flaw;
mod held;
mod hint;
mod instead;
mod layers;
mod left_out;
mod lines;
mod names;
mod once;
mod otlp;
mod outline;
mod path;
mod problem;
mod raw;
mod read;
mod registry;
mod replay;
mod schema;
mod secret;
mod security;
mod settings;
mod shape;
mod way;

pub use address::Address;
pub(crate) use check::wrong_levels;
pub use claim_check::{BlobWriter, ClaimCheck};
pub use connection_string::ConnectionString;
pub use credential::{
    Application, Assigned, Credential, Entra, Given, Principal, Sas, SharedAccess,
};
pub use defaults::NAMESPACE;
pub use effective::{Difference, Effective};
pub use flaw::Flaw;
pub use left_out::{LeftOut, Meeting};
pub use names::{HUB_NAMES, TOPIC_NAMES, is_hub, is_topic};
pub use once::EffectivelyOnce;
pub use otlp::{Otlp, headers};
pub use outline::{Outline, UNKNOWN};
pub use problem::{Problem, Problems, Spot, Warning};
pub use registry::Registry;
pub use schema::schema;
pub use secret::Secret;
pub use security::{BrokerLogin, BrokerTls, Mechanism, Oidc, Security, TokenSource};
pub use shape::*;
pub use way::{ClientCertificate, ConnectionSettings, Endpoint, Protocol, Proxy, Tls};

#[cfg(test)]
mod sample;
#[cfg(test)]
pub(crate) use sample::sample;

/// What the Kafka client has against a property of `[kafka.client]`, if anything, without showing its value.
pub type Objection = fn(&str, &ClientValue) -> Option<String>;

impl Config {
    /// Reads and checks the configuration: `file`, over it the `BRIDGE_…` variables of `environment`, over
    /// both the `overrides`, pairs of a dotted key (`kafka.brokers`) and its value.
    ///
    /// Touches nothing but `file` and the files it names; the environment is what the caller passes, and what the
    /// Kafka client has against a property, it says by `objection`.
    pub fn load(
        file: &std::path::Path,
        environment: impl IntoIterator<Item = (String, String)>,
        overrides: &[(String, String)],
        objection: Objection,
    ) -> Result<Self, Problems> {
        Self::load_whole(file, environment, overrides, objection).map(|(config, _)| config)
    }

    /// The same, and what it was read from.
    fn load_whole(
        file: &std::path::Path,
        environment: impl IntoIterator<Item = (String, String)>,
        overrides: &[(String, String)],
        objection: Objection,
    ) -> Result<(Self, layers::Layers), Problems> {
        let (layers, strays) = layers::Layers::gather(file, environment, overrides)?;
        let (raw, failures) = read::read::<raw::File>(layers.tree());
        let extent = check::Extent::Whole;
        let config = check::check(&raw, &layers, strays, &failures, objection, extent)?;
        Ok((config, layers))
    }
}
