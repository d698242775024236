//! How a Java client logs in to Kafka, as `[kafka.security]`.

use super::Note;
use super::given::{Given, jaas};
use super::plan::{Line, Plan};

const PASSWORD: &str = "or BRIDGE_KAFKA__SECURITY__PASSWORD; it has not been copied";

/// Takes what is said under `prefixes`, the first of which wins.
pub(super) fn take(given: &mut Given, prefixes: &[String], plan: &mut Plan, notes: &mut Vec<Note>) {
    let mut take = |key: &str| given.take_under(prefixes, key);
    let protocol = take("security.protocol").unwrap_or_default().to_uppercase();
    let stores = [
        "ssl.truststore.location",
        "ssl.truststore.certificates",
        "ssl.keystore.location",
        "ssl.keystore.certificate.chain",
    ]
    .map(|key| (key, take(key)));
    // What goes with a store says nothing more.
    for key in [
        "ssl.truststore.type",
        "ssl.truststore.password",
        "ssl.keystore.type",
        "ssl.keystore.password",
        "ssl.keystore.key",
        "ssl.key.password",
    ] {
        take(key);
    }
    let names = take("ssl.endpoint.identification.algorithm");
    let mechanism = take("sasl.mechanism").unwrap_or_else(|| "GSSAPI".to_owned());
    let line = take("sasl.jaas.config").unwrap_or_default();
    let endpoint = take("sasl.oauthbearer.token.endpoint.url");
    take("sasl.login.callback.handler.class");
    if protocol.is_empty() || protocol == "PLAINTEXT" {
        return;
    }
    let security = &mut plan.security;
    let tls = protocol.ends_with("SSL");
    security.push(Line::new("tls", tls));
    for (key, store) in stores {
        let Some(store) = store else { continue };
        let (open, hint) = if key.contains("truststore") {
            (
                [("ca_file", "ca.pem")].as_slice(),
                "`keytool -exportcert -rfc` writes each authority as PEM",
            )
        } else {
            (
                [("certificate_file", "tls.crt"), ("key_file", "tls.key")].as_slice(),
                "`openssl pkcs12 -nodes` writes certificate and key as PEM",
            )
        };
        let shown =
            if key.ends_with("location") { format!("`{store}`") } else { "the store".to_owned() };
        notes.push(Note::new(key, format!("{shown} becomes PEM: {hint}")));
        security.extend(open.iter().map(|(key, value)| Line::open(key, value, "as PEM")));
    }
    if tls && names.is_some_and(|names| names.is_empty()) {
        security.push(Line::new("verify_host_name", false));
    }
    if protocol.starts_with("SASL") {
        sasl(&mechanism, &line, endpoint, plan, notes);
    }
}

fn sasl(
    mechanism: &str,
    line: &str,
    endpoint: Option<String>,
    plan: &mut Plan,
    notes: &mut Vec<Note>,
) {
    let options = jaas(line);
    let option = |name: &str| options.get(name).cloned();
    let name = mechanism.to_lowercase();
    match name.as_str() {
        "plain" | "scram-sha-256" | "scram-sha-512" => {
            plan.security.push(Line::new("mechanism", name));
            plan.security.push(Line::new(
                "username",
                option("username").unwrap_or_else(|| "CHANGE-ME".to_owned()),
            ));
            plan.security.push(Line::open("password_file", "/run/secrets/kafka", PASSWORD));
        }
        "oauthbearer" => {
            plan.security.push(Line::new("mechanism", name));
            let token = &mut plan.token;
            token.push(Line::new("kind", "oidc"));
            token.push(Line::new(
                "token_endpoint",
                endpoint.unwrap_or_else(|| "https://CHANGE-ME".to_owned()),
            ));
            token.push(Line::new(
                "client_id",
                option("clientId").unwrap_or_else(|| "CHANGE-ME".to_owned()),
            ));
            token.push(Line::open(
                "client_secret_file",
                "/run/secrets/client",
                "or BRIDGE_KAFKA__SECURITY__TOKEN__CLIENT_SECRET; it has not been copied",
            ));
            token.extend(option("scope").map(|scope| Line::new("scope", scope)));
        }
        _ => notes.push(Note::new(
            "sasl.mechanism",
            format!(
                "`{mechanism}` has no counterpart; use SCRAM, OAUTHBEARER or a client certificate"
            ),
        )),
    }
}
