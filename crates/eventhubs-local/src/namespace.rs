//! One namespace: its hubs, keys, limits and faults. Shared by all connections, outlives a stop.
//!
//! A server has one namespace that answers for any host, the default, and others that are asked for by the host name
//! of a connection's open.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::Keys;
use crate::faults::Book;
use crate::hub::Hub;
use crate::registry::Registry;
use crate::transport::tls::Tls;
use crate::versions::Versions;

/// What the service announces: 5000 sessions a connection, 256 links a session.
const CHANNEL_MAX: u16 = 4_999;
const HANDLE_MAX: u32 = 255;

/// Limits and habits of the server.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Announced on links and enforced; the service's standard tier.
    pub(crate) max_message_size: u64,
    pub(crate) ack_delay: Option<Duration>,
    /// How much later everything the server says leaves.
    pub(crate) latency: Option<Duration>,
    /// Announced in the open; the highest number of a session.
    pub(crate) channel_max: u16,
    /// Announced in each begin; the highest number of a link in its session.
    pub(crate) handle_max: u32,
    /// How long a peer may be silent; announced in the open, enforced at twice that.
    pub(crate) idle_time_out: Duration,
    /// Whether links need a token even when no key is configured.
    pub(crate) require_tokens: bool,
    /// Whether links go when their token ends.
    pub(crate) expire_tokens: bool,
    /// Whether senders may number their events.
    pub(crate) numbers: bool,
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
            latency: None,
            channel_max: CHANNEL_MAX,
            handle_max: HANDLE_MAX,
            idle_time_out: Duration::from_mins(4),
            require_tokens: false,
            expire_tokens: true,
            numbers: true,
            idle_rules: None,
            tls: None,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Namespace {
    pub(crate) name: String,
    /// Host names beside those that begin with the name.
    pub(crate) hosts: Vec<String>,
    pub(crate) hubs: Versions<Arc<Hub>>,
    pub(crate) keys: Keys,
    pub(crate) settings: Settings,
    pub(crate) faults: Arc<Book>,
    /// All connections of the server; kept by the default namespace.
    pub(crate) registry: Registry,
    /// The namespaces one asks for by host; only the default has any.
    pub(crate) others: Vec<Arc<Namespace>>,
}

impl Namespace {
    pub(crate) fn hub(&self, name: &str) -> Option<&Arc<Hub>> {
        self.hubs.iter().find(|hub| hub.name().eq_ignore_ascii_case(name))
    }

    /// Whether a link needs a token.
    pub(crate) fn guarded(&self) -> bool {
        self.settings.require_tokens || !self.keys.is_empty()
    }

    /// All hubs, the other namespaces' too.
    pub(crate) fn all_hubs(&self) -> impl Iterator<Item = &Arc<Hub>> {
        self.hubs.iter().chain(self.others.iter().flat_map(|other| other.hubs.iter()))
    }

    /// The namespace meant by a host name: the other of that name, or this one.
    pub(crate) fn for_host(self: &Arc<Self>, host: &str) -> Arc<Self> {
        let host = bare(host);
        let other = self.others.iter().find(|other| other.answers_for(host));
        Arc::clone(other.unwrap_or(self))
    }

    /// `west` is meant by `west`, `west.servicebus.windows.net` and `west.localhost`.
    fn answers_for(&self, host: &str) -> bool {
        let first = host.split('.').next().unwrap_or_default();
        first.eq_ignore_ascii_case(&self.name)
            || self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
    }
}

/// A host name without its port and the dot that may end it.
fn bare(host: &str) -> &str {
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    host.trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_tells_namespaces_apart_and_any_other_host_means_the_default() {
        let other = |name: &str, hosts: &[&str]| {
            let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
            Arc::new(Namespace { name: name.into(), hosts, ..Namespace::default() })
        };
        let others = vec![other("west", &[]), other("east", &["hubs.example.com"])];
        let default =
            Arc::new(Namespace { name: "default".into(), others, ..Namespace::default() });
        for (host, name) in [
            ("localhost", "default"),
            ("127.0.0.1:5672", "default"),
            ("", "default"),
            ("westend.servicebus.windows.net", "default"),
            ("example.com", "default"),
            ("west", "west"),
            ("WEST.servicebus.windows.net", "west"),
            ("west.localhost:5672", "west"),
            ("hubs.example.com.", "east"),
        ] {
            assert_eq!(default.for_host(host).name, name, "{host}");
        }
    }
}
