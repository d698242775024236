//! What can be told of the page without a browser; what it looks like and does is in `tests/page`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

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
    let file = regex::Regex::new(r#"["']([\w./]+\.(?:js|css))["']"#).unwrap();
    let mut seen = 0;
    for (path, _, text) in FILES {
        // The name of SVG is no place.
        let text = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("://"), "{path} names a host");
        let folder = path.rsplit_once('/').unwrap().0;
        for found in file.captures_iter(&text) {
            let part = &found[1];
            let named = format!("{folder}/{}", part.trim_start_matches("./"));
            assert!(FILES.iter().any(|(path, ..)| *path == named), "{path} names `{part}`");
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}
