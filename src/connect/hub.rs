//! The hubs: that they exist, and that we may send.

use tokio::time::timeout;

use super::deadline::Deadline;
use super::namespace::{Entered, answered, lasting};
use super::report::{Finding, Outcome, Said, Steps, Subject};

/// What is known of a hub we may send to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) partitions: usize,
    /// The largest batch, and so the largest event, in bytes.
    pub(super) limit: u64,
}

pub(super) async fn ask(
    door: Option<&Entered>,
    namespace: &str,
    name: &str,
    deadline: Deadline,
) -> (Vec<Finding>, Option<Facts>) {
    let subject = Subject::Hub(namespace.to_owned(), name.to_owned());
    let mut steps = Steps::new(subject, vec!["log in", "partitions", "send"]);
    let facts = match door {
        None => None,
        Some(door) => match take(door, name, deadline, &mut steps).await {
            Ok(facts) => Some(facts),
            Err(said) => {
                steps.took(said);
                None
            }
        },
    };
    (steps.end(), facts)
}

/// `Err` is what ends the steps.
async fn take(
    door: &Entered,
    hub: &str,
    deadline: Deadline,
    steps: &mut Steps,
) -> Result<Facts, Said> {
    let limit = deadline.share();
    let admitted = answered(timeout(limit, door.admit(hub)).await, limit)?;
    let until = lasting(admitted.left);
    steps.took(if admitted.by_second {
        Said::new(
            Outcome::Warning,
            format!("the primary key is refused, the secondary is good for {until}"),
        )
        .hint("renew the primary key")
    } else {
        Said::ok(format!("good for {until}"))
    });
    let limit = deadline.share();
    let properties = answered(timeout(limit, door.hub(hub)).await, limit)?;
    let partitions = properties.partition_ids.len();
    steps.took(Said::ok(format!("partitions: {partitions}")));
    let wait = deadline.share();
    let limit = answered(timeout(wait, door.may_send(hub)).await, wait)?;
    steps.took(Said::ok(format!("may be sent to; events of up to {limit} bytes")));
    Ok(Facts { partitions, limit })
}
