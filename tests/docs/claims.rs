//! What pages claim is what tests hold: each paragraph, list item, table row and sample of a page stands in the page's list
//! below `claims`, by its beginning, with the tests that hold it or a remark why it needs none.
//!
//! Whether a test holds what it stands for is for whoever writes the entry to see.

use std::collections::BTreeSet;

use regex::Regex;
use serde::Deserialize;

use crate::inventory;
use crate::pages::Page;

const PAGES: [&str; 3] = ["delivery", "runbooks", "access"];
/// What a remark may say, before one word why: it tells what something is or why, it tells the reader what to do, it is said of
/// Kafka, Azure or AWS and not of the bridge.
const REMARKS: [&str; 5] = ["explains", "advises", "kafka", "azure", "aws"];

/// Each entry: how a block begins, and then tests and remarks.
#[derive(Deserialize)]
struct List {
    blocks: Vec<Vec<String>>,
}

/// A part of a page.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    line: usize,
    text: String,
}

#[test]
fn every_claim_names_the_tests_that_hold_it() {
    let tests = inventory::tests();
    let mut problems = Vec::new();
    for name in PAGES {
        let page = Page::named(&format!("docs/{name}.md"));
        let list = Page::named(&format!("tests/docs/claims/{name}.toml"));
        problems.extend(compare(&page, &list, &tests));
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// What is wrong with a page or with its list.
fn compare(page: &Page, list: &Page, tests: &BTreeSet<String>) -> Vec<String> {
    let blocks = blocks(&page.text);
    let entries = toml::from_str::<List>(&list.text).unwrap_or_else(|error| panic!("{error}"));
    let entries = entries.blocks.iter().map(|entry| entry.split_first().expect("a beginning"));
    let entries = entries.collect::<Vec<_>>();
    let (page, list) = (page.name(), list.name());
    let mut problems = Vec::new();
    let mut behind = "its first line";
    for Block { line, text } in &blocks {
        let named = entries.iter().filter(|(begins, _)| text.starts_with(begins.as_str()));
        let named = named.map(|(begins, _)| begins.as_str()).collect::<Vec<_>>();
        match named[..] {
            [one] => behind = one,
            [] => problems.push(format!(
                "{page}:{line}: `{text}` is not in {list}: add ['{}', 'suite::module::test', …] behind `{behind}`, with \
                 the tests that hold it, or with a remark such as 'explains: terms' when it claims nothing",
                text.chars().take(40).collect::<String>()
            )),
            _ => problems.push(format!(
                "{page}:{line}: `{text}` is in {list} more than once: {named:?}: keep one, or let it begin more exactly"
            )),
        }
    }
    let mut last = 0;
    for (begins, held) in &entries {
        let lines = blocks.iter().filter(|it| it.text.starts_with(begins.as_str()));
        match lines.map(|it| it.line).collect::<Vec<_>>()[..] {
            [line] if line > last => last = line,
            [line] => problems.push(format!(
                "{list}: `{begins}` is not in the order of {page}, where it stands in line {line}"
            )),
            [] => problems.push(format!("{list}: nothing in {page} begins with `{begins}` any more")),
            ref lines => problems.push(format!(
                "{list}: `{begins}` begins {} blocks of {page}, in lines {lines:?}: write more of it",
                lines.len()
            )),
        }
        let wrong = held.iter().filter(|it| !tests.contains(*it) && !is_remark(it));
        problems.extend(wrong.map(|it| format!("{list}: `{begins}`: there is no test `{it}`")));
        if held.is_empty() {
            problems.push(format!("{list}: `{begins}` names no test, and has no remark why"));
        }
    }
    problems
}

fn is_remark(text: &str) -> bool {
    let (kind, why) = text.split_once(": ").unwrap_or((text, ""));
    REMARKS.contains(&kind) && !why.is_empty() && !why.contains(' ')
}

/// The paragraphs, list items and rows of a page, and what is shown in no language. Headings and the heads of tables claim
/// nothing; what is shown in one is tried in `configurations` and `commands`.
fn blocks(text: &str) -> Vec<Block> {
    let item = Regex::new(r"^ *(?:[-*]|\d+\.) +").unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    // The language of a sample that has begun, and whether the next line belongs to the last block.
    let (mut sample, mut goes_on) = (None, false);
    for (line, text) in text.lines().enumerate().map(|(index, text)| (index + 1, text)) {
        if let Some(language) = text.trim_start().strip_prefix("```") {
            sample = if sample.is_some() { None } else { Some(language) };
            goes_on = false;
            continue;
        }
        let is_row = text.starts_with('|');
        let is_head = is_row && text.chars().all(|it| "|-: ".contains(it));
        match sample {
            Some("") => {}
            Some(_) => continue,
            None if is_head && text.contains('-') => {
                blocks.pop();
                continue;
            }
            None if text.trim().is_empty() || text.starts_with('#') => {
                goes_on = false;
                continue;
            }
            None => goes_on &= !is_row && !item.is_match(text),
        }
        let text = text.trim_start_matches(['>', '|', ' ']);
        let text = if sample.is_none() { item.replace(text, "") } else { text.into() };
        let text = text.replace("**", "").split_whitespace().collect::<Vec<_>>().join(" ");
        match blocks.last_mut() {
            Some(last) if goes_on => last.text.extend([" ", text.as_str()]),
            _ => blocks.push(Block { line, text }),
        }
        goes_on = !is_row;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const PAGE: &str = "# A page\n\nOne thing is\n**so**. And so on.\n\n- First item\n  goes on\n2. Second item\n\n\
                        | a | b |\n|---|---|\n| cell | other |\n\n```sh\nls\n```\n\n```\nerror: 3\n```\n";

    fn said(list: &str) -> Vec<String> {
        let page = |name: &str, text: &str| Page {
            path: crate::pages::root().join(PathBuf::from(name)),
            text: text.to_owned(),
        };
        let tests = ["suite::holds".to_owned()].into();
        compare(&page("a.md", PAGE), &page("a.toml", &format!("blocks = [{list}]")), &tests)
    }

    const GOOD: &str = "['One thing is so', 'suite::holds'], ['First item goes', 'explains: terms', 'suite::holds'],
                        ['Second', 'kafka: broker'], ['cell', 'advises: reader'], ['error', 'suite::holds']";

    #[test]
    fn a_page_is_taken_apart() {
        let of = |line, text: &str| Block { line, text: text.to_owned() };
        let wanted = [
            of(3, "One thing is so. And so on."),
            of(6, "First item goes on"),
            of(8, "Second item"),
            of(12, "cell | other |"),
            of(19, "error: 3"),
        ];
        assert_eq!(blocks(PAGE), wanted);
        assert_eq!(said(GOOD), [""; 0]);
    }

    #[test]
    fn what_is_wrong_with_a_list_is_found() {
        let wrong = [
            (
                "['Second', 'kafka: broker'],",
                "",
                "a.md:8: `Second item` is not in a.toml: add ['Second item', ",
            ),
            ("['Second'", "['Third'", "a.toml: nothing in a.md begins with `Third` any more"),
            (
                "['Second'",
                "['Sec', 'suite::holds'], ['Second'",
                "`Second item` is in a.toml more than once",
            ),
            (
                "'suite::holds'",
                "'suite::hold'",
                "`One thing is so`: there is no test `suite::hold`",
            ),
            ("'kafka: broker'", "'kafka'", "`Second`: there is no test `kafka`"),
            (", 'advises: reader'", "", "`cell` names no test, and has no remark why"),
            (
                "['cell', 'advises: reader'], ['error', 'suite::holds']",
                "['error', 'suite::holds'], ['cell', 'advises: reader']",
                "`cell` is not in the order of a.md, where it stands in line 12",
            ),
            ("['cell'", "['', 'suite::holds'], ['cell'", "`` begins 5 blocks of a.md"),
        ];
        for (good, bad, words) in wrong {
            let list = GOOD.replacen(good, bad, 1);
            assert_ne!(list, GOOD, "{good}");
            let said = said(&list);
            assert!(said.iter().any(|it| it.contains(words)), "{words}: {said:#?}");
        }
    }
}
