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
