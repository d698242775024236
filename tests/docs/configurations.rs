//! The configurations that pages show are good ones.

use std::fs;

use kafka_eventhubs_bridge::config::Config;
use kafka_eventhubs_bridge::kafka::objection;

use crate::pages::Page;

#[test]
fn the_readme_shows_a_configuration_that_works() {
    let readme = Page::named("README.md");
    let toml = readme.block("toml", "");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bridge.toml");
    fs::write(&file, toml).unwrap();
    let mut command = stage::program();
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BRIDGE_") {
            command.env_remove(name);
        }
    }
    // As it stands, without a variable or a file beside it.
    let output = command.args(["check", "--config"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(toml.lines().filter(|line| !line.is_empty()).count() <= 10, "ten lines");
}

#[test]
fn every_way_in_is_shown_with_a_configuration_that_works() {
    let page = Page::named("docs/access.md").text;
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().to_str().unwrap();
    let pem = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n";
    for (name, text) in [
        ("client-secret", "s"),
        ("tls.crt", pem),
        ("tls.key", pem),
        ("primary", "s"),
        ("secondary", "s"),
        ("kafka-ca.pem", pem),
        ("kafka-password", "s"),
        ("bridge.keytab", "s"),
        ("eventhubs", "Endpoint=sb://h;SharedAccessKeyName=k;SharedAccessKey=s"),
        ("eventhubs-secondary", "Endpoint=sb://h;SharedAccessKeyName=l;SharedAccessKey=t"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let around = "[kafka]\nbrokers = 'b-1.c.x.c2.kafka.eu-west-1.amazonaws.com:9098'\ngroup_id = 'g'\n[[mappings]]\ntopic = 'o'\nhub = 'o'\n";
    let namespace = "[eventhubs]\nnamespace = 'NS.servicebus.windows.net'\n";
    let variables = [
        "AZURE_TENANT_ID",
        "AZURE_CLIENT_ID",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURESUBSCRIPTION_TENANT_ID",
        "AZURESUBSCRIPTION_CLIENT_ID",
        "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
        "SYSTEM_ACCESSTOKEN",
        "SYSTEM_OIDCREQUESTURI",
    ];
    let mut shown = 0;
    // The first one says only where the namespace is.
    for block in page.split("```toml\n").skip(2) {
        let block = block.split("```").next().unwrap().replace('…', "x");
        let block = block.replace("/run/secrets", secrets);
        let unknown = [
            block.contains("gssapi") && !cfg!(feature = "gssapi"),
            block.contains("aws_msk_iam") && !cfg!(feature = "aws-msk-iam"),
        ];
        if unknown.contains(&true) {
            continue;
        }
        let connected = format!("[eventhubs]\nconnection_string_file = '{secrets}/eventhubs'\n");
        let before = match () {
            () if block.contains("[eventhubs]") => "",
            () if block.contains("[kafka.security]") => &connected,
            () => namespace,
        };
        let file = folder.path().join("bridge.toml");
        fs::write(&file, format!("{around}{before}{block}")).unwrap();
        let variables = variables.map(|name| (name.to_owned(), "x".to_owned()));
        Config::load(&file, variables, &[], objection)
            .unwrap_or_else(|problems| panic!("{block}\n{problems}"));
        shown += 1;
    }
    assert!(shown >= 16, "{shown}");
}
