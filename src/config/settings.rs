//! What is said outside the file: the `BRIDGE_…` variables and the `--set` flags.
//!
//! The environment source of the `config` crate is not used: it forgets which variable a value came from, and
//! a librdkafka property is one key with dots in it, which it would take for a path.

use std::collections::BTreeMap;

use super::problem::{Place, Problem};

const PREFIX: &str = "BRIDGE_";
const FLAG: &str = "--set ";

/// One value said outside the file.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// The way from the root, a key a table.
    pub(super) keys: Vec<String>,
    /// What is said.
    pub(super) value: String,
    /// The variable or flag, as written.
    pub(super) origin: String,
}

/// The variable that sets `path`, where one can.
pub(super) fn variable(path: &str) -> String {
    match path.strip_prefix("kafka.client.") {
        Some(property) => {
            format!("{PREFIX}KAFKA__CLIENT__{}", property.replace('.', "_").to_ascii_uppercase())
        }
        None => format!("{PREFIX}{}", path.replace('.', "__").to_ascii_uppercase()),
    }
}

/// The `BRIDGE_…` variables; `__` goes one table down. Sorted, so that two for one key always end alike.
pub(super) fn variables(
    environment: impl IntoIterator<Item = (String, String)>,
    namespaces: &[String],
) -> Vec<Setting> {
    let ours: BTreeMap<_, _> = environment
        .into_iter()
        .filter(|(name, _)| name.starts_with(PREFIX) && !is_service_link(name))
        .collect();
    let setting = |(origin, value): (String, String)| {
        let mut keys: Vec<_> =
            origin[PREFIX.len()..].to_ascii_lowercase().split("__").map(str::to_owned).collect();
        match keys.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            // Every librdkafka property a bridge may set is words joined by dots, and no shell sets a
            // variable with a dot in its name.
            ["kafka", "client", _, ..] => {
                let property = keys.drain(2..).collect::<Vec<_>>().join(".").replace('_', ".");
                keys.push(property);
            }
            // Nor one with a dash.
            ["eventhubs", name, _, ..] => {
                if let Some(known) = namespaces.iter().find(|known| known.replace('-', "_") == name)
                {
                    keys[1].clone_from(known);
                }
            }
            _ => {}
        }
        Setting { keys, value, origin }
    };
    ours.into_iter().map(setting).collect()
}

/// Kubernetes tells every pod about the services around it in variables named after them; a service called
/// `bridge`, or `bridge-something`, must not stop the bridge.
fn is_service_link(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX).filter(|rest| !rest.contains("__")) else {
        return false;
    };
    let after_port = |at: usize| {
        let rest = &rest[at + "PORT".len()..];
        let mut words = rest.split('_').skip(1);
        rest.is_empty()
            || (words.next().is_some_and(|port| port.parse::<u16>().is_ok())
                && words.next().is_some_and(|word| matches!(word, "TCP" | "UDP" | "SCTP")))
    };
    rest.ends_with("SERVICE_HOST")
        || rest.contains("SERVICE_PORT")
        || rest.match_indices("PORT").any(|(at, _)| after_port(at))
}

/// `kafka.brokers`, split at its dots; what follows `kafka.client.` is one key.
pub(super) fn flag(key: &str, value: &str) -> Setting {
    let keys = match key.strip_prefix("kafka.client.") {
        Some(property) => ["kafka", "client", property.trim_matches('"')].map(str::to_owned).into(),
        None => key.split('.').map(str::to_owned).collect(),
    };
    Setting { keys, value: value.to_owned(), origin: format!("{FLAG}{key}") }
}

/// Takes out the settings that aim at the mappings: a list would be replaced by them, not changed.
pub(super) fn without_lists(settings: Vec<Setting>) -> (Vec<Setting>, Vec<Problem>) {
    let (lists, settings): (Vec<_>, Vec<_>) =
        settings.into_iter().partition(|setting| setting.keys[0].starts_with("mappings"));
    let problem = |setting: Setting| Problem {
        what: "`mappings` can only be written in the file".to_owned(),
        place: outside(&setting.origin),
        why: "variables and flags carry single values, and the mappings are a list".to_owned(),
        hint: "change the `[[mappings]]` of the configuration file".to_owned(),
    };
    (settings, lists.into_iter().map(problem).collect())
}

/// What `origin` stands for.
pub(super) fn outside(origin: &str) -> Place {
    if origin.starts_with(FLAG) {
        Place::Flag(origin.to_owned())
    } else {
        Place::Variable(origin.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_links_of_kubernetes_are_not_ours_and_mistakes_are() {
        for link in [
            "BRIDGE_SERVICE_HOST",
            "BRIDGE_SERVICE_PORT",
            "BRIDGE_SERVICE_PORT_HTTP_ADMIN",
            "BRIDGE_PORT",
            "BRIDGE_PORT_9400_TCP",
            "BRIDGE_PORT_9400_TCP_ADDR",
            "BRIDGE_KAFKA_EVENTHUBS_SERVICE_HOST",
            "BRIDGE_KAFKA_EVENTHUBS_PORT_9400_TCP_PROTO",
        ] {
            assert!(is_service_link(link), "{link}");
        }
        for ours in
            ["BRIDGE_KAFKA__BROKERS", "BRIDGE_KAFKA_BROKERS", "BRIDGE_PORTS", "BRIDGE_REPORT_X"]
        {
            assert!(!is_service_link(ours), "{ours}");
        }
    }
}
