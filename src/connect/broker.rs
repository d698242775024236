//! The bootstrap brokers, each alone.

use std::sync::Arc;
use std::time::Instant;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;

use crate::config::{Config, Kafka};
use crate::kafka::{ClientError, Cluster, Denied, Door, Inquiry, Logins, Shut};

use super::deadline::Deadline;
use super::report::{Finding, Outcome, StepResult, Steps, Subject};

/// Kafka's port where none is written.
const PORT: u16 = 9092;

/// A broker that answered, and what it says.
pub(super) struct Reached {
    pub(super) inquiry: Arc<Inquiry>,
    pub(super) cluster: Cluster,
}

/// What was found of a broker, in the order of the configuration.
pub(super) async fn all(
    config: &Config,
    deadline: Deadline,
) -> Vec<(Vec<Finding>, Option<Reached>)> {
    let mut tasks = JoinSet::new();
    let brokers = config.kafka.brokers.split(',').map(str::trim).filter(|it| !it.is_empty());
    // One for all: an issuer is asked once. It ends with the last client that was let in by it.
    let access = Logins::open(&config.kafka);
    for (place, broker) in brokers.enumerate() {
        let (kafka, broker, access) = (config.kafka.clone(), broker.to_owned(), access.clone());
        tasks.spawn(async move { (place, one(kafka, broker, access, deadline).await) });
    }
    let mut found = tasks.join_all().await;
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, found)| found).collect()
}

async fn one(
    kafka: Kafka,
    broker: String,
    access: Result<Logins, ClientError>,
    deadline: Deadline,
) -> (Vec<Finding>, Option<Reached>) {
    let plan = match Inquiry::is_encrypted(&kafka) {
        true => vec!["resolve", "connect", "tls", "log in"],
        false => vec!["resolve", "connect", "log in"],
    };
    let mut steps = Steps::new(Subject::Broker(broker.clone()), plan);
    let (host, port) = host_and_port(&broker);
    match reach(host, port, deadline, &mut steps).await {
        Ok(()) => {}
        Err(said) => {
            steps.took(said);
            return (steps.end(), None);
        }
    }
    let (limit, begun) = (deadline.share(), Instant::now());
    // Its brokers stay one list for the client: a broker is asked for what it knows, not for another.
    let entering = spawn_blocking(move || Inquiry::enter(&kafka, &access?, &broker, limit)).await;
    let reached = match entering {
        Ok(Ok((inquiry, cluster))) => {
            let took = begun.elapsed();
            let Cluster { protocol, brokers, topics, encrypted, missing, .. } = &cluster;
            if steps.next() == Some("tls") {
                steps.after(encrypted.unwrap_or(took), StepResult::ok("the certificate is valid"));
            }
            let (brokers, topics) = (brokers.len(), topics.len());
            let took = took.saturating_sub(encrypted.unwrap_or_default());
            let detail = format!("{protocol}; brokers: {brokers}, topics: {topics}");
            steps.after(
                took,
                match missing {
                    Some(missing) => StepResult::new(Outcome::Note, format!("{detail}; {missing}")),
                    None => StepResult::ok(detail),
                },
            );
            Some(Reached { inquiry: Arc::new(inquiry), cluster })
        }
        Ok(Err(shut)) => {
            turned_away(&mut steps, &shut);
            None
        }
        Err(_) => {
            steps.took(StepResult::new(Outcome::Failed, "the kafka client stopped"));
            None
        }
    };
    (steps.end(), reached)
}

fn turned_away(steps: &mut Steps, shut: &Shut) {
    let Shut::At { door, why } = shut else {
        return steps.took(StepResult::new(Outcome::Failed, shut.to_string()));
    };
    if steps.next() == Some("tls") && *door == Door::Login {
        steps.after(std::time::Duration::ZERO, StepResult::ok("the certificate is valid"));
    }
    let outcome = match (door, why) {
        (Door::Login, Denied::Refused(_)) => Outcome::Refused,
        _ => Outcome::Failed,
    };
    steps.took(StepResult::bad(outcome, &why.to_string()).or_hint(match (door, why) {
        (Door::Tls, _) => {
            "check that the listener uses TLS, trust its authority, and use the names of the brokers' certificates"
        }
        (Door::Login, Denied::Refused(_)) => "check the user, its password, and the SASL mechanism",
        (Door::Login, Denied::Unanswered(_)) => {
            "check that this is a listener of Kafka, and that `security.protocol` is the listener's"
        }
    }));
}

/// Looks the name up and connects, each a step. `Err` is what ends them.
async fn reach(
    host: &str,
    port: u16,
    deadline: Deadline,
    steps: &mut Steps,
) -> Result<(), StepResult> {
    let limit = deadline.share();
    let silence = |limit| StepResult::new(Outcome::Failed, format!("no answer within {limit:.1?}"));
    let unknown = |error: std::io::Error| {
        StepResult::new(Outcome::Failed, error.to_string())
            .hint("check the name, and the DNS of this network")
    };
    let found = timeout(limit, lookup_host((host, port))).await;
    let found: Vec<_> = found.map_err(|_| silence(limit))?.map_err(unknown)?.collect();
    let addresses = found.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>();
    steps.took(StepResult::ok(addresses.join(", ")));
    connect(&found, deadline).await.map_err(|why| {
        StepResult::new(Outcome::Failed, why).hint(
            "check the port, and that firewalls and network policies allow connections from here",
        )
    })?;
    steps.took(StepResult::ok(format!("port {port}")));
    Ok(())
}

/// A TCP connection to one of `addresses`, let go at once.
pub(super) async fn connect(
    addresses: &[std::net::SocketAddr],
    deadline: Deadline,
) -> Result<(), String> {
    let limit = deadline.share();
    let connected = timeout(limit, TcpStream::connect(addresses)).await;
    let connected = connected.map_err(|_| format!("no answer within {limit:.1?}"))?;
    connected.map(drop).map_err(|error| error.to_string())
}

/// Of `host`, `host:port`, `[address]:port`, each perhaps after `PROTOCOL://`.
fn host_and_port(broker: &str) -> (&str, u16) {
    let address = broker.split_once("://").map_or(broker, |(_, address)| address);
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, port.parse().ok())
        }
        _ => (address, None),
    };
    (host.trim_start_matches('[').trim_end_matches(']'), port.unwrap_or(PORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_named_in_many_ways() {
        for (broker, expected) in [
            ("k", ("k", 9092)),
            ("k:1", ("k", 1)),
            ("SASL_SSL://k:1", ("k", 1)),
            ("[::1]:1", ("::1", 1)),
            ("[::1]", ("::1", 9092)),
            ("::1", ("::1", 9092)),
        ] {
            assert_eq!(host_and_port(broker), expected, "{broker}");
        }
    }
}
