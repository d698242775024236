//! Links, and the first screen.

use std::collections::HashSet;
use std::fs;

use crate::pages::{Page, all};

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

#[test]
fn the_first_screen_says_how_to_see_it_and_how_to_prove_it() {
    let readme = Page::named("README.md");
    let commands = readme.block("sh", "").lines();
    let commands = commands.map(|line| line.split('#').next().unwrap().trim()).collect::<Vec<_>>();
    assert_eq!(commands, ["make demo", "make test"]);
    let on_the_first_screen = |line: &str| line.starts_with("make test");
    assert!(readme.text.lines().take(10).any(on_the_first_screen));
}
