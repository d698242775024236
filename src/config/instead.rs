//! What stands where a connection string should, told by its form: a reference nobody resolved, a variable nobody
//! expanded, the string of another service.

use super::Flaw;

const RESOLVE: &str = "App Service and Functions resolve it where the app may read the secret; anywhere else mount the \
                       secret as a file and name that";
const EXPAND: &str =
    "put in the value itself, or set the variable that `check` names; the bridge expands nothing";
const WHOLE: &str =
    "copy the whole string from `Shared access policies` of the namespace in the Azure portal";

/// Hosts of other services, and what to call those.
const SERVICES: &[(&str, &str)] = &[
    ("eventgrid.azure.net", "Event Grid"),
    ("azure-devices.net", "IoT Hub"),
    ("azconfig.io", "App Configuration"),
    ("service.signalr.net", "SignalR"),
    ("webpubsub.azure.com", "Web PubSub"),
    ("documents.azure.com", "Cosmos DB"),
    ("core.windows.net", "Storage"),
    ("database.windows.net", "SQL Database"),
    ("cache.windows.net", "Cache for Redis"),
    ("communication.azure.com", "Communication Services"),
    ("applicationinsights.azure.com", "Application Insights"),
    ("confluent.cloud", "Confluent Cloud"),
];

/// What `text` is, if it only says where a secret is to be found.
pub(super) fn reference(text: &str) -> Option<Flaw> {
    let flaw = |why: &str, hint| Some(Flaw { why: why.to_owned(), hint });
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("@microsoft.keyvault(") {
        return flaw("it is a reference to Key Vault that nothing has resolved", RESOLVE);
    }
    if lower.contains("://") && lower.contains(".vault.")
        || lower.starts_with("keyvault://")
        || lower.starts_with("op://")
    {
        let hint = "read the secret and give its value, or mount it as a file and name that";
        return flaw("it is the address of a secret, not the secret", hint);
    }
    if is_unexpanded(text) {
        return flaw("it holds a variable that nothing has expanded", EXPAND);
    }
    None
}

/// What `text` is, if it is surely something else than a connection string of Event Hubs.
pub(super) fn instead(text: &str) -> Option<Flaw> {
    let flaw = |why: &str, hint| Some(Flaw { why: why.to_owned(), hint });
    let lower = text.to_ascii_lowercase();
    if let Some(flaw) = reference(text) {
        return Some(flaw);
    }
    if lower.contains("org.apache.kafka.common.security") || lower.contains("$connectionstring") {
        let hint = "use only the text between the quotes after `password=`";
        return flaw("it is the login of a Kafka client, with the connection string inside", hint);
    }
    if text.starts_with(['{', '[']) {
        let hint = "use only the value of `primaryConnectionString`";
        return flaw("it is JSON", hint);
    }
    // "Endpoint=" in base64, whatever follows.
    if text.starts_with("RW5kcG9pbnQ9") {
        let hint = "decode it: `base64 -d`";
        return flaw("it is a connection string in base64, as a Kubernetes Secret shows it", hint);
    }
    if let Some((_, service)) = SERVICES.iter().find(|(host, _)| lower.contains(host)) {
        return flaw(&format!("it belongs to {service}, not to an Event Hubs namespace"), WHOLE);
    }
    alone(text, &lower)
}

/// One part of what is needed.
fn alone(text: &str, lower: &str) -> Option<Flaw> {
    let flaw = |why: &str, hint| Some(Flaw { why: why.to_owned(), hint });
    if text.contains(';') {
        return None;
    }
    if lower.starts_with("sharedaccesssignature ") {
        let hint = "write `namespace = \"…\"`, and `kind = \"sas\"` with this as `signature` under `[eventhubs.credential]`";
        return flaw("it is a signature alone, which does not say where Event Hubs is", hint);
    }
    let host =
        lower.trim_start_matches("sb://").trim_start_matches("https://").trim_end_matches('/');
    if !host.contains('=') && host.contains(".servicebus.") {
        let hint = "copy the whole string, or write it as `namespace = \"…\"` and say under `[eventhubs.credential]` how to log in";
        return flaw("it is only the address of a namespace", hint);
    }
    // 256 bits in base64.
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    if text.len() == 44 && text.ends_with('=') && text.chars().all(base64) {
        return flaw("it is a key alone, which does not say where Event Hubs is", WHOLE);
    }
    None
}

/// None of the marks can stand in a connection string: base64 and names of hosts have none of these characters.
fn is_unexpanded(text: &str) -> bool {
    let named = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:".contains(c))
    };
    let percent = text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%'));
    ["${", "$(", "{{", "#{"].iter().any(|mark| text.contains(mark))
        || text.strip_prefix('$').is_some_and(named)
        || text.contains("=$")
        || percent.is_some_and(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_it_is_instead_and_nothing_it_holds() {
        for (text, expected) in [
            (
                "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/verysecret)",
                "reference to Key Vault",
            ),
            ("https://v.vault.azure.net/secrets/verysecret/", "address of a secret"),
            ("${VERYSECRET}", "nothing has expanded"),
            ("$(verysecret)", "nothing has expanded"),
            ("$VERYSECRET", "nothing has expanded"),
            ("%VERYSECRET%", "nothing has expanded"),
            ("{{ .Values.verysecret }}", "nothing has expanded"),
            ("#{verysecret}#", "nothing has expanded"),
            (
                "Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=$VERYSECRET",
                "nothing has expanded",
            ),
            ("https://verysecret.westeurope-1.eventgrid.azure.net/api/events", "Event Grid"),
            ("Endpoint=https://verysecret.azconfig.io;Id=1;Secret=x", "App Configuration"),
            ("{\"primaryConnectionString\": \"verysecret\"}", "JSON"),
            ("RW5kcG9pbnQ9c2I6Ly9oLw==", "base64"),
            ("SharedAccessSignature sr=verysecret&sig=x&se=1&skn=n", "a signature alone"),
            ("sb://verysecret.servicebus.windows.net/", "only the address"),
            ("verysecret.servicebus.windows.net", "only the address"),
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "a key alone"),
            (
                "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"$ConnectionString\" password=\"verysecret\";",
                "Kafka client",
            ),
        ] {
            let Flaw { why, hint } = instead(text).unwrap_or_else(|| panic!("{text}"));
            assert!(why.contains(expected), "{text}: {why}");
            assert!(!format!("{why}{hint}").to_lowercase().contains("verysecret"), "{why} {hint}");
        }
        for text in [
            "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=a+b/c==",
            "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;",
        ] {
            assert_eq!(instead(text), None, "{text}");
        }
    }
}
