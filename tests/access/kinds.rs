//! Each kind of credential opens the door; nobody but the issuer and the Event Hubs of the test is there.

use eventhubs_local::Server;
use stage::Settings;

use crate::issuer::{CLIENT, Issuer, SECRET, TENANT, application_certificate, assert_hushed};

const HUB: &str = "orders";

/// Settings of a bridge that finds its hub and then waits for a Kafka that is not there.
pub(crate) fn alone(issuer: &Issuer, server: &Server, credential: &str) -> Settings {
    let settings = Settings::only(
        "[kafka]\nbrokers = '127.0.0.1:9'\ngroup_id = 'g'\n[admin]\nlisten = '127.0.0.1:0'\n\
         [[mappings]]\ntopic = 'orders'\nhub = 'orders'",
    );
    issuer.settings(settings, server, credential)
}

/// Starts a bridge with that credential, and waits until it has found its hub.
#[track_caller]
fn opens(issuer: &Issuer, settings: &Settings) {
    let bridge = settings.start();
    bridge.wait_log(&["hub found", HUB]);
    assert_hushed(&bridge.log(), issuer);
}

fn who() -> String {
    format!("tenant_id = '{TENANT}'\nclient_id = '{CLIENT}'\n")
}

#[test]
fn a_client_secret_from_the_file_from_a_variable_and_from_a_file_of_its_own() {
    let (issuer, server) = Issuer::scene();
    let keys = format!("kind = 'client_secret'\n{}", who());
    opens(&issuer, &alone(&issuer, &server, &format!("{keys}client_secret = '{SECRET}'")));
    let variable = "BRIDGE_EVENTHUBS__CREDENTIAL__CLIENT_SECRET";
    opens(&issuer, &alone(&issuer, &server, &keys).variable(variable, SECRET));
    let file = issuer.write("secret", &format!("{SECRET}\n"));
    let keys = format!("{keys}client_secret_file = '{}'", file.display());
    opens(&issuer, &alone(&issuer, &server, &keys));
    assert_eq!(issuer.rules().asked.len(), 3, "one token serves every audience");
}

#[test]
fn a_certificate_in_one_file_or_in_two() {
    let (issuer, server) = Issuer::scene();
    let (certificate, key, public) = application_certificate();
    issuer.terms().certificate_key = Some(public);
    let keys = format!("kind = 'client_certificate'\n{}", who());
    let both = issuer.write("both.pem", &format!("{certificate}{key}"));
    let keys_of_one = format!("{keys}certificate_file = '{}'", both.display());
    opens(&issuer, &alone(&issuer, &server, &keys_of_one));
    let (crt, key) = (issuer.write("tls.crt", &certificate), issuer.write("tls.key", &key));
    let keys = format!(
        "{keys}certificate_file = '{}'\ncertificate_key_file = '{}'",
        crt.display(),
        key.display()
    );
    opens(&issuer, &alone(&issuer, &server, &keys));
}

#[test]
fn a_secondary_connection_string_when_the_first_is_refused_at_start() {
    let (issuer, _) = Issuer::scene();
    let builder = Server::builder().hub(HUB, 4).tls(issuer.tls()).key("spare", "hush-spare");
    let server = builder.start().unwrap();
    let string = |name: &str, key: &str| {
        let port = server.addr().port();
        format!("Endpoint=sb://localhost:{port};SharedAccessKeyName={name};SharedAccessKey={key}")
    };
    let settings = |second: &str| {
        let (first, second) = (string("gone", "hush-gone"), string("spare", second));
        alone(&issuer, &server, "kind = 'sas'")
            .without("eventhubs.namespace")
            .without("eventhubs.credential")
            .with(&format!(
                "[eventhubs]\nconnection_string = '{first}'\nsecondary_connection_string = '{second}'"
            ))
    };
    opens(&issuer, &settings("hush-spare"));
    // When both are wrong, both are named.
    let bridge = settings("hush-wrong").start();
    let said = bridge.wait_log(&["ERROR", "the bridge ended", "InvalidSignature"]);
    assert!(said.contains("key `gone`") && said.contains("secondary key `spare`"), "{said}");
    assert_hushed(&bridge.log(), &issuer);
}

#[test]
fn what_the_webhook_of_aks_says_is_enough() {
    let (issuer, server) = Issuer::scene();
    let file = issuer.write("token", "hush.federated.1");
    let settings = alone(&issuer, &server, "kind = 'workload_identity'")
        .variable("AZURE_TENANT_ID", TENANT)
        .variable("AZURE_CLIENT_ID", CLIENT)
        .variable("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap());
    opens(&issuer, &settings);
}

#[test]
fn a_token_file_of_any_issuer_may_come_late() {
    let (issuer, server) = Issuer::scene();
    let file = issuer.path("token");
    let keys = format!("kind = 'federated'\n{}token_file = '{}'", who(), file.display());
    let bridge = alone(&issuer, &server, &keys).start();
    bridge.wait_log(&["WARN", "cannot connect to event hubs", "No such file", CLIENT]);
    issuer.write("token", "hush.federated.1");
    bridge.wait_log(&["hub found", HUB]);
}

#[test]
fn managed_identities_by_each_of_their_ids() {
    let (issuer, server) = Issuer::scene();
    for (keys, parameter) in [
        (String::new(), None),
        (format!("client_id = '{CLIENT}'"), Some(("client_id", CLIENT))),
        ("object_id = 'o'".to_owned(), Some(("object_id", "o"))),
        ("resource_id = '/r/1'".to_owned(), Some(("msi_res_id", "/r/1"))),
    ] {
        let keys = format!("kind = 'managed_identity'\n{keys}");
        opens(&issuer, &alone(&issuer, &server, &keys));
        let rules = issuer.rules();
        let (_, fields) = rules.asked.last().unwrap();
        if let Some((name, id)) = parameter {
            assert_eq!(fields.get(name).map(String::as_str), Some(id));
        }
    }
}

#[test]
fn the_metadata_service_is_never_asked_through_a_proxy() {
    let (issuer, server) = Issuer::scene();
    let settings = alone(&issuer, &server, "kind = 'managed_identity'");
    opens(&issuer, &settings.variable("HTTP_PROXY", "http://127.0.0.1:9"));
}

#[test]
fn a_pipeline_of_azure_devops() {
    let (issuer, server) = Issuer::scene();
    let settings = alone(&issuer, &server, "kind = 'pipelines'")
        .variable("AZURESUBSCRIPTION_TENANT_ID", TENANT)
        .variable("AZURESUBSCRIPTION_CLIENT_ID", CLIENT)
        .variable("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "connection")
        .variable("SYSTEM_ACCESSTOKEN", "hush-pipeline")
        .variable(
            "SYSTEM_OIDCREQUESTURI",
            &format!("https://localhost:{}/oidc", issuer.https.port()),
        );
    opens(&issuer, &settings);
    let rules = issuer.rules();
    assert_eq!(rules.asked[0].1["serviceConnectionId"], "connection");
}

/// A program called `az` that answers as the Azure CLI does.
pub(crate) fn command_line(issuer: &Issuer, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = issuer.path("az");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let directory = path.parent().unwrap().to_str().unwrap();
    format!("{directory}:{}", std::env::var("PATH").unwrap())
}

#[test]
fn whoever_is_logged_in_to_the_azure_cli() {
    let (issuer, server) = Issuer::scene();
    // The token of somebody who was here before.
    let bridge = alone(&issuer, &server, "kind = 'managed_identity'").start();
    bridge.wait_log(&["hub found"]);
    let token = issuer.rules().issued[0].clone();
    let script = format!(
        "echo \"$@\" > {}\necho '{{\"accessToken\": \"{token}\", \"expires_on\": 4102444800, \"tokenType\": \"Bearer\"}}'",
        issuer.path("arguments").display()
    );
    let path = command_line(&issuer, &script);
    for keys in
        ["kind = 'azure_cli'\ntenant_id = 'tenant'", "kind = 'developer'\ntenant_id = 'tenant'"]
    {
        opens(&issuer, &alone(&issuer, &server, keys).variable("PATH", &path));
        let arguments = std::fs::read_to_string(issuer.path("arguments")).unwrap();
        assert!(arguments.contains("--scope https://eventhubs.azure.net/.default"), "{arguments}");
        assert!(arguments.contains("--tenant tenant"), "{arguments}");
    }
}

#[test]
fn the_default_finds_the_first_that_works() {
    let (issuer, server) = Issuer::scene();
    let settings = alone(&issuer, &server, "kind = 'default'");
    let bridge = settings.clone().variable("AZURE_CLIENT_ID", CLIENT).start();
    bridge.wait_log(&["INFO", "`default` uses this kind", "managed_identity"]);
    bridge.wait_log(&["hub found"]);
    let bridge = settings
        .variable("AZURE_CLIENT_ID", CLIENT)
        .variable("AZURE_TENANT_ID", TENANT)
        .variable("AZURE_CLIENT_SECRET", SECRET)
        .start();
    bridge.wait_log(&["INFO", "`default` uses this kind", "client_secret"]);
    bridge.wait_log(&["hub found"]);
    assert_hushed(&bridge.log(), &issuer);
}
