//! How a Java client logs in to Kafka, as `[kafka.security]`.

use std::collections::BTreeMap;

use super::Remark;
use super::given::{GivenKeys, jaas, option};
use super::plan::{MARK, Plan, PlannedKey};

const PASSWORD: &str = "or BRIDGE_KAFKA__SECURITY__PASSWORD; it has not been copied";
const STORES: [&str; 4] = [
    "ssl.truststore.location",
    "ssl.truststore.certificates",
    "ssl.keystore.location",
    "ssl.keystore.certificate.chain",
];
/// What goes with a store and says nothing more.
const BESIDE: [&str; 6] = [
    "ssl.truststore.type",
    "ssl.truststore.password",
    "ssl.keystore.type",
    "ssl.keystore.password",
    "ssl.keystore.key",
    "ssl.key.password",
];

/// What is said of a login by SASL.
struct Sasl {
    mechanism: Option<String>,
    /// The line of JAAS.
    line: Option<String>,
    endpoint: Option<String>,
    /// The class that gets tokens.
    class: Option<String>,
    client_id: Option<String>,
    scope: Option<String>,
    service: Option<String>,
}

/// Takes what is said under `prefixes`, the first of which wins.
pub(super) fn take(
    given: &mut GivenKeys,
    prefixes: &[String],
    plan: &mut Plan,
    notes: &mut Vec<Remark>,
) {
    const PROTOCOL: &str = "security.protocol";
    let protocol = given.take_under(prefixes, PROTOCOL).map(|protocol| protocol.to_uppercase());
    let stores = STORES.map(|key| (key, given.take_as_is_under(prefixes, key)));
    for key in BESIDE {
        given.take_as_is_under(prefixes, key);
    }
    // Empty means something, here alone.
    let names = given.take_as_is_under(prefixes, "ssl.endpoint.identification.algorithm");
    let mut take = |key: &str| given.take_under(prefixes, key);
    let sasl = Sasl {
        mechanism: take("sasl.mechanism"),
        endpoint: take("sasl.oauthbearer.token.endpoint.url"),
        class: take("sasl.login.callback.handler.class"),
        client_id: take("sasl.oauthbearer.client.credentials.client.id"),
        scope: take("sasl.oauthbearer.scope"),
        service: take("sasl.kerberos.service.name"),
        line: given.take_as_is_under(prefixes, "sasl.jaas.config"),
    };
    let has_sasl = sasl.mechanism.is_some() || sasl.line.is_some();
    // As Java's client has them; there is no other.
    let (tls, is_sasl) = match protocol.as_deref() {
        None | Some("PLAINTEXT") => {
            if has_sasl {
                notes.push(Remark::new(
                    PROTOCOL,
                    "is `PLAINTEXT`, so `sasl.…` had no effect, and is not carried over",
                ));
            }
            return;
        }
        Some("SSL") => (PlannedKey::new("tls", true), false),
        Some("SASL_SSL") => (PlannedKey::new("tls", true), true),
        Some("SASL_PLAINTEXT") => (PlannedKey::new("tls", false), true),
        Some(other) => {
            let text = format!("is `{other}`, which is not known: `tls` is what `SSL` in it meant");
            notes.push(Remark::new(PROTOCOL, text));
            (PlannedKey::new("tls", MARK), has_sasl)
        }
    };
    plan.security.push(tls);
    for (key, store) in stores {
        if let Some(store) = store {
            pem(key, &store, plan, notes);
        }
    }
    match names.as_deref() {
        Some("") => plan.security.push(PlannedKey::new("verify_host_name", false)),
        None | Some("https" | "HTTPS") => {}
        Some(_) => notes.push(Remark::new(
            "ssl.endpoint.identification.algorithm",
            "is neither `https` nor empty; here a broker's certificate has to name its host",
        )),
    }
    if is_sasl {
        login(&sasl, plan, notes);
    }
}

/// A store of certificates, which is PEM here.
fn pem(key: &'static str, store: &str, plan: &mut Plan, notes: &mut Vec<Remark>) {
    let is_trust = key.contains("truststore");
    let files = if is_trust {
        [("ca_file", "ca.pem")].as_slice()
    } else {
        [("certificate_file", "tls.crt"), ("key_file", "tls.key")].as_slice()
    };
    let text = if !key.ends_with("location") {
        "is PEM already: mount it as a file".to_owned()
    } else if is_trust {
        format!("`{store}` becomes PEM: `keytool -exportcert -rfc` writes each authority as PEM")
    } else {
        format!("`{store}` becomes PEM: `openssl pkcs12 -nodes` writes certificate and key as PEM")
    };
    notes.push(Remark::new(key, text));
    plan.security.extend(files.iter().map(|(key, value)| PlannedKey::open(key, value, "as PEM")));
}

fn login(sasl: &Sasl, plan: &mut Plan, notes: &mut Vec<Remark>) {
    let options = jaas(sasl.line.as_deref().unwrap_or_default());
    let mechanism = sasl.mechanism.clone().unwrap_or_else(|| "GSSAPI".to_owned());
    let name = mechanism.to_lowercase();
    let or_mark = |value: Option<String>| value.unwrap_or_else(|| MARK.to_owned());
    match name.as_str() {
        "plain" | "scram-sha-256" | "scram-sha-512" => {
            let user = or_mark(option(&options, &["username"]));
            plan.security.push(PlannedKey::new("mechanism", name));
            plan.security.push(PlannedKey::new("username", user));
            plan.security.push(PlannedKey::open("password_file", "/run/secrets/kafka", PASSWORD));
        }
        "gssapi" => {
            plan.security.push(PlannedKey::new("mechanism", name));
            let principal = or_mark(option(&options, &["principal"]));
            plan.security.push(PlannedKey::new("principal", principal));
            let keytab = or_mark(option(&options, &["keyTab"]));
            plan.security.push(PlannedKey::new("keytab_file", keytab));
            let service = sasl.service.clone().or_else(|| option(&options, &["serviceName"]));
            plan.security.extend(service.map(|service| PlannedKey::new("service_name", service)));
            notes.push(Remark::new(
                "sasl.mechanism",
                "is Kerberos, which needs a build with `--features gssapi`",
            ));
        }
        // What MSK's own library calls a token of IAM.
        "aws_msk_iam" => {
            plan.security.push(PlannedKey::new("mechanism", "oauthbearer"));
            iam(&options, plan, notes);
        }
        "oauthbearer" => {
            plan.security.push(PlannedKey::new("mechanism", name));
            token(sasl, &options, plan, notes);
        }
        _ => {
            plan.security.push(PlannedKey::new("mechanism", MARK));
            notes.push(Remark::new(
                "sasl.mechanism",
                format!("`{mechanism}` has no counterpart; use SCRAM, OAUTHBEARER or a client certificate"),
            ));
        }
    }
}

/// By the credentials of AWS, which are found where the bridge runs.
fn iam(options: &BTreeMap<String, String>, plan: &mut Plan, notes: &mut Vec<Remark>) {
    plan.token.push(PlannedKey::new("kind", "aws_msk_iam"));
    let chosen = options.keys().filter(|key| key.starts_with("aws"));
    let chosen = chosen.cloned().collect::<Vec<_>>();
    if !chosen.is_empty() {
        let text = format!(
            "chose an identity by `{}`, which is not carried over: a profile of that role goes into `AWS_PROFILE`",
            chosen.join("`, `")
        );
        notes.push(Remark::new("sasl.jaas.config", text));
    }
}

/// Where tokens come from: of any issuer, unless a class gets them that is not known.
fn token(
    sasl: &Sasl,
    options: &BTreeMap<String, String>,
    plan: &mut Plan,
    notes: &mut Vec<Remark>,
) {
    const CLASSES: [&str; 3] = [
        "OAuthBearerLoginCallbackHandler",
        "OAuthBearerUnsecuredLoginCallbackHandler",
        "JaasClientOauthLoginCallbackHandler",
    ];
    let class = sasl.class.as_deref().unwrap_or(CLASSES[0]);
    let short = class.rsplit(['.', '$']).next().unwrap_or_default();
    if short == "IAMOAuthBearerLoginCallbackHandler" {
        iam(options, plan, notes);
        return;
    }
    if !CLASSES.contains(&short) {
        let text = format!(
            "is `{class}`, which is not known: `docs/access.md` shows where a token can come from"
        );
        notes.push(Remark::new("sasl.login.callback.handler.class", text));
        plan.token.push(PlannedKey::new("kind", MARK));
        return;
    }
    let said =
        |own: &Option<String>, names: &[&str]| own.clone().or_else(|| option(options, names));
    let endpoint = said(&sasl.endpoint, &["oauth.token.endpoint.uri"]);
    let client = said(&sasl.client_id, &["clientId", "oauth.client.id"]);
    let token = &mut plan.token;
    token.push(PlannedKey::new("kind", "oidc"));
    token.push(PlannedKey::new(
        "token_endpoint",
        endpoint.unwrap_or_else(|| format!("https://{MARK}")),
    ));
    token.push(PlannedKey::new("client_id", client.unwrap_or_else(|| MARK.to_owned())));
    token.push(PlannedKey::open(
        "client_secret_file",
        "/run/secrets/client",
        "or BRIDGE_KAFKA__SECURITY__TOKEN__CLIENT_SECRET; it has not been copied",
    ));
    let scope = said(&sasl.scope, &["scope", "oauth.scope"]);
    token.extend(scope.map(|scope| PlannedKey::new("scope", scope)));
}
