//! `check --connect`: everything between here and the first event that somebody could refuse, tried before a deployment.
//!
//! ```text
//! broker      resolve, connect, (tls,) log in          each of `kafka.brokers` alone: the client would hide a bad one
//! namespace   resolve, connect, (tls, websocket,) amqp, token
//! cluster     advertised, group                        asked of the first broker that let us in
//! topic       exists, read, size                       each topic of the mappings, and the dead-letter topics
//! hub         log in, partitions, send, listen         each hub that a topic goes to
//! registry    ask                                      each address of each registry
//! mapping     topic → hub                              what was learned of both, judged without asking anybody
//! ```
//! The invariant: nothing is sent, committed, joined or made. A subject's steps are taken in order; after one that fails the
//! rest are skipped. All subjects of a line are tried at once, and all is over by the deadline. What is found is a
//! [`CheckReport`]; how it looks is left to `table` and `json`.

mod broker;
mod cluster;
mod container;
mod deadline;
mod hub;
mod json;
mod letters;
mod mapping;
mod namespace;
mod positions;
mod question;
mod registry;
mod report;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::config::Config;
use crate::eventhubs::NamespaceClient;
use crate::kafka::Chosen;
use crate::route::{Route, Router};

pub use json::{found, wrong};
pub use report::{CheckReport, Finding, MappedTopic, Outcome, Subject};

use broker::Reached;
use cluster::TopicFacts;
use deadline::Deadline;
use hub::ReadNeed;
use letters::Letters;

/// A hub: its namespace's name and its own.
type Hub = (String, String);

/// Tries everything; over within `limit`. `Err` when the system gives no runtime.
pub fn connect(config: &Config, limit: Duration) -> std::io::Result<CheckReport> {
    let begun = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut report = runtime.block_on(all(config, Deadline::within(limit)));
    // A lookup that hangs cannot be called back.
    runtime.shutdown_background();
    report.took = begun.elapsed();
    Ok(report)
}

async fn all(config: &Config, deadline: Deadline) -> CheckReport {
    let (brokers, namespaces, registries, container) = tokio::join!(
        broker::all(config, deadline),
        namespace::all(config, deadline),
        registry::all(config, deadline),
        container::all(config, deadline)
    );
    let mut report = CheckReport::default();
    let mut entered = BTreeMap::new();
    let reached = brokers.into_iter().fold(None, |reached: Option<Reached>, (findings, new)| {
        report.findings.extend(findings);
        reached.or(new)
    });
    for (name, (findings, namespace)) in namespaces {
        report.findings.extend(findings);
        entered.extend(namespace.map(|namespace| (name, namespace)));
    }
    report.findings.extend(registries);
    report.findings.extend(container);
    let existing =
        reached.iter().flat_map(|reached| reached.cluster.topics.keys().map(String::as_str));
    let Chosen { read: topics, left_out } = crate::kafka::topics(config, existing);
    let router = Router::new(&config.mappings);
    let routes: Vec<(String, Route)> = topics
        .iter()
        .flat_map(|topic| router.routes(topic).into_iter().map(|route| (topic.clone(), route)))
        .collect();
    let letters = Letters::of(config, &routes);
    let (asked, hubs) = tokio::join!(
        cluster::ask(config, reached.as_ref(), &topics, &letters, deadline),
        all_hubs(&routes, &config.once.group, &entered, deadline)
    );
    let (findings, facts) = asked;
    report.findings.extend(findings);
    report
        .findings
        .extend(left_out.into_iter().flat_map(|(topic, hub)| cluster::left_out(topic, &hub)));
    let mut known = BTreeMap::new();
    for (hub, (findings, facts)) in hubs {
        report.findings.extend(findings);
        known.insert(hub, facts);
    }
    report.pairs = pairs(&routes, &facts, &known);
    report.pairs.extend(idle(config, &routes, reached.is_some()));
    report.pairs.sort_by_key(|pair| pair.mapping);
    let leaving = entered.into_values().map(|namespace| async move { namespace.leave().await });
    leaving.collect::<JoinSet<()>>().join_all().await;
    report
}

/// Each hub once, however many topics go there; those of a namespace one after the other.
async fn all_hubs(
    routes: &[(String, Route)],
    group: &str,
    entered: &BTreeMap<String, NamespaceClient>,
    deadline: Deadline,
) -> BTreeMap<Hub, (Vec<Finding>, Option<hub::Facts>)> {
    let mut hubs: BTreeMap<String, BTreeMap<String, bool>> = BTreeMap::new();
    for (_, route) in routes {
        let hubs = hubs.entry(route.namespace.to_string()).or_default();
        *hubs.entry(route.hub.to_string()).or_default() |= route.is_once();
    }
    let mut tasks = JoinSet::new();
    for (namespace, hubs) in hubs {
        let client = entered.get(&namespace).cloned();
        let group = group.to_owned();
        tasks.spawn(async move {
            let mut found = Vec::new();
            for (name, once) in hubs {
                let reading = if once { ReadNeed::Needed(&group) } else { ReadNeed::Spare };
                let asked = hub::ask(client.as_ref(), &namespace, &name, reading, deadline);
                let answer = Box::pin(asked).await;
                found.push(((namespace.clone(), name), answer));
            }
            found
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

fn pairs(
    routes: &[(String, Route)],
    topics: &BTreeMap<String, TopicFacts>,
    hubs: &BTreeMap<Hub, Option<hub::Facts>>,
) -> Vec<MappedTopic> {
    let judged = routes.iter().map(|(topic, route)| {
        let hub = (route.namespace.to_string(), route.hub.to_string());
        mapping::judge(topic, route, topics.get(topic), hubs.get(&hub).and_then(Option::as_ref))
    });
    judged.collect()
}

/// The mappings that take no topic.
fn idle(config: &Config, routes: &[(String, Route)], looked: bool) -> Vec<MappedTopic> {
    let taken: BTreeSet<usize> = routes.iter().map(|(_, route)| route.mapping).collect();
    let idle = config.mappings.iter().enumerate().filter(|(index, _)| !taken.contains(index));
    idle.map(|(index, mapping)| mapping::idle(index, mapping, looked)).collect()
}
