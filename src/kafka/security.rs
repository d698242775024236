//! From `[kafka.security]` to the properties of librdkafka, the same for every client.
//!
//! Files are read when a client is made, and handed over as text: what was read is what is used. No error shows what
//! stands in a file.

use std::io::Read;
use std::path::Path;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, DefaultProducerContext};

use crate::config::{BrokerLogin, BrokerTls, Given, Secret, Security};
use crate::kafka::ClientError;

/// No bundle of authorities is longer.
const LONGEST: u64 = 4 << 20;

/// Sets what `security` says.
pub(super) fn apply(settings: &mut ClientConfig, security: &Security) -> Result<(), ClientError> {
    let protocol = match (&security.tls, &security.login) {
        (None, None) => "plaintext",
        (Some(_), None) => "ssl",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    };
    settings.set("security.protocol", protocol);
    if let Some(tls) = &security.tls {
        certificates(settings, tls)?;
    }
    match &security.login {
        None => {}
        Some(BrokerLogin::Password { mechanism, username, password }) => {
            settings.set("sasl.mechanism", mechanism.name());
            settings.set("sasl.username", username);
            settings.set("sasl.password", given("password", password)?.expose());
        }
        // The tokens are handed to the client by `access`.
        Some(BrokerLogin::Token { .. }) => {
            settings.set("sasl.mechanism", "OAUTHBEARER");
        }
        Some(BrokerLogin::Kerberos { principal, keytab_file, service_name }) => {
            settings.set("sasl.mechanism", "GSSAPI");
            settings.set("sasl.kerberos.principal", principal);
            settings.set("sasl.kerberos.keytab", keytab_file.display().to_string());
            settings.set("sasl.kerberos.service.name", service_name);
        }
    }
    Ok(())
}

fn certificates(settings: &mut ClientConfig, tls: &BrokerTls) -> Result<(), ClientError> {
    if let Some(path) = &tls.ca_file {
        settings.set("ssl.ca.pem", text("ca_file", path)?);
    }
    if let Some(identity) = &tls.identity {
        let certificate = text("certificate_file", &identity.certificate_file)?;
        settings.set("ssl.certificate.pem", certificate);
        settings.set("ssl.key.pem", text("key_file", &identity.key_file)?);
    }
    if let Some(password) = &tls.key_password {
        settings.set("ssl.key.password", given("key_password", password)?.expose());
    }
    if !tls.verify_host_name {
        settings.set("ssl.endpoint.identification.algorithm", "none");
    }
    Ok(())
}

/// Whether a client can be made with what the files of `tls` hold now: in PEM, and a key that is the certificate's.
pub(super) fn try_certificates(tls: &BrokerTls) -> Result<(), String> {
    let mut settings = ClientConfig::new();
    // It knows no brokers, so it goes nowhere.
    settings.set("security.protocol", "ssl").set("log_level", "0");
    certificates(&mut settings, tls).map_err(|error| error.to_string())?;
    let made: Result<BaseProducer<DefaultProducerContext>, _> = settings.create();
    made.map(drop).map_err(|error| error.to_string())
}

/// The secret itself, or what its file holds now.
fn given(key: &str, given: &Given) -> Result<Secret, ClientError> {
    match given {
        Given::Inline(secret) => Ok(secret.clone()),
        Given::File(path) => Ok(Secret::new(text(&format!("{key}_file"), path)?.trim())),
    }
}

fn text(key: &str, path: &Path) -> Result<String, ClientError> {
    let unusable = |why: String| ClientError::File {
        key: format!("kafka.security.{key}"),
        problem: format!("names `{}`, which cannot be used: {why}", path.display()),
    };
    let text = read(path).map_err(|error| unusable(error.to_string()))?;
    match text.trim() {
        "" => Err(unusable("it is empty".to_owned())),
        _ => Ok(text),
    }
}

/// What a file holds, up to a bound no secret, certificate or bundle reaches.
pub(super) fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;
    use crate::config::{ClientCertificate, Mechanism, TokenSource};

    fn tls() -> BrokerTls {
        BrokerTls { ca_file: None, identity: None, key_password: None, verify_host_name: true }
    }

    fn applied(security: &Security) -> ClientConfig {
        let mut settings = ClientConfig::new();
        apply(&mut settings, security).unwrap();
        settings
    }

    #[test]
    fn the_protocol_follows_from_tls_and_login() {
        let token = || BrokerLogin::Token {
            source: TokenSource::File(PathBuf::from("x")),
            extensions: BTreeMap::new(),
        };
        let cases = [
            (false, false, "plaintext"),
            (true, false, "ssl"),
            (false, true, "sasl_plaintext"),
            (true, true, "sasl_ssl"),
        ];
        for (secure, login, protocol) in cases {
            let security = Security { tls: secure.then(tls), login: login.then(token) };
            assert_eq!(applied(&security).get("security.protocol"), Some(protocol));
        }
    }

    #[test]
    fn a_password_is_read_from_its_file_without_the_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "pa ss\n").unwrap();
        let login = BrokerLogin::Password {
            mechanism: Mechanism::ScramSha256,
            username: "u".to_owned(),
            password: Given::File(file.clone()),
        };
        let security = Security { tls: None, login: Some(login) };
        let settings = applied(&security);
        assert_eq!(settings.get("sasl.mechanism"), Some("SCRAM-SHA-256"));
        assert_eq!(settings.get("sasl.password"), Some("pa ss"));
        settings.create_native_config().unwrap();

        std::fs::write(&file, "\n").unwrap();
        let error = apply(&mut ClientConfig::new(), &security).unwrap_err().to_string();
        assert!(error.contains("`kafka.security.password_file`"), "{error}");
        assert!(error.contains("it is empty"), "{error}");
    }

    #[test]
    fn certificates_are_tried_before_they_are_used() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let make = || generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (CertifiedKey { cert, signing_key }, other) = (make(), make());
        let identity = ClientCertificate {
            certificate_file: place("crt", &cert.pem()),
            key_file: place("key", &signing_key.serialize_pem()),
        };
        let ca_file = Some(place("ca", &format!("{}{}", cert.pem(), other.cert.pem())));
        let tls = BrokerTls { ca_file, identity: Some(identity), ..tls() };
        assert_eq!(try_certificates(&tls), Ok(()));

        place("key", &other.signing_key.serialize_pem());
        let why = try_certificates(&tls).unwrap_err();
        assert!(why.contains("key"), "{why}");
        place("key", &signing_key.serialize_pem()[..100]);
        assert!(try_certificates(&tls).is_err());
        place("key", &signing_key.serialize_pem());
        place("ca", "");
        assert!(try_certificates(&tls).is_err());
    }
}
