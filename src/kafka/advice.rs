//! From librdkafka's words for a shut door to words an operator can act on: what was said, which key to mend.
//!
//! Librdkafka tells by text alone what OpenSSL, SASL and the broker said. Its own hints name its own properties; ours name
//! the key that was written. Pure but for the one look at a certificate, which is [`super::certificate`]'s.

use rdkafka::error::RDKafkaErrorCode;

use crate::config::{BrokerLogin, Given, Security, TokenSource};

use super::certificate;

/// An error, told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// What librdkafka says, without what only a developer of it wants to know, and what to do.
    pub(super) text: String,
    /// What to do, if that is known: the same for the same cause, however librdkafka words it.
    pub(super) hint: Option<String>,
    /// Whether a repetition ends only when somebody acts.
    pub(super) refused: bool,
}

/// What brokers say by a TLS alert of a client's certificate.
const ALERTS: [&str; 7] = [
    "alert certificate required",
    "alert bad certificate",
    "alert certificate unknown",
    "alert certificate expired",
    "alert certificate revoked",
    "alert unsupported certificate",
    "alert unknown ca",
];

/// What `reason` means for somebody who wrote `security`.
pub(super) fn told(code: RDKafkaErrorCode, reason: &str, security: Option<&Security>) -> Told {
    let said = short(reason);
    let failed = said.contains("certificate verify failed");
    let seen = security
        .and_then(|security| security.tls.as_ref())
        .filter(|_| failed)
        .and_then(|tls| certificate::objection(broker(said)?, tls));
    let alert = ALERTS.iter().any(|alert| said.contains(alert));
    let (why, hint) = match seen {
        Some((why, hint)) => (format!(": {why}"), Some(hint)),
        None => (String::new(), hint(code, reason, alert, security)),
    };
    let told = hint.as_ref().map_or(String::new(), |hint| format!("; hint: {hint}"));
    Told {
        text: format!("{said}{why}{told}"),
        hint,
        refused: (is_refusal(code) || alert) && !is_broken_off(reason),
    }
}

/// What a broker from before Kafka 0.11 can not do, for people.
pub(super) const OLD: &str = "older than Kafka 0.11: records have no headers there, and no transactions that \
                              `read_committed` could wait for";

/// What brokers can not do that do not lead a group.
pub(super) const LEADS: &str = "`\"group.protocol\" = \"consumer\"` needs brokers of Kafka 4.0 or later: remove it from `[kafka.client]`. If members without it are still in the group, stop them first";

/// Whether a warning in the client's log is told nowhere else: failed connections come as errors, too, and what is said of
/// settings was said before.
pub(super) fn is_only_logged(facility: &str) -> bool {
    !matches!(facility, "FAIL" | "ERROR" | "CONFWARN")
}

/// Whether this line of the client's debug log, which tells what the two can do together, is about such a broker.
pub(super) fn is_old(facility: &str, text: &str) -> bool {
    features(facility, text).is_some_and(|names| !names.contains("MsgVer2"))
}

/// What the client and a broker can do together, if this line of its debug log says so: one does for each connection.
pub(super) fn features<'a>(facility: &str, text: &'a str) -> Option<&'a str> {
    let (_, names) = text.split_once("Updated enabled protocol features to ")?;
    (facility == "FEATURE").then_some(names)
}

/// What to do when another member of the group has taken the name of this one, its `kafka.instance_id`.
pub(super) fn fenced(instance: Option<&str>) -> String {
    let name = instance.map_or(String::new(), |name| format!(", `{name}`,"));
    format!(
        "another process joined with the same `kafka.instance_id`{name}, and this one is fenced: give each process a name of its own. In Kubernetes use the name of the pod, by the chart's `staticMembership` or by `BRIDGE_KAFKA__INSTANCE_ID` from `metadata.name`"
    )
}

/// Brokers that close every connection say nothing at all, and librdkafka only that they are down.
pub(super) fn silence(security: Option<&Security>) -> &'static str {
    let tls = security.is_some_and(|security| security.tls.is_some());
    let login = security.is_some_and(|security| security.login.is_some());
    match (tls, login) {
        (false, _) => "; hint: if the brokers use TLS, set `tls = true` under `[kafka.security]`",
        (true, false) => {
            "; hint: if the brokers require authentication, set `mechanism` under `[kafka.security]`"
        }
        (true, true) => "",
    }
}

/// Whether a login failed only because its connection did.
fn is_broken_off(reason: &str) -> bool {
    ["Local: Broker transport failure", "Local: Timed out", "Local: Disconnected"]
        .iter()
        .any(|local| reason.contains(local))
}

/// Whether a repetition of `code` ends only when an operator acts.
fn is_refusal(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Authentication
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::SSL
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
    )
}

/// Without the state of the connection, and without librdkafka's own hints.
fn short(reason: &str) -> &str {
    let cuts = [
        " (after ",
        ": broker certificate could not be verified",
        ": client SSL authentication might be required",
        ": connecting to a PLAINTEXT broker listener?",
        ": requesting ApiVersion: might be caused by",
        ": verify that security.protocol",
    ];
    let end = cuts.iter().filter_map(|cut| reason.find(cut)).min();
    &reason[..end.unwrap_or(reason.len())]
}

/// The `host:port` a failed handshake was with.
fn broker(said: &str) -> Option<&str> {
    let name = said.split(": SSL handshake failed").next()?;
    let name = name.rsplit_once("://").map_or(name, |(_, rest)| rest);
    let name = name.split('/').next()?.trim();
    name.rsplit(' ').next()
}

fn hint(
    code: RDKafkaErrorCode,
    reason: &str,
    alert: bool,
    security: Option<&Security>,
) -> Option<String> {
    let says = |text: &str| reason.contains(text);
    // What was not written under `[kafka.security]` was written, or left out, under `[kafka.client]`.
    let key = |typed: &str, property: &str| match security {
        Some(_) => format!("`kafka.security.{typed}`"),
        None => format!("`kafka.client.\"{property}\"`"),
    };
    let ca = || key("ca_file", "ssl.ca.location");
    let certificate = || key("certificate_file", "ssl.certificate.location");
    if says("certificate verify failed") {
        return Some(format!(
            "add the authority of the broker's certificate to {}, or check that the certificate names the broker's host and has not expired",
            ca()
        ));
    }
    if alert || says("client SSL authentication might be required") {
        let tls = security.and_then(|security| security.tls.as_ref());
        return Some(match tls.map(|tls| tls.identity.is_some()) {
            Some(true) => format!(
                "the broker rejected the certificate in {}: check that it has not expired, and that its authority is in the broker's `ssl.truststore.location`",
                certificate()
            ),
            _ => {
                format!(
                    "the broker requires a client certificate that it trusts: set {}",
                    certificate()
                )
            }
        });
    }
    if says("wrong version number") || says("connecting to a PLAINTEXT broker listener") {
        let tls = key("tls", "security.protocol");
        return Some(format!("the listener may not use TLS: use the TLS port, or change {tls}"));
    }
    if says("connecting to a SSL listener") {
        return Some("the listener may require TLS: set `kafka.security.tls = true`".to_owned());
    }
    if says("broker might require SASL authentication") {
        let mechanism = key("mechanism", "sasl.mechanism");
        return Some(format!("the listener may require authentication: set {mechanism}"));
    }
    if is_broken_off(reason) {
        return None;
    }
    if says("mechanism handshake failed") {
        let mechanism = key("mechanism", "sasl.mechanism");
        return Some(format!("choose a mechanism that the listener supports, with {mechanism}"));
    }
    match code {
        RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => {
            Some(login(security.and_then(|security| security.login.as_ref())))
        }
        RDKafkaErrorCode::SSL => {
            Some("check that bridge and broker have a TLS version and a cipher in common".to_owned())
        }
        RDKafkaErrorCode::GroupAuthorizationFailed => Some(
            "grant the user `Read` on the group (`kafka-acls --add --operation Read --group …`)"
                .to_owned(),
        ),
        RDKafkaErrorCode::TopicAuthorizationFailed => Some(
            "grant the user `Read` on the topic (`kafka-acls --add --operation Read --topic …`)"
                .to_owned(),
        ),
        RDKafkaErrorCode::UnknownTopicOrPartition => Some(
            "create the topic, or correct its name in `[[mappings]]`; the bridge reads it once it exists"
                .to_owned(),
        ),
        RDKafkaErrorCode::InconsistentGroupProtocol => Some(
            "members with another protocol are in this group: choose another `kafka.group_id`"
                .to_owned(),
        ),
        _ => None,
    }
}

fn login(login: Option<&BrokerLogin>) -> String {
    match login {
        None => "check `kafka.client.\"sasl.username\"` and `\"sasl.password\"`".to_owned(),
        Some(BrokerLogin::Password { username, password, .. }) => {
            let password = match password {
                Given::Inline(_) => "`kafka.security.password`".to_owned(),
                Given::File(path) => {
                    format!("the password in `kafka.security.password_file`, `{}`", path.display())
                }
            };
            format!("check `kafka.security.username`, `{username}`, and {password}")
        }
        Some(BrokerLogin::Token { source: TokenSource::AwsMskIam { region }, .. }) => format!(
            "check that `kafka.security.token` has the region of the cluster (it has `{region}`), that the secret key is correct, and that the role has `kafka-cluster:Connect`"
        ),
        Some(BrokerLogin::Token { .. }) => {
            "compare issuer, audience and claims of the token from `kafka.security.token` with the listener's `sasl.oauthbearer.expected.…`"
                .to_owned()
        }
        Some(BrokerLogin::Kerberos { principal, .. }) => {
            format!("check `kafka.security.principal`, `{principal}`, `keytab_file` and `service_name`")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use RDKafkaErrorCode as Code;

    use super::*;
    use crate::config::{BrokerTls, ClientCertificate, Mechanism};

    const BY_FILE: &str = "/run/secrets/password";

    fn security(identity: bool) -> Security {
        let file = || PathBuf::from("x");
        let identity =
            identity.then(|| ClientCertificate { certificate_file: file(), key_file: file() });
        let tls = BrokerTls { ca_file: None, identity, key_password: None, verify_host_name: true };
        let password = Given::File(PathBuf::from(BY_FILE));
        let mechanism = Mechanism::Plain;
        let login = BrokerLogin::Password { mechanism, username: "bridge".to_owned(), password };
        Security { tls: Some(tls), login: Some(login) }
    }

    #[test]
    fn the_key_to_mend_is_named() {
        let password = "sasl_ssl://k:9093/bootstrap: SASL authentication error: Authentication failed: Invalid username \
                        or password (after 12ms in state AUTH_REQ)";
        let mechanism = "sasl_plaintext://k:1/bootstrap: SASL PLAIN mechanism handshake failed: Broker: Unsupported \
                         SASL mechanism: broker's supported mechanisms: SCRAM-SHA-512 (after 3ms in state AUTH_HANDSHAKE)";
        let required = "ssl://k:9093/1: Receive failed: error:0A00045C:SSL routines::tlsv13 alert certificate \
                        required: SSL alert number 116 (after 5ms in state APIVERSION_QUERY)";
        let plaintext = "ssl://k:9092/bootstrap: SSL handshake failed: error:0A00010B:SSL routines::wrong version \
                         number: (after 1ms in state SSL_HANDSHAKE)";
        let cases = [
            (Code::Authentication, password, false, true, BY_FILE),
            (Code::Authentication, mechanism, false, true, "`kafka.security.mechanism`"),
            (Code::BrokerTransportFailure, required, false, true, "requires a client certificate"),
            (Code::BrokerTransportFailure, required, true, true, "rejected the certificate"),
            (Code::SSL, plaintext, false, true, "`kafka.security.tls`"),
        ];
        for (code, reason, identity, refused, named) in cases {
            let told = told(code, reason, Some(&security(identity)));
            assert_eq!(told.refused, refused, "{reason}");
            assert!(told.text.contains(named), "`{named}` is not in: {}", told.text);
            assert!(!told.text.contains("(after"), "{}", told.text);
        }
    }

    #[test]
    fn what_was_passed_through_is_named_as_it_was_written() {
        let text = told(RDKafkaErrorCode::Authentication, "no", None).text;
        assert!(text.contains("`kafka.client.\"sasl.username\"`"), "{text}");
        let verify = "ssl://k:1/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: \
                      broker certificate could not be verified, verify that ssl.ca.location is correctly configured";
        let text = told(RDKafkaErrorCode::SSL, verify, None).text;
        assert!(text.contains("`kafka.client.\"ssl.ca.location\"`"), "{text}");
        assert!(!text.contains("is correctly configured"), "{text}");
    }

    #[test]
    fn a_broker_that_is_only_gone_refuses_nothing() {
        let gone = "k:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)";
        let told = told(RDKafkaErrorCode::BrokerTransportFailure, gone, Some(&security(false)));
        assert!(!told.refused);
        assert!(told.text.ends_with("Connection refused"), "{}", told.text);
        let broken_off = "k:1/2: SASL OAUTHBEARER mechanism handshake failed: Local: Broker transport failure: broker's \
                          supported mechanisms: (n/a)";
        let told =
            super::told(RDKafkaErrorCode::Authentication, broken_off, Some(&security(false)));
        assert_eq!((told.refused, told.hint), (false, None));
    }

    #[test]
    fn the_broker_is_read_from_the_words_of_the_client() {
        for (said, expected) in [
            ("sasl_ssl://localhost:9093/bootstrap: SSL handshake failed: x", "localhost:9093"),
            ("ssl://[::1]:9093/2: SSL handshake failed: x", "[::1]:9093"),
            ("GroupCoordinator: k-0:9093: SSL handshake failed: x", "k-0:9093"),
        ] {
            assert_eq!(broker(said), Some(expected));
        }
    }
}
