//! Pages are read by people who have an alert at night, and mostly in a language that is not their own: sentences are short.

use std::sync::LazyLock;

use regex::Regex;

use crate::pages::Page;

/// Pages that are held to it.
const HELD: [&str; 43] = [
    "README.md",
    "SECURITY.md",
    "crates/eventhubs-local/README.md",
    "docs/README.md",
    "docs/access.md",
    "docs/architecture.md",
    "docs/azure.md",
    "docs/benchmarks.md",
    "docs/check.md",
    "docs/commands.md",
    "docs/comparison.md",
    "docs/configuration.md",
    "docs/delivery.md",
    "docs/dependencies.md",
    "docs/downstream/README.md",
    "docs/downstream/capture.md",
    "docs/downstream/data-explorer.md",
    "docs/downstream/decoded.md",
    "docs/downstream/fabric.md",
    "docs/downstream/functions.md",
    "docs/downstream/spark.md",
    "docs/downstream/stream-analytics.md",
    "docs/downstream/too-large.md",
    "docs/events.md",
    "docs/exit-codes.md",
    "docs/glossary.md",
    "docs/kubernetes.md",
    "docs/local.md",
    "docs/metrics.md",
    "docs/migration.md",
    "docs/operate.md",
    "docs/page.md",
    "docs/performance.md",
    "docs/runbooks.md",
    "docs/schemas.md",
    "docs/shaping.md",
    "docs/status.md",
    "docs/support.md",
    "docs/telemetry.md",
    "docs/too-large.md",
    "docs/try.md",
    "docs/upgrade.md",
    "docs/walk.md",
];
/// A sentence has fewer words than this.
const TOO_MANY: usize = 30;
/// Words of a sentence, on the average of a page.
const AVERAGE: usize = 16;
/// A cell of a table with fewer words is a name or a number, and no sentence.
const FEWEST_IN_A_CELL: usize = 4;
/// A point behind these ends no sentence.
const ABBREVIATIONS: [&str; 6] = ["e.g.", "i.e.", "etc.", "vs.", "cf.", "approx."];

/// A sentence, and the line of the page in which its paragraph, item or row begins.
struct Sentence {
    line: usize,
    text: String,
}

impl Sentence {
    fn words(&self) -> usize {
        words(&self.text)
    }
}

fn words(text: &str) -> usize {
    text.split_whitespace().filter(|it| it.contains(char::is_alphanumeric)).count()
}

/// A part of a page that no sentence runs out of.
struct Part {
    line: usize,
    text: String,
    is_cell: bool,
}

/// Paragraphs, list items and cells. What is fenced or set back, headings and what is said in HTML alone are none.
fn parts(page: &str) -> Vec<Part> {
    let item = Regex::new(r"^(?:[-*]|\d+\.) +").unwrap();
    let mut parts: Vec<Part> = Vec::new();
    let (mut is_fenced, mut goes_on) = (false, false);
    for (line, text) in (1..).zip(page.lines()) {
        let is_code = !goes_on && text.starts_with("    ");
        let text = text.trim_start_matches(['>', ' ']);
        let is_fence = text.starts_with("```");
        is_fenced ^= is_fence;
        let is_head = text.starts_with('#') || text.starts_with('<');
        if is_code || is_fence || is_fenced || is_head || text.trim().is_empty() {
            goes_on = false;
        } else if let Some(row) = text.strip_prefix('|') {
            let cells = row.trim_end().trim_end_matches('|').replace("\\|", " ");
            let cells = cells.split('|').map(|it| it.trim().to_owned());
            parts.extend(cells.map(|text| Part { line, text, is_cell: true }));
            goes_on = false;
        } else if goes_on && !item.is_match(text) {
            let last = parts.last_mut().expect("one that goes on");
            last.text.extend([" ", text]);
        } else {
            let text = item.replace(text, "").into_owned();
            parts.push(Part { line, text, is_cell: false });
            goes_on = true;
        }
    }
    parts
}

/// Text without marks: code and the name of a page are a word each, a link is what is seen of it, and a picture nothing.
fn read(text: &str) -> String {
    static MARKS: LazyLock<[(Regex, &str); 4]> = LazyLock::new(|| {
        let marks = [
            (r"``[^`]+``|`[^`]+`", "Code"),
            (r"!\[[^\]]*\]\([^)]*\)|<[^>]+>", ""),
            (r"\[([^\]]*)\]\([^)]*\)", "$1"),
            (r"\b[a-z-]+\.md\b", "Page"),
        ];
        marks.map(|(mark, instead)| (Regex::new(mark).unwrap(), instead))
    });
    let mut text = text.to_owned();
    for (mark, instead) in MARKS.iter() {
        text = mark.replace_all(&text, *instead).into_owned();
    }
    text.replace(['*', '_'], "")
}

fn sentences(page: &str) -> Vec<Sentence> {
    // What ends a sentence, with the quotes and brackets around it, before what may begin one.
    let end = Regex::new(r#"[.!?][)"'”’]*\s+[("'“‘]*[\p{Lu}\d/]"#).unwrap();
    let mut sentences = Vec::new();
    for part in parts(page) {
        let text = read(&part.text);
        let mut from = 0;
        let mut push = |text: &str| {
            if !part.is_cell || words(text) >= FEWEST_IN_A_CELL {
                sentences.push(Sentence { line: part.line, text: text.trim().to_owned() });
            }
        };
        for found in end.find_iter(&text) {
            let here = &text[from..];
            let upto = found.start() + found.as_str().find(char::is_whitespace).expect("a space");
            let last = here[..upto - from].split_whitespace().next_back().unwrap_or_default();
            if !ABBREVIATIONS.contains(&last.trim_start_matches('(')) {
                push(&text[from..upto]);
                from = upto;
            }
        }
        push(&text[from..]);
    }
    sentences.retain(|it| it.words() > 0);
    sentences
}

/// What is too long in a page.
fn too_long(page: &Page) -> Vec<String> {
    let (name, sentences) = (page.name(), sentences(&page.text));
    let long = sentences.iter().filter(|it| it.words() >= TOO_MANY);
    let mut problems: Vec<_> =
        long.map(|it| format!("{name}:{}: {} words: {}", it.line, it.words(), it.text)).collect();
    let all: usize = sentences.iter().map(Sentence::words).sum();
    if all > AVERAGE * sentences.len() {
        let count = sentences.len();
        problems
            .push(format!("{name}: {all} words in {count} sentences, more than {AVERAGE} in one"));
    }
    problems
}

#[test]
fn sentences_are_short() {
    let problems: Vec<_> = HELD.iter().flat_map(|name| too_long(&Page::named(name))).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn a_page_is_read_as_sentences() {
    let page = "# A heading. It counts not\n\nIt reads `a b. C`, e.g. This one\ngoes on [to here. Or](x.md#y). \
                **Bold** is a word!\n\n| `key` | it has four words. And three more |\n|---|---|\n\n```sh\nls. All\n```\n    make all\n\
                1. An item\n   goes on: 3.5 s\n2. Another (in brackets.) `Code` begins one\n";
    let read: Vec<_> =
        sentences(page).into_iter().map(|it| (it.line, it.words(), it.text)).collect();
    let wanted = [
        (3, 10, "It reads Code, e.g. This one goes on to here."),
        (3, 1, "Or."),
        (3, 4, "Bold is a word!"),
        (6, 4, "it has four words."),
        (13, 6, "An item goes on: 3.5 s"),
        (15, 3, "Another (in brackets.)"),
        (15, 3, "Code begins one"),
    ];
    let wanted: Vec<_> = wanted.map(|(line, words, text)| (line, words, text.to_owned())).into();
    assert_eq!(read, wanted);
}
