//! What is written about the bridge: links lead somewhere, and the first screen says what it must.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Markdown files of the project.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for folder in ["", "docs", "charts/kafka-eventhubs-bridge", "crates/eventhubs-local"] {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        let files = entries.map(|entry| entry.unwrap().path());
        pages.extend(files.filter(|path| path.extension().is_some_and(|it| it == "md")));
    }
    assert!(pages.len() > 5, "{pages:?}");
    pages
}

/// The targets of `[text](target)` in `text`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next())
}

#[test]
fn links_lead_somewhere() {
    let mut seen = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let inside = links(&text).filter(|link| !link.is_empty() && !link.contains("://"));
        for link in inside {
            let target = page.parent().unwrap().join(link);
            assert!(target.exists(), "{}: `{link}` leads nowhere", page.display());
            seen += 1;
        }
    }
    assert!(seen > 10);
}

#[test]
fn the_first_screen_says_how_to_see_it_and_how_to_prove_it() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let first_block = readme.split("```").nth(1).unwrap();
    let commands = first_block.lines().skip(1).map(|line| line.split('#').next().unwrap().trim());
    let commands = commands.filter(|command| !command.is_empty()).collect::<Vec<_>>();
    assert_eq!(commands, ["make demo", "make test"]);
    let on_the_first_screen = |line: &str| line.starts_with("make test");
    assert!(readme.lines().take(10).any(on_the_first_screen));
}

#[test]
fn the_readme_shows_a_configuration_that_works() {
    use kafka_eventhubs_bridge::{config::Config, kafka::objection};
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let toml = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bridge.toml");
    fs::write(&file, toml).unwrap();
    let string = "Endpoint=sb://localhost;SharedAccessKeyName=k;SharedAccessKey=s";
    let variable = ("BRIDGE_EVENTHUBS__CONNECTION_STRING".to_owned(), string.to_owned());
    let config = Config::load(&file, [variable], &[], objection);
    config.unwrap_or_else(|problems| panic!("{problems}"));
    assert!(toml.lines().filter(|line| !line.is_empty()).count() <= 10, "ten lines");
}

#[test]
fn every_way_in_is_shown_with_a_configuration_that_works() {
    use kafka_eventhubs_bridge::{config::Config, kafka::objection};
    let page = fs::read_to_string(root().join("docs/access.md")).unwrap();
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
    let around = "[kafka]\nbrokers = 'k:1'\ngroup_id = 'g'\n[[mappings]]\ntopic = 'o'\nhub = 'o'\n";
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
        if block.contains("gssapi") && !cfg!(feature = "gssapi") {
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
