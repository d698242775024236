//! What was said, as it may be shown.

use config::{Value, ValueKind};
use serde_json::Value as Schema;

use crate::config::hint::is_secret;
use crate::config::path::Path;

/// Properties of librdkafka with text that surely is no secret; of any other, only numbers and booleans are shown.
const PLAIN: &[&str] = &[
    "broker.address.family",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "compression.codec",
    "compression.type",
    "group.protocol",
    "isolation.level",
    "sasl.mechanism",
    "sasl.mechanisms",
    "security.protocol",
    "ssl.cipher.suites",
    "ssl.endpoint.identification.algorithm",
];

/// A value in the type its key has: variables and flags carry text.
pub(super) fn value(given: &Value, schema: &Schema) -> Option<toml::Value> {
    Some(match &given.kind {
        ValueKind::Nil => return None,
        ValueKind::Boolean(truth) => toml::Value::Boolean(*truth),
        ValueKind::I64(number) => toml::Value::Integer(*number),
        ValueKind::I128(number) => toml::Value::Integer(i64::try_from(*number).ok()?),
        ValueKind::U64(number) => toml::Value::Integer(i64::try_from(*number).ok()?),
        ValueKind::U128(number) => toml::Value::Integer(i64::try_from(*number).ok()?),
        ValueKind::Float(number) => toml::Value::Float(*number),
        ValueKind::String(text) => {
            let kind = schema.get("type").and_then(Schema::as_str);
            let text = text.as_str();
            match (kind, text.trim().parse::<i64>(), text.trim().parse::<bool>()) {
                (Some("integer"), Ok(number), _) => toml::Value::Integer(number),
                (Some("boolean"), _, Ok(truth)) => toml::Value::Boolean(truth),
                _ => toml::Value::String(text.to_owned()),
            }
        }
        ValueKind::Array(items) => {
            let item = schema.get("items").unwrap_or(&Schema::Null);
            toml::Value::Array(items.iter().filter_map(|it| value(it, item)).collect())
        }
        ValueKind::Table(table) => {
            let entry =
                |(key, it): (&String, &Value)| Some((key.clone(), value(it, &Schema::Null)?));
            toml::Value::Table(table.iter().filter_map(entry).collect())
        }
    })
}

/// `None` is a value that may be a secret, though its key is not.
pub(super) fn unless_secret(at: &Path, value: toml::Value) -> Option<toml::Value> {
    let Some(text) = value.as_str() else { return Some(value) };
    let keys = at.keys().collect::<Vec<_>>();
    let is_hidden = match &keys[..] {
        ["kafka", "client", property] => !PLAIN.contains(property),
        _ => is_secret(text) || has_password(text),
    };
    (!is_hidden).then_some(value)
}

/// Whether `text` is a URL with a user in it, who may have a password: even one that should have been escaped.
fn has_password(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(at: &Path, text: &str) -> bool {
        unless_secret(at, toml::Value::String(text.to_owned())).is_some()
    }

    #[test]
    fn what_may_be_a_secret_is_hidden_wherever_it_stands() {
        let client = Path::top("kafka").key("client");
        assert!(shown(&client.key("client.rack"), "west"));
        for property in ["sasl.password", "ssl.key.pem", "sasl.oauthbearer.config", "of.tomorrow"] {
            assert!(!shown(&client.key(property), "x"), "{property}");
        }
        let proxy = Path::top("eventhubs").key("connection").key("proxy");
        assert!(shown(&proxy, "http://proxy:3128"));
        assert!(!shown(&proxy, "http://user:pass/word@proxy:3128"));
        let hub = Path::top("mappings").index(0).key("hub");
        assert!(shown(&hub, "orders"));
        assert!(!shown(&hub, "Endpoint=sb://x;SharedAccessKey=abc"));
    }
}
