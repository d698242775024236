//! Asking a cluster what it would let us do, without doing it: nothing is joined, committed, produced or made.
//!
//! One [`Inquiry`] is one client with one list of brokers. The reason why a broker does not answer comes by the
//! client's callbacks, not by the call that waits; [`diagnosis`] keeps it. Every question has an end, and a "no" ends it
//! early.

mod asking;
mod deleting;
mod diagnosis;
mod group;
mod members;
mod oldest;
mod placing;
mod positions;
mod purging;
mod reading;
mod scanning;
mod sizes;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};

use crate::config;
use crate::kafka::discovery::Discovery;
use crate::kafka::logins::Entrant;
use crate::kafka::{ClientError, Logins, advice, settings};
use crate::record::TopicPartition;

pub use deleting::Undeleted;
use diagnosis::{Diagnosis, is_no};
pub use members::Members;
pub use oldest::Oldest;
pub use placing::Unset;
pub use positions::{Gone, Positions};
pub use purging::Cut;
pub use scanning::{EachRecord, Stretch, Unread};
pub use sizes::Limit;
pub(super) use sizes::limit;
pub use standing::{Case, Standing};

/// The first attempt to get an answer; each further one has twice the time.
const FIRST: Duration = Duration::from_millis(300);
/// What is wrong for that long, with its reason known, is not waited for any longer.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long the log of a login may come after its answer.
const LATE: Duration = Duration::from_secs(1);
/// How long the client is polled at a time.
const POLL: Duration = Duration::from_millis(50);

/// Why there is no answer, by what it means.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Kafka says no.
    #[error("{0}")]
    Refused(String),
    /// Nobody answers, or not so that it could be understood.
    #[error("{0}")]
    Unanswered(String),
}

/// Where one may be turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// Before the peer has proved who it is.
    Tls,
    /// Before it let us in and answered.
    Login,
}

/// A broker that does not let us in.
#[derive(Debug, thiserror::Error)]
pub enum Shut {
    /// The client does not take its settings.
    #[error(transparent)]
    Start(#[from] ClientError),
    /// Turned away at `door`.
    #[error("{why}")]
    At {
        /// Where.
        door: Door,
        /// Why.
        why: Denied,
    },
}

/// What a broker says of its cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// How the brokers are spoken to: `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`, and the SASL mechanism.
    pub protocol: String,
    /// When the peer had proved who it is, where it has to; counted from the beginning.
    pub encrypted: Option<Duration>,
    /// What this broker can not do, if it is that old.
    pub missing: Option<&'static str>,
    /// The addresses that clients are sent to.
    pub brokers: Vec<Advertised>,
    /// The topics we may see.
    pub topics: BTreeMap<String, Topic>,
    /// Their partitions that nobody leads now.
    pub unled: BTreeSet<TopicPartition>,
}

/// Where a broker wants to be reached.
#[derive(Debug, Clone)]
pub struct Advertised {
    /// The broker's id.
    pub id: i32,
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// What is known of a topic.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    /// Its partitions.
    pub partitions: i32,
    /// How many of them nobody leads now.
    pub leaderless: usize,
}

/// A client that asks.
pub struct Inquiry {
    client: Arc<BaseConsumer<Diagnosis>>,
    settings: ClientConfig,
    security: Option<config::Security>,
    access: Logins,
    done: Arc<AtomicBool>,
    poller: Option<JoinHandle<()>>,
}

impl fmt::Debug for Inquiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inquiry").finish_non_exhaustive()
    }
}

impl Drop for Inquiry {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        // It ends within a poll; a panic in it has nobody left to tell.
        drop(self.poller.take().map(JoinHandle::join));
    }
}

impl Inquiry {
    /// Another client that logs in as this one does, with these `settings`.
    fn another<T: Entrant + FromClientConfigAndContext<Diagnosis>>(
        &self,
        settings: &ClientConfig,
    ) -> KafkaResult<Arc<T>> {
        diagnosis::client(settings, self.security.as_ref(), &self.access)
    }

    /// Logs in at `brokers` and asks for all there is. Blocks, no longer than `limit`.
    pub fn enter(
        kafka: &config::Kafka,
        access: &Logins,
        brokers: &str,
        limit: Duration,
    ) -> Result<(Self, Cluster), Shut> {
        let begun = Instant::now();
        let no_token = |why| Shut::At { door: Door::Login, why };
        match access.wait(limit) {
            Ok(true) => {}
            Ok(false) => {
                let text = format!("no token within {limit:.1?}");
                return Err(no_token(Denied::Unanswered(text)));
            }
            Err(refused) => return Err(no_token(Denied::Refused(refused.to_string()))),
        }
        let settings = settings::asker(kafka, brokers)?;
        let started = |error: String| ClientError::Client(error);
        let client: Arc<BaseConsumer<Diagnosis>> =
            diagnosis::client(&settings, kafka.security.as_ref(), access)
                .map_err(|error| started(error.to_string()))?;
        let done = Arc::new(AtomicBool::new(false));
        let (polled, end) = (Arc::clone(&client), Arc::clone(&done));
        let poller = thread::Builder::new().name("kafka-inquiry".to_owned()).spawn(move || {
            // Serves reasons, states and tokens; nothing else comes this way.
            while !end.load(Ordering::Acquire) {
                drop(polled.poll(POLL));
            }
        });
        let poller = Some(poller.map_err(|error| started(error.to_string()))?);
        let (security, access) = (kafka.security.clone(), access.clone());
        let inquiry = Self { client, settings, security, access, done, poller };
        let limit = limit.saturating_sub(begun.elapsed());
        // All topics, never one: an old broker makes a topic that it is asked for.
        let answer = inquiry.ask(limit, |slice| inquiry.client.fetch_metadata(None, slice));
        match answer {
            Ok(metadata) => {
                inquiry.client.context().told_until(Instant::now() + LATE.min(limit));
                let cluster = inquiry.cluster(&metadata);
                Ok((inquiry, cluster))
            }
            Err(why) => Err(Shut::At { door: inquiry.door(), why }),
        }
    }

    fn cluster(&self, metadata: &Metadata) -> Cluster {
        let brokers = metadata.brokers().iter().map(|broker| Advertised {
            id: broker.id(),
            host: broker.host().to_owned(),
            port: u16::try_from(broker.port()).unwrap_or_default(),
        });
        let topics = metadata.topics().iter().filter(|topic| topic.error().is_none());
        let unled = topics.clone().flat_map(|topic| {
            let unled = topic.partitions().iter().filter(|partition| partition.leader() < 0);
            unled.map(|partition| TopicPartition::new(topic.name(), partition.id()))
        });
        let unled = unled.collect();
        let topics = topics.map(|topic| (topic.name().to_owned(), facts(topic)));
        Cluster {
            protocol: self.protocol(),
            encrypted: self.client.context().encrypted(),
            missing: self.client.context().is_old().then_some(advice::OLD),
            brokers: brokers.collect(),
            topics: topics.collect(),
            unled,
        }
    }

    /// Whether the brokers have to prove who they are.
    pub fn is_encrypted(kafka: &config::Kafka) -> bool {
        settings::asker(kafka, &kafka.brokers).is_ok_and(|it| protocol(&it).ends_with("ssl"))
    }

    fn protocol(&self) -> String {
        let protocol = protocol(&self.settings);
        let mechanism =
            self.settings.get("sasl.mechanisms").or(self.settings.get("sasl.mechanism"));
        match mechanism {
            Some(mechanism) if protocol.starts_with("sasl") => format!("{protocol}, {mechanism}"),
            _ => protocol,
        }
    }

    /// Where we were turned away, as far as is known.
    fn door(&self) -> Door {
        if protocol(&self.settings).ends_with("ssl") && self.client.context().encrypted().is_none()
        {
            Door::Tls
        } else {
            Door::Login
        }
    }

    /// What Kafka says of a topic that is not among those we may see. Blocks, no longer than `limit`.
    pub fn missing(&self, topic: &str, limit: Duration) -> Denied {
        let answer = self.ask(limit, |slice| self.client.fetch_metadata(Some(topic), slice));
        let metadata = match answer {
            Ok(metadata) => metadata,
            Err(denied) => return denied,
        };
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let error = found.and_then(MetadataTopic::error).map(RDKafkaErrorCode::from);
        Denied::Refused(match error {
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                RDKafkaErrorCode::TopicAuthorizationFailed.to_string()
            }
            _ => "no such topic".to_owned(),
        })
    }

    /// Asks until there is an answer, Kafka says no, or it has become clear that there will be none.
    fn ask<T>(
        &self,
        limit: Duration,
        mut attempt: impl FnMut(Duration) -> KafkaResult<T>,
    ) -> Result<T, Denied> {
        let diagnosis = self.client.context();
        let (begun, mut slice) = (Instant::now(), FIRST);
        loop {
            let left = limit.saturating_sub(begun.elapsed());
            let next = Instant::now() + slice.min(left);
            let error = match attempt(slice.min(left)) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if let Some(code) = error.rdkafka_error_code().filter(|code| is_no(*code)) {
                return Err(Denied::Refused(
                    diagnosis.reason().unwrap_or_else(|| code.to_string()),
                ));
            }
            if let Some(no) = diagnosis.no_until(next) {
                return Err(Denied::Refused(no));
            }
            if begun.elapsed() >= limit.min(PATIENCE)
                && let Some(reason) = diagnosis.reason()
            {
                return Err(Denied::Unanswered(reason));
            }
            if begun.elapsed() >= limit {
                let silence = silence(&error, limit);
                return Err(Denied::Unanswered(match diagnosis.warning() {
                    Some(warning) => format!("{silence}: {warning}"),
                    None => silence,
                }));
            }
            slice *= 2;
        }
    }
}

fn protocol(settings: &ClientConfig) -> String {
    settings.get("security.protocol").unwrap_or("plaintext").to_ascii_lowercase()
}

fn silence(error: &KafkaError, limit: Duration) -> String {
    use RDKafkaErrorCode as Code;
    match error.rdkafka_error_code() {
        None
        | Some(Code::OperationTimedOut | Code::BrokerTransportFailure | Code::RequestTimedOut) => {
            format!("no answer within {limit:.1?}")
        }
        Some(code) => format!("no answer within {limit:.1?}: {code}"),
    }
}

fn facts(topic: &MetadataTopic) -> Topic {
    let partitions = topic.partitions();
    Topic {
        partitions: i32::try_from(partitions.len()).unwrap_or(i32::MAX),
        leaderless: partitions.iter().filter(|partition| partition.leader() < 0).count(),
    }
}

/// What `config` makes of the topics there are.
#[derive(Debug)]
pub struct Chosen {
    /// Those it reads: the named ones, and what its patterns match.
    pub read: BTreeSet<String>,
    /// Those it leaves out, each with the hub that could not be.
    pub left_out: Vec<(String, String)>,
}

/// What `config` makes of the topics that exist.
pub fn topics<'a>(config: &config::Config, existing: impl Iterator<Item = &'a str>) -> Chosen {
    let topics = config.mappings.iter().map(|mapping| mapping.topics.clone()).collect::<Vec<_>>();
    let mut discovery = Discovery::new(&topics, config::LeftOut::of(config));
    let left_out = discovery.update(existing).left_out;
    Chosen { read: discovery.topics(), left_out }
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;
    use rdkafka::types::RDKafkaApiKey;

    use super::*;

    #[test]
    fn a_client_that_connects_to_nobody_says_why() {
        let mut config = config::sample(|_| {});
        // As nothing that was checked would have it.
        config.kafka.brokers = "SASL_SSL://localhost:1".to_owned();
        let access = Logins::open(&config.kafka).unwrap();
        let limit = Duration::from_secs(2);
        let shut = Inquiry::enter(&config.kafka, &access, &config.kafka.brokers, limit);
        let why = shut.expect_err("nobody is there").to_string();
        assert!(why.contains("\"SASL_SSL\" does not match security.protocol"), "{why}");
    }

    #[test]
    fn a_broker_from_before_headers_says_so() {
        let cluster = MockCluster::new(1).unwrap();
        let mut config = config::sample(|_| {});
        config.kafka.brokers = cluster.bootstrap_servers();
        let access = Logins::open(&config.kafka).unwrap();
        let limit = Duration::from_secs(30);
        let missing = || {
            let (_, cluster) = Inquiry::enter(&config.kafka, &access, &config.kafka.brokers, limit)
                .expect("it answers");
            cluster.missing
        };
        assert_eq!(missing(), None);
        // As Kafka 0.10.2.
        cluster.apiversion(RDKafkaApiKey::Produce, Some(0), Some(2)).unwrap();
        cluster.apiversion(RDKafkaApiKey::Fetch, Some(0), Some(3)).unwrap();
        assert_eq!(missing(), Some(advice::OLD));
    }
}
