//! Words of our own that have one in the field: a page says the field's.

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
    let words = INSTEAD
        .map(|(word, instead)| (Regex::new(&format!(r"(?i)\b({word})\b")).unwrap(), instead));
    let mut said = Vec::new();
    for (number, line) in (1..).zip(prose(text).lines()) {
        for (word, instead) in &words {
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

#[test]
fn what_is_quoted_is_not_said() {
    let text = "The log says `deleted and made anew`.\n```text\nit is let go\n```\nWhoever reads [it](let go.md) goes on anew.";
    let lines: Vec<_> = said(text).into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, [5, 5]);
}
