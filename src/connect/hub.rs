//! The hubs: that they exist, that we may send, and whether we may read.
//!
//! Sending and reading are two rights, so one is tried whatever became of the other. Only `delivery = "effectively_once"` needs to read.

use tokio::time::timeout;

use crate::eventhubs::reader::{DEFAULT_GROUP, ReadError};
use crate::eventhubs::{HubProperties, NamespaceClient};

use super::deadline::Deadline;
use super::namespace::{answered, lasting};
use super::report::{Finding, Outcome, StepResult, Steps, Subject};

/// What is known of a hub we may send to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) partitions: usize,
    /// The largest batch, and so the largest event, in bytes.
    pub(super) limit: u64,
}

/// What reading a hub is good for.
#[derive(Debug, Clone, Copy)]
pub(super) enum ReadNeed<'a> {
    /// A mapping sends nothing where it may not read for this consumer group.
    Needed(&'a str),
    /// Only commands read.
    Spare,
}

pub(super) async fn ask(
    client: Option<&NamespaceClient>,
    namespace: &str,
    name: &str,
    reading: ReadNeed<'_>,
    deadline: Deadline,
) -> (Vec<Finding>, Option<Facts>) {
    let subject = Subject::Hub(namespace.to_owned(), name.to_owned());
    let mut steps = Steps::new(subject, vec!["log in", "partitions", "send", "listen"]);
    let facts = match client {
        None => None,
        Some(client) => match enter(client, name, deadline, &mut steps).await {
            Ok(found) => {
                let facts = send(client, name, &found, deadline, &mut steps).await;
                steps.took(listen(client, name, &found, reading, deadline).await);
                facts
            }
            Err(said) => {
                steps.took(said);
                None
            }
        },
    };
    (steps.end(), facts)
}

/// `Err` is what ends the steps.
async fn enter(
    client: &NamespaceClient,
    hub: &str,
    deadline: Deadline,
    steps: &mut Steps,
) -> Result<HubProperties, StepResult> {
    let limit = deadline.share();
    let admitted = answered(timeout(limit, client.admit(hub)).await, limit)?;
    let until = lasting(admitted.left);
    steps.took(if admitted.by_second {
        StepResult::new(
            Outcome::Warning,
            format!("the primary key is refused, the secondary is valid for {until}"),
        )
        .hint("renew the primary key")
    } else {
        StepResult::ok(format!("valid for {until}"))
    });
    let limit = deadline.share();
    let found = answered(timeout(limit, client.hub(hub)).await, limit)?;
    steps.took(StepResult::ok(format!("partitions: {}", found.partition_ids.len())));
    Ok(found)
}

async fn send(
    client: &NamespaceClient,
    hub: &str,
    found: &HubProperties,
    deadline: Deadline,
    steps: &mut Steps,
) -> Option<Facts> {
    let wait = deadline.share();
    match answered(timeout(wait, client.may_send(hub)).await, wait) {
        Ok(limit) => {
            steps
                .took(StepResult::ok(format!("authorized to send; events of up to {limit} bytes")));
            Some(Facts { partitions: found.partition_ids.len(), limit })
        }
        Err(said) => {
            steps.took(said);
            None
        }
    }
}

async fn listen(
    client: &NamespaceClient,
    hub: &str,
    found: &HubProperties,
    reading: ReadNeed<'_>,
    deadline: Deadline,
) -> StepResult {
    let group = match reading {
        ReadNeed::Needed(group) => group,
        ReadNeed::Spare => DEFAULT_GROUP,
    };
    let Some(partition) = found.partition_ids.first() else {
        return StepResult::new(Outcome::Skipped, "");
    };
    let wait = deadline.share();
    match timeout(wait, client.may_read(hub, group, partition)).await {
        Ok(Ok(())) => {
            StepResult::ok(format!("authorized to read, with the consumer group `{group}`"))
        }
        Ok(Err(error)) => unread(reading, &error),
        Err(_) => unread(reading, &ReadError::Unreachable(format!("no answer within {wait:.1?}"))),
    }
}

/// What it means that a hub cannot be read.
fn unread(reading: ReadNeed<'_>, error: &ReadError) -> StepResult {
    let ReadNeed::Needed(group) = reading else {
        // In the same words for each hub: most bridges have no right to read, and need none.
        return match error {
            ReadError::Unauthorized(_) => StepResult::new(
                Outcome::Note,
                "not authorized to read: the right `Listen` is missing; only `tail` and `verify` need it",
            ),
            other => StepResult::bad(
                Outcome::Note,
                &format!("cannot test reading, which only `tail` and `verify` need: {other}"),
            ),
        };
    };
    let needs = "`delivery = \"effectively_once\"` reads the hub";
    let outcome = match error {
        ReadError::Unauthorized(_) | ReadError::NotFound(_) => Outcome::Refused,
        // The places may be free when something is to be looked for.
        ReadError::Occupied(_) => Outcome::Warning,
        _ => Outcome::Failed,
    };
    let said = StepResult::bad(outcome, &format!("{needs}: {error}"));
    match error {
        ReadError::NotFound(_) => said.hint(format!(
            "create the consumer group `{group}`, or correct `consumer_group` of `[effectively_once]`"
        )),
        _ => said.or_hint("try again; events that may have been sent wait until the hub can be read"),
    }
}
