//! The container for values that are too large: whether the bridge may write to it.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::blob::{BlobContainer, BlobError};
use crate::config::Config;

use super::deadline::Deadline;
use super::report::{Finding, Outcome, StepResult, Steps, Subject};

/// What was found of it, if there is one.
pub(super) async fn all(config: &Config, deadline: Deadline) -> Vec<Finding> {
    let Some(settings) = &config.claim_check else { return Vec::new() };
    let (container, limit, begun) =
        (BlobContainer::new(settings), deadline.share(), Instant::now());
    let answer = timeout(limit, container.reach()).await;
    let answer = answer.unwrap_or_else(|_| Err(silence(limit)));
    let mut steps = Steps::new(Subject::Container(container.url().to_owned()), vec!["write"]);
    steps.after(begun.elapsed(), said(answer));
    steps.end()
}

fn silence(limit: Duration) -> BlobError {
    BlobError::Later { detail: format!("no answer within {limit:.1?}"), after: None }
}

fn said(answer: Result<(), BlobError>) -> StepResult {
    match answer {
        Ok(()) => StepResult::ok("authorized to write blobs; none was written"),
        Err(failure @ BlobError::Unauthorized(_)) => {
            StepResult::new(Outcome::Refused, failure.to_string()).hint(
                "grant the role Storage Blob Data Contributor on the container, or renew the signature; the firewall of the account gives the same answer",
            )
        }
        Err(failure) => StepResult::new(Outcome::Failed, failure.to_string()).hint(
            "check `container`, `ca_file`, and that firewalls and network policies allow connections from here",
        ),
    }
}
