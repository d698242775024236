//! AMQP error conditions, and the outcomes a delivery can have.

use std::borrow::Cow;
use std::time::Duration;

use amqp::performative::{self, Reason};

/// An AMQP error: a condition symbol and a text for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    name: Cow<'static, str>,
    description: Cow<'static, str>,
}

impl Condition {
    /// Another producer of the same id has a larger epoch.
    pub(crate) const EPOCH_STOLEN: &str = "com.microsoft:producer-epoch-stolen";

    /// Any condition with any text.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { name: name.into(), description: description.into() }
    }

    /// `com.microsoft:server-busy` with the service's throttling text.
    pub fn server_busy() -> Self {
        Self::new(
            "com.microsoft:server-busy",
            "The request was terminated because the namespace is being throttled. Error code : 50002. \
             Please wait 4 seconds and try again.",
        )
    }

    /// `amqp:internal-error`.
    pub fn internal_error() -> Self {
        Self::new(
            "amqp:internal-error",
            "The service was unable to process the request; please retry the operation.",
        )
    }

    /// `amqp:link:detach-forced`, as on a link that was idle too long.
    pub fn detach_forced() -> Self {
        Self::new(
            "amqp:link:detach-forced",
            "The link is force detached by the broker because of errors occurred in publisher. \
             Detach origin: AmqpMessagePublisher.IdleTimerExpired: Idle timeout: 00:30:00.",
        )
    }

    /// `amqp:connection:forced`, as on an idle connection.
    pub fn connection_forced() -> Self {
        Self::inactive(Duration::from_mins(5))
    }

    /// The same after that time.
    pub(crate) fn inactive(allowed: Duration) -> Self {
        Self::new(
            "amqp:connection:forced",
            format!(
                "The connection was inactive for more than the allowed {} milliseconds and is closed by container \
                 'LinkTracker'.",
                allowed.as_millis()
            ),
        )
    }

    /// The same as `detach_forced` for that link after that time.
    pub(crate) fn link_idle(link: &str, sender: bool, allowed: Duration) -> Self {
        let (who, origin) =
            if sender { ("publisher", "Publisher") } else { ("consumer", "Consumer") };
        let seconds = allowed.as_secs();
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        Self::new(
            "amqp:link:detach-forced",
            format!(
                "The link '{link}' is force detached by the broker because of errors occurred in {who}({link}). Detach \
                 origin: AmqpMessage{origin}.IdleTimerExpired: Idle timeout: {hours:02}:{minutes:02}:{:02}.",
                seconds % 60
            ),
        )
    }

    /// `amqp:unauthorized-access` with that text.
    pub fn unauthorized(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new("amqp:unauthorized-access", text)
    }

    /// `amqp:not-found` for an entity of that name.
    pub fn not_found(entity: &str) -> Self {
        Self::new("amqp:not-found", format!("The messaging entity '{entity}' could not be found."))
    }

    pub(crate) fn invalid_partition() -> Self {
        Self::new(
            "com.microsoft:argument-out-of-range",
            "The specified partition is invalid for an EventHub partition sender or receiver. It should be between 0 \
             and the number of partitions less one.",
        )
    }

    pub(crate) fn message_too_large(delivery_id: u32, size: usize, limit: u64) -> Self {
        Self::new(
            "amqp:link:message-size-exceeded",
            format!(
                "The received message (delivery-id:{delivery_id}, size:{size} bytes) exceeds the limit ({limit} bytes) \
                 currently allowed on the link."
            ),
        )
    }

    pub(crate) fn decode(error: &amqp::DecodeError) -> Self {
        Self::new("amqp:decode-error", error.to_string())
    }

    pub(crate) fn framing(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new("amqp:connection:framing-error", text)
    }

    /// As it is written.
    pub(crate) fn reason(&self) -> Reason<'_> {
        Reason { condition: &self.name, description: &self.description }
    }

    /// The condition symbol.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    pub fn description(&self) -> &str {
        &self.description
    }
}

impl From<&'static str> for Condition {
    fn from(name: &'static str) -> Self {
        Self::new(name, "asked for by a test")
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.description)
    }
}

/// What the server says of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Rejected(Option<Condition>),
    Released,
    Modified,
}

impl Outcome {
    /// As it is written.
    pub(crate) fn wire(&self) -> performative::Outcome<'_> {
        match self {
            Self::Accepted => performative::Outcome::Accepted,
            Self::Rejected(why) => {
                performative::Outcome::Rejected(why.as_ref().map(Condition::reason))
            }
            Self::Released => performative::Outcome::Released,
            Self::Modified => performative::Outcome::Modified { delivery_failed: true },
        }
    }
}
