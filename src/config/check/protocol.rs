//! Whether `brokers`, `[kafka.security]` and `[kafka.client]` agree on how the brokers are spoken to. Where they do not, the
//! client goes on without a word that reaches anybody, and connects to nobody.

use crate::config::path::Path;
use crate::config::{ClientValue, raw};

use super::Check;

impl Check<'_> {
    /// What stands before `://`, as copied from `advertised.listeners`, against what is spoken; and what is given of TLS or
    /// of a login where there is none.
    pub(super) fn protocols_agree(&mut self, given: &raw::Kafka) {
        let at = Path::top("kafka");
        if self.failures.iter().any(|failure| failure.path.is_within(&at.key("security"))) {
            return;
        }
        let spoken = spoken(given);
        let brokers = given.brokers.as_deref().unwrap_or_default().split(',');
        let schemes = brokers.filter_map(|broker| broker.trim().split_once("://"));
        let other = schemes.map(|(scheme, host)| (scheme.to_ascii_lowercase(), host));
        for (scheme, host) in other.filter(|(scheme, _)| *scheme != spoken) {
            let Some(hint) = hint(&scheme, host) else { continue };
            self.wrong(
                &at.key("brokers"),
                format!(
                    "has `{}` for `{host}`, but the bridge uses `{spoken}`",
                    scheme.to_uppercase()
                ),
                "the client ignores brokers with another protocol",
                hint,
            );
            return;
        }
        self.nothing_is_idle(given, &spoken);
    }

    fn nothing_is_idle(&mut self, given: &raw::Kafka, spoken: &str) {
        let login = ["sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password"];
        let tls = |property: &str| {
            ["ssl.ca.", "ssl.certificate.", "ssl.key.", "ssl.keystore."]
                .iter()
                .any(|family| property.starts_with(family))
        };
        for property in given.client.keys().map(String::as_str) {
            let idle = login.contains(&property) && !spoken.starts_with("sasl")
                || tls(property) && !spoken.ends_with("ssl");
            if idle {
                self.warn(
                    &Path::top("kafka").key("client").key(property),
                    "has no effect",
                    format!("the bridge connects to the brokers with `{spoken}`"),
                    "configure it under `[kafka.security]`, or add `\"security.protocol\"` under `[kafka.client]`",
                );
            }
        }
    }
}

fn spoken(given: &raw::Kafka) -> String {
    let Some(security) = &given.security else {
        return match given.client.get("security.protocol") {
            Some(ClientValue::Text(protocol)) => protocol.expose().trim().to_ascii_lowercase(),
            _ => "plaintext".to_owned(),
        };
    };
    let protocol = match (security.tls != Some(false), security.mechanism.is_some()) {
        (true, true) => "sasl_ssl",
        (true, false) => "ssl",
        (false, true) => "sasl_plaintext",
        (false, false) => "plaintext",
    };
    protocol.to_owned()
}

/// What to write for brokers of `scheme`.
fn hint(scheme: &str, host: &str) -> Option<String> {
    let security = match scheme {
        "sasl_ssl" => "add `mechanism` and its credentials under `[kafka.security]`",
        "ssl" => "add `[kafka.security]`, without a `mechanism`",
        "sasl_plaintext" => {
            "add `tls = false`, `mechanism` and its credentials under `[kafka.security]`"
        }
        "plaintext" => "leave `[kafka.security]` out",
        // Told as no broker.
        _ => return None,
    };
    Some(format!("write `{host}` alone, and {security}; or choose the listener for this protocol"))
}
