//! How a client of Strimzi reaches Kafka, as Java's client has it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{flat, text};
use crate::import::ImportError;

/// Adds what a client at `of` says to `keys`, each with `prefix`.
pub(super) fn client(
    prefix: &str,
    of: &Map<String, Value>,
    keys: &mut BTreeMap<String, String>,
) -> Result<(), ImportError> {
    let mut say = |key: &str, value: String| {
        keys.insert(format!("{prefix}{key}"), value);
    };
    if let Some(Value::Object(config)) = of.get("config") {
        for (key, value) in flat(config.clone())? {
            say(&key, value);
        }
    }
    if let Some(brokers) = text(of, &["bootstrapServers"]) {
        say("bootstrap.servers", brokers);
    }
    let tls = of.get("tls").filter(|tls| !tls.is_null());
    let is_trusted = |tls: &Value| {
        tls.get("trustedCertificates").and_then(Value::as_array).is_some_and(|it| !it.is_empty())
    };
    if tls.is_some_and(is_trusted) {
        say("ssl.truststore.certificates", String::from("PEM"));
    }
    let none = Map::new();
    let authentication = of.get("authentication").and_then(Value::as_object).unwrap_or(&none);
    for (key, value) in login(authentication)? {
        say(&key, value);
    }
    let sasl = match text(authentication, &["type"]).unwrap_or_default().as_str() {
        "" | "tls" => false,
        "custom" => text(authentication, &["sasl"]).is_none_or(|sasl| sasl == "true"),
        _ => true,
    };
    let protocol = match (sasl, tls.is_some()) {
        (false, false) => "PLAINTEXT",
        (false, true) => "SSL",
        (true, false) => "SASL_PLAINTEXT",
        (true, true) => "SASL_SSL",
    };
    say("security.protocol", protocol.to_owned());
    Ok(())
}

/// What shows who it is; secrets are in resources of their own.
fn login(by: &Map<String, Value>) -> Result<Vec<(String, String)>, ImportError> {
    let key = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let option = |from: &str, name: &str| {
        let value = text(by, &[from]).map(|it| it.replace('"', "\\\""));
        value.map(|value| format!(" {name}=\"{value}\"")).unwrap_or_default()
    };
    let line =
        |options: String| ("sasl.jaas.config".to_owned(), format!("Login required{options};"));
    Ok(match text(by, &["type"]).unwrap_or_default().as_str() {
        "" => Vec::new(),
        "tls" => vec![key("ssl.keystore.certificate.chain", "PEM")],
        "custom" => {
            let config = by.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
            flat(config)?.into_iter().collect()
        }
        "oauth" => {
            let options = option("clientId", "clientId") + &option("scope", "scope");
            let endpoint = text(by, &["tokenEndpointUri"]);
            let endpoint = endpoint.map(|it| key("sasl.oauthbearer.token.endpoint.url", &it));
            let mechanism = key("sasl.mechanism", "OAUTHBEARER");
            endpoint.into_iter().chain([mechanism, line(options)]).collect()
        }
        password => vec![
            key("sasl.mechanism", &password.to_uppercase()),
            line(option("username", "username")),
        ],
    })
}
