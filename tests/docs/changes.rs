//! The table of changes names every change that the log can tell of, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

use crate::pages::{Page, root};

fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|it| it == "rs") {
            // Tests of a file stand at its end.
            let text = fs::read_to_string(&path).unwrap();
            all.push_str(text.split("#[cfg(test)]\nmod").next().unwrap());
        }
    }
}

#[test]
fn every_change_is_in_the_table() {
    let mut code = String::new();
    sources(&root().join("src"), &mut code);
    let named = Regex::new(r#"tracing::(?:info|warn|error)!\(\s*name: "([a-z_]+)""#).unwrap();
    let told: BTreeSet<_> = named.captures_iter(&code).map(|it| it[1].to_owned()).collect();
    assert!(told.len() > 20, "{told:?}");
    let page = Page::named("docs/status.md");
    let (_, table) = page.text.split_once("| `change` |").expect("the table");
    let word = Regex::new("`([a-z_]+)`").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let listed: BTreeSet<_> = cells
        .flat_map(|cell| word.captures_iter(cell).map(|it| it[1].to_owned()).collect::<Vec<_>>())
        .collect();
    assert_eq!(told, listed);
}
