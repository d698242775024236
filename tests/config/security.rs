//! `[kafka.security]`: what is understood, from the file and from variables.

use std::collections::BTreeMap;

use kafka_eventhubs_bridge::config::{
    BrokerLogin, BrokerTls, ClientCertificate, Given as Source, Mechanism, Oidc, Principal,
    Security, TokenSource,
};

use super::Given;

/// A configuration with these keys of `[kafka.security]`.
fn given(keys: &str) -> Given {
    Given::file(&format!("@kafka\n[kafka.security]\n{keys}\n@eventhubs\n@mapping")).with_pem()
}

fn security(given: Given) -> Security {
    let config = given.load().unwrap_or_else(|problems| panic!("{problems}"));
    assert!(!format!("{config:?}").contains("hush1234"), "{config:?}");
    config.kafka.security.expect("the table is there")
}

fn plain_tls() -> BrokerTls {
    BrokerTls { ca_file: None, identity: None, key_password: None, verify_host_name: true }
}

#[test]
fn without_the_table_nothing_is_said_and_an_empty_one_means_tls() {
    let none = Given::file("@kafka\n@eventhubs\n@mapping").load().unwrap();
    assert_eq!(none.kafka.security, None);
    assert_eq!(security(given("")), Security { tls: Some(plain_tls()), login: None });
    assert_eq!(security(given("tls = false")), Security { tls: None, login: None });
}

#[test]
fn certificates_are_named_from_the_directory_of_the_file() {
    let given = given(
        "ca_file = 'crt'\ncertificate_file = 'crt'\nkey_file = 'locked'\nkey_password_file = 'secret'\n\
         verify_host_name = false",
    );
    let place = |name: &str| given.directory.path().join(name);
    let expected = BrokerTls {
        ca_file: Some(place("crt")),
        identity: Some(ClientCertificate {
            certificate_file: place("crt"),
            key_file: place("locked"),
        }),
        key_password: Some(Source::File(place("secret"))),
        verify_host_name: false,
    };
    assert_eq!(security(given).tls, Some(expected));
}

#[test]
fn each_mechanism_takes_its_keys() {
    for (name, mechanism) in [
        ("plain", Mechanism::Plain),
        ("scram-sha-256", Mechanism::ScramSha256),
        ("scram-sha-512", Mechanism::ScramSha512),
    ] {
        let user = format!("mechanism = '{name}'\nusername = 'bridge'");
        let by_variable = given(&user).variable("BRIDGE_KAFKA__SECURITY__PASSWORD", "hush1234");
        let login = security(by_variable).login.unwrap();
        let BrokerLogin::Password { mechanism: found, username, password } = login else {
            panic!("{login:?}")
        };
        assert_eq!((found, username.as_str()), (mechanism, "bridge"));
        assert!(matches!(password, Source::Inline(secret) if secret.expose() == "hush1234"));
        let by_file = security(given(&format!("{user}\npassword_file = 'secret'"))).login;
        assert!(matches!(by_file, Some(BrokerLogin::Password { password: Source::File(_), .. })));
    }
}

#[test]
fn each_kind_of_token_takes_its_keys() {
    let token = |keys: &str| {
        let keys = format!("mechanism = 'oauthbearer'\n[kafka.security.token]\n{keys}");
        match security(given(&keys)).login {
            Some(BrokerLogin::Token { source, extensions }) => (source, extensions),
            other => panic!("{other:?}"),
        }
    };
    let (source, extensions) = token(
        "kind = 'oidc'\ntoken_endpoint = 'https://idp/token'\nclient_id = 'c'\nclient_secret_file = 'secret'\n\
         scope = 'a b'\nca_file = 'crt'\nextensions = { logicalCluster = 'lkc-1' }",
    );
    let TokenSource::Oidc(Oidc { endpoint, client_id, client_secret, scope, ca_file }) = source
    else {
        panic!("{source:?}")
    };
    assert_eq!((endpoint.as_str(), client_id.as_str()), ("https://idp/token", "c"));
    assert!(matches!(client_secret, Source::File(_)) && ca_file.is_some());
    assert_eq!(scope.as_deref(), Some("a b"));
    let expected = [("logicalCluster".to_owned(), "lkc-1".to_owned())];
    assert_eq!(extensions, BTreeMap::from(expected));

    // Whoever writes it may start after the bridge.
    let (source, _) = token("kind = 'file'\ntoken_file = 'not-there-yet'");
    assert!(matches!(source, TokenSource::File(path) if path.ends_with("not-there-yet")));

    if cfg!(feature = "aws-msk-iam") {
        let (source, _) = token("kind = 'aws_msk_iam'\nregion = 'eu-west-1'");
        assert_eq!(source, TokenSource::AwsMskIam { region: "eu-west-1".to_owned() });
    }

    let (source, _) = token(
        "kind = 'client_secret'\ntenant_id = 't'\nclient_id = 'c'\nclient_secret = 'hush1234'\n\
         scope = 'https://ns.servicebus.windows.net/.default'",
    );
    let TokenSource::Entra(entra) = source else { panic!("{source:?}") };
    assert_eq!(entra.scope, "https://ns.servicebus.windows.net/.default");
    assert_eq!(entra.authority, "https://login.microsoftonline.com");
    assert!(matches!(entra.identity, Principal::Secret { .. }));
}

#[test]
fn what_the_table_does_not_say_may_be_passed_through() {
    let config = given("[kafka.client]\n'ssl.cipher.suites' = 'x'\n'ssl.ca.location' = '/ca.pem'");
    let config = config.load().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.kafka.client.len(), 2);
}

#[test]
#[cfg(not(feature = "gssapi"))]
fn kerberos_says_how_to_build_it() {
    let report = given("mechanism = 'gssapi'\nprincipal = 'p'\nkeytab_file = 'secret'").report();
    let flat = report.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("cargo build --release --features gssapi"), "{report}");
}

#[test]
#[cfg(not(feature = "aws-msk-iam"))]
fn iam_says_how_to_build_it() {
    let keys = "mechanism = 'oauthbearer'\n[kafka.security.token]\nkind = 'aws_msk_iam'\nregion = 'eu-west-1'";
    let report = given(keys).report();
    let flat = report.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("--features aws-msk-iam"), "{report}");
}

#[test]
#[cfg(feature = "gssapi")]
fn kerberos_takes_its_keys() {
    let found = security(given("mechanism = 'gssapi'\nprincipal = 'p'\nkeytab_file = 'secret'"));
    assert!(
        matches!(found.login, Some(BrokerLogin::Kerberos { service_name, .. }) if service_name == "kafka")
    );
}
