//! Where a namespace is and how one gets in: a connection string, taken apart.

use crate::config::Secret;

/// A namespace's address and key.
#[derive(Debug, Clone)]
pub struct Address {
    /// Host name, as certificates and audiences name it.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether the connection is TLS from its first byte; only the emulator's is not.
    pub tls: bool,
    /// Name of the shared access key.
    pub key_name: String,
    /// The key.
    pub key: Secret,
    /// The only hub the string is good for, if it names one.
    pub hub: Option<String>,
}

/// What is wrong with a connection string. Never shows any of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// A part is missing.
    #[error("the connection string has no `{0}`")]
    Missing(&'static str),
    /// The endpoint is not `sb://HOST[:PORT]`.
    #[error("the `Endpoint` of the connection string is not `sb://HOST` or `sb://HOST:PORT`")]
    Endpoint,
}

impl Address {
    /// Takes a connection string apart. Names of parts are case-insensitive; parts it does not know are left alone.
    pub fn parse(text: &Secret) -> Result<Self, AddressError> {
        let part = |name: &str| {
            let parts = text.expose().split(';').filter_map(|part| part.split_once('='));
            let mut named = parts.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
            named.next().map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
        };
        let endpoint = part("Endpoint").ok_or(AddressError::Missing("Endpoint"))?;
        let emulator =
            part("UseDevelopmentEmulator").is_some_and(|v| v.eq_ignore_ascii_case("true"));
        let (host, port) = host_and_port(endpoint)?;
        let own = |name| part(name).ok_or(AddressError::Missing(name));
        Ok(Self {
            host,
            port: port.unwrap_or(if emulator { 5672 } else { 5671 }),
            tls: !emulator,
            key_name: own("SharedAccessKeyName")?.to_owned(),
            key: Secret::new(own("SharedAccessKey")?),
            hub: part("EntityPath").map(str::to_owned),
        })
    }
}

fn host_and_port(endpoint: &str) -> Result<(String, Option<u16>), AddressError> {
    let (scheme, rest) = endpoint.split_once("://").ok_or(AddressError::Endpoint)?;
    if !["sb", "amqps", "amqp"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(AddressError::Endpoint);
    }
    let authority = rest.trim_end_matches('/');
    // `[::1]:5672` has colons in its host; what follows the bracket is the port.
    let bracket = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[bracket..].rfind(':') {
        Some(at) => (&authority[..bracket + at], Some(&authority[bracket + at + 1..])),
        None => (authority, None),
    };
    if host.is_empty() || host.contains('/') {
        return Err(AddressError::Endpoint);
    }
    let port = port.map(|port| port.parse().map_err(|_| AddressError::Endpoint)).transpose()?;
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, AddressError> {
        Address::parse(&Secret::new(text))
    }

    #[test]
    fn reads_what_the_portal_and_the_emulator_give_out() {
        let cloud = parse("Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=a+b/c==;EntityPath=orders").unwrap();
        assert_eq!(
            (cloud.host.as_str(), cloud.port, cloud.tls),
            ("ns.servicebus.windows.net", 5671, true)
        );
        assert_eq!((cloud.key.expose(), cloud.hub.as_deref()), ("a+b/c==", Some("orders")));

        let local = parse("endpoint=sb://localhost;sharedaccesskeyname=k;SHAREDACCESSKEY=s;UseDevelopmentEmulator=true;").unwrap();
        assert_eq!((local.host.as_str(), local.port, local.tls), ("localhost", 5672, false));

        let port = parse("Endpoint=sb://[::1]:6000;SharedAccessKeyName=k;SharedAccessKey=s;UseDevelopmentEmulator=true").unwrap();
        assert_eq!((port.host.as_str(), port.port), ("[::1]", 6000));
    }

    #[test]
    fn says_what_is_missing_and_never_what_is_there() {
        let secret = "hunter2";
        for (text, expected) in [
            (
                "SharedAccessKeyName=k;SharedAccessKey=hunter2".to_owned(),
                AddressError::Missing("Endpoint"),
            ),
            (
                format!("Endpoint=http://x;SharedAccessKeyName=k;SharedAccessKey={secret}"),
                AddressError::Endpoint,
            ),
            (
                format!("Endpoint=sb://x:y;SharedAccessKeyName=k;SharedAccessKey={secret}"),
                AddressError::Endpoint,
            ),
            (
                "Endpoint=sb://x;SharedAccessKeyName=hunter2".to_owned(),
                AddressError::Missing("SharedAccessKey"),
            ),
        ] {
            let error = parse(&text).unwrap_err();
            assert_eq!(error, expected);
            assert!(!error.to_string().contains(secret));
        }
        let address =
            parse("Endpoint=sb://x;SharedAccessKeyName=k;SharedAccessKey=hunter2").unwrap();
        assert!(!format!("{address:?}").contains(secret));
    }
}
