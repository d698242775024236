//! Who may do what: rights, the keys and issuers whose tokens are believed, and what a connection has been granted.
//!
//! Without keys and issuers any token passes and none is needed. With them a token's signature, time and scope are
//! checked for real, and so is the right to what a link does.

mod grants;
mod jwt;
mod keys;
mod sas;
#[cfg(test)]
mod tests;

pub(crate) use grants::{Grants, NotGranted};
pub use jwt::{Issuer, IssuerError};
pub(crate) use keys::Keys;

use crate::condition::Condition;

/// What the holder of a key or token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Send events.
    pub send: bool,
    /// Receive events.
    pub listen: bool,
    /// Everything.
    pub manage: bool,
}

impl Rights {
    /// Every right.
    pub const ALL: Self = Self { send: true, listen: true, manage: true };
    /// No right.
    pub const NONE: Self = Self { send: false, listen: false, manage: false };
    /// Only to send.
    pub const SEND: Self = Self { send: true, ..Self::NONE };
    /// Only to receive.
    pub const LISTEN: Self = Self { listen: true, ..Self::NONE };

    fn and(self, other: Self) -> Self {
        Self {
            send: self.send || other.send,
            listen: self.listen || other.listen,
            manage: self.manage || other.manage,
        }
    }

    fn permit(self, right: Right) -> bool {
        self.manage
            || match right {
                Right::Send => self.send,
                Right::Listen => self.listen,
                Right::Any => self.send || self.listen,
            }
    }

    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "send" => Some(Self::SEND),
            "listen" => Some(Self::LISTEN),
            "manage" => Some(Self::ALL),
            _ => None,
        }
    }
}

/// The names, with commas between them: `send,listen`.
impl std::str::FromStr for Rights {
    type Err = UnknownRight;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').try_fold(Self::NONE, |rights, name| {
            let named = Self::named(name.trim());
            Ok(rights.and(named.ok_or_else(|| UnknownRight(name.to_owned()))?))
        })
    }
}

/// A name that is not a right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a right: use send, listen or manage")]
pub struct UnknownRight(String);

/// What is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Send,
    Listen,
    /// To look at a hub either is enough.
    Any,
}

impl Right {
    fn name(self) -> &'static str {
        match self {
            Self::Send => "Send",
            Self::Listen | Self::Any => "Listen",
        }
    }

    /// What the service says of a link without the right.
    pub(crate) fn missing(self, resource: &str) -> Condition {
        Condition::unauthorized(self.missing_text(resource))
    }

    /// What the service says of a link whose token has ended.
    pub(crate) fn ended(self, link: &str, resource: &str) -> Condition {
        let details = self.missing_text(resource);
        Condition::new(
            "amqp:link:detach-forced",
            format!("The link '{link}' is force detached. Code: RenewToken. Details: {details}."),
        )
    }

    fn missing_text(self, resource: &str) -> String {
        format!(
            "Unauthorized access. '{}' claim(s) are required to perform this operation. Resource: '{resource}'.",
            self.name()
        )
    }
}

/// What a token grants once it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The path it covers, lower case; empty covers all.
    pub(crate) path: String,
    pub(crate) rights: Rights,
    pub(crate) expires_ms: Option<i64>,
}

/// Why a token is not believed, in the service's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Disbelief {
    Malformed,
    Signature,
    Expired { at_ms: i64 },
    NotYet,
    Audience,
    Issuer,
}

impl std::fmt::Display for Disbelief {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed => f.write_str("MalformedToken: The token is malformed."),
            Self::Signature => f.write_str("InvalidSignature: The token has an invalid signature."),
            Self::Expired { at_ms } => {
                f.write_str("ExpiredToken: The token is expired.")?;
                match jiff::Timestamp::from_millisecond(*at_ms) {
                    Ok(at) => {
                        write!(f, " Expiration time: '{}'", at.strftime("%Y-%m-%d %H:%M:%SZ"))
                    }
                    Err(_) => Ok(()),
                }
            }
            Self::NotYet => f.write_str("InvalidToken: The token is not valid yet."),
            Self::Audience => f.write_str(
                "InvalidAudience: The authorization header contains a token with a wrong audience.",
            ),
            Self::Issuer => f.write_str("InvalidIssuer: The token has an invalid issuer."),
        }
    }
}

/// Whether `path` is `scope` or below it.
pub(super) fn covers(scope: &str, path: &str) -> bool {
    match path.strip_prefix(scope) {
        Some(rest) => scope.is_empty() || rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}
