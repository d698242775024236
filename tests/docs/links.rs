//! Links, the index, and the first screen.

use std::collections::HashSet;
use std::fs;

use crate::pages::{Page, all, root};

/// The targets of `[text](target)` in `text`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// What a heading is called in a link: lower case, without punctuation, hyphens for spaces.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|it| it.is_alphanumeric() || [' ', '-', '_'].contains(it));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn anchors(text: &str) -> HashSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut seen = 0;
    for page in all() {
        for link in links(&page.text).filter(|link| !link.is_empty() && !link.contains("://")) {
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.path.clone(),
                file => page.path.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{}: `{link}` leads nowhere", page.name());
            if !place.is_empty() {
                let headings = anchors(&fs::read_to_string(&target).unwrap());
                assert!(headings.contains(place), "{}: no heading for `{link}`", page.name());
            }
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen}");
}

/// Who looks for something finds it from the README on: each page is named by the index of its folder.
#[test]
fn every_page_is_in_the_index() {
    for index in ["docs/README.md", "docs/downstream/README.md"] {
        let index = Page::named(index);
        let folder = index.path.parent().unwrap();
        let named = links(&index.text).map(|link| folder.join(link.split('#').next().unwrap()));
        let named = named.collect::<HashSet<_>>();
        for page in all().iter().filter(|page| page.path.parent() == Some(folder)) {
            let is_named = named.contains(&page.path) || page.path == index.path;
            assert!(is_named, "{} does not name {}", index.name(), page.name());
        }
    }
}

/// What `docs/support.md` names as the test of something is there.
#[test]
fn what_shows_support_is_there() {
    let page = Page::named("docs/support.md");
    let quoted = page.text.split('`').skip(1).step_by(2);
    let named = quoted.filter(|it| it.starts_with("tests/") || it.starts_with("crates/"));
    let missing = named.clone().filter(|it| !root().join(it).exists()).collect::<Vec<_>>();
    assert!(missing.is_empty() && named.count() > 15, "{missing:?}");
}

#[test]
fn the_first_screen_says_how_to_see_it_and_how_to_prove_it() {
    let readme = Page::named("README.md");
    let commands = readme.block("sh", "").lines();
    let commands = commands.map(|line| line.split('#').next().unwrap().trim()).collect::<Vec<_>>();
    assert_eq!(commands, ["make demo", "make test"]);
    let on_the_first_screen = |line: &str| line.starts_with("make test");
    assert!(readme.text.lines().take(10).any(on_the_first_screen));
}
