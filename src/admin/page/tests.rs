//! What can be told of the page without a browser; what it looks like and does is in `tests/page`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_file_is_served_and_they_are_small() {
    let folder = fs::read_dir(root().join("src/admin/page")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<_> = names.filter(|name| name != "tests.rs").collect();
    let name = |path: &str| match path.rsplit('/').next() {
        Some("") | None => "index.html".to_owned(),
        Some(name) => name.to_owned(),
    };
    assert_eq!(FILES.iter().map(|(path, ..)| name(path)).collect::<BTreeSet<_>>(), files);
    let size: usize = FILES.iter().map(|(.., text)| text.len()).sum();
    assert!(size < 200_000, "{size} bytes");
    let long = FILES
        .iter()
        .filter(|(path, _, text)| text.lines().count() > 400 && !path.ends_with("runbooks.js"));
    assert_eq!(long.map(|(path, ..)| path).collect::<Vec<_>>(), [&""; 0]);
}

/// Below the prefix of a proxy only what is relative is found, and nothing may come from elsewhere.
#[test]
fn what_a_file_names_is_relative_and_served() {
    let mut seen = 0;
    for (path, _, text) in FILES {
        // The name of SVG is no place.
        let text = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("://"), "{path} names a host");
        let folder = path.rsplit_once('/').unwrap().0;
        for part in
            text.split(['"', '\'']).filter(|part| part.ends_with(".js") || part.ends_with(".css"))
        {
            let named = format!("{folder}/{}", part.trim_start_matches("./"));
            assert!(FILES.iter().any(|(path, ..)| *path == named), "{path} names `{part}`");
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}

/// Text without Markdown's marks, but for those of code, on one line.
fn plain(text: &str) -> String {
    let link = regex::Regex::new(r"\[([^\]]*)\]\([^)]*\)").unwrap();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    link.replace_all(&line, "$1").into_owned()
}

/// A section: its first paragraph, and the items of its list.
fn section(body: &str) -> Value {
    let mut blocks = body.trim().split("\n\n");
    let means = plain(blocks.next().unwrap());
    let item = regex::Regex::new(r"(?m)^\d+\. ").unwrap();
    let list = blocks.find(|block| item.is_match_at(block, 0) && block.starts_with("1. "));
    let steps = item.split(list.unwrap_or_default()).skip(1).map(plain).collect::<Vec<_>>();
    json!({ "means": means, "steps": steps })
}

/// `UPDATE=1 cargo test --lib runbooks_say` writes the file anew.
#[test]
fn the_page_says_what_the_runbooks_say() {
    let page = fs::read_to_string(root().join("docs/runbooks.md")).unwrap();
    let sections = page.split("\n## ").skip(1).map(|part| {
        let (name, body) = part.split_once('\n').unwrap();
        (name.to_owned(), section(body))
    });
    let all: serde_json::Map<String, Value> = sections.collect();
    assert!(all.len() > 15, "{}", all.len());
    let table = serde_json::to_string_pretty(&all).unwrap();
    let expected = format!(
        "// What docs/runbooks.md says of each alert: a test holds it equal, and writes it.\n\nexport const RUNBOOKS = {table};\n"
    );
    let file = root().join("src/admin/page/runbooks.js");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &expected).unwrap();
    }
    assert!(
        fs::read_to_string(&file).unwrap() == expected,
        "src/admin/page/runbooks.js is stale: run `UPDATE=1 cargo test --lib runbooks_say`"
    );
}
