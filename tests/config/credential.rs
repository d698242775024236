//! `[eventhubs.credential]`: what each kind takes, from the file, from Azure's own variables, and what is wrong with it.

use kafka_eventhubs_bridge::config::{Application, Assigned, Given as Source, Proxy, Sas};

use super::{Credential, Entra, Given, Principal, SharedAccess};

const NAMESPACE: &str = "[eventhubs]\nnamespace = 'ns.servicebus.windows.net'";

/// A configuration with these keys of the credential.
fn given(keys: &str) -> Given {
    Given::file(&format!("@kafka\n{NAMESPACE}\n[eventhubs.credential]\n{keys}\n@mapping"))
}

fn entra(given: Given) -> Entra {
    let config = given.load().unwrap_or_else(|problems| panic!("{problems}"));
    let namespace = &config.eventhubs["default"];
    assert_eq!(namespace.address.host, "ns.servicebus.windows.net");
    assert!(namespace.address.tls);
    assert!(!format!("{config:?}").contains("hush"), "{config:?}");
    match &namespace.credential {
        Credential::Entra(entra) => entra.clone(),
        other @ Credential::Sas(_) => panic!("{other:?}"),
    }
}

fn sas(given: Given) -> Sas {
    let config = given.load().unwrap_or_else(|problems| panic!("{problems}"));
    assert!(!format!("{config:?}").contains("hush"), "{config:?}");
    match &config.eventhubs["default"].credential {
        Credential::Sas(sas) => sas.clone(),
        other @ Credential::Entra(_) => panic!("{other:?}"),
    }
}

fn application() -> Application {
    Application { tenant_id: "t".to_owned(), client_id: "c".to_owned() }
}

#[test]
fn each_kind_takes_its_keys() {
    let who = "tenant_id = 't'\nclient_id = 'c'\n";
    let found = entra(given(&format!("kind = 'federated'\n{who}token_file = '/tokens/a'")));
    let token_file = "/tokens/a".into();
    let identity = Principal::Federated { application: application(), token_file, workload: false };
    assert_eq!(found.identity, identity);
    assert_eq!(found.scope, "https://eventhubs.azure.net/.default");
    assert_eq!(found.authority, "https://login.microsoftonline.com");

    let found = entra(given(&format!("kind = 'client_secret'\n{who}client_secret = 'hush'")));
    assert!(matches!(found.identity, Principal::Secret { secret: Source::Inline(_), .. }));
    let with_file = given(&format!("kind = 'client_secret'\n{who}client_secret_file = 's'"));
    let found = entra(with_file.beside("s", "hush\n"));
    assert!(matches!(found.identity, Principal::Secret { secret: Source::File(_), .. }));

    let pem = "-----BEGIN CERTIFICATE-----\nhush\n-----BEGIN PRIVATE KEY-----\nhush\n";
    let with_file = given(&format!("kind = 'client_certificate'\n{who}certificate_file = 's'"));
    let found = entra(with_file.beside("s", pem));
    assert!(matches!(found.identity, Principal::Certificate { key_file: None, .. }));

    for (keys, assigned) in [
        ("", None),
        ("client_id = 'i'", Some(Assigned::Client("i".to_owned()))),
        ("object_id = 'i'", Some(Assigned::Object("i".to_owned()))),
        ("resource_id = 'i'", Some(Assigned::Resource("i".to_owned()))),
    ] {
        let found = entra(given(&format!("kind = 'managed_identity'\n{keys}")));
        assert_eq!(found.identity, Principal::Managed(assigned));
    }
    let found = entra(given("kind = 'azure_cli'\nsubscription = 's'"));
    assert!(matches!(found.identity, Principal::AzureCli { subscription: Some(_), .. }));
    let found = entra(given("kind = 'developer'"));
    assert!(matches!(&found.identity, Principal::Chain { tried, .. } if tried.len() == 2));
}

#[test]
fn a_shared_access_key_has_a_second_one_and_may_stand_in_a_file() {
    let keys = "kind = 'sas'\nkey_name = 'n'\nkey_file = 'k'\nsecondary_key = 'hush'\n\
                token_lifetime = '10s'";
    let found = sas(given(keys).beside("k", "hush"));
    assert!(matches!(found.first, SharedAccess::Key { key: Source::File(_), .. }));
    assert!(matches!(found.second, Some(SharedAccess::Key { key: Source::Inline(_), .. })));
    assert_eq!(found.lifetime.as_secs(), 10);
    let text = "SharedAccessSignature sr=a&sig=hush&se=1&skn=n";
    let found = sas(given(&format!("kind = 'sas'\nsignature = '{text}'")));
    assert!(matches!(found.first, SharedAccess::Signature(Source::Inline(_))));
}

#[test]
fn the_variables_of_aks_and_of_azure_devops_stand_in_for_keys() {
    let webhook = |given: Given| {
        given
            .variable("AZURE_TENANT_ID", "t")
            .variable("AZURE_CLIENT_ID", "c")
            .variable("AZURE_FEDERATED_TOKEN_FILE", "/f")
            .variable("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/")
    };
    let found = entra(webhook(given("kind = 'workload_identity'")));
    let identity = Principal::Federated {
        application: application(),
        token_file: "/f".into(),
        workload: true,
    };
    assert_eq!(found.identity, identity);
    assert_eq!(found.authority, "https://login.microsoftonline.us");
    let found = entra(webhook(given("kind = 'workload_identity'\nclient_id = 'other'")));
    assert!(found.identity.who().contains("client `other` of tenant `t`"));

    let found = entra(
        given("kind = 'pipelines'")
            .variable("AZURESUBSCRIPTION_TENANT_ID", "t")
            .variable("AZURESUBSCRIPTION_CLIENT_ID", "c")
            .variable("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "s")
            .variable("SYSTEM_ACCESSTOKEN", "hush")
            .variable("SYSTEM_OIDCREQUESTURI", "https://dev.azure.com/x"),
    );
    assert!(matches!(found.identity, Principal::Pipeline { .. }));
    // No other kind lets the environment choose who logs in.
    let report = webhook(given("kind = 'federated'\ntoken_file = 'x'")).report();
    assert!(report.contains("tenant_id` is missing"), "{report}");
}

#[test]
fn the_default_says_what_it_tries_and_why_not_the_rest() {
    let kinds = |given: Given| match entra(given).identity {
        Principal::Chain { tried, skipped, .. } => {
            (tried.iter().map(Principal::kind).collect::<Vec<_>>(), skipped)
        }
        other => panic!("{other:?}"),
    };
    let (tried, skipped) = kinds(given("kind = 'default'"));
    assert_eq!(tried, ["managed_identity", "azure_cli", "azure_developer_cli"]);
    assert_eq!(skipped.len(), 3);
    assert_eq!(skipped[0], "client_secret: `AZURE_CLIENT_SECRET` is not set");
    let (tried, skipped) = kinds(
        given("kind = 'default'\ntenant_id = 't'")
            .variable("AZURE_CLIENT_ID", "c")
            .variable("AZURE_CLIENT_SECRET", "hush")
            .variable("AZURE_FEDERATED_TOKEN_FILE", "/f"),
    );
    assert_eq!(tried[..3], ["client_secret", "workload_identity", "managed_identity"]);
    assert_eq!(skipped.len(), 1);
}

#[test]
fn a_sovereign_cloud_is_known_by_the_name_of_the_namespace() {
    for (host, authority) in [
        ("ns.servicebus.usgovcloudapi.net", "https://login.microsoftonline.us"),
        ("ns.servicebus.chinacloudapi.cn", "https://login.partner.microsoftonline.cn"),
    ] {
        let file = format!(
            "@kafka\n[eventhubs]\nnamespace = '{host}'\ncredential.kind = 'managed_identity'\n@mapping"
        );
        let config = Given::file(&file).load().unwrap();
        let Credential::Entra(entra) = &config.eventhubs["default"].credential else { panic!() };
        assert_eq!(entra.authority, authority);
    }
}

#[test]
fn tokens_are_fetched_on_the_way_the_namespace_is_reached() {
    let keys = "kind = 'managed_identity'\n[eventhubs.connection]\n";
    let found = entra(given(&format!("{keys}transport = 'amqp'")));
    assert_eq!((found.proxy, found.ca_file), (Proxy::Environment, None));
    let found = entra(given(&format!("{keys}proxy = 'none'\nca_file = 'ca'")).beside("ca", "x"));
    assert_eq!(found.proxy, Proxy::None);
    assert!(found.ca_file.is_some_and(|file| file.ends_with("ca")));
    let found = entra(given(&format!("{keys}proxy = 'http://u:hush@p:3128'")));
    assert!(matches!(found.proxy, Proxy::At(_)));
}

#[test]
fn a_secret_comes_from_a_variable_also_for_a_named_namespace() {
    let file = "@kafka\n[eventhubs.west-1]\nnamespace = 'a.b'\n[eventhubs.west-1.credential]\n\
                kind = 'client_secret'\ntenant_id = 't'\nclient_id = 'c'\n@mapping\nnamespace = 'west-1'";
    let config = Given::file(file)
        .variable("BRIDGE_EVENTHUBS__WEST_1__CREDENTIAL__CLIENT_SECRET", "hush")
        .load()
        .unwrap_or_else(|problems| panic!("{problems}"));
    let Credential::Entra(entra) = &config.eventhubs["west-1"].credential else { panic!() };
    let Principal::Secret { secret: Source::Inline(secret), .. } = &entra.identity else {
        panic!()
    };
    assert_eq!(secret.expose(), "hush");
}
