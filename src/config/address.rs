//! Where a namespace is: a host, a port, and whether it is reached by TLS.

use super::Flaw;

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

/// Host and port.
pub(super) fn endpoint(value: &str) -> Result<(&str, Option<u16>), Flaw> {
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
    if host.is_empty() || !host.chars().all(|c| c.is_ascii_alphanumeric() || "-._[]:".contains(c)) {
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

fn flaw(why: String, hint: &'static str) -> Flaw {
    Flaw { why, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

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
