//! What is said outside the file: the `BRIDGE_…` variables and the `--set` flags.
//!
//! The environment source of the `config` crate is not used: it forgets which variable a value came from, and
//! a librdkafka property is one key with dots in it, which it would take for a path.

use std::collections::BTreeMap;

use super::hint::nearest;
use super::problem::{Problem, SettingPlace, Warning};
use super::schema::known_keys;

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

/// The variable that sets `path`, where one can. A dash, which no shell lets a variable have, is an underscore.
pub(super) fn variable(path: &str) -> String {
    let name = if let Some(property) = path.strip_prefix("kafka.client.") {
        format!("KAFKA__CLIENT__{}", property.replace('.', "_"))
    } else {
        path.replace('.', "__").replace('-', "_")
    };
    format!("{PREFIX}{}", name.to_ascii_uppercase())
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

/// Takes out the variables that set nothing and are near nothing: `BRIDGE_VERSION` of an image is nobody's mistake. What is
/// nearly a key is left to be told as one that is not known.
pub(super) fn without_foreign(settings: Vec<Setting>) -> (Vec<Setting>, Vec<Warning>) {
    let known: Vec<_> = known_keys().into_keys().collect();
    let (ours, foreign): (Vec<_>, Vec<_>) =
        settings.into_iter().partition(|setting| is_meant(&setting.keys, &known));
    let warning = |setting: Setting| {
        Warning(Problem {
            what: "an environment variable has no effect".to_owned(),
            place: outside(&setting.origin),
            why: format!(
                "variables of the bridge are named `{PREFIX}TABLE__KEY`, and this name is not similar to any of them"
            ),
            hint: "ignore this if it belongs to another program; `config/bridge.full.toml` shows every key"
                .to_owned(),
        })
    };
    (ours, foreign.into_iter().map(warning).collect())
}

/// Whether `keys` are a key of the bridge, or nearly.
fn is_meant(keys: &[String], known: &[String]) -> bool {
    let tables = || known.iter().filter_map(|key| key.split('.').next());
    let first = keys[0].as_str();
    if tables().any(|table| table == first) || first.starts_with("mappings") {
        return true;
    }
    // `BRIDGE_BROKERS`, and `BRIDGE_CONNECTION_STRING`.
    if let [only] = keys
        && known.iter().any(|key| key.rsplit('.').next() == Some(only))
    {
        return true;
    }
    let flat = |name: &str| name.replace('.', "_");
    let all = known.iter().map(|key| flat(key)).collect::<Vec<_>>();
    let near_key = nearest(&flat(&keys.join("_")), all.iter().map(String::as_str)).is_some();
    near_key || keys.len() > 1 && nearest(first, tables()).is_some()
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
pub(super) fn outside(origin: &str) -> SettingPlace {
    if origin.starts_with(FLAG) {
        SettingPlace::Flag(origin.to_owned())
    } else {
        SettingPlace::Variable(origin.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_of_somebody_else_is_told_from_a_misspelt_one() {
        let foreign = |name: &str| {
            let settings = variables([(name.to_owned(), "x".to_owned())], &[]);
            !without_foreign(settings).1.is_empty()
        };
        for name in
            ["BRIDGE_VERSION", "BRIDGE_HOME", "BRIDGE_GIT_SHA", "BRIDGE_BUILD__DATE", "BRIDGE_"]
        {
            assert!(foreign(name), "{name}");
        }
        for name in [
            "BRIDGE_KAFKA__BROKERS",
            "BRIDGE_KAFKA__BROKER",
            "BRIDGE_KAFKA_BROKERS",
            "BRIDGE_KAFAK__BROKERS",
            "BRIDGE_LOG",
            "BRIDGE_LOG_LEVEL",
            "BRIDGE_LOGLEVEL",
            "BRIDGE_BROKERS",
            "BRIDGE_CONNECTION_STRING",
            "BRIDGE_EVENTHUB__CONNECTION_STRING",
            "BRIDGE_EVENTHUBS__WEST__CONNECTION_STRING",
            "BRIDGE_MAPPINGS__0__HUB",
        ] {
            assert!(!foreign(name), "{name}");
        }
    }

    #[test]
    fn a_variable_that_is_proposed_can_be_set_in_a_shell() {
        assert_eq!(variable("eventhubs.west-1.key"), "BRIDGE_EVENTHUBS__WEST_1__KEY");
        assert_eq!(variable("kafka.client.client.rack"), "BRIDGE_KAFKA__CLIENT__CLIENT_RACK");
    }

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
