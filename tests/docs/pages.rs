//! The pages, and the commands that stand in them.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A Markdown file of the project.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// What a reader is told to type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) text: String,
    /// What this machine does not have.
    pub(crate) needs: Option<String>,
}

/// All of them.
pub(crate) fn all() -> Vec<Page> {
    let folders =
        ["", "docs", "docs/downstream", "charts/kafka-eventhubs-bridge", "crates/eventhubs-local"];
    let mut pages = Vec::new();
    for folder in folders {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.filter(|path| path.extension().is_some_and(|it| it == "md"));
        let read = |path: PathBuf| Page { text: fs::read_to_string(&path).unwrap(), path };
        pages.extend(files.map(read));
    }
    assert!(pages.len() > 15, "{pages:?}");
    pages
}

impl Page {
    pub(crate) fn named(name: &str) -> Self {
        let path = root().join(name);
        Self { text: fs::read_to_string(&path).unwrap(), path }
    }

    /// Its path in the checkout.
    pub(crate) fn name(&self) -> &str {
        self.path.strip_prefix(root()).unwrap().to_str().unwrap()
    }

    /// The first fenced block of `language` after `before`.
    pub(crate) fn block(&self, language: &str, before: &str) -> &str {
        let (_, after) = self.text.split_once(before).unwrap_or_else(|| panic!("no `{before}`"));
        let (_, after) = after.split_once(&format!("```{language}\n")).expect("a block");
        after.split("```").next().unwrap()
    }

    /// Its commands, in order: the lines of `sh` blocks, and what of ours is called within a sentence.
    pub(crate) fn commands(&self) -> Vec<Command> {
        let ours =
            Regex::new(r"`((?:target/release/)?(?:kafka-eventhubs-bridge|eventhubs-local) [^`]+)`");
        let ours = ours.unwrap();
        let mut commands = Vec::new();
        for (index, part) in self.text.split("\n```").enumerate() {
            if index % 2 == 0 {
                let said = ours.captures_iter(part).map(|found| found[1].to_owned());
                commands.extend(said.map(|text| Command { text, needs: None }));
            } else if let Some(block) = part.strip_prefix("sh\n") {
                commands.extend(typed(block));
            }
        }
        commands
    }
}

/// The commands of a block. A first line `# needs …` is about all of them, a remark of a line about that one.
fn typed(block: &str) -> Vec<Command> {
    let needs = |remark: &str| {
        let what = remark.trim_start().strip_prefix("needs ")?;
        Some(what.split([':', ';']).next().unwrap().trim().to_owned())
    };
    let all = block.strip_prefix('#').and_then(|rest| needs(rest.lines().next()?));
    if let Some(all) = all {
        // Not taken apart: what cannot be run need not be understood.
        return vec![Command { text: block.to_owned(), needs: Some(all) }];
    }
    let joined = block.replace("\\\n", " ");
    let lines = joined.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let command = |line: &str| {
        let (text, remark) = line.split_once(" # ").unwrap_or((line, ""));
        Command { text: text.trim().to_owned(), needs: needs(remark) }
    };
    lines.map(command).collect()
}

#[test]
fn commands_are_found_and_what_they_need() {
    let text = "Try `eventhubs-local --hub o:1` or `make`.\n\n```sh\nA=1  B=2\nfoo \\\n  --bar     # why\nbaz   # needs Azure: a while\n```\n\n\
                ```toml\nx = 1\n```\n\n```sh\n# needs a cluster\nkubectl get pods\n```\n";
    let page = Page { path: PathBuf::new(), text: text.to_owned() };
    let command = |text: &str, needs: Option<&str>| Command {
        text: text.to_owned(),
        needs: needs.map(str::to_owned),
    };
    let wanted = [
        command("eventhubs-local --hub o:1", None),
        command("A=1  B=2", None),
        command("foo    --bar", None),
        command("baz", Some("Azure")),
        command("# needs a cluster\nkubectl get pods", Some("a cluster")),
    ];
    assert_eq!(page.commands(), wanted);
}
