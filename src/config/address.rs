//! Where a namespace is and how one gets in: a connection string, taken apart.
//!
//! Nothing of the text is ever repeated in an error, not even the names of its parts: a key that was broken in two
//! looks like one.

use super::hint::nearest;
use super::{Access, Given, Secret};

/// A namespace's address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// Host name, as certificates and audiences name it; an IPv6 address stands in brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether the connection is TLS from its first byte; only the emulator's is not.
    pub tls: bool,
    /// The only hub it is good for, if it names one.
    pub hub: Option<String>,
}

/// What a connection string says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionString {
    /// Where the namespace is.
    pub address: Address,
    /// How one gets in.
    pub access: Access,
}

/// Why text is no connection string, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Flaw {
    /// What is wrong with it.
    pub why: String,
    /// What to do.
    pub hint: &'static str,
}

const SIGNATURE: &str = "SharedAccessSignature";
const REQUIRED: [&str; 3] = ["Endpoint", "SharedAccessKeyName", "SharedAccessKey"];
const QUOTES: [char; 2] = ['"', '\''];
const COPY: &str =
    "copy the whole string from `Shared access policies` of the namespace in the Azure portal";

impl std::str::FromStr for ConnectionString {
    type Err = Flaw;

    /// Takes a connection string apart. Names of parts are case-insensitive; parts it does not know are left alone.
    fn from_str(text: &str) -> Result<Self, Flaw> {
        read(text)
    }
}

impl Address {
    /// The address in `host` or `host:port`, a namespace of the cloud or one that is served like it.
    pub fn of(text: &str) -> Result<Self, Flaw> {
        const HINT: &str = "write its full host name, `NAMESPACE.servicebus.windows.net`";
        if text.contains("://") || text.ends_with('/') {
            return Err(flaw("it is a URL, not a host name".to_owned(), HINT));
        }
        let url = format!("sb://{text}");
        let (host, port) = endpoint(&url)
            .map_err(|Flaw { why, .. }| flaw(why.replace("its `Endpoint`", "it"), HINT))?;
        if host.contains([';', '=']) {
            return Err(flaw("it has no usable host name".to_owned(), HINT));
        }
        if port.is_none() && host != "localhost" && !host.contains(['.', ':']) {
            return Err(flaw("it is only the first part of a host name".to_owned(), HINT));
        }
        Ok(Self { host: host.to_owned(), port: port.unwrap_or(5671), tls: true, hub: None })
    }
}

fn read(text: &str) -> Result<ConnectionString, Flaw> {
    // Editors and shells leave a mark of the byte order, spaces and line ends around it.
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.starts_with(QUOTES) || text.ends_with(QUOTES) {
        let hint = "take the quotes off: in a file or a variable nothing stands around it";
        return Err(flaw("it stands in quotes".to_owned(), hint));
    }
    let mut parts: Vec<(String, &str)> = Vec::new();
    let mut unknown = Vec::new();
    for (index, part) in text.split(';').map(str::trim).enumerate() {
        if part.is_empty() {
            continue;
        }
        let Some((name, value)) = part.split_once('=') else {
            return Err(flaw(format!("its part {} has no `=`", index + 1), COPY));
        };
        let name = name.trim().to_ascii_lowercase();
        if parts.iter().any(|(known, _)| *known == name) {
            return Err(flaw(
                format!("its part {} says again what an earlier one said", index + 1),
                COPY,
            ));
        }
        if !REQUIRED.iter().chain([&SIGNATURE]).any(|known| known.eq_ignore_ascii_case(&name)) {
            unknown.push((index + 1, name.clone()));
        }
        parts.push((name, value.trim()));
    }
    let find = |wanted: &str| {
        let wanted = wanted.to_ascii_lowercase();
        parts.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value)
    };
    if find("HostName").is_some() || find("AccountName").is_some() {
        let why = "it belongs to another Azure service, not to an Event Hubs namespace".to_owned();
        return Err(flaw(why, COPY));
    }
    let signature = find(SIGNATURE);
    if signature.is_some() && find("SharedAccessKey").is_some() {
        let why = "it has both a `SharedAccessKey` and a `SharedAccessSignature`".to_owned();
        return Err(flaw(why, "keep one of the two"));
    }
    let required = if signature.is_some() { &["Endpoint", SIGNATURE][..] } else { &REQUIRED };
    for required in required.iter().copied() {
        match find(required) {
            None => return Err(lacks(required, &unknown)),
            Some("") => return Err(flaw(format!("its `{required}` is empty"), COPY)),
            Some(value) if value.contains('<') || value.contains('>') => {
                return Err(flaw(format!("its `{required}` is still a placeholder"), COPY));
            }
            Some(_) => {}
        }
    }
    let own = |name| find(name).unwrap_or_default();
    let (host, port) = endpoint(own("Endpoint"))?;
    let emulator = match own("UseDevelopmentEmulator").to_ascii_lowercase().as_str() {
        "true" => true,
        "false" | "" => false,
        _ => {
            return Err(flaw(
                "its `UseDevelopmentEmulator` is neither true nor false".to_owned(),
                "write `UseDevelopmentEmulator=true` for a server without TLS, or leave it out",
            ));
        }
    };
    let address = Address {
        host: host.to_owned(),
        port: port.unwrap_or(if emulator { 5672 } else { 5671 }),
        tls: !emulator,
        hub: find("EntityPath").filter(|path| !path.is_empty()).map(str::to_owned),
    };
    let access = match signature {
        Some(text) => Access::Signature(Given::Inline(self::signature(text)?)),
        None => Access::Key {
            name: own("SharedAccessKeyName").to_owned(),
            key: Given::Inline(Secret::new(own("SharedAccessKey"))),
        },
    };
    Ok(ConnectionString { address, access })
}

/// A signature that somebody else made, looked at from outside.
pub(super) fn signature(text: &str) -> Result<Secret, Flaw> {
    let fields = text.trim().strip_prefix("SharedAccessSignature ").unwrap_or_default();
    let has = |name: &str| fields.split('&').any(|field| field.trim().starts_with(name));
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

fn lacks(required: &str, unknown: &[(usize, String)]) -> Flaw {
    let near = unknown.iter().find(|(_, name)| nearest(name, [required]).is_some());
    let why = match near {
        Some((part, _)) => format!("it has no `{required}`; its part {part} may be a misspelt one"),
        None => format!("it has no `{required}`"),
    };
    flaw(why, COPY)
}

/// Host and port.
fn endpoint(value: &str) -> Result<(&str, Option<u16>), Flaw> {
    const HINT: &str = "write `Endpoint=sb://NAMESPACE.servicebus.windows.net/`";
    let Some((scheme, rest)) = value.split_once("://") else {
        return Err(flaw("its `Endpoint` does not begin with `sb://`".to_owned(), HINT));
    };
    if !scheme.eq_ignore_ascii_case("sb") {
        return Err(flaw("its `Endpoint` does not begin with `sb://`".to_owned(), HINT));
    }
    let host = rest.trim_end_matches('/');
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (host, None),
    };
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/@?".contains(c)) {
        return Err(flaw("its `Endpoint` has no usable host name".to_owned(), HINT));
    }
    match port.map(str::parse::<u16>) {
        None => Ok((host, None)),
        Some(Ok(port @ 1..)) => Ok((host, Some(port))),
        Some(_) => {
            Err(flaw("the port of its `Endpoint` is not between 1 and 65535".to_owned(), HINT))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_put_around_it_is_nothing() {
        let bare = "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=a+b/c==";
        let expected = read(bare).unwrap();
        assert_eq!(read(&format!("\u{feff}{bare}\r\n")).unwrap(), expected);
        assert_eq!(read(&format!(" \u{feff} {bare} ")).unwrap(), expected);
        for quoted in [format!("\"{bare}\""), format!("'{bare}'\n"), format!("\u{feff}\"{bare}\"")]
        {
            assert_eq!(read(&quoted).unwrap_err().why, "it stands in quotes");
        }
    }

    #[test]
    fn takes_what_azure_and_the_emulator_hand_out() {
        let ConnectionString { address: cloud, access } = read("Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=a+b/c==;EntityPath=orders").unwrap();
        assert_eq!(
            (cloud.host.as_str(), cloud.port, cloud.tls),
            ("ns.servicebus.windows.net", 5671, true)
        );
        let key = Given::Inline(Secret::new("a+b/c=="));
        assert_eq!(access, Access::Key { name: "send".to_owned(), key });
        assert_eq!(cloud.hub.as_deref(), Some("orders"));

        let local = read("endpoint=sb://localhost;sharedaccesskeyname=k;SHAREDACCESSKEY=s;UseDevelopmentEmulator=true;").unwrap();
        let local = local.address;
        assert_eq!((local.host.as_str(), local.port, local.tls), ("localhost", 5672, false));
        assert_eq!(local.hub, None);

        let port = read("Endpoint=sb://[::1]:6000;SharedAccessKeyName=k;SharedAccessKey=s;UseDevelopmentEmulator=true").unwrap();
        assert_eq!((port.address.host.as_str(), port.address.port), ("[::1]", 6000));
    }

    #[test]
    fn says_which_part_is_wrong_and_never_what_it_holds() {
        let cases = [
            ("verysecret", "part 1 has no `=`"),
            ("SharedAccessKeyName=a;SharedAccessKey=verysecret", "no `Endpoint`"),
            ("Endpoint=sb://h;SharedAccessKey=verysecret", "no `SharedAccessKeyName`"),
            ("Endpoint=sb://h;SharedAccessKeyName=verysecret", "no `SharedAccessKey`"),
            ("Endpoint=sb://h;SharedAccessKeyName=a;SharedAcessKey=verysecret", "part 3 may be"),
            (
                "Endpoint=sb://h;SharedAccessKeyName=a;SharedAccessKey=",
                "`SharedAccessKey` is empty",
            ),
            (
                "Endpoint=sb://h;SharedAccessKeyName=a;SharedAccessKey=very;secret",
                "part 4 has no `=`",
            ),
            ("Endpoint=sb://<ns>;SharedAccessKeyName=a;SharedAccessKey=verysecret", "placeholder"),
            ("Endpoint=https://h;SharedAccessKeyName=a;SharedAccessKey=verysecret", "`sb://`"),
            ("Endpoint=h;SharedAccessKeyName=a;SharedAccessKey=verysecret", "`sb://`"),
            ("Endpoint=sb:///;SharedAccessKeyName=a;SharedAccessKey=verysecret", "host name"),
            (
                "Endpoint=sb://h;SharedAccessKeyName=a;SharedAccessKey=verysecret;UseDevelopmentEmulator=yes",
                "neither true nor false",
            ),
            ("Endpoint=sb://h:99999;SharedAccessKeyName=a;SharedAccessKey=verysecret", "port"),
            ("Endpoint=sb://h;Endpoint=sb://h;SharedAccessKey=verysecret", "again"),
            (
                "Endpoint=sb://h;SharedAccessSignature=SharedAccessSignature sr=verysecret&se=1",
                "not of the form",
            ),
            ("Endpoint=sb://h;SharedAccessKey=a;SharedAccessSignature=verysecret", "has both"),
            (
                "HostName=h;SharedAccessKeyName=a;SharedAccessKey=verysecret",
                "another Azure service",
            ),
            (
                "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=verysecret",
                "another Azure service",
            ),
        ];
        for (text, expected) in cases {
            let Flaw { why, hint } = read(text).unwrap_err();
            assert!(why.contains(expected), "{text}: {why}");
            assert!(!format!("{why}{hint}").contains("secret"), "{text}: {why}");
        }
    }

    #[test]
    fn takes_a_signature_for_a_key() {
        let text = "SharedAccessSignature sr=sb%3a%2f%2fh&sig=a%3d&se=1&skn=send";
        let read = read(&format!("Endpoint=sb://h/;SharedAccessSignature={text}")).unwrap();
        assert_eq!(read.access, Access::Signature(Given::Inline(Secret::new(text))));
        assert!(!format!("{read:?}").contains("sig="));
    }

    #[test]
    fn takes_the_host_of_a_namespace() {
        let of = |text| Address::of(text).map(|address| (address.host, address.port, address.tls));
        let cloud = "orders.servicebus.windows.net";
        assert_eq!(of(cloud), Ok((cloud.to_owned(), 5671, true)));
        assert_eq!(of("localhost:6000"), Ok(("localhost".to_owned(), 6000, true)));
        for (text, expected) in [
            ("orders", "first part"),
            ("sb://orders.servicebus.windows.net/", "a URL"),
            ("a b.c", "no usable host name"),
            ("a.b:99999", "the port of it"),
            ("Endpoint=sb://a.b", "a URL"),
        ] {
            let Flaw { why, .. } = Address::of(text).unwrap_err();
            assert!(why.contains(expected), "{text}: {why}");
        }
    }
}
