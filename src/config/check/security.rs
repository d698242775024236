//! `[kafka.security]`: what belongs together, what is there, and what `[kafka.client]` says already.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use crate::config::hint::list;
use crate::config::path::Path;
use crate::config::raw::{self, Mechanism, Word};
use crate::config::{self, BrokerLogin, BrokerTls, ClientCertificate, ClientValue, Security};

use super::Check;

/// No bundle of authorities is longer.
const LONGEST: u64 = 4 << 20;

/// Keys of TLS, which are of no use without it.
const OF_TLS: [&str; 6] = [
    "ca_file",
    "certificate_file",
    "key_file",
    "key_password",
    "key_password_file",
    "verify_host_name",
];

/// Every key that belongs to a mechanism, and how one gets along without it.
const OF_MECHANISM: [&str; 7] =
    ["username", "password", "password_file", "principal", "keytab_file", "service_name", "token"];

/// The keys of a mechanism.
fn keys(mechanism: Mechanism) -> &'static [&'static str] {
    match mechanism {
        Mechanism::Plain | Mechanism::ScramSha256 | Mechanism::ScramSha512 => &OF_MECHANISM[..3],
        Mechanism::Gssapi => &OF_MECHANISM[3..6],
        Mechanism::Oauthbearer => &OF_MECHANISM[6..],
    }
}

/// The keys that say the same as `property` of librdkafka.
fn twins(property: &str) -> &'static [&'static str] {
    match property {
        "security.protocol" => &["tls"],
        "ssl.ca.location" | "ssl.ca.pem" | "https.ca.location" | "https.ca.pem" => &["ca_file"],
        "ssl.certificate.location" | "ssl.certificate.pem" => &["certificate_file"],
        "ssl.key.location" | "ssl.key.pem" => &["key_file"],
        "ssl.key.password" => &["key_password", "key_password_file"],
        "ssl.keystore.location" | "ssl.keystore.password" => &["certificate_file", "key_file"],
        "ssl.endpoint.identification.algorithm" | "enable.ssl.certificate.verification" => {
            &["verify_host_name"]
        }
        "sasl.mechanism" | "sasl.mechanisms" => &["mechanism"],
        "sasl.username" => &["username"],
        "sasl.password" => &["password", "password_file"],
        "sasl.kerberos.principal" => &["principal"],
        "sasl.kerberos.keytab" => &["keytab_file"],
        "sasl.kerberos.service.name" => &["service_name"],
        property if property.contains("sasl.oauthbearer") => &["token"],
        _ => &[],
    }
}

fn given(security: &raw::Security) -> Vec<&'static str> {
    let raw::Security { tls, verify_host_name, mechanism, token, .. } = security;
    let text = [
        ("ca_file", &security.ca_file),
        ("certificate_file", &security.certificate_file),
        ("key_file", &security.key_file),
        ("key_password", &security.key_password),
        ("key_password_file", &security.key_password_file),
        ("username", &security.username),
        ("password", &security.password),
        ("password_file", &security.password_file),
        ("principal", &security.principal),
        ("keytab_file", &security.keytab_file),
        ("service_name", &security.service_name),
    ];
    let others = [
        ("tls", tls.is_some()),
        ("verify_host_name", verify_host_name.is_some()),
        ("mechanism", mechanism.is_some()),
        ("token", token.is_some()),
    ];
    let text = text.into_iter().map(|(key, value)| (key, value.is_some()));
    text.chain(others).filter(|(_, is_given)| *is_given).map(|(key, _)| key).collect()
}

impl Check<'_> {
    pub(super) fn security(&mut self, kafka: &raw::Kafka) -> Option<Security> {
        let (raw, client) = (kafka.security.as_ref()?, &kafka.client);
        let at = Path::top("kafka").key("security");
        let given = given(raw);
        self.said_once(&at, &given, client);
        let tls = if raw.tls == Some(false) {
            if let Some(key) = given.iter().find(|key| OF_TLS.contains(key)) {
                self.wrong(
                    &at.key(key),
                    "contradicts `tls = false`",
                    "it configures TLS, which is switched off",
                    "remove one of the two",
                );
            }
            None
        } else {
            Some(self.broker_tls(&at, raw))
        };
        let brokers = kafka.brokers.as_deref().unwrap_or_default();
        let login = self.login(&at, raw, &given, brokers);
        Some(Security { tls, login })
    }

    /// `[kafka.client]` stays open, but nothing is said in both.
    fn said_once(&mut self, at: &Path, given: &[&str], client: &BTreeMap<String, ClientValue>) {
        for property in client.keys() {
            // Whether there is TLS is said by the table itself.
            let twin = match twins(property) {
                ["tls"] => Some(&"tls"),
                twins => twins.iter().find(|twin| given.contains(twin)),
            };
            let Some(twin) = twin else { continue };
            let said = format!("contradicts `{}`", at.key(twin));
            let why = "the same setting is given twice";
            let hint = format!("keep `{twin}` under `[kafka.security]`, and remove the property");
            self.wrong(&Path::top("kafka").key("client").key(property), said, why, hint);
        }
    }

    fn broker_tls(&mut self, at: &Path, raw: &raw::Security) -> BrokerTls {
        let ca_file = self.pem_with(&at.key("ca_file"), raw.ca_file.as_ref(), "CERTIFICATE");
        let (certificate_at, key_at) = (at.key("certificate_file"), at.key("key_file"));
        let certificate =
            self.pem_with(&certificate_at, raw.certificate_file.as_ref(), "CERTIFICATE");
        let key = self.pem_with(&key_at, raw.key_file.as_ref(), "PRIVATE KEY");
        self.both(at, raw.certificate_file.is_some(), raw.key_file.is_some());
        let locked = key.as_ref().is_some_and(|(_, text)| text.contains("ENCRYPTED"));
        let (password, file) = (raw.key_password.as_ref(), raw.key_password_file.as_ref());
        let key_password = if password.is_some() || file.is_some() {
            self.either(at, "key_password", password, file)
        } else {
            if locked {
                self.missing(
                    &at.key("key_password"),
                    "the private key in `key_file` is encrypted",
                    "add `key_password_file = \"…\"` or `key_password`",
                );
            }
            None
        };
        BrokerTls {
            ca_file: ca_file.map(|(path, _)| path),
            identity: certificate.zip(key).map(|((certificate_file, _), (key_file, _))| {
                ClientCertificate { certificate_file, key_file }
            }),
            key_password,
            verify_host_name: raw.verify_host_name.unwrap_or(true),
        }
    }

    /// The path of a file that holds something labelled `label` in PEM, and its text.
    pub(super) fn pem_with(
        &mut self,
        at: &Path,
        named: Option<&String>,
        label: &str,
    ) -> Option<(PathBuf, String)> {
        let path = self.pem(at, named)?;
        let mut text = String::new();
        let read = std::fs::File::open(&path)
            .and_then(|file| file.take(LONGEST).read_to_string(&mut text));
        if read.is_ok() && text.contains("-----BEGIN") && text.contains(&format!("{label}-----")) {
            return Some((path, text));
        }
        self.wrong(
            at,
            format!("names `{}`, which holds no {}", path.display(), label.to_ascii_lowercase()),
            "it is not PEM, or it is PEM of something else",
            "convert DER with `openssl x509 -inform der`, PKCS#12 with `openssl pkcs12 -in x.p12 -nodes`",
        );
        None
    }

    fn login(
        &mut self,
        at: &Path,
        raw: &raw::Security,
        given: &[&str],
        brokers: &str,
    ) -> Option<BrokerLogin> {
        let mechanism_at = at.key("mechanism");
        let Some(Word(mechanism)) = raw.mechanism else {
            // Where something cannot be read, what was meant is not known well enough to say more.
            let unreadable = self.failures.iter().any(|failure| failure.path.is_within(at));
            if let Some(key) = given.iter().find(|key| OF_MECHANISM.contains(key))
                && !unreadable
            {
                let of = [Mechanism::ScramSha512, Mechanism::Oauthbearer, Mechanism::Gssapi];
                let of = of.into_iter().find(|of| keys(*of).contains(key));
                let of = of.map_or("plain", Mechanism::as_str);
                let why = format!("`{key}` has no effect without a `mechanism`");
                let hint = format!("add `mechanism = \"{of}\"` under `[kafka.security]`");
                self.missing(&mechanism_at, &why, &hint);
            }
            return None;
        };
        let known = keys(mechanism);
        for key in given.iter().filter(|key| OF_MECHANISM.contains(key) && !known.contains(key)) {
            self.wrong(
                &at.key(key),
                format!("does not belong to `{mechanism}`"),
                format!("`{mechanism}` knows {}", list(known.iter().copied())),
                "remove it, or choose another `mechanism`",
            );
        }
        match mechanism {
            Mechanism::Plain => self.password(at, raw, config::Mechanism::Plain),
            Mechanism::ScramSha256 => self.password(at, raw, config::Mechanism::ScramSha256),
            Mechanism::ScramSha512 => self.password(at, raw, config::Mechanism::ScramSha512),
            Mechanism::Oauthbearer => self.bearer(&at.key("token"), raw.token.as_ref(), brokers),
            Mechanism::Gssapi => self.kerberos(at, raw),
        }
    }

    fn password(
        &mut self,
        at: &Path,
        raw: &raw::Security,
        mechanism: config::Mechanism,
    ) -> Option<BrokerLogin> {
        let username_at = at.key("username");
        let why = "the brokers must know who logs in";
        if raw.username.is_none() {
            self.missing(&username_at, why, "add `username = \"…\"`");
        }
        let username = self.text(&username_at, raw.username.as_ref(), why);
        let password =
            self.either(at, "password", raw.password.as_ref(), raw.password_file.as_ref());
        Some(BrokerLogin::Password { mechanism, username: username?, password: password? })
    }

    fn kerberos(&mut self, at: &Path, raw: &raw::Security) -> Option<BrokerLogin> {
        if !cfg!(feature = "gssapi") {
            self.wrong(
                &at.key("mechanism"),
                "is `gssapi`, which this build does not support",
                "Kerberos needs a library that is not in the default build",
                "build the bridge with `cargo build --release --features gssapi`, or choose another `mechanism`",
            );
            return None;
        }
        let why = "Kerberos needs a principal and its key";
        let (principal_at, keytab_at) = (at.key("principal"), at.key("keytab_file"));
        for (at, given, hint) in [
            (&principal_at, &raw.principal, "add `principal = \"bridge@EXAMPLE.COM\"`"),
            (&keytab_at, &raw.keytab_file, "add `keytab_file = \"…\"`"),
        ] {
            if given.is_none() {
                self.missing(at, why, hint);
            }
        }
        let principal = self.text(&principal_at, raw.principal.as_ref(), why);
        let keytab = self.text(&keytab_at, raw.keytab_file.as_ref(), why);
        let keytab_file = self.layers.beside(&keytab?);
        if let Err(error) = std::fs::File::open(&keytab_file) {
            let said = format!("names `{}`, which cannot be used", keytab_file.display());
            self.wrong(&keytab_at, said, error.to_string(), "name a readable keytab");
            return None;
        }
        let service_at = at.key("service_name");
        let service_name = self.text(&service_at, raw.service_name.as_ref(), why);
        let service_name = service_name.unwrap_or_else(|| "kafka".to_owned());
        Some(BrokerLogin::Kerberos { principal: principal?, keytab_file, service_name })
    }
}
