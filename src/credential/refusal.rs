//! Why there is no token, by what the caller must do, and what the operator should.

use std::time::Duration;

use crate::config::{Entra, Principal};

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Ask again, not before `after` if a time was named: the issuer cannot be reached, is busy, or in trouble.
    #[error("{text}")]
    Later {
        /// The least wait the issuer asked for.
        after: Option<Duration>,
        /// Who, for what, and what the issuer said.
        text: String,
    },
    /// Asking again is of no use until somebody changes something.
    #[error("{0}")]
    Refused(String),
}

/// What Entra's error codes ask of an operator.
const HINTS: &[(&str, &str)] = &[
    ("AADSTS7000215", "give the value of a secret of the application, not its id"),
    ("AADSTS7000222", "the secret has expired: create a new one with `az ad app credential reset`"),
    ("AADSTS700016", "check `client_id`, and that the application is in the tenant of `tenant_id`"),
    ("AADSTS90002", "check `tenant_id`"),
    ("AADSTS900023", "check `tenant_id`"),
    ("AADSTS700024", "the federated token has expired: its writer must renew the file"),
    ("AADSTS700027", "upload the certificate to the application"),
    (
        "AADSTS70021",
        "add a federated credential whose issuer, subject and audience are those of the token",
    ),
    ("AADSTS500011", "check `scope`"),
    ("Identity not found", "assign the identity to the machine, or correct its id"),
];

impl TokenError {
    /// Ask again.
    pub(super) fn later(text: String) -> Self {
        Self::Later { after: None, text }
    }

    /// Whether asking again is of no use until somebody changes something.
    pub fn is_for_good(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// The same, with who asked for what, and what to do.
    pub(super) fn of(self, identity: &Principal, settings: &Entra) -> Self {
        let whole = |said: String| {
            let hint = HINTS.iter().find(|(code, _)| said.contains(code));
            let hint = hint.map_or(String::new(), |(_, hint)| format!("; hint: {hint}"));
            format!("{} got no token for `{}`: {said}{hint}", identity.who(), settings.scope)
        };
        match self {
            Self::Later { after, text } => Self::Later { after, text: whole(text) },
            Self::Refused(text) => Self::Refused(whole(text)),
        }
    }
}
