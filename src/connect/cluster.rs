//! What only a cluster that lets us in can say: where its brokers are, what the group may, what the topics are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::lookup_host;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;

use crate::config::{Config, HUB_NAMES};
use crate::kafka::{Advertised, Denied, Inquiry, Limit, Members, Topic};

use super::broker::{self, Reached};
use super::deadline::Deadline;
use super::letters::Letters;
use super::positions;
use super::question::{self, absent, apart, bad, ended, untold};
use super::report::{Finding, Outcome, StepResult, Steps, Subject};

/// What is asked of the group.
const GROUP: [&str; 2] = ["members", "positions"];

/// What is known of a topic that exists.
#[derive(Debug, Clone, Copy)]
pub(super) struct TopicFacts {
    pub(super) partitions: i32,
    pub(super) limit: Option<Limit>,
}

type PerTopic<T> = BTreeMap<String, Result<T, Denied>>;

/// What was asked of all topics at once, and how long that took.
struct TopicAnswers {
    readable: PerTopic<()>,
    read: Duration,
    sizes: Result<PerTopic<Limit>, Denied>,
    sized: Duration,
}

pub(super) async fn ask(
    config: &Config,
    reached: Option<&Reached>,
    topics: &BTreeSet<String>,
    letters: &Letters,
    deadline: Deadline,
) -> (Vec<Finding>, BTreeMap<String, TopicFacts>) {
    let Some(Reached { inquiry, cluster }) = reached else {
        return (nothing_asked(config, topics, letters), BTreeMap::new());
    };
    let existing: BTreeMap<String, Topic> = cluster
        .topics
        .iter()
        .filter(|(name, _)| topics.contains(*name))
        .map(|(name, topic)| (name.clone(), *topic))
        .collect();
    let mut findings = advertised(&cluster.brokers, deadline).await;
    findings.extend(group(config, inquiry, &existing, deadline).await);
    let names = existing.keys().cloned().collect::<BTreeSet<_>>();
    let targets = letters.names().filter(|name| cluster.topics.contains_key(*name)).cloned();
    let sized = names.iter().cloned().chain(targets).collect::<BTreeSet<_>>();
    let asked = ask_all(inquiry, &names, &sized, deadline).await;
    let mut facts = BTreeMap::new();
    for name in topics {
        let mut steps = Steps::new(Subject::Topic(name.clone()), vec!["exists", "read", "size"]);
        if let Some(topic) = existing.get(name) {
            let limit = one(&mut steps, name, *topic, &asked);
            facts.insert(name.clone(), TopicFacts { partitions: topic.partitions, limit });
        } else {
            absent(&mut steps, inquiry, name, deadline).await;
        }
        findings.extend(steps.end());
    }
    findings.extend(letters.judge(inquiry, &cluster.topics, &asked.sizes, deadline).await);
    (findings, facts)
}

/// A topic that a pattern matches and no hub could be named after.
pub(super) fn left_out(topic: String, hub: &str) -> Vec<Finding> {
    let mut steps = Steps::new(Subject::Topic(topic), vec!["hub"]);
    let detail = format!("left out: `{hub}` is not a valid name of its hub, as {HUB_NAMES}");
    steps.took(
        StepResult::new(Outcome::Warning, detail).hint(
            "add it to `topic_exclude`, or give it a mapping of its own and narrow the pattern",
        ),
    );
    steps.end()
}

/// All of it skipped.
fn nothing_asked(config: &Config, topics: &BTreeSet<String>, letters: &Letters) -> Vec<Finding> {
    let group = Subject::Group(config.kafka.group_id.clone());
    let mut all =
        vec![Steps::new(Subject::Cluster, vec!["advertised"]), Steps::new(group, GROUP.to_vec())];
    let plan = || vec!["exists", "read", "size"];
    all.extend(topics.iter().map(|name| Steps::new(Subject::Topic(name.clone()), plan())));
    all.extend(letters.not_asked());
    all.into_iter().flat_map(Steps::end).collect()
}

/// Whether every broker can be reached where it says it can: that is where clients go after the first answer.
async fn advertised(brokers: &[Advertised], deadline: Deadline) -> Vec<Finding> {
    let mut steps = Steps::new(Subject::Cluster, vec!["advertised"]);
    let mut tasks = JoinSet::new();
    for broker in brokers.iter().cloned() {
        tasks.spawn(async move {
            let why = reach(&broker, deadline).await.err();
            (broker, why)
        });
    }
    let mut tried = tasks.join_all().await;
    tried.sort_by_key(|(broker, _)| broker.id);
    let name = |broker: &Advertised| format!("{}:{}", broker.host, broker.port);
    let bad: Vec<String> = tried
        .iter()
        .filter_map(|(broker, why)| {
            why.as_ref().map(|why| format!("broker {} at `{}`: {why}", broker.id, name(broker)))
        })
        .collect();
    steps.took(if bad.is_empty() {
        let names = tried.iter().map(|(broker, _)| name(broker)).collect::<Vec<_>>();
        StepResult::ok(format!("brokers: {}, all can be reached ({})", tried.len(), names.join(", ")))
    } else {
        StepResult::new(Outcome::Failed, bad.join("; ")).hint(
            "records are read at the addresses of `advertised.listeners`: this machine must resolve and reach them",
        )
    });
    steps.end()
}

async fn reach(broker: &Advertised, deadline: Deadline) -> Result<(), String> {
    let limit = deadline.share();
    let found = timeout(limit, lookup_host((broker.host.as_str(), broker.port))).await;
    let found = found.map_err(|_| format!("no answer within {limit:.1?}"))?;
    let found: Vec<_> = found.map_err(|error| error.to_string())?.collect();
    broker::connect(&found, deadline).await
}

/// Who is in the group, and whether its positions may be known. Joining is what would make a group, so that is not tried.
async fn group(
    config: &Config,
    inquiry: &Arc<Inquiry>,
    topics: &BTreeMap<String, Topic>,
    deadline: Deadline,
) -> Vec<Finding> {
    let name = &config.kafka.group_id;
    let mut steps = Steps::new(Subject::Group(name.clone()), GROUP.to_vec());
    let (asked, of, limit) = (Arc::clone(inquiry), name.clone(), deadline.share());
    let members = apart(move || asked.members(&of, limit)).await;
    steps.took(match members {
        // Of such a group the client is told nothing.
        Ok(Members { count: 0, .. }) if config.kafka.is_led_by_broker() => {
            StepResult::new(Outcome::Note, "unknown: the brokers lead it")
        }
        Ok(members) => company(&members),
        // The bridge does not need to know.
        Err(denied) => StepResult::new(Outcome::Note, format!("unknown: {denied}")),
    });

    let (asked, of, limit) = (Arc::clone(inquiry), topics.clone(), deadline.share());
    let policy = config.kafka.out_of_range;
    let known = apart(move || asked.positions(&of, policy, limit)).await;
    let total: i32 = topics.values().map(|topic| topic.partitions).sum();
    steps.took(match known {
        Ok(known) => positions::said(&known, total, policy),
        Err(denied @ Denied::Refused(_)) => bad(&denied).or_hint(format!(
            "the bridge needs the operations `Read` and `Describe` on the group `{name}`"
        )),
        Err(denied) => bad(&denied),
    });
    steps.end()
}

/// What it means to come to these.
fn company(members: &Members) -> StepResult {
    match (members.count, &members.foreign) {
        (0, _) => StepResult::ok("no members"),
        (count, None) => StepResult::ok(format!("members: {count}")),
        (count, Some(way)) => StepResult::new(
            Outcome::Warning,
            format!("members: {count}, with another assignment protocol, `{way}`"),
        )
        .hint(
            "they get partitions of the bridge, or prevent it from joining: stop them, or choose another `kafka.group_id`",
        ),
    }
}

/// Whether `names` may be read, and how large a record `sized` take.
async fn ask_all(
    inquiry: &Arc<Inquiry>,
    names: &BTreeSet<String>,
    sized: &BTreeSet<String>,
    deadline: Deadline,
) -> TopicAnswers {
    if names.is_empty() && sized.is_empty() {
        let none = (PerTopic::new(), Ok(PerTopic::new()));
        return TopicAnswers {
            readable: none.0,
            sizes: none.1,
            read: Duration::ZERO,
            sized: Duration::ZERO,
        };
    }
    let limit = deadline.share();
    let reading = async {
        let (begun, inquiry, names) = (Instant::now(), Arc::clone(inquiry), names.clone());
        let read = spawn_blocking(move || inquiry.readable(&names, limit)).await;
        (read.unwrap_or_default(), begun.elapsed())
    };
    let sizing = async {
        let begun = Instant::now();
        (inquiry.sizes(sized, limit).await, begun.elapsed())
    };
    let ((readable, read), (sizes, sized)) = tokio::join!(reading, sizing);
    TopicAnswers { readable, read, sizes, sized }
}

/// A topic that exists.
fn one(steps: &mut Steps, name: &str, topic: Topic, asked: &TopicAnswers) -> Option<Limit> {
    let Topic { partitions, leaderless } = topic;
    steps.took(match leaderless {
        0 => StepResult::ok(format!("partitions: {partitions}")),
        some => StepResult::new(
            Outcome::Warning,
            format!("partitions: {partitions}, of which {some} have no leader now"),
        )
        .hint("partitions without a leader are not read: check the brokers"),
    });
    let readable = asked.readable.get(name).cloned();
    let readable = readable.unwrap_or_else(|| Err(ended()));
    let mut good = true;
    let said = match readable {
        Ok(()) => StepResult::ok("authorized to read"),
        Err(denied) => {
            good = false;
            bad(&denied).or_hint(format!(
                "the bridge needs the operations `Read` and `Describe` on the topic `{name}`"
            ))
        }
    };
    steps.after(asked.read, said);
    if !good {
        return None;
    }
    let size = match &asked.sizes {
        Ok(sizes) => sizes.get(name).cloned(),
        Err(denied) => Some(Err(denied.clone())),
    };
    let (said, limit) = match size {
        Some(Ok(limit)) => (StepResult::ok(question::size(limit)), Some(limit)),
        Some(Err(denied)) => (untold(&denied), None),
        None => (untold(&ended()), None),
    };
    steps.after(asked.sized, said);
    limit
}
