//! Whether text is a connection string of an Event Hubs namespace, as far as configuration must know.
//!
//! Nothing of the text is ever repeated, not even the names of its parts: a key that was broken in two
//! looks like one. What the parts mean in full is read where they are used, in `eventhubs`.

use crate::config::hint::nearest;

/// What configuration needs of a connection string.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The one hub it is for.
    pub(super) entity_path: Option<String>,
}

/// Why it is none, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) why: String,
    pub(super) hint: &'static str,
}

const REQUIRED: [&str; 3] = ["Endpoint", "SharedAccessKeyName", "SharedAccessKey"];
const COPY: &str =
    "copy the whole string from `Shared access policies` of the namespace in the Azure portal";

/// Reads `text`, which is not empty.
pub(super) fn address(text: &str) -> Result<Address, Flaw> {
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
        if !REQUIRED.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
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
    for required in REQUIRED {
        match find(required) {
            None => return Err(lacks(required, &unknown)),
            Some("") => return Err(flaw(format!("its `{required}` is empty"), COPY)),
            Some(value) if value.contains('<') || value.contains('>') => {
                return Err(flaw(format!("its `{required}` is still a placeholder"), COPY));
            }
            Some(_) => {}
        }
    }
    endpoint(find("Endpoint").unwrap_or_default())?;
    if let Some(value) = find("UseDevelopmentEmulator")
        && !["true", "false"].contains(&value.to_ascii_lowercase().as_str())
    {
        return Err(flaw(
            "its `UseDevelopmentEmulator` is neither true nor false".to_owned(),
            "write `UseDevelopmentEmulator=true` for a server without TLS, or leave it out",
        ));
    }
    let entity_path = find("EntityPath").filter(|path| !path.is_empty()).map(str::to_owned);
    Ok(Address { entity_path })
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

fn endpoint(value: &str) -> Result<(), Flaw> {
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
        None | Some(Ok(1..)) => Ok(()),
        Some(_) => {
            Err(flaw("the port of its `Endpoint` is not between 1 and 65535".to_owned(), HINT))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_azure_and_the_emulator_hand_out() {
        let plain = "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=a/b+c==";
        assert_eq!(address(plain), Ok(Address { entity_path: None }));
        let entity = format!("{plain};EntityPath=orders");
        assert_eq!(address(&entity), Ok(Address { entity_path: Some("orders".to_owned()) }));
        let emulator = "endpoint=sb://localhost:5673;SharedAccessKeyName=Root;sharedaccesskey=x;\
                        UseDevelopmentEmulator=true;";
        assert!(address(emulator).is_ok());
        assert!(
            address("Endpoint=sb://[::1]:5672;SharedAccessKeyName=a;SharedAccessKey=b").is_ok()
        );
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
            ("Endpoint=sb://h:99999;SharedAccessKeyName=a;SharedAccessKey=verysecret", "port"),
            ("Endpoint=sb://h;Endpoint=sb://h;SharedAccessKey=verysecret", "again"),
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
            let Flaw { why, hint } = address(text).unwrap_err();
            assert!(why.contains(expected), "{text}: {why}");
            assert!(!format!("{why}{hint}").contains("secret"), "{text}: {why}");
        }
    }
}
