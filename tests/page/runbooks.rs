//! The words of the runbooks that the page shows are those of `docs/runbooks.md`.

use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::{Value, json};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Text without Markdown's marks, but for those of code, on one line.
fn plain(text: &str) -> String {
    let link = Regex::new(r"\[([^\]]*)\]\([^)]*\)").unwrap();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    link.replace_all(&line, "$1").into_owned()
}

/// A section: its first paragraph, and the items of its list.
fn section(body: &str) -> Value {
    let mut blocks = body.trim().split("\n\n");
    let means = plain(blocks.next().unwrap());
    let item = Regex::new(r"(?m)^\d+\. ").unwrap();
    let list = blocks.find(|block| block.starts_with("1. "));
    let steps = item.split(list.unwrap_or_default()).skip(1).map(plain).collect::<Vec<_>>();
    json!({ "means": means, "steps": steps })
}

/// `UPDATE=1 cargo test --test page runbooks_say` writes the file anew.
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
        "src/admin/page/runbooks.js is stale: run `UPDATE=1 cargo test --test page runbooks_say`"
    );
}
