//! What a connection tells the one who drives it.

use bytes::Bytes;

use crate::performative::{Attach, Outcome, Reason};
use crate::read::Reader;
use crate::value::Value;

/// A session of one connection. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    pub(super) channel: u16,
    pub(super) serial: u32,
}

/// A link of one connection. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId {
    pub(super) session: SessionId,
    pub(super) handle: u32,
    pub(super) serial: u32,
}

impl LinkId {
    /// The session it is on.
    pub fn session(self) -> SessionId {
        self.session
    }
}

/// A message that was given to a link to be sent. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub(super) u64);

/// What a peer said was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// As `amqp:not-found`.
    pub condition: String,
    /// The text; empty if there is none.
    pub description: String,
}

impl From<Reason<'_>> for Failure {
    fn from(reason: Reason<'_>) -> Self {
        Self { condition: reason.condition.into(), description: reason.description.into() }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &*self.description {
            "" => f.write_str(&self.condition),
            description => write!(f, "{}: {description}", self.condition),
        }
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The peer has it.
    Accepted,
    /// The peer does not take it; why.
    Rejected(Option<Failure>),
    /// The peer did not look at it.
    Released,
    /// The peer did not take it.
    Modified,
}

impl From<Outcome<'_>> for Answer {
    fn from(outcome: Outcome<'_>) -> Self {
        match outcome {
            Outcome::Accepted => Self::Accepted,
            Outcome::Rejected(why) => Self::Rejected(why.map(Failure::from)),
            Outcome::Released => Self::Released,
            Outcome::Modified { .. } => Self::Modified,
        }
    }
}

/// Why something ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It was asked for here.
    Asked,
    /// The peer wanted it; what it said.
    Peer(Option<Failure>),
    /// What it lived on has ended: the session of a link.
    Session(Option<Failure>),
    /// What it lived on has ended: the connection.
    Connection(String),
}

impl Why {
    /// What the peer said, if it said something.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Peer(failure) | Self::Session(failure) => failure.as_ref(),
            Self::Asked | Self::Connection(_) => None,
        }
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// It was closed from here.
    #[error("closed")]
    Asked,
    /// The peer closed it.
    #[error("closed by the peer{}", said(.0.as_ref()))]
    Peer(Option<Failure>),
    /// The peer does not speak AMQP 1.0, or does not offer a way in that is known here.
    #[error("{0}")]
    Foreign(String),
    /// The peer refused the login; its SASL code.
    #[error("the peer refused the login: SASL code {0}")]
    Refused(u8),
    /// The peer broke the protocol.
    #[error("the peer broke the protocol: {0}")]
    Broken(String),
    /// Nothing was heard for too long.
    #[error("nothing was heard in time")]
    Silent,
    /// The stream ended.
    #[error("{0}")]
    Lost(String),
}

impl End {
    /// Whether both ends agree on it. After any other end nothing that was written may arrive any more.
    pub fn is_orderly(&self) -> bool {
        matches!(self, Self::Asked | Self::Peer(_))
    }
}

fn said(failure: Option<&Failure>) -> String {
    failure.map(|failure| format!(": {failure}")).unwrap_or_default()
}

/// What the peer of a link says of it beside what every link needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offer {
    /// Capabilities that it has.
    pub capabilities: Vec<String>,
    /// Properties of the link, as they stand on the wire: [`lookup`](crate::sections::lookup) finds them.
    pub properties: Vec<u8>,
}

impl Offer {
    /// What an attach says.
    pub(super) fn of(attach: &Attach<'_>) -> Self {
        let offered = attach.offered_capabilities.and_then(|raw| Reader::new(raw).value().ok());
        let names = match offered {
            Some(Value::Array(names)) => names,
            one => one.into_iter().collect(),
        };
        Self {
            capabilities: names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            properties: attach.properties.unwrap_or_default().to_vec(),
        }
    }

    /// Whether it has that capability.
    pub fn has(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|offered| offered == capability)
    }
}

/// What happened.
///
/// The end of a session is told after that of its links, the end of the connection last, and of each link after that of
/// its messages: each thing that began ends with exactly one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The peer's limits are known: sessions may be begun.
    Opened,
    /// The session is there: links may be attached.
    Begun(SessionId),
    /// The link is there.
    Attached {
        /// Which one.
        link: LinkId,
        /// Bytes of the largest message it takes, if the peer said so.
        max_message_size: Option<u64>,
        /// What else it says.
        offer: Offer,
    },
    /// The peer answered a message.
    Settled {
        /// The link it was sent on.
        link: LinkId,
        /// Which one.
        delivery: DeliveryId,
        /// What became of it.
        answer: Answer,
    },
    /// A message ended without an answer, because its link did.
    Unsettled {
        /// The link it was to be sent on.
        link: LinkId,
        /// Which one.
        delivery: DeliveryId,
        /// `false`: it did not leave, or not all of it, so the peer cannot have it. `true`: nobody knows.
        sent: bool,
    },
    /// A message came.
    Received {
        /// The link it came on.
        link: LinkId,
        /// Its sections.
        message: Bytes,
    },
    /// A link ended, or was not let be.
    Detached {
        /// Which one.
        link: LinkId,
        /// Why.
        why: Why,
    },
    /// A session ended.
    Ended {
        /// Which one.
        session: SessionId,
        /// Why.
        why: Why,
    },
    /// The connection ended. What is written goes out; nothing comes in any more.
    Closed(End),
}
