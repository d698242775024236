//! The namespaces of Event Hubs: the way in, up to a token in hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::{self, Config, Protocol};
use crate::eventhubs::{ConnectError, NamespaceClient, Passed};
use crate::metrics::Metrics;

use super::deadline::Deadline;
use super::report::{Finding, Outcome, StepResult, Steps, Subject};

/// What was found of each namespace, by its name.
pub(super) async fn all(
    config: &Config,
    deadline: Deadline,
) -> BTreeMap<String, (Vec<Finding>, Option<NamespaceClient>)> {
    let metrics = Arc::new(Metrics::default());
    let mut tasks = JoinSet::new();
    for (name, settings) in &config.eventhubs {
        let used = config.mappings.iter().find(|mapping| mapping.namespace == *name);
        // Whom a token is for hardly matters yet; a hub's own key is good for that hub only.
        let hub = used.map_or(String::new(), |mapping| mapping.hubs()[0].clone());
        let (name, mut settings, metrics) = (name.clone(), settings.clone(), Arc::clone(&metrics));
        settings.connect_timeout = settings.connect_timeout.min(deadline.share());
        tasks.spawn(async move {
            let client =
                NamespaceClient::new(&name, &settings, 0, Handle::current(), metrics, None);
            let found = one(&name, &settings, client, &hub, deadline).await;
            (name, found)
        });
    }
    tasks.join_all().await.into_iter().collect()
}

async fn one(
    name: &str,
    settings: &config::Namespace,
    client: NamespaceClient,
    hub: &str,
    deadline: Deadline,
) -> (Vec<Finding>, Option<NamespaceClient>) {
    let mut plan = vec!["resolve", "connect"];
    plan.extend(settings.address.tls.then_some("tls"));
    plan.extend((settings.way.protocol == Protocol::WebSocket).then_some("websocket"));
    plan.extend(["amqp", "token"]);
    let mut steps = Steps::new(Subject::Namespace(name.to_owned()), plan);
    if let Some(ago) = client.ended().await {
        steps.skip_to("token");
        let detail = format!("{} expired {} ago", client.who(), lasting(ago));
        steps.took(StepResult::new(Outcome::Failed, detail).hint(
            "create a new one; if it should still be valid, correct the clock of this machine",
        ));
        return (steps.end(), None);
    }
    let limit = deadline.share();
    let mut tell =
        |passed: Passed| steps.took(StepResult::ok(words(passed, &settings.address.host)));
    let entered = timeout(limit, client.enter(&mut tell)).await;
    if let Err(said) = answered(entered, limit) {
        let hint = said.hint.clone().or(steps.next().map(|step| hint(step).to_owned()));
        steps.took(StepResult { hint, ..said });
        return (steps.end(), None);
    }
    let limit = deadline.share();
    let token = answered(timeout(limit, client.token(hub)).await, limit);
    let got = token.is_ok();
    steps.took(token.map_or_else(
        |said| said,
        |left| StepResult::ok(format!("{}, valid for {}", client.who(), lasting(left))),
    ));
    (steps.end(), got.then_some(client))
}

fn words(passed: Passed, host: &str) -> String {
    match passed {
        Passed::Resolve(what) | Passed::Connect(what) => what,
        Passed::Tls(version) => format!("{version}, the certificate is valid for `{host}`"),
        Passed::WebSocket => "upgraded".to_owned(),
        Passed::Amqp => format!("`{host}` speaks AMQP 1.0"),
    }
}

fn hint(step: &str) -> &'static str {
    match step {
        "resolve" => {
            "check the name, and the DNS of this network; a private endpoint needs its private zone"
        }
        "connect" => {
            "check that firewalls and network policies allow connections from here; `transport = \"websocket\"` needs port 443 only"
        }
        "tls" => "if the peer should be trusted, add its authority to `ca_file`",
        "websocket" => "check that no proxy on the way closes WebSocket connections",
        _ => "check that this is the address of a namespace",
    }
}

/// What somebody said in time, or the words for what happened instead.
pub(super) fn answered<T>(
    answer: Result<Result<T, ConnectError>, tokio::time::error::Elapsed>,
    limit: Duration,
) -> Result<T, StepResult> {
    match answer {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            let outcome = if error.is_for_good() { Outcome::Refused } else { Outcome::Failed };
            Err(StepResult::bad(outcome, &error.to_string()))
        }
        Err(_) => Err(StepResult::new(Outcome::Failed, format!("no answer within {limit:.1?}"))),
    }
}

/// A life in the unit that fits it.
pub(super) fn lasting(left: Duration) -> String {
    match left.as_secs() + 1 {
        seconds @ 0..=120 => format!("{seconds} s"),
        seconds @ 121..=7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}
