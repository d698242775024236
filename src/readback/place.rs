//! A hub as people name it: `NAMESPACE/HUB`, or as the configuration does. Pure.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::group::CommandError;

/// Which hub of which namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HubPlace {
    /// The name of the namespace in the configuration.
    pub namespace: String,
    /// The hub.
    pub hub: String,
}

impl std::fmt::Display for HubPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.hub)
    }
}

impl HubPlace {
    /// The hub that `text` names. Without its namespace it is that of the mappings, or in the only namespace there is.
    pub fn of(text: &str, config: &Config) -> Result<Self, CommandError> {
        let place =
            |namespace: &str, hub: &str| Self { namespace: namespace.into(), hub: hub.into() };
        let namespaces = || {
            let names = config.eventhubs.keys().map(|name| format!("`{name}`"));
            names.collect::<Vec<_>>().join(", ")
        };
        if let Some((namespace, hub)) = text.split_once('/') {
            if config.eventhubs.contains_key(namespace) && !hub.is_empty() {
                return Ok(place(namespace, hub));
            }
            let what = format!("`{text}` is not a hub in a namespace of the configuration");
            let hint = format!("write NAMESPACE/HUB; the namespaces are {}", namespaces());
            return Err(CommandError::usage(what, hint));
        }
        let mapped = config
            .mappings
            .iter()
            .filter(|mapping| mapping.hubs().iter().any(|hub| hub.eq_ignore_ascii_case(text)));
        let mapped: BTreeSet<&str> = mapped.map(|mapping| mapping.namespace.as_str()).collect();
        let mut known: Vec<&str> = mapped.into_iter().collect();
        if known.is_empty() {
            known.extend(config.eventhubs.keys().map(String::as_str));
        }
        if let [namespace] = known[..] {
            return Ok(place(namespace, text));
        }
        let what = format!("`{text}` may be a hub of several namespaces");
        let hint = format!("write NAMESPACE/{text}; the namespaces are {}", namespaces());
        Err(CommandError::usage(what, hint))
    }
}
