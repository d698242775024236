//! Deleting a group that nobody is in any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::kafka::native::FAR;

use super::diagnosis::{Diagnosis, is_no};
use super::{Denied, Inquiry};

/// How soon it is tried again while somebody is still in the group.
const AGAIN: Duration = Duration::from_millis(200);

/// Why a group is still there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undeleted {
    /// Somebody is in it.
    #[error("the group has members")]
    Joined,
    /// Kafka refuses, or does not answer.
    #[error(transparent)]
    Denied(Denied),
}

impl Inquiry {
    /// Deletes the group this client names, as soon as nobody is in it; one that is not there need not be deleted. Blocks, no longer
    /// than `limit`.
    pub fn delete_group(&self, limit: Duration) -> Result<(), Undeleted> {
        let unanswered = |text: String| Undeleted::Denied(Denied::Unanswered(text));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| unanswered(error.to_string()))?;
        let client: Arc<AdminClient<Diagnosis>> =
            self.another(&self.settings).map_err(|error| unanswered(error.to_string()))?;
        let name = self.settings.get("group.id").unwrap_or_default();
        let end = Instant::now() + limit;
        runtime.block_on(async {
            loop {
                let left = end.saturating_duration_since(Instant::now());
                let why = match attempt(&client, name, left).await {
                    Ok(()) => return Ok(()),
                    Err(code) => code,
                };
                match why {
                    RDKafkaErrorCode::GroupIdNotFound => return Ok(()),
                    code if is_no(code) || is_never(code) => {
                        return Err(Undeleted::Denied(Denied::Refused(code.to_string())));
                    }
                    code if left > AGAIN => {
                        tracing::debug!(group = name, %code, "cannot delete the group yet");
                        tokio::time::sleep(AGAIN).await;
                    }
                    RDKafkaErrorCode::NonEmptyGroup => return Err(Undeleted::Joined),
                    code => return Err(unanswered(code.to_string())),
                }
            }
        })
    }
}

async fn attempt(
    client: &AdminClient<Diagnosis>,
    name: &str,
    limit: Duration,
) -> Result<(), RDKafkaErrorCode> {
    let options = AdminOptions::new().request_timeout(Some(FAR));
    let code = |error: KafkaError| error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
    let asked = tokio::time::timeout(limit, client.delete_groups(&[name], &options)).await;
    let answer = asked.map_err(|_| RDKafkaErrorCode::OperationTimedOut)?.map_err(code)?;
    answer.into_iter().try_for_each(|group| group.map(drop).map_err(|(_, code)| code))
}

/// Whether brokers are so old that they delete no groups.
fn is_never(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::UnsupportedVersion | RDKafkaErrorCode::UnsupportedFeature)
}
