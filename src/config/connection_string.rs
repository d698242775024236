//! A connection string, taken apart: where a namespace is, how one gets in, and how it is reached.
//!
//! Nothing of the text is ever repeated in an error, not even the names of its parts: a key that was broken in two
//! looks like one.

use super::address::endpoint;
use super::held::{ONE_LINE, misshapen, unfit};
use super::hint::nearest;
use super::instead::instead;
use super::names::{HUB_NAMES, is_hub};
use super::{Address, Flaw, Given, Protocol, Secret, SharedAccess};

/// What a connection string says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionString {
    /// Where the namespace is.
    pub address: Address,
    /// How one gets in.
    pub access: SharedAccess,
    /// What AMQP travels in, if it says so.
    pub protocol: Option<Protocol>,
    /// What it says that means nothing here, for people.
    pub unheeded: Vec<String>,
}

const SIGNATURE: &str = "SharedAccessSignature";
const REQUIRED: [&str; 3] = ["Endpoint", "SharedAccessKeyName", "SharedAccessKey"];
/// The others that mean something.
const OPTIONAL: [&str; 3] = ["EntityPath", "UseDevelopmentEmulator", "TransportType"];
/// What some clients understand, and what says the same here.
const ELSEWHERE: [(&str, &str); 3] = [
    ("OperationTimeout", "`send_timeout` and `connect_timeout` say how long the bridge waits"),
    ("RuntimePort", "the port is part of its `Endpoint`"),
    ("StsEndpoint", "the bridge makes its tokens itself"),
];
const QUOTES: [char; 2] = ['"', '\''];
const COPY: &str =
    "copy the whole string from `Shared access policies` of the namespace in the Azure portal";

impl std::str::FromStr for ConnectionString {
    type Err = Flaw;

    /// Takes a connection string apart. Names of parts are case-insensitive; parts it does not know are named by their
    /// place.
    fn from_str(text: &str) -> Result<Self, Flaw> {
        read(text)
    }
}

/// The parts, each once, by name.
struct Parts<'a>(Vec<StringPart<'a>>);

struct StringPart<'a> {
    /// As one counts: from 1.
    place: usize,
    /// In lower case.
    name: String,
    value: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Result<Self, Flaw> {
        let mut parts: Vec<StringPart<'a>> = Vec::new();
        let pieces = text.split(';').map(str::trim).enumerate();
        for (index, piece) in pieces.filter(|(_, piece)| !piece.is_empty()) {
            let place = index + 1;
            let Some((name, value)) = piece.split_once('=') else {
                return Err(flaw(format!("its part {place} has no `=`"), COPY));
            };
            let (name, value) = (name.trim(), value.trim());
            if let Some(unfit) = unfit(name) {
                let why = format!("the name of its part {place} holds {unfit}");
                return Err(flaw(why, ONE_LINE));
            }
            let name = name.to_ascii_lowercase();
            if parts.iter().any(|known| known.name == name) {
                let why = format!("its part {place} repeats an earlier one");
                return Err(flaw(why, COPY));
            }
            parts.push(StringPart { place, name, value });
        }
        Ok(Self(parts))
    }

    fn find(&self, wanted: &str) -> Option<&'a str> {
        let found = self.0.iter().find(|part| part.name.eq_ignore_ascii_case(wanted));
        found.map(|part| part.value)
    }

    fn own(&self, wanted: &str) -> &'a str {
        self.find(wanted).unwrap_or_default()
    }

    /// Those of no name that means something.
    fn unknown(&self) -> impl Iterator<Item = &StringPart<'a>> {
        let known = |part: &&StringPart<'a>| {
            let mut names = REQUIRED.iter().chain(&OPTIONAL).chain([&SIGNATURE]);
            !names.any(|known| known.eq_ignore_ascii_case(&part.name))
        };
        self.0.iter().filter(known)
    }

    fn unheeded(&self) -> Vec<String> {
        let told = |part: &StringPart<'a>| {
            let named = ELSEWHERE.iter().find(|(name, _)| name.eq_ignore_ascii_case(&part.name));
            match named {
                Some((name, why)) => format!("its `{name}` is ignored: {why}"),
                None => format!("its part {} is unknown", part.place),
            }
        };
        self.unknown().map(told).collect()
    }

    /// Whether each part that means something is there and holds what it can.
    fn hold(&self, required: &[&'static str]) -> Result<(), Flaw> {
        for required in required.iter().copied() {
            match self.find(required) {
                None => return Err(self.lacks(required)),
                Some("") => return Err(flaw(format!("its `{required}` is empty"), COPY)),
                Some(_) => {}
            }
        }
        for name in required.iter().chain(&OPTIONAL) {
            let Some(value) = self.find(name) else { continue };
            if value.contains(['<', '>']) {
                return Err(flaw(format!("its `{name}` is still a placeholder"), COPY));
            }
            if value.starts_with(QUOTES) || value.ends_with(QUOTES) {
                return Err(flaw(format!("its `{name}` is in quotes"), "remove the quotes"));
            }
            // A signature has a space of its own, and a look for itself.
            if *name == SIGNATURE {
                continue;
            }
            if let Some(unfit) = unfit(value) {
                return Err(flaw(format!("its `{name}` holds {unfit}"), ONE_LINE));
            }
        }
        if let Some(misshapen) = self.find("SharedAccessKey").and_then(misshapen) {
            return Err(flaw(format!("of its `SharedAccessKey`, {misshapen}"), COPY));
        }
        Ok(())
    }

    fn lacks(&self, required: &str) -> Flaw {
        let near = self.unknown().find(|part| nearest(&part.name, [required]).is_some());
        let why = match near {
            Some(StringPart { place, .. }) => {
                format!("it has no `{required}`; its part {place} may be a misspelt one")
            }
            None => format!("it has no `{required}`"),
        };
        flaw(why, COPY)
    }

    /// The only hub it is good for.
    fn hub(&self) -> Result<Option<String>, Flaw> {
        const HINT: &str = "give the name of the hub alone, or leave `EntityPath` out";
        match self.own("EntityPath") {
            "" => Ok(None),
            hub if is_hub(hub) => Ok(Some(hub.to_owned())),
            hub if hub.contains('/') => {
                Err(flaw("its `EntityPath` names more than a hub".to_owned(), HINT))
            }
            _ => Err(flaw(
                format!("its `EntityPath` is not a valid name of a hub: {HUB_NAMES}"),
                HINT,
            )),
        }
    }

    fn emulator(&self) -> Result<bool, Flaw> {
        match self.own("UseDevelopmentEmulator").to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" | "" => Ok(false),
            _ => Err(flaw(
                "its `UseDevelopmentEmulator` is neither true nor false".to_owned(),
                "write `UseDevelopmentEmulator=true` for a server without TLS, or leave it out",
            )),
        }
    }

    /// As the clients of .NET, Java and Python write it.
    fn protocol(&self) -> Result<Option<Protocol>, Flaw> {
        match self.own("TransportType").to_ascii_lowercase().as_str() {
            "" => Ok(None),
            "amqp" | "amqptcp" => Ok(Some(Protocol::Amqp)),
            "amqpwebsockets" | "amqpwebsocket" | "amqpoverwebsocket" => {
                Ok(Some(Protocol::WebSocket))
            }
            _ => Err(flaw(
                "its `TransportType` is neither `Amqp` nor `AmqpWebSockets`".to_owned(),
                "leave it out; `transport` under `[eventhubs.connection]` chooses the transport of AMQP",
            )),
        }
    }
}

fn read(text: &str) -> Result<ConnectionString, Flaw> {
    // Editors and shells leave a mark of the byte order, spaces and line ends around it.
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.starts_with(QUOTES) || text.ends_with(QUOTES) && !text.contains(['=', ';']) {
        let hint =
            "remove the quotes: a connection string in a file or a variable is written without";
        return Err(flaw("it is in quotes".to_owned(), hint));
    }
    if let Some(flaw) = instead(text) {
        return Err(flaw);
    }
    let parts = Parts::of(text)?;
    if parts.find("HostName").is_some() || parts.find("AccountName").is_some() {
        let why = "it belongs to another Azure service, not to an Event Hubs namespace".to_owned();
        return Err(flaw(why, COPY));
    }
    let signature = parts.find(SIGNATURE);
    let has_key = parts.find("SharedAccessKey").is_some();
    if signature.is_some() && has_key {
        let why = "it has both a `SharedAccessKey` and a `SharedAccessSignature`".to_owned();
        return Err(flaw(why, "keep one of the two"));
    }
    if signature.is_none() && !has_key && parts.find("Authentication").is_some() {
        return Err(flaw(
            "it asks for an identity with `Authentication`, and holds no key".to_owned(),
            "write `namespace = \"…\"` instead, and the `kind` of identity under `[eventhubs.credential]`",
        ));
    }
    parts.hold(if signature.is_some() { &["Endpoint", SIGNATURE] } else { &REQUIRED })?;
    let (host, port) = endpoint(parts.own("Endpoint"))?;
    let emulator = parts.emulator()?;
    let address = Address {
        host: host.to_owned(),
        port: port.unwrap_or(if emulator { 5672 } else { 5671 }),
        tls: !emulator,
        hub: parts.hub()?,
    };
    let access = match signature {
        Some(text) => SharedAccess::Signature(Given::Inline(self::signature(text)?)),
        None => SharedAccess::Key {
            name: parts.own("SharedAccessKeyName").to_owned(),
            key: Given::Inline(Secret::new(parts.own("SharedAccessKey"))),
        },
    };
    let (protocol, unheeded) = (parts.protocol()?, parts.unheeded());
    Ok(ConnectionString { address, access, protocol, unheeded })
}

/// A signature that somebody else made, looked at from outside.
pub(super) fn signature(text: &str) -> Result<Secret, Flaw> {
    let fields = text.trim().strip_prefix("SharedAccessSignature ").unwrap_or_default();
    if let Some(unfit) = unfit(fields) {
        return Err(flaw(format!("its signature holds {unfit} after its first word"), ONE_LINE));
    }
    let has = |name: &str| fields.split('&').any(|field| field.starts_with(name));
    if ["sr=", "sig=", "se=", "skn="].iter().all(|name| has(name)) {
        return Ok(Secret::new(text.trim()));
    }
    Err(flaw(
        "its signature is not of the form `SharedAccessSignature sr=…&sig=…&se=…&skn=…`".to_owned(),
        "copy the whole token as it was generated",
    ))
}

fn flaw(why: String, hint: &'static str) -> Flaw {
    Flaw { why, hint }
}

#[cfg(test)]
mod tests;
