//! What a server is to be: an address, namespaces with hubs and keys, limits. Nothing is checked before `start`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::{Issuer, Keys, Rights};
use crate::hub::{Hub, now_ms};
use crate::log::Retention;
use crate::namespace::{IdleRules, Namespace, Settings};
use crate::server::{Server, StartError};
use crate::store::{Directory, Policy};
use crate::transport::tls::Tls;

/// The name of the namespace that answers for every host, unless it is given another.
const DEFAULT_NAMESPACE: &str = "default";
const MAX_PARTITIONS: u32 = 2048;

/// A namespace beside the default one: clients reach it by its host name.
#[derive(Debug, Clone, Default)]
#[must_use = "a namespace does nothing before a builder has it"]
pub struct NamespaceBuilder {
    name: String,
    hosts: Vec<String>,
    hubs: Vec<HubPlan>,
    keys: Keys,
}

#[derive(Debug, Clone)]
struct HubPlan {
    name: String,
    partitions: u32,
    groups: Vec<String>,
}

impl NamespaceBuilder {
    /// A namespace that is meant by the host `NAME` and by every host that begins with `NAME.`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Another host name that means this namespace.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Adds a hub with that many partitions.
    pub fn hub(mut self, name: impl Into<String>, partitions: u32) -> Self {
        self.hubs.push(HubPlan { name: name.into(), partitions, groups: Vec::new() });
        self
    }

    /// Adds a consumer group to a hub. A hub with none has every group; one with some has those and `$Default`.
    pub fn consumer_group(mut self, hub: &str, group: impl Into<String>) -> Self {
        let group = group.into();
        for plan in self.hubs.iter_mut().filter(|plan| plan.name.eq_ignore_ascii_case(hub)) {
            plan.groups.push(group.clone());
        }
        self
    }

    /// Adds a shared access key. Without any, every signature passes.
    pub fn key(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.keys.add(name.into(), value.into());
        self
    }

    /// Adds a shared access key, of the namespace or of one hub, with only those rights.
    pub fn limited_key(
        mut self,
        hub: Option<&str>,
        name: impl Into<String>,
        value: impl Into<String>,
        rights: Rights,
    ) -> Self {
        self.keys.add_limited(hub.map(str::to_owned), name.into(), value.into(), rights);
        self
    }

    /// Believes the JWTs of that issuer. Without one, JWTs pass when there is no key and are refused when there is.
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.keys.trust(issuer);
        self
    }

    fn build(
        self,
        of: &Builder,
        data: Option<&Directory>,
        prefix: &str,
    ) -> Result<Namespace, StartError> {
        let mut hubs: Vec<Arc<Hub>> = Vec::new();
        for plan in self.hubs {
            if let Some(reason) = objection(&plan.name, plan.partitions, &hubs) {
                let hub = format!("{}{}", prefix, plan.name);
                return Err(StartError::Hub { hub, reason });
            }
            let HubPlan { name, partitions, groups } = plan;
            let hub = match data {
                Some(data) => data
                    .hub(&self.name, &name, partitions, now_ms())
                    .and_then(|it| Hub::open(name, partitions, &groups, of.retention, &it))
                    .map_err(|error| StartError::Data { reason: error.to_string() })?,
                None => Hub::new(name, partitions, &groups, of.retention),
            };
            hubs.push(Arc::new(hub));
        }
        Ok(Namespace {
            name: self.name,
            hosts: self.hosts,
            hubs: hubs.into(),
            keys: self.keys,
            settings: of.settings.clone(),
            ..Namespace::default()
        })
    }
}

/// What is wrong with a hub, given those before it.
pub(crate) fn objection(name: &str, partitions: u32, hubs: &[Arc<Hub>]) -> Option<&'static str> {
    if name.is_empty() || name.contains('/') || name.starts_with('$') {
        Some("a name has no `/` and does not start with `$`")
    } else if !(1..=MAX_PARTITIONS).contains(&partitions) {
        Some("a hub has 1 to 2048 partitions")
    } else if hubs.iter().any(|hub| hub.name().eq_ignore_ascii_case(name)) {
        Some("the name is taken")
    } else {
        None
    }
}

/// What a server is to be. Finish it with `start`.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing before `start`"]
pub struct Builder {
    listen: String,
    default: NamespaceBuilder,
    others: Vec<NamespaceBuilder>,
    settings: Settings,
    retention: Retention,
    data: Option<PathBuf>,
    sync: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".into(),
            default: NamespaceBuilder::new(DEFAULT_NAMESPACE),
            others: Vec::new(),
            settings: Settings::default(),
            retention: Retention::default(),
            data: None,
            sync: false,
        }
    }
}

impl Builder {
    /// Adds a hub with that many partitions.
    pub fn hub(mut self, name: impl Into<String>, partitions: u32) -> Self {
        self.default = self.default.hub(name, partitions);
        self
    }

    /// Adds a consumer group to a hub. A hub with none has every group; one with some has those and `$Default`.
    pub fn consumer_group(mut self, hub: &str, group: impl Into<String>) -> Self {
        self.default = self.default.consumer_group(hub, group);
        self
    }

    /// Adds a shared access key. Without any, every signature passes.
    pub fn key(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.default = self.default.key(name, value);
        self
    }

    /// Adds a shared access key, of the namespace or of one hub, with only those rights.
    pub fn limited_key(
        mut self,
        hub: Option<&str>,
        name: impl Into<String>,
        value: impl Into<String>,
        rights: Rights,
    ) -> Self {
        self.default = self.default.limited_key(hub, name, value, rights);
        self
    }

    /// Believes the JWTs of that issuer. Without one, JWTs pass when there is no key and are refused when there is.
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.default = self.default.issuer(issuer);
        self
    }

    /// Serves TLS too, on the same port. Plain connections are still served.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.settings.tls = Some(tls);
        self
    }

    /// Detaches and closes what is idle, as the service does. Default: nothing is closed for being idle.
    pub fn idle_rules(mut self, rules: IdleRules) -> Self {
        self.settings.idle_rules = Some(rules);
        self
    }

    /// Adds another namespace, for connections whose host name is its own.
    pub fn namespace(mut self, namespace: NamespaceBuilder) -> Self {
        self.others.push(namespace);
        self
    }

    /// Replaces the default namespace, the one for every other host: its name, hubs and keys.
    pub fn default_namespace(mut self, namespace: NamespaceBuilder) -> Self {
        self.default = namespace;
        self
    }

    /// The address to listen on; port 0 picks a free one. Default: `127.0.0.1:0`.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = address.into();
        self
    }

    /// Answers every delivery that much later. Default: at once.
    pub fn ack_delay(mut self, delay: Duration) -> Self {
        self.settings.ack_delay = Some(delay);
        self
    }

    /// Everything the server says leaves that much later, as over a long line: opens, tokens, links, reads, answers. What
    /// is asked in the meantime does not wait for it. Default: at once.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.settings.latency = Some(latency);
        self
    }

    /// The highest number a session may have, announced and enforced. Default: 4999, as the service.
    pub fn channel_max(mut self, most: u16) -> Self {
        self.settings.channel_max = most;
        self
    }

    /// The highest number a link may have in its session, announced and enforced. Default: 255, as the service.
    pub fn handle_max(mut self, most: u32) -> Self {
        self.settings.handle_max = most;
        self
    }

    /// The size limit links announce and enforce. Default: 1 MiB.
    pub fn max_message_size(mut self, bytes: u64) -> Self {
        self.settings.max_message_size = bytes;
        self
    }

    /// What a partition keeps, in memory or, with `data`, on disk. Default: 1 GiB.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// A directory to keep events in over restarts. An event is written there before it is accepted, so what
    /// was accepted survives a crash of the process. Default: events are in memory only.
    pub fn data(mut self, directory: impl Into<PathBuf>) -> Self {
        self.data = Some(directory.into());
        self
    }

    /// With `data`: waits for the disk before accepting, so that a power loss takes nothing either. Default: no.
    pub fn sync(mut self, sync: bool) -> Self {
        self.sync = sync;
        self
    }

    /// The silence after which a client is expected to have said something; a connection ends after twice that.
    /// Default: four minutes.
    pub fn idle_time_out(mut self, limit: Duration) -> Self {
        self.settings.idle_time_out = limit;
        self
    }

    /// Refuses links without a token even when no key is configured. Default: only with keys.
    pub fn require_tokens(mut self, required: bool) -> Self {
        self.settings.require_tokens = required;
        self
    }

    /// Detaches links when their token ends, where one is needed. Default: yes.
    pub fn expire_tokens(mut self, expire: bool) -> Self {
        self.settings.expire_tokens = expire;
        self
    }

    /// Whether senders may number their events (`com.microsoft:idempotent-producer`). They may, unless this says not: then the
    /// server is silent about it, as one that has never heard of it.
    pub fn idempotent_producers(mut self, known: bool) -> Self {
        self.settings.numbers = known;
        self
    }

    /// Listens and serves.
    pub fn start(self) -> Result<Server, StartError> {
        let policy = Policy::new(self.retention.bytes, self.sync);
        let data = self.data.as_deref().map(|root| Directory::open(root, policy)).transpose();
        let data = data.map_err(|error| StartError::Data { reason: error.to_string() })?;
        let namespace = self.build(data.as_ref())?;
        Server::start(&self.listen, namespace, self.retention, data)
    }

    fn build(&self, data: Option<&Directory>) -> Result<Namespace, StartError> {
        let mut default = self.default.clone().build(self, data, "")?;
        for other in &self.others {
            let name = &other.name;
            let reason = if name.is_empty() || name.contains(['/', '.', ':']) {
                Some("a name is the first part of a host: it has no `/`, `.` or `:`")
            } else if default.name.eq_ignore_ascii_case(name)
                || default.others.iter().any(|it| it.name.eq_ignore_ascii_case(name))
            {
                Some("the name is taken")
            } else {
                None
            };
            if let Some(reason) = reason {
                return Err(StartError::Namespace { namespace: name.clone(), reason });
            }
            default.others.push(Arc::new(other.clone().build(self, data, &format!("{name}/"))?));
        }
        Ok(default)
    }
}
