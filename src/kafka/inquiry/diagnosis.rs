//! What the client says beside its answers: how far a login came, and why it went no further.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

use crate::config::Security;
use crate::kafka::logins::Entrant;
use crate::kafka::{Logins, advice};

/// The context of a client that asks.
pub(super) struct Diagnosis {
    security: Option<Security>,
    begun: Instant,
    heard: Mutex<Heard>,
    news: Condvar,
}

#[derive(Default)]
struct Heard {
    /// When a connection first got past TLS.
    encrypted: Option<Duration>,
    /// Whether a connection has told what the broker can do; all it says of a login has been said before.
    told: bool,
    /// Whether a broker is from before Kafka 0.11.
    old: bool,
    /// The first reason why something failed.
    reason: Option<String>,
    /// The first that nobody but an operator can remove.
    no: Option<String>,
    /// The first warning in the client's log: some troubles are told nowhere else.
    warning: Option<String>,
}

/// Whether only an operator can change such an answer.
pub(super) fn is_no(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::SSL
            | Code::GroupAuthorizationFailed
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
    )
}

/// A client with these `settings` that keeps a diagnosis of what it meets, and logs in.
pub(super) fn client<T: Entrant + FromClientConfigAndContext<Diagnosis>>(
    settings: &ClientConfig,
    security: Option<&Security>,
    access: &Logins,
) -> KafkaResult<Arc<T>> {
    let client = Arc::new(settings.create_with_context(Diagnosis::new(security.cloned()))?);
    access.admit(&client);
    Ok(client)
}

impl Diagnosis {
    pub(super) fn new(security: Option<Security>) -> Self {
        Self { security, begun: Instant::now(), heard: Mutex::default(), news: Condvar::new() }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When a connection first got past TLS, counted from the beginning.
    pub(super) fn encrypted(&self) -> Option<Duration> {
        self.heard().encrypted
    }

    /// Whether a broker has told that it is [`advice::OLD`].
    pub(super) fn is_old(&self) -> bool {
        self.heard().old
    }

    /// Waits until `end` for what a connection tells: the log is heard by another thread, and may come after an answer.
    pub(super) fn told_until(&self, end: Instant) {
        let left = end.saturating_duration_since(Instant::now());
        drop(self.news.wait_timeout_while(self.heard(), left, |heard| !heard.told));
    }

    /// Why something failed: the "no" if there was one.
    pub(super) fn reason(&self) -> Option<String> {
        let heard = self.heard();
        heard.no.clone().or_else(|| heard.reason.clone())
    }

    /// What the client's log warned of first.
    pub(super) fn warning(&self) -> Option<String> {
        self.heard().warning.clone()
    }

    /// Waits until `end` for a "no".
    pub(super) fn no_until(&self, end: Instant) -> Option<String> {
        let left = end.saturating_duration_since(Instant::now());
        let waited = self.news.wait_timeout_while(self.heard(), left, |heard| heard.no.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.no.clone()
    }
}

impl ClientContext for Diagnosis {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        use RDKafkaLogLevel as Level;
        let grave = matches!(
            level,
            Level::Emerg | Level::Alert | Level::Critical | Level::Error | Level::Warning
        );
        if grave && advice::is_only_logged(facility) {
            self.heard().warning.get_or_insert_with(|| plain(text));
        }
        // `HOST: Broker changed state SSL_HANDSHAKE -> APIVERSION_QUERY`
        let past_tls = |state: &str| {
            ["APIVERSION_QUERY", "AUTH_LEGACY", "AUTH_HANDSHAKE", "AUTH_REQ", "UP"].contains(&state)
        };
        if facility == "STATE" && text.rsplit(" -> ").next().is_some_and(past_tls) {
            self.heard().encrypted.get_or_insert(self.begun.elapsed());
        }
        if advice::features(facility, text).is_some() {
            let mut heard = self.heard();
            heard.told = true;
            heard.old |= advice::is_old(facility, text);
            self.news.notify_all();
        }
    }

    // Numbers are of no interest here.
    fn stats_raw(&self, _json: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        // Only says that all that was tried has failed, each of which was said.
        if code == RDKafkaErrorCode::AllBrokersDown {
            return;
        }
        let told = advice::told(code, reason, self.security.as_ref());
        let (reason, no) = (plain(&told.text), told.refused || is_no(code));
        let mut heard = self.heard();
        if no {
            heard.no.get_or_insert(reason);
            self.news.notify_all();
        } else {
            heard.reason.get_or_insert(reason);
        }
    }
}

impl ConsumerContext for Diagnosis {}

/// A reason without what the report says itself: the broker in front, the state and the repetitions behind.
fn plain(reason: &str) -> String {
    let reason = match reason.split_once(": ") {
        Some((broker, rest)) if broker.contains("://") => rest,
        _ => reason,
    };
    let end = reason.rfind(" (after ").unwrap_or(reason.len());
    reason[..end].trim_end_matches([':', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_stripped_of_what_stands_beside_it() {
        for (said, plainly) in [
            (
                "sasl_ssl://k:9092/bootstrap: SASL authentication error: Authentication failed (after 5ms in state AUTH_REQ, 1 identical error(s) suppressed)",
                "SASL authentication error: Authentication failed",
            ),
            (
                "ssl://k:9092/1: SSL handshake failed: certificate verify failed: (after 3ms in state SSL_HANDSHAKE)",
                "SSL handshake failed: certificate verify failed",
            ),
            (
                "FindCoordinator response error: not authorized",
                "FindCoordinator response error: not authorized",
            ),
        ] {
            assert_eq!(plain(said), plainly);
        }
    }

    #[test]
    fn a_no_counts_more_than_what_came_before() {
        let diagnosis = Diagnosis::new(None);
        let failed = |code| KafkaError::Global(code);
        diagnosis.error(failed(RDKafkaErrorCode::BrokerTransportFailure), "x://k/1: Disconnected");
        diagnosis.error(failed(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(diagnosis.reason().as_deref(), Some("Disconnected"));
        assert_eq!(diagnosis.no_until(Instant::now()), None);
        diagnosis.error(failed(RDKafkaErrorCode::Authentication), "x://k/1: wrong password");
        let no = diagnosis.no_until(Instant::now() + Duration::from_secs(60)).unwrap();
        assert!(no.starts_with("wrong password; hint: check"), "{no}");
        assert_eq!(diagnosis.reason(), Some(no));
    }

    #[test]
    fn what_lies_behind_tls_is_told_from_what_lies_before() {
        let diagnosis = Diagnosis::new(None);
        let log = |text| diagnosis.log(RDKafkaLogLevel::Debug, "STATE", text);
        log("k:9092/bootstrap: Broker changed state CONNECT -> SSL_HANDSHAKE");
        assert_eq!(diagnosis.encrypted(), None);
        log("k:9092/bootstrap: Broker changed state SSL_HANDSHAKE -> APIVERSION_QUERY");
        assert!(diagnosis.encrypted().is_some());
    }
}
