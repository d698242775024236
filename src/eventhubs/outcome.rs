//! What an answer means: the one table from AMQP conditions to what the caller must do.
//!
//! | condition | meaning | what follows |
//! |---|---|---|
//! | `com.microsoft:server-busy`, `amqp:resource-limit-exceeded` | throttled | again, after 4 s at least |
//! | `amqp:link:message-size-exceeded` | too large | split, or the failure policy |
//! | `amqp:unauthorized-access`, `com.microsoft:auth-failed` | no right to send | again, with a new token |
//! | `amqp:not-found`, `com.microsoft:entity-disabled` | no such hub or partition | again, it may come |
//! | `amqp:not-allowed`, `com.microsoft:argument-error` and their kin, *on a transfer* | this content | the failure policy |
//! | `com.microsoft:out-of-order-sequence`, `com.microsoft:producer-epoch-stolen` | an idempotent producer counts differently | attached anew, as another producer; what was sent is in doubt |
//! | any other, and every unknown one | trouble at the service | again |
//!
//! Only `accepted` is an acknowledgement. `released` and `modified` mean *not stored*.

use std::time::Duration;

use amqp::client::{Answer, End, Failure, Why};

use super::{Cause, SendError, producer};

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
    /// Whether a batch that was in flight may be stored all the same.
    pub(super) doubtful: bool,
    /// Whether the service and an idempotent producer count differently.
    pub(super) out_of_step: bool,
}

impl Fault {
    pub(super) fn new(cause: Cause, detail: impl Into<String>) -> Self {
        let connection = matches!(cause, Cause::Connection | Cause::Timeout);
        let detail = detail.into();
        Self { cause, after: None, detail, connection, doubtful: true, out_of_step: false }
    }

    /// What a peer said while closing something.
    pub(super) fn said(failure: &Failure) -> Self {
        let (cause, after) = meaning(&failure.condition);
        let out_of_step = producer::is_out_of_step(&failure.condition);
        Self { after, connection: false, out_of_step, ..Self::new(cause, failure.to_string()) }
    }

    /// A link or a session has ended.
    pub(super) fn ended(why: &Why) -> Self {
        match why {
            Why::Peer(Some(said)) | Why::Session(Some(said)) => Self::said(said),
            Why::Peer(None) => Self::new(Cause::Link, "the peer has ended it"),
            Why::Session(None) => Self::new(Cause::Link, "the session ended"),
            Why::Asked => Self::new(Cause::Link, "the link is closed"),
            Why::Connection(end) => Self::new(Cause::Connection, end.clone()),
        }
    }

    /// The connection has ended.
    pub(super) fn over(end: &End) -> Self {
        match end {
            End::Peer(Some(said)) => Self { connection: true, ..Self::said(said) },
            other => Self::new(Cause::Connection, other.to_string()),
        }
    }
}

impl Fault {
    /// The same of a batch that never left: it cannot have been stored.
    pub(super) fn unsent(self) -> Self {
        let cause = if self.cause == Cause::Timeout { Cause::Service } else { self.cause };
        Self { cause, doubtful: false, ..self }
    }
}

impl From<Fault> for SendError {
    /// Only the service asks for a wait; our own pauses are nobody else's.
    fn from(fault: Fault) -> Self {
        let after = fault.after.filter(|_| fault.cause == Cause::Throttled);
        let Fault { cause, detail, doubtful, .. } = fault;
        Self::Retry { cause, after, detail, doubtful }
    }
}

/// What an answer means for the batch.
pub(super) fn settled(answer: Answer) -> Result<(), SendError> {
    let retry = |cause, detail: &str| {
        let detail = detail.to_owned();
        SendError::Retry { cause, after: None, detail, doubtful: false }
    };
    match answer {
        Answer::Accepted => Ok(()),
        Answer::Rejected(Some(failure)) => Err(refused(&failure)),
        Answer::Rejected(None) => Err(retry(Cause::Service, "rejected without a reason")),
        Answer::Released => Err(retry(Cause::Released, "released")),
        Answer::Modified => Err(retry(Cause::Modified, "modified")),
    }
}

/// A transfer was rejected: is it the content, or the moment?
fn refused(failure: &Failure) -> SendError {
    match &*failure.condition {
        // The limit is unknown here; the caller splits, and a single event is refused.
        "amqp:link:message-size-exceeded" => {
            SendError::TooLarge { limit: limit_in(&failure.description).unwrap_or(u64::MAX) }
        }
        "amqp:not-allowed"
        | "amqp:not-implemented"
        | "amqp:decode-error"
        | "amqp:invalid-field"
        | "amqp:precondition-failed"
        | "com.microsoft:argument-error"
        | "com.microsoft:argument-out-of-range" => {
            SendError::Refused { detail: failure.to_string(), condition: failure.condition.clone() }
        }
        _ => {
            let fault = Fault::said(failure);
            // It was not taken. Only a service that is in trouble itself may have stored it all the same.
            let doubtful = matches!(fault.cause, Cause::Timeout | Cause::Service);
            Fault { doubtful, ..fault }.into()
        }
    }
}

/// The service names the limit in its text: "exceeds the limit (1048576 bytes)".
fn limit_in(text: &str) -> Option<u64> {
    let after = &text[text.find("limit (")? + "limit (".len()..];
    after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(condition: &str, description: &str) -> Result<(), SendError> {
        let (condition, description) = (condition.to_owned(), description.to_owned());
        settled(Answer::Rejected(Some(Failure { condition, description })))
    }

    #[test]
    fn only_accepted_is_an_acknowledgement() {
        assert_eq!(settled(Answer::Accepted), Ok(()));
        for (answer, expected) in [
            (Answer::Released, Cause::Released),
            (Answer::Modified, Cause::Modified),
            (Answer::Rejected(None), Cause::Service),
        ] {
            let Err(SendError::Retry { cause, .. }) = settled(answer) else { panic!("not stored") };
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
