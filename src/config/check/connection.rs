//! `[eventhubs.connection]`: where a namespace is reached, through what, and with which certificates.

use std::path::PathBuf;

use crate::config::path::Path;
use crate::config::raw::{Connection, Transport};
use crate::config::{ClientCertificate, ConnectionSettings, Endpoint, Protocol, Proxy, Secret};

use super::Check;

const PROXY: &str = "write `http://host:port`, with `user:password@` before the host if it asks for them, or `none`";

impl From<Transport> for Protocol {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Amqp => Self::Amqp,
            Transport::Websocket => Self::WebSocket,
        }
    }
}

impl Check<'_> {
    /// The way to a namespace. What is not said is as in `base`, but for the address, which leads to one namespace.
    pub(super) fn way(
        &mut self,
        at: &Path,
        given: Option<&Connection>,
        base: &ConnectionSettings,
    ) -> ConnectionSettings {
        let Some(given) = given else {
            return ConnectionSettings { endpoint: None, ..base.clone() };
        };
        let mut way = base.clone();
        if let Some(transport) = given.transport {
            way.protocol = transport.into();
        }
        way.endpoint = given.address.as_ref().and_then(|text| self.endpoint(at, text));
        if let Some(text) = &given.proxy {
            way.proxy = self.proxy(&at.key("proxy"), text);
        }
        if let Some(file) = self.pem(&at.key("ca_file"), given.ca_file.as_ref()) {
            way.tls.ca_file = Some(file);
        }
        let (certificate_at, key_at) = (at.key("certificate_file"), at.key("key_file"));
        let certificate_file = self.pem(&certificate_at, given.certificate_file.as_ref());
        let key_file = self.pem(&key_at, given.key_file.as_ref());
        self.both(at, given.certificate_file.is_some(), given.key_file.is_some());
        if let (Some(certificate_file), Some(key_file)) = (certificate_file, key_file) {
            way.tls.identity = Some(ClientCertificate { certificate_file, key_file });
        }
        way
    }

    /// Who shows a certificate needs its key, and the other way round.
    pub(super) fn both(&mut self, at: &Path, certificate: bool, key: bool) {
        match (certificate, key) {
            (true, false) => self.missing(
                &at.key("key_file"),
                "a certificate proves nothing without its private key",
                "add `key_file`, or leave `certificate_file` out",
            ),
            (false, true) => self.missing(
                &at.key("certificate_file"),
                "a private key needs its certificate",
                "add `certificate_file`, or leave `key_file` out",
            ),
            _ => {}
        }
    }

    fn endpoint(&mut self, at: &Path, text: &String) -> Option<Endpoint> {
        let at = at.key("address");
        let text = self.text(&at, Some(text), "it is where the bridge connects to")?;
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (text.as_str(), None),
        };
        let port = port.map(|port| port.parse::<u16>().ok().filter(|port| *port > 0));
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let usable = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if port == Some(None) || host.is_empty() || !(bracketed || host.chars().all(usable)) {
            self.wrong(
                &at,
                format!("`{text}` is not an address"),
                "it is a host, with a port if that is not the usual one",
                "write `host`, `host:port`, `10.1.2.3:5671` or `[fd00::1]:5671`",
            );
            return None;
        }
        Some(Endpoint { host: host.to_owned(), port: port.flatten() })
    }

    /// Never shows what it was given: it may hold a password.
    fn proxy(&mut self, at: &Path, text: &str) -> Proxy {
        if text == "none" {
            return Proxy::None;
        }
        let host = text.strip_prefix("http://").map(|rest| {
            let rest = rest.trim_end_matches('/');
            rest.rsplit_once('@').map_or(rest, |(_, host)| host)
        });
        let why = match host {
            Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', ' ']) => {
                return Proxy::At(Secret::new(text));
            }
            None if text.starts_with("https://") => {
                "a proxy that is itself reached by TLS is not supported"
            }
            _ => "it is not the URL of an HTTP proxy",
        };
        self.wrong(at, "cannot be used", why, PROXY);
        Proxy::None
    }

    /// The path of a file that can be read now.
    pub(super) fn pem(&mut self, at: &Path, named: Option<&String>) -> Option<PathBuf> {
        let named = named?;
        if named.contains("-----BEGIN") {
            self.wrong(
                at,
                "is PEM text, not the path of a file",
                "the file it names holds the PEM text",
                "put the text into a file and write its path",
            );
            return None;
        }
        let path = self.layers.beside(named);
        if let Err(error) = std::fs::File::open(&path) {
            self.wrong(
                at,
                format!("names `{}`, which cannot be used", path.display()),
                error.to_string(),
                "name a readable file in PEM; a relative path begins at the directory of the configuration file",
            );
            return None;
        }
        Some(path)
    }
}
