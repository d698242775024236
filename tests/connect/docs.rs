//! What `docs/check.md` shows is what the program says.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::scene::{check, scene, server, table};

/// The fenced block of that language.
fn block<'a>(page: &'a str, language: &str) -> &'a str {
    let (_, after) = page.split_once(&format!("```{language}\n")).expect("a block");
    after.split("```").next().unwrap()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The words of the lines above a rule.
fn headers(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().collect::<Vec<_>>();
    let ruled = lines.windows(2).filter(|pair| pair[1].starts_with('─'));
    ruled.map(|pair| pair[0].split_whitespace().collect()).collect()
}

#[test]
fn the_example_has_the_form_of_a_real_one() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/check.md")).unwrap();
    let server = server();
    let (settings, _) = scene(&server, 1);
    let checked = check(&settings);
    let shown: Value = serde_json::from_str(block(&page, "json")).unwrap();
    assert_eq!(keys(&shown), keys(&checked.json));
    for list in ["steps", "mappings"] {
        assert_eq!(keys(&shown[list][0]), keys(&checked.json[list][0]), "{list}");
    }
    for key in keys(&shown["steps"][0]).into_iter().chain(keys(&shown["mappings"][0])) {
        assert!(page.contains(&format!("`{key}`")), "`{key}` is not explained");
    }
    let (_, text) = table(&settings);
    assert_eq!(headers(block(&page, "text")), headers(&text));
    assert_eq!(headers(&text).len(), 2);
    // Every step that is taken is explained.
    for step in checked.json["steps"].as_array().unwrap() {
        let step = step["step"].as_str().unwrap();
        assert!(page.contains(&format!("`{step}`")), "`{step}` is not explained");
    }
}
