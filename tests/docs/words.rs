//! Words of our own that have one in the field: pages, messages, help and configurations say the field's.

use std::fs;
use std::sync::LazyLock;

use regex::Regex;

use crate::pages;

/// What is not said, and what is said instead.
const INSTEAD: [(&str, &str); 14] = [
    (r"anew", "again"),
    (r"as ever", "as usual, as before"),
    (r"cannot be had", "cannot be installed, is taken, is refused"),
    (r"looked into", "read, examined"),
    (r"lets? go|letting go", "give up, release, detach"),
    (r"lets? in", "accept, admit"),
    (r"says? no", "refuse"),
    (r"shut out", "refused, unauthorized"),
    (r"takes? nothing", "accept no events"),
    (r"told of", "see, be notified of"),
    (r"goes astray|went astray", "lost"),
    (r"of its own accord", "by itself"),
    (r"who(ever|soever)", "the one who, everybody who"),
    (r"without a word", "in silence, without saying so"),
];

/// A page outside of what it quotes: code, and the names of files and parts.
fn prose(text: &str) -> String {
    let quoted = Regex::new(r"(?ms)^ *```.*?^ *```|`[^`\n]*`|\]\([^)]*\)").unwrap();
    // As many lines as before.
    quoted
        .replace_all(text, |found: &regex::Captures<'_>| {
            "\n".repeat(found[0].matches('\n').count())
        })
        .into_owned()
}

/// Where a text says what it should not, by line, and what it may say.
fn said(text: &str) -> Vec<(usize, String)> {
    static WORDS: LazyLock<[(Regex, &str); INSTEAD.len()]> = LazyLock::new(|| {
        INSTEAD.map(|(word, instead)| (Regex::new(&format!(r"(?i)\b({word})\b")).unwrap(), instead))
    });
    let mut said = Vec::new();
    for (number, line) in (1..).zip(prose(text).lines()) {
        for (word, instead) in WORDS.iter() {
            let found = word.find_iter(line);
            said.extend(found.map(|it| (number, format!("`{}`: say {instead}", it.as_str()))));
        }
    }
    said
}

#[test]
fn pages_say_the_words_of_the_field() {
    let mut problems = Vec::new();
    for page in pages::all() {
        let found = said(&page.text).into_iter();
        problems.extend(found.map(|(line, what)| format!("{}:{line}: {what}", page.name())));
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// Words of ours that no reader can guess: where a page uses one, its entry in the glossary is a click away.
#[test]
fn pages_that_use_our_words_lead_to_the_glossary() {
    let ours = Regex::new(r"(?i)\b(lanes?|shards?|tickets?|halted|settled)\b").unwrap();
    let mut missing = Vec::new();
    for page in pages::all().iter().filter(|page| page.name().starts_with("docs/")) {
        if let Some(word) = ours.find(&prose(&page.text))
            && page.name() != "docs/glossary.md"
            && !page.text.contains("glossary.md")
        {
            missing.push(format!("{} says `{}`", page.name(), word.as_str()));
        }
    }
    assert!(missing.is_empty(), "link docs/glossary.md: {missing:#?}");
}

/// What the program says: its texts, and what makes the help and the schema; and the comments of configurations.
fn spoken(path: &str, text: &str) -> Option<String> {
    let texts = Regex::new(r#""(?:[^"\\]|\\.)*("|\\$)"#).unwrap();
    let is_told = path.starts_with("src/cli/") || path.starts_with("src/config/raw");
    let mut goes_on = false;
    let mut line = |line: &str| {
        let comment = line.trim_start();
        // Within a text that began before.
        let is_within = std::mem::replace(&mut goes_on, line.ends_with('\\'));
        if comment.starts_with("//") {
            let told = is_told && comment.starts_with("/// ");
            return if told { comment.to_owned() } else { String::new() };
        }
        if is_within {
            return line.to_owned();
        }
        texts.find_iter(line).map(|it| it.as_str()).collect::<Vec<_>>().join(" ")
    };
    let mut lines = |text: &str| text.lines().map(&mut line).collect::<Vec<_>>().join("\n");
    match path.rsplit_once('.')?.1 {
        // Tests say what they like.
        "rs" => Some(lines(text.split("#[cfg(test)]").next()?)),
        "toml" | "yaml" | "json" => Some(text.to_owned()),
        _ => None,
    }
}

#[test]
fn the_program_says_the_words_of_the_field() {
    let mut problems = Vec::new();
    let mut folders: Vec<_> =
        ["src", "config", "charts/kafka-eventhubs-bridge"].map(|it| pages::root().join(it)).into();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(pages::root()).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !name.ends_with("tests.rs")
                && let Ok(text) = fs::read_to_string(&path)
                && let Some(spoken) = spoken(&name, &text)
            {
                let found = said(&spoken).into_iter();
                problems.extend(found.map(|(line, what)| format!("{name}:{line}: {what}")));
            }
        }
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn what_is_quoted_is_not_said() {
    let text = "The log says `deleted and made anew`.\n```text\nit is let go\n```\nWhoever reads [it](let go.md) goes on anew.";
    let lines: Vec<_> = said(text).into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, [5, 5]);
}
