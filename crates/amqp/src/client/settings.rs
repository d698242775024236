//! What a connection and a link are made with.

use std::time::Duration;

use crate::value::Value;

/// How a client says who it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// It does not; tokens follow.
    Anonymous,
    /// With a name and a password.
    Plain {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// By the certificate that it has shown.
    External,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.mechanism())
    }
}

/// What a connection is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whom to speak to.
    pub host: String,
    /// Who speaks.
    pub container: String,
    /// How it says who it is.
    pub login: Login,
    /// Bytes of the largest frame that may come, and that is sent; a peer may want smaller ones.
    pub max_frame: u32,
    /// The connection ends when nothing was heard for so long. The peer is asked to be heard twice in this time.
    pub idle: Option<Duration>,
}

impl Settings {
    /// With frames of 64 KiB, and an end after a minute of silence.
    pub fn new(host: impl Into<String>, container: impl Into<String>, login: Login) -> Self {
        let (host, container) = (host.into(), container.into());
        Self { host, container, login, max_frame: 65_536, idle: Some(Duration::from_secs(60)) }
    }
}

/// A link that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attach<'a> {
    /// Of its own, among the links of the connection.
    pub name: &'a str,
    /// The node it sends to, or receives from.
    pub address: &'a str,
    /// What this end of it is called; answers find it by that.
    pub own: &'a str,
    /// For a link that receives: what may come on it.
    pub receives: Option<Receives<'a>>,
}

/// What is asked of the peer of a link beside what every link needs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Wants<'a> {
    /// Capabilities that the peer is to have. One that it does not offer in its answer it does not have.
    pub capabilities: &'a [&'a str],
    /// Properties of the link.
    pub properties: &'a [(&'a str, Value)],
}

/// What may come on a link that receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receives<'a> {
    /// How many messages may be under way.
    pub credit: Credit,
    /// Bytes of the largest message; one that is larger ends the connection.
    pub largest: usize,
    /// Which messages of the node are wanted, as an expression that the peer understands; `None`: all.
    pub selector: Option<&'a str>,
    /// Whether the peer is to send messages settled, so that none is answered.
    pub settled: bool,
    /// Capabilities that are wanted of the peer.
    pub capabilities: &'a [&'a str],
}

/// How many messages may be under way on a link that receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credit {
    /// So many, always: what has come is made up for as it comes.
    Kept(u32),
    /// So many, and then only what is [granted](super::Connection::grant): who receives sets the pace.
    ByHand(u32),
}

impl Receives<'_> {
    /// All messages of the node, each answered; `most` of them under way, of `largest` bytes each.
    pub fn kept(most: u32, largest: usize) -> Self {
        let credit = Credit::Kept(most);
        Self { credit, largest, selector: None, settled: false, capabilities: &[] }
    }
}
