//! Questions to Kafka that block, and how some of their answers are told.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::kafka::{Denied, Inquiry, Limit};

use super::deadline::Deadline;
use super::report::{Outcome, StepResult, Steps};

/// The answer to a question that blocks.
pub(super) async fn apart<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T, Denied> + Send + 'static,
) -> Result<T, Denied> {
    spawn_blocking(ask).await.unwrap_or_else(|_| Err(ended()))
}

pub(super) fn ended() -> Denied {
    Denied::Unanswered("the kafka client stopped".to_owned())
}

pub(super) fn size(limit: Limit) -> String {
    let whose = if limit.is_default { " (kafka's default)" } else { "" };
    format!("max.message.bytes: {}{whose}", limit.bytes)
}

/// The bridge does not need to know.
pub(super) fn untold(denied: &Denied) -> StepResult {
    let said = StepResult::new(Outcome::Note, format!("`max.message.bytes` is unknown: {denied}"));
    said.hint("grant the operation `DescribeConfigs` on the topic to see it")
}

pub(super) async fn absent(
    steps: &mut Steps,
    inquiry: &Arc<Inquiry>,
    name: &str,
    deadline: Deadline,
) {
    let (inquiry, topic, limit) = (Arc::clone(inquiry), name.to_owned(), deadline.share());
    let asked = apart(move || Ok(inquiry.missing(&topic, limit))).await;
    steps.took(match asked {
        Ok(denied) => bad(&denied).or_hint(format!(
            "create the topic `{name}`, correct its name, or grant the bridge `Describe` on it"
        )),
        Err(ended) => bad(&ended),
    });
}

pub(super) fn bad(denied: &Denied) -> StepResult {
    let outcome = match denied {
        Denied::Refused(_) => Outcome::Refused,
        Denied::Unanswered(_) => Outcome::Failed,
    };
    StepResult::bad(outcome, &denied.to_string())
}
