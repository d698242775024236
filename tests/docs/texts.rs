//! What the program says, where its sources say it: texts, the help of arguments, and the words of other files.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use crate::pages;

/// What clap makes help of.
const HELP: [&str; 4] = ["Parser", "Args", "Subcommand", "ValueEnum"];

/// Something a user may read, and where it stands.
pub(crate) struct Text {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) said: String,
}

impl Text {
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// What only tests say.
const ASIDE: [&str; 2] = ["crates/processes", "crates/stage"];

/// Folders with everything below them, and files.
const PLACES: [&str; 7] = [
    "src",
    "crates",
    "config",
    "charts/kafka-eventhubs-bridge",
    "deploy/azure",
    "compose.yaml",
    "docs/schemas",
];

pub(crate) fn all() -> Vec<Text> {
    let mut all = Vec::new();
    for place in PLACES {
        below(&pages::root().join(place), &mut all);
    }
    all
}

fn below(path: &Path, all: &mut Vec<Text>) {
    if path.is_dir() {
        if ASIDE.iter().any(|aside| path.ends_with(aside)) {
            return;
        }
        for entry in fs::read_dir(path).unwrap() {
            below(&entry.unwrap().path(), all);
        }
        return;
    }
    let file = path.strip_prefix(pages::root()).unwrap().to_str().unwrap().to_owned();
    let Ok(source) = fs::read_to_string(path) else { return };
    let texts = of(&file, &source).into_iter();
    all.extend(texts.map(|(line, said)| Text { file: file.clone(), line, said }));
}

/// The texts of a file, by line. Tests say what they like.
fn of(file: &str, source: &str) -> Vec<(usize, String)> {
    static UNSAID: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(^|/)(tests?|testing|simulation|examples|fuzz|benches)(/|\.rs$)|runbooks\.js$|\.jsonl$",
        )
        .unwrap()
    });
    let is_example = file.starts_with("config/");
    let is_a = |kind: &str| Path::new(file).extension().is_some_and(|it| it == kind);
    if !is_example && UNSAID.is_match(file) || is_a("jsonl") {
        return Vec::new();
    }
    match file.rsplit_once('.').map_or("", |(_, kind)| kind) {
        "rs" => {
            let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let mut texts = literals(source);
            texts.extend(help(source));
            texts
        }
        "js" => scripted(source),
        "toml" if file.ends_with("Cargo.toml") => Vec::new(),
        "toml" | "yaml" | "tpl" | "txt" | "html" | "json" => lines(source),
        _ => Vec::new(),
    }
}

fn lines(source: &str) -> Vec<(usize, String)> {
    (1..).zip(source.lines().map(str::to_owned)).collect()
}

/// Texts in quotes, without what the compiler leaves out of them.
fn literals(source: &str) -> Vec<(usize, String)> {
    static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
        let (comment, raw) = (r"//[^\n]*", r##"r#"(?s:.*?)"#|r"[^"]*""##);
        let (text, one) = (r#""((?:[^"\\]|\\(?s:.))*)""#, r"'(?:\\[^'\n]*|[^'\\\n])'");
        Regex::new(&format!("{comment}|{raw}|{text}|{one}")).unwrap()
    });
    static BREAK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\\\n\s*").unwrap());
    let mut found = Vec::new();
    for token in TOKEN.captures_iter(source) {
        if let Some(text) = token.get(1) {
            let line = source[..text.start()].matches('\n').count() + 1;
            found.push((line, BREAK.replace_all(text.as_str(), "").replace("\\\"", "\"")));
        }
    }
    found
}

/// The documentation of arguments and commands, each in one piece.
fn help(source: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let (mut is_told, mut goes_on) = (false, false);
    for (number, line) in (1..).zip(source.lines()) {
        if line.starts_with("#[derive(") {
            is_told = HELP.iter().any(|name| line.contains(name));
        } else if line.starts_with('}') {
            is_told = false;
        }
        let Some(said) = line.trim_start().strip_prefix("/// ").filter(|_| is_told) else {
            goes_on = false;
            continue;
        };
        match found.last_mut().filter(|_| goes_on) {
            Some((_, before)) => *before = format!("{before} {said}"),
            None => found.push((number, said.to_owned())),
        }
        goes_on = true;
    }
    found
}

/// Texts of a script, in quotes or backticks.
fn scripted(source: &str) -> Vec<(usize, String)> {
    static TEXT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"//.*|/\*\*.*|^ \*.*|'([^'\n]* [^'\n]*)'|`([^`\n]* [^`\n]*)`").unwrap()
    });
    let mut found = Vec::new();
    for (number, line) in (1..).zip(source.lines()) {
        for token in TEXT.captures_iter(line) {
            let text = token.get(1).or(token.get(2));
            found.extend(text.map(|text| (number, text.as_str().to_owned())));
        }
    }
    found
}

#[test]
fn texts_and_help_are_told_from_code() {
    let source = "/// Not help.\n#[derive(Args)]\nstruct It {\n    /// Show\n    /// all\n    #[arg(long)]\n    all: bool,\n}\n\
        // \"a comment\"\nfn it() -> char {\n    say(\"one \\\n         line\", r\"[raw]\");\n    '\"'\n}\n";
    let texts = of("src/it.rs", source);
    assert_eq!(texts, [(11, "one line".to_owned()), (4, "Show all".to_owned())]);
    assert!(of("crates/it/tests/it.rs", source).is_empty());
    assert_eq!(of("src/it.js", "say('a word'); // 'no word'"), [(1, "a word".to_owned())]);
}
