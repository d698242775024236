//! What is wrong with a text that people copy from elsewhere: a connection string, an address.

/// Why text is no such thing, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Flaw {
    /// What is wrong with it.
    pub why: String,
    /// What to do.
    pub hint: &'static str,
}
