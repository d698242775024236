//! Words of our own that have one in the field: pages, messages, help and configurations say the field's.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use crate::{pages, texts};

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

/// Words that are not said, each with what may be said.
type Words = Vec<(Regex, &'static str)>;

static WORDS: LazyLock<Words> = LazyLock::new(|| words(&INSTEAD));
static PLAIN_WORDS: LazyLock<Words> = LazyLock::new(|| words(&PLAINLY));

fn words(list: &[(&'static str, &'static str)]) -> Words {
    let word = |word: &str| Regex::new(&format!(r"(?i)\b({word})\b")).unwrap();
    list.iter().map(|(it, instead)| (word(it), *instead)).collect()
}

/// Where a text says what it should not, by line, and what it may say.
fn said(text: &str) -> Vec<(usize, String)> {
    said_of(text, &WORDS)
}

fn said_of(text: &str, words: &Words) -> Vec<(usize, String)> {
    let mut said = Vec::new();
    for (number, line) in (1..).zip(prose(text).lines()) {
        for (word, instead) in words {
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

/// What the program, its help, its configurations and its charts do not say either, and what they say instead.
const PLAINLY: [(&str, &str); 27] = [
    (r"(some|no)body", "a person, another program, no member, no pod"),
    (r"the other way round", "say both ways"),
    (r"as it (stands|counts)", "effective, unchanged"),
    (r"can not", "cannot"),
    (r"go(es)? on|going on", "continue"),
    (r"mend(s|ed)?", "fix, correct"),
    (r"heed(s|ed)?", "ignore"),
    (r"hardly", "probably not"),
    (r"which no \w+ is called", "not a valid name"),
    (r"that (is|are) meant", "selected"),
    (r"(is|are|was|were) told", "see, know"),
    (r"trying again|tries again|looking again|asked again", "retrying, retries"),
    (r"under way", "in flight"),
    (r"made again", "created again"),
    (
        r"(token|signature|secret|certificate|session|credentials?|one) (has|have|had) ended",
        "expired, timed out",
    ),
    (r"of no use", "has no effect"),
    (r"who asks", "user, identity, credentials"),
    (
        r"(unless|until) (it|they) says?( otherwise)?|unless it is said|is not said",
        "by default, is not set",
    ),
    (r"stands? (behind|beside|in the way|against|in between)", "is after, prevents"),
    (r"what (stands|waits|counts|becomes of|came of)", "say which things"),
    (r"gone by then", "no longer there"),
    (r"has (none|no place)", "does not exist, has no partition"),
    (r"wants? (a|an|to be|most)", "requires, needs"),
    (r"speaks? (TLS|HTTP|gRPC)", "use"),
    (r"lets? (it|this place|somebody|one)", "allow, accept"),
    (r"(have|having) (a )?new one made", "create a new one"),
    (r"nothing (stands|goes|comes|of it is (to be )?read)", "say which events or records"),
];

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

#[test]
fn the_program_says_the_words_of_the_field() {
    let mut problems = Vec::new();
    for text in texts::all() {
        let found = said(&text.said).into_iter().chain(said_of(&text.said, &PLAIN_WORDS));
        problems.extend(
            found.map(|(line, what)| format!("{}:{}: {what}", text.file, text.line + line - 1)),
        );
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// Words that a sentence may have: who is woken at night reads it once.
const LONGEST: usize = 25;

/// Words of the longest sentence of a text; a hint is a sentence of its own.
fn longest(text: &str) -> usize {
    static ENDS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[.;?!](\s|$)|\\n|\n  ").unwrap());
    let words = |sentence: &str| {
        sentence.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count()
    };
    ENDS.split(text).map(words).max().unwrap_or_default()
}

#[test]
fn messages_and_help_have_short_sentences() {
    let of_code = texts::all()
        .into_iter()
        .filter(|text| Path::new(&text.file).extension().is_some_and(|it| it == "rs"));
    let long = of_code.filter(|text| longest(&text.said) > LONGEST);
    let long =
        long.map(|text| format!("{}: {} words: {}", text.place(), longest(&text.said), text.said));
    let long = long.collect::<Vec<_>>();
    assert!(long.is_empty(), "\n{}\n", long.join("\n"));
}

#[test]
fn a_sentence_ends_where_its_reader_pauses() {
    assert_eq!(longest("one two three. Four five; hint: six `seven` - eight"), 4);
    assert_eq!(longest("in `docs/it.md` at 127.0.0.1:9400"), 4);
}

#[test]
fn what_is_quoted_is_not_said() {
    let text = "The log says `deleted and made anew`.\n```text\nit is let go\n```\nWhoever reads [it](let go.md) goes on anew.";
    let lines: Vec<_> = said(text).into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, [5, 5]);
}
