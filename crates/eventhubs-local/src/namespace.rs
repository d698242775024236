//! One namespace: its hubs, keys, limits, faults and open connections. Shared by all connections, outlives a stop.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::Keys;
use crate::faults::Book;
use crate::hub::Hub;
use crate::registry::Registry;
use crate::transport::tls::Tls;

/// Limits and habits of the server.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Announced on links and enforced; the service's standard tier.
    pub(crate) max_message_size: u64,
    pub(crate) ack_delay: Option<Duration>,
    /// How long a peer may be silent; announced in the open, enforced at twice that.
    pub(crate) idle_time_out: Duration,
    /// Whether links need a token even when no key is configured.
    pub(crate) require_tokens: bool,
    /// Whether links go when their token ends.
    pub(crate) expire_tokens: bool,
    /// When idle links and connections go; `None`: never.
    pub(crate) idle_rules: Option<IdleRules>,
    /// What the port shows to clients that speak TLS.
    pub(crate) tls: Option<Tls>,
}

/// When what is idle is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdleRules {
    /// A connection whose first link takes longer is closed.
    pub first_link: Duration,
    /// A connection whose links are all gone for longer is closed.
    pub no_links: Duration,
    /// A link that carries no event for longer is detached.
    pub link: Duration,
}

impl IdleRules {
    /// The times of the service: one minute, five and ten.
    pub const SERVICE: Self = Self {
        first_link: Duration::from_mins(1),
        no_links: Duration::from_mins(5),
        link: Duration::from_mins(10),
    };
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_message_size: 1_048_576,
            ack_delay: None,
            idle_time_out: Duration::from_mins(4),
            require_tokens: false,
            expire_tokens: true,
            idle_rules: None,
            tls: None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Namespace {
    pub(crate) hubs: Vec<Arc<Hub>>,
    pub(crate) keys: Keys,
    pub(crate) settings: Settings,
    pub(crate) faults: Arc<Book>,
    pub(crate) registry: Registry,
}

impl Namespace {
    pub(crate) fn hub(&self, name: &str) -> Option<&Arc<Hub>> {
        self.hubs.iter().find(|hub| hub.name().eq_ignore_ascii_case(name))
    }

    /// Whether a link needs a token.
    pub(crate) fn guarded(&self) -> bool {
        self.settings.require_tokens || !self.keys.is_empty()
    }
}
