//! `[eventhubs]` and `[eventhubs.NAME]`: names and addresses. How one logs in is [`super::credential`] or
//! [`super::connection_string`].

use std::collections::BTreeMap;

use crate::config::defaults::{CONNECT_TIMEOUT, IDLE_TIMEOUT, NAMESPACE, SEND_TIMEOUT};
use crate::config::path::Path;
use crate::config::{Address, ConnectionSettings, Credential, Flaw, Namespace, Protocol, raw};

use super::{Check, Extent};

/// How far one gets with what is given.
pub(super) struct GivenNamespace {
    pub(super) address: Address,
    pub(super) credential: Credential,
    /// What AMQP travels in, if that is said beside a key of its own.
    pub(super) protocol: Option<Protocol>,
}

/// A namespace, and what only checking needs of it.
pub(super) struct Checked {
    /// Where it is described.
    pub(super) at: Path,
    /// What becomes part of the configuration.
    pub(super) settings: Namespace,
    /// Whether all that leads to it could be read.
    pub(super) known: bool,
}

impl Check<'_> {
    /// All namespaces by name. One that is wrong is among them, so that nobody takes it for unknown.
    pub(super) fn namespaces(&mut self, raw: &raw::File) -> BTreeMap<String, Checked> {
        let at = Path::top("eventhubs");
        let own = &raw.eventhubs.own;
        let base = Namespace {
            address: Address::default(),
            way: ConnectionSettings::default(),
            credential: Credential::key("", ""),
            send_timeout: SEND_TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
        };
        let base = self.reach(&at, own, &base);
        let mut namespaces = BTreeMap::new();
        let given = own.connection_string.is_some()
            || own.connection_string_file.is_some()
            || own.secondary_connection_string.is_some()
            || own.secondary_connection_string_file.is_some()
            || own.namespace.is_some()
            || own.credential.is_some();
        let wanted = raw.mappings.iter().any(|mapping| match mapping.namespace.as_deref() {
            // Its connection string may be a secret that comes later.
            None => raw.eventhubs.named.is_empty() || self.extent == Extent::Outline,
            Some(name) => name == NAMESPACE,
        });
        let nothing_else = raw.eventhubs.named.is_empty() && !self.failed(&at);
        if given || wanted || nothing_else {
            let namespace = self.namespace(&at, own, &base);
            namespaces.insert(NAMESPACE.to_owned(), namespace);
        }
        for (name, given) in &raw.eventhubs.named {
            let at = at.key(name);
            self.name(&at, name);
            let base = self.reach(&at, given, &base);
            let namespace = self.namespace(&at, given, &base);
            namespaces.insert(name.clone(), namespace);
        }
        namespaces
    }

    fn name(&mut self, at: &Path, name: &str) {
        if name == NAMESPACE {
            self.wrong(
                at,
                "needs no name",
                "`default` is what mappings without `namespace` use",
                "move its keys to `[eventhubs]`, or choose another name",
            );
        }
        let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
        if !name.chars().all(usable) || name.is_empty() || name.contains("__") {
            self.wrong(
                at,
                "is not usable as a name",
                "variables such as `BRIDGE_EVENTHUBS__NAME__CONNECTION_STRING` must be able to name it",
                "use lower-case letters, digits, `-` and single `_`",
            );
        }
    }

    fn reach(&mut self, at: &Path, given: &raw::Namespace, base: &Namespace) -> Namespace {
        let (send, connect, idle) =
            (&given.send_timeout, &given.connect_timeout, &given.idle_timeout);
        let (send_at, connect_at, idle_at) =
            (at.key("send_timeout"), at.key("connect_timeout"), at.key("idle_timeout"));
        Namespace {
            address: Address::default(),
            way: self.way(&at.key("connection"), given.connection.as_ref(), &base.way),
            credential: Credential::key("", ""),
            send_timeout: self.duration(
                &send_at,
                send.as_ref(),
                base.send_timeout,
                "100ms"..="10m",
            ),
            connect_timeout: self.duration(
                &connect_at,
                connect.as_ref(),
                base.connect_timeout,
                "100ms"..="5m",
            ),
            idle_timeout: self.duration(&idle_at, idle.as_ref(), base.idle_timeout, "1s"..="4m"),
        }
    }

    fn namespace(&mut self, at: &Path, given: &raw::Namespace, base: &Namespace) -> Checked {
        let mut settings = base.clone();
        let unreadable = ["namespace", "credential"]
            .map(|key| at.key(key))
            .iter()
            .any(|at| self.failures.iter().any(|failure| failure.path.is_within(at)));
        let entry = if unreadable {
            // Said already; what was meant is not known well enough to say more.
            None
        } else if given.namespace.is_some() {
            self.by_name(at, given)
        } else if given.credential.is_some() {
            self.missing(
                &at.key("namespace"),
                "`credential` says how to log in, but not where",
                "add `namespace = \"NAMESPACE.servicebus.windows.net\"`",
            );
            None
        } else {
            self.by_connection_string(at, given)
        };
        let known = entry.is_some();
        if let Some(GivenNamespace { address, credential, protocol }) = entry {
            settings.address = address;
            settings.credential = credential;
            settings.way.protocol = protocol.unwrap_or(settings.way.protocol);
        }
        // One place decides how this process gets out.
        if let Credential::Entra(entra) = &mut settings.credential {
            entra.proxy.clone_from(&settings.way.proxy);
            entra.ca_file.clone_from(&settings.way.tls.ca_file);
        }
        Checked { at: at.clone(), settings, known }
    }

    /// A namespace that is named by its host.
    fn by_name(&mut self, at: &Path, given: &raw::Namespace) -> Option<GivenNamespace> {
        for (key, other) in [
            ("connection_string", given.connection_string.is_some()),
            ("connection_string_file", given.connection_string_file.is_some()),
            ("secondary_connection_string", given.secondary_connection_string.is_some()),
            ("secondary_connection_string_file", given.secondary_connection_string_file.is_some()),
        ] {
            if other {
                self.wrong(
                    &at.key(key),
                    "contradicts `namespace`",
                    "a namespace is named by its host or by a connection string, which holds a key",
                    "keep one of the two",
                );
            }
        }
        let name_at = at.key("namespace");
        let name = self.text(
            &name_at,
            given.namespace.as_ref(),
            "the bridge must know where Event Hubs is",
        );
        let address = name.and_then(|name| match Address::of(&name) {
            Ok(address) => Some(address),
            Err(Flaw { why, hint }) => {
                self.wrong(&name_at, "names no namespace", why, hint);
                None
            }
        });
        let host = address.as_ref().map(|address| address.host.clone()).unwrap_or_default();
        if self.extent == Extent::Outline {
            let credential = Credential::key("", "");
            return Some(GivenNamespace { address: address?, credential, protocol: None });
        }
        let credential_at = at.key("credential");
        let Some(credential) = &given.credential else {
            if !self.failed(&credential_at) {
                self.missing(
                    &credential_at.key("kind"),
                    "the bridge must know how to log in to Event Hubs",
                    &format!("add `kind = \"workload_identity\"`, or another one, under `[{credential_at}]`"),
                );
            }
            return None;
        };
        let credential = self.credential(&credential_at, credential, &host);
        Some(GivenNamespace { address: address?, credential: credential?, protocol: None })
    }
}
