//! How large a batch of records each topic takes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, ConfigSource, OwnedResourceSpecifier,
    ResourceSpecifier,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::time::timeout;

use crate::config;
use crate::kafka::{Logins, settings};

use super::diagnosis::{self, Diagnosis, is_no};
use super::{Denied, Inquiry};

/// The largest batch of records a topic takes, and so the largest record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// `max.message.bytes`.
    pub bytes: u64,
    /// Whether nobody set it: Kafka's own default.
    pub is_default: bool,
}

impl Inquiry {
    /// The limit of each of `topics` that may be asked; no longer than `limit`.
    pub async fn sizes(
        &self,
        topics: &BTreeSet<String>,
        limit: Duration,
    ) -> Result<BTreeMap<String, Result<Limit, Denied>>, Denied> {
        ask(&self.settings, self.security.as_ref(), &self.access, topics, limit).await
    }
}

async fn ask(
    settings: &ClientConfig,
    security: Option<&config::Security>,
    access: &Logins,
    topics: &BTreeSet<String>,
    limit: Duration,
) -> Result<BTreeMap<String, Result<Limit, Denied>>, Denied> {
    let unanswered = |error: KafkaError| Denied::Unanswered(error.to_string());
    let client: Arc<AdminClient<Diagnosis>> =
        diagnosis::client(settings, security, access).map_err(unanswered)?;
    let topics = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect::<Vec<_>>();
    let options = AdminOptions::new().request_timeout(Some(limit));
    let asked = timeout(limit, client.describe_configs(&topics, &options)).await;
    let silence = || Denied::Unanswered(format!("no answer within {limit:.1?}"));
    let answer = asked.map_err(|_| silence())?.map_err(unanswered)?;
    let named = topics.iter().zip(answer).map(|(topic, answer)| match (topic, answer) {
        (ResourceSpecifier::Topic(topic), Err(code)) => ((*topic).to_owned(), Err(denied(code))),
        (_, Ok(resource)) => of(&resource),
        (other, Err(code)) => (format!("{other:?}"), Err(denied(code))),
    });
    Ok(named.collect())
}

/// `max.message.bytes` of one topic, if it is told. Blocks, no longer than `limit`.
pub(in crate::kafka) fn limit(
    kafka: &config::Kafka,
    access: &Logins,
    topic: &str,
    limit: Duration,
) -> Option<u64> {
    let settings = settings::asker(kafka, &kafka.brokers).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().ok()?;
    let topics = BTreeSet::from([topic.to_owned()]);
    let asked = ask(&settings, kafka.security.as_ref(), access, &topics, limit);
    let told = runtime.block_on(asked).ok()?.remove(topic)?;
    told.ok().map(|limit| limit.bytes)
}

fn denied(code: RDKafkaErrorCode) -> Denied {
    if is_no(code) {
        Denied::Refused(code.to_string())
    } else {
        Denied::Unanswered(code.to_string())
    }
}

fn of(resource: &ConfigResource) -> (String, Result<Limit, Denied>) {
    let name = match &resource.specifier {
        OwnedResourceSpecifier::Topic(name) => name.clone(),
        other => format!("{other:?}"),
    };
    let entry = resource.get("max.message.bytes");
    let bytes = entry.and_then(|entry| entry.value.as_ref()?.parse().ok());
    let limit = entry
        .zip(bytes)
        .map(|(entry, bytes)| Limit { bytes, is_default: entry.source == ConfigSource::Default });
    (name, limit.ok_or_else(|| Denied::Unanswered("kafka gave no value".to_owned())))
}
