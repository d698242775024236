//! What an answer means: the one table from AMQP conditions and library errors to what the caller must do.
//!
//! | condition | meaning | what follows |
//! |---|---|---|
//! | `com.microsoft:server-busy`, `amqp:resource-limit-exceeded` | throttled | again, after 4 s at least |
//! | `amqp:link:message-size-exceeded` | too large | split, or the failure policy |
//! | `amqp:unauthorized-access`, `com.microsoft:auth-failed` | no right to send | again, with a new token |
//! | `amqp:not-found`, `com.microsoft:entity-disabled` | no such hub or partition | again, it may come |
//! | `amqp:not-allowed`, `com.microsoft:argument-error` and their kin, *on a transfer* | this content | the failure policy |
//! | any other, and every unknown one | trouble at the service | again |
//!
//! Only `accepted` is an acknowledgement. `released` and `modified` mean *not stored*.

use std::time::Duration;

use fe2o3_amqp::link::{DetachError, LinkStateError, SendError as LinkError, SessionStopReason};
use fe2o3_amqp_types::definitions::{Error, ErrorCondition};
use fe2o3_amqp_types::messaging::Outcome;
use serde_amqp::primitives::Symbol;

use super::{Cause, SendError};

/// The wait Event Hubs asks for when it throttles.
const BUSY: Duration = Duration::from_secs(4);

/// Something between us and the service failed. The batch in flight, if any, is not known to be stored.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) cause: Cause,
    pub(super) after: Option<Duration>,
    pub(super) detail: String,
    /// Whether the whole connection is to be given up, not only the link.
    pub(super) connection: bool,
}

impl Fault {
    pub(super) fn new(cause: Cause, detail: impl Into<String>) -> Self {
        let connection = matches!(cause, Cause::Connection | Cause::Timeout);
        Self { cause, after: None, detail: detail.into(), connection }
    }

    /// What a peer said while closing something.
    pub(super) fn said(error: &Error) -> Self {
        let (cause, after) = meaning(&condition(error));
        Self { cause, after, detail: text(error), connection: false }
    }

    pub(super) fn detached(error: &DetachError) -> Self {
        match error {
            DetachError::RemoteDetachedWithError(said)
            | DetachError::RemoteClosedWithError(said) => Self::said(said),
            DetachError::SessionStopped(reason) => Self::stopped(reason),
            other => Self::new(Cause::Link, other.to_string()),
        }
    }

    pub(super) fn stopped(reason: &SessionStopReason) -> Self {
        match reason {
            SessionStopReason::EndedWithError(said)
            | SessionStopReason::RemoteEndedWithError(said) => Self::said(said),
            SessionStopReason::ConnectionStopped(reason) => {
                use fe2o3_amqp::connection::ConnectionStopReason as Reason;
                let detail = match reason {
                    Reason::ClosedWithError(said) | Reason::RemoteClosedWithError(said) => {
                        text(said)
                    }
                    Reason::Closed | Reason::RemoteClosed => "the connection is closed".to_owned(),
                };
                Self::new(Cause::Connection, detail)
            }
            SessionStopReason::Ended | SessionStopReason::RemoteEnded => {
                Self::new(Cause::Link, "the session ended")
            }
        }
    }
}

impl Fault {
    /// The same of a batch that never left: it cannot have been stored.
    pub(super) fn unsent(self) -> Self {
        let cause = if self.cause == Cause::Timeout { Cause::Service } else { self.cause };
        Self { cause, ..self }
    }
}

impl From<Fault> for SendError {
    /// Only the service asks for a wait; our own pauses are nobody else's.
    fn from(fault: Fault) -> Self {
        let after = fault.after.filter(|_| fault.cause == Cause::Throttled);
        Self::Retry { cause: fault.cause, after, detail: fault.detail }
    }
}

/// The end of a send, and whether the link is still good.
pub(super) fn settled(outcome: Outcome) -> Result<(), SendError> {
    let retry =
        |cause, detail: &str| SendError::Retry { cause, after: None, detail: detail.to_owned() };
    match outcome {
        Outcome::Accepted(_) => Ok(()),
        Outcome::Rejected(rejected) => Err(match rejected.error {
            Some(error) => refused(&error),
            None => retry(Cause::Service, "rejected without a reason"),
        }),
        Outcome::Released(_) => Err(retry(Cause::Released, "released")),
        Outcome::Modified(_) => Err(retry(Cause::Modified, "modified")),
    }
}

/// A transfer was rejected: is it the content, or the moment?
fn refused(error: &Error) -> SendError {
    let condition = condition(error);
    match &*condition {
        // The limit is unknown here; the caller splits, and a single event is refused.
        "amqp:link:message-size-exceeded" => {
            SendError::TooLarge { limit: limit_in(error).unwrap_or(u64::MAX) }
        }
        "amqp:not-allowed"
        | "amqp:not-implemented"
        | "amqp:decode-error"
        | "amqp:invalid-field"
        | "amqp:precondition-failed"
        | "com.microsoft:argument-error"
        | "com.microsoft:argument-out-of-range" => {
            SendError::Refused { detail: text(error), condition }
        }
        _ => Fault::said(error).into(),
    }
}

/// The service names the limit in its text: "exceeds the limit (1048576 bytes)".
fn limit_in(error: &Error) -> Option<u64> {
    let text = error.description.as_deref()?;
    let after = &text[text.find("limit (")? + "limit (".len()..];
    after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A library error, and so always the end of the link.
pub(super) fn failed(error: &LinkError) -> Result<Fault, SendError> {
    match error {
        LinkError::MessageSizeExceeded(exceeded) => {
            Err(SendError::TooLarge { limit: exceeded.max_size })
        }
        LinkError::Detached(error) => Ok(Fault::detached(error)),
        LinkError::LinkStateError(error) => Ok(match error {
            LinkStateError::RemoteDetachedWithError(said)
            | LinkStateError::RemoteClosedWithError(said) => Fault::said(said),
            LinkStateError::SessionStopped(reason) => Fault::stopped(reason),
            other => Fault::new(Cause::Link, other.to_string()),
        }),
        other => Ok(Fault::new(Cause::Link, other.to_string())),
    }
}

fn meaning(condition: &str) -> (Cause, Option<Duration>) {
    match condition {
        "com.microsoft:server-busy" | "amqp:resource-limit-exceeded" => {
            (Cause::Throttled, Some(BUSY))
        }
        "com.microsoft:timeout" => (Cause::Timeout, None),
        "amqp:unauthorized-access" | "com.microsoft:auth-failed" => (Cause::Unauthorized, None),
        "amqp:not-found" | "com.microsoft:entity-disabled" => (Cause::NotFound, None),
        condition if condition.starts_with("amqp:connection:") => (Cause::Connection, None),
        condition if condition.starts_with("amqp:link:") => (Cause::Link, None),
        _ => (Cause::Service, None),
    }
}

pub(super) fn condition(error: &Error) -> String {
    let symbol = match &error.condition {
        ErrorCondition::AmqpError(error) => Symbol::from(error),
        ErrorCondition::ConnectionError(error) => Symbol::from(error),
        ErrorCondition::SessionError(error) => Symbol::from(error),
        ErrorCondition::LinkError(error) => Symbol::from(error),
        ErrorCondition::Custom(symbol) => symbol.clone(),
    };
    symbol.0
}

pub(super) fn text(error: &Error) -> String {
    match &error.description {
        Some(description) => format!("{}: {description}", condition(error)),
        None => condition(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fe2o3_amqp_types::messaging::{Accepted, Modified, Rejected, Released};

    fn rejected(condition: &str, description: &str) -> Result<(), SendError> {
        let condition: ErrorCondition =
            serde_amqp::from_slice(&serde_amqp::to_vec(&Symbol::from(condition)).unwrap()).unwrap();
        let error = Error::new(condition, Some(description.to_owned()), None);
        settled(Outcome::Rejected(Rejected { error: Some(error) }))
    }

    #[test]
    fn only_accepted_is_an_acknowledgement() {
        assert_eq!(settled(Outcome::Accepted(Accepted {})), Ok(()));
        let modified =
            Modified { delivery_failed: None, undeliverable_here: None, message_annotations: None };
        for (outcome, expected) in [
            (Outcome::Released(Released {}), Cause::Released),
            (Outcome::Modified(modified), Cause::Modified),
            (Outcome::Rejected(Rejected { error: None }), Cause::Service),
        ] {
            let Err(SendError::Retry { cause, .. }) = settled(outcome) else {
                panic!("not stored")
            };
            assert_eq!(cause, expected);
        }
    }

    #[test]
    fn tells_the_moment_from_the_content() {
        for (condition, expected) in [
            ("com.microsoft:server-busy", Cause::Throttled),
            ("amqp:resource-limit-exceeded", Cause::Throttled),
            ("com.microsoft:timeout", Cause::Timeout),
            ("amqp:internal-error", Cause::Service),
            ("com.microsoft:container-close", Cause::Service),
            ("com.microsoft:never-heard-of", Cause::Service),
            ("amqp:unauthorized-access", Cause::Unauthorized),
            ("amqp:not-found", Cause::NotFound),
            ("amqp:link:detach-forced", Cause::Link),
            ("amqp:connection:forced", Cause::Connection),
        ] {
            let Err(SendError::Retry { cause, after, .. }) = rejected(condition, "") else {
                panic!("{condition} is transient")
            };
            assert_eq!(cause, expected, "{condition}");
            assert_eq!(after.is_some(), expected == Cause::Throttled, "{condition}");
        }
        for condition in ["amqp:not-allowed", "com.microsoft:argument-error", "amqp:invalid-field"]
        {
            let refused = rejected(condition, "no");
            assert!(matches!(refused, Err(SendError::Refused { .. })), "{condition}");
        }
    }

    #[test]
    fn reads_the_limit_from_the_services_text() {
        let said = "The received message (delivery-id:0, size:1200000 bytes) exceeds the limit (1048576 bytes) currently allowed on the link.";
        assert_eq!(
            rejected("amqp:link:message-size-exceeded", said),
            Err(SendError::TooLarge { limit: 1_048_576 })
        );
    }
}
