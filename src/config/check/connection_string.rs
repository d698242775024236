//! `connection_string` and `secondary_connection_string`: written here or in files, and both of one namespace.

use std::path::PathBuf;

use crate::config::credential::LIFETIME;
use crate::config::path::Path;
use crate::config::{
    Address, ConnectionString, Credential, Flaw, Protocol, Sas, SharedAccess, raw,
};

use super::Check;
use super::eventhubs::GivenNamespace;

/// One of the two.
struct GivenString {
    /// The key it comes from.
    at: Path,
    address: Address,
    access: SharedAccess,
    protocol: Option<Protocol>,
}

/// Where the text is, how to say so, and what it says.
struct GivenText {
    at: Path,
    verb: &'static str,
    said: String,
    file: Option<PathBuf>,
}

impl Check<'_> {
    /// A namespace that is named by its connection string, or by two of them.
    pub(super) fn by_connection_string(
        &mut self,
        at: &Path,
        given: &raw::Namespace,
    ) -> Option<GivenNamespace> {
        let (inline, file) = (&given.connection_string, &given.connection_string_file);
        let first = self.found(at, "connection_string", inline.as_ref(), file.as_ref());
        let (inline, file) =
            (&given.secondary_connection_string, &given.secondary_connection_string_file);
        let second = (inline.is_some() || file.is_some())
            .then(|| self.found(at, "secondary_connection_string", inline.as_ref(), file.as_ref()));
        let first = first?;
        let protocol = self.protocol(at, given, &first);
        let second = match second {
            Some(second) => Some(self.beside(&first, second?)?),
            None => None,
        };
        let sas = Sas { first: first.access, second, lifetime: LIFETIME };
        Some(GivenNamespace { address: first.address, credential: Credential::Sas(sas), protocol })
    }

    /// What AMQP travels in, if the connection string says so and no key says otherwise.
    fn protocol(
        &mut self,
        at: &Path,
        given: &raw::Namespace,
        first: &GivenString,
    ) -> Option<Protocol> {
        let said = first.protocol?;
        let key = given.connection.as_ref().and_then(|connection| connection.transport);
        if let Some(key) = key
            && Protocol::from(key) != said
        {
            self.wrong(
                &at.key("connection").key("transport"),
                "contradicts the `TransportType` of the connection string",
                "both choose the transport of AMQP, and they differ",
                "remove the key, or remove `TransportType` from the connection string",
            );
        }
        Some(said)
    }

    /// The access of a second connection string that leads to where the first one does.
    fn beside(&mut self, first: &GivenString, second: GivenString) -> Option<SharedAccess> {
        let same_host = first.address.host.eq_ignore_ascii_case(&second.address.host)
            && (first.address.port, first.address.tls) == (second.address.port, second.address.tls);
        let (what, hint) = if !same_host {
            ("leads to another namespace", "another namespace is another `[eventhubs.NAME]`")
        } else if first.address.hub != second.address.hub {
            ("leads to another hub", "copy both from the namespace, or both from one hub")
        } else {
            return Some(second.access);
        };
        let shown = |Address { host, port, hub, .. }: &Address| match hub {
            Some(hub) => format!("`{host}:{port}/{hub}`"),
            None => format!("`{host}:{port}`"),
        };
        let (here, there) = (shown(&second.address), shown(&first.address));
        let why = format!(
            "it must lead to the same place as `connection_string`, which is {there}, not {here}"
        );
        self.wrong(&second.at, what, why, hint);
        None
    }

    /// The connection string under `key`, or in the file that `key` with `_file` names.
    fn found(
        &mut self,
        at: &Path,
        key: &str,
        inline: Option<&String>,
        file: Option<&String>,
    ) -> Option<GivenString> {
        let GivenText { at, verb, said, file } = self.connection_string(at, key, inline, file)?;
        match said.parse() {
            Ok(ConnectionString { address, access, protocol, unheeded }) => {
                for part in unheeded {
                    let hint = "remove it, unless another program reads the string";
                    self.warn(&at, "has a part that the bridge ignores", part, hint);
                }
                // What stands in a file may change while the bridge runs.
                let access = file.map_or(access, SharedAccess::ConnectionString);
                Some(GivenString { at, address, access, protocol })
            }
            Err(Flaw { why, hint }) => {
                self.wrong(&at, format!("{verb} no connection string of Event Hubs"), why, hint);
                None
            }
        }
    }

    fn connection_string(
        &mut self,
        at: &Path,
        key: &str,
        inline: Option<&String>,
        file: Option<&String>,
    ) -> Option<GivenText> {
        let (inline, file) = self.one_of(at, key, inline, file)?;
        let (inline_at, file_at) = (at.key(key), at.key(&format!("{key}_file")));
        if let Some(named) = file {
            if named.contains("SharedAccess") || named.starts_with("Endpoint=") {
                self.wrong(
                    &file_at,
                    "is a connection string, not the path of a file",
                    "the file it names holds the connection string",
                    format!("use `{key}`"),
                );
                return None;
            }
            let (text, path) = self.file(&file_at, named, "the connection string")?;
            return Some(GivenText {
                at: file_at,
                verb: "names a file that holds",
                said: text,
                file: Some(path),
            });
        }
        if inline.is_none() && !self.failed(&file_at) {
            self.missing(
                &inline_at,
                "the bridge must know where Event Hubs is and how to log in",
                &format!("add `{key}` or `{key}_file`"),
            );
        }
        let text =
            self.text(&inline_at, inline, "the bridge must know how to log in to Event Hubs")?;
        Some(GivenText { at: inline_at, verb: "is", said: text, file: None })
    }
}
