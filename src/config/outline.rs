//! What a configuration says of mappings, hubs and namespaces, for whoever plans before there are secrets.
//!
//! Kafka and the ways in to Event Hubs are not looked at: their files, keys and identities need not be there, and what is
//! said of them in the [`Config`] here is not to be used.

use std::path::Path;

use super::check::{Extent, check};
use super::{Config, Problems, layers, raw, read};

/// Stands for what is known only with the connection string.
pub const UNKNOWN: &str = "NAMESPACE";

/// A configuration of which only the mappings and the hosts of namespaces were checked.
#[derive(Debug)]
pub struct Outline {
    /// Good for its mappings and the addresses of its namespaces.
    pub config: Config,
    /// Names of namespaces whose host could not be known; it begins with [`UNKNOWN`] instead.
    pub unknown: Vec<String>,
}

impl Outline {
    /// As [`Config::load`], but needs no secret and no identity.
    pub fn load(
        file: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
        overrides: &[(String, String)],
    ) -> Result<Self, Problems> {
        let (layers, strays) = layers::Layers::gather(file, environment, overrides)?;
        let (raw, failures) = read::read::<raw::File>(layers.tree());
        let mut config = check(&raw, &layers, strays, &failures, |_, _| None, Extent::Outline)?;
        let mut unknown = Vec::new();
        for (name, namespace) in &mut config.eventhubs {
            if namespace.address.host.is_empty() {
                namespace.address.host = format!("{UNKNOWN}.servicebus.windows.net");
                unknown.push(name.clone());
            }
        }
        Ok(Self { config, unknown })
    }
}
