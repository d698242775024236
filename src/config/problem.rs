//! What is wrong with a configuration, in a form an operator can act on: what, where, why, what to do.
//!
//! No value of a key that may hold a secret ever gets here; [`super::hint::shown`] guards the others.

use std::fmt;

/// Columns a report may take.
const WIDTH: usize = 100;

/// Who said the thing that is wrong. Ordered as reports are: the file from its top, then variables, then flags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SettingPlace {
    /// The configuration file, with the line if it is known.
    File { name: String, line: Option<usize> },
    /// An environment variable.
    Variable(String),
    /// A flag, as it is written on the command line.
    Flag(String),
}

impl fmt::Display for SettingPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line: Some(line) } => write!(f, "{name}:{line}"),
            Self::File { name, line: None } => f.write_str(name),
            Self::Variable(name) => write!(f, "environment variable `{name}`"),
            Self::Flag(flag) => write!(f, "flag `{flag}`"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    pub(super) place: SettingPlace,
    pub(super) what: String,
    pub(super) why: String,
    pub(super) hint: String,
}

/// A place in parts, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot<'a> {
    /// `file`, `variable` or `flag`.
    pub source: &'static str,
    /// Its name, or the flag as it is written.
    pub name: &'a str,
    /// In a file, if it is known.
    pub line: Option<usize>,
}

impl Problem {
    /// What is wrong.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Where.
    pub fn spot(&self) -> Spot<'_> {
        match &self.place {
            SettingPlace::File { name, line } => Spot { source: "file", name, line: *line },
            SettingPlace::Variable(name) => Spot { source: "variable", name, line: None },
            SettingPlace::Flag(flag) => Spot { source: "flag", name: flag, line: None },
        }
    }

    /// Why it is wrong.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// What to do.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        paragraph(f, "error: ", &self.what)?;
        paragraph(f, "   at: ", &self.place.to_string())?;
        paragraph(f, "  why: ", &self.why)?;
        paragraph(f, " hint: ", &self.hint)
    }
}

/// What is taken as it is, and hardly was meant so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning(pub(super) Problem);

impl Warning {
    /// What is to be told.
    pub fn problem(&self) -> &Problem {
        &self.0
    }

    /// On one line, for the log.
    pub fn line(&self) -> String {
        let Problem { place, what, why, hint } = &self.0;
        format!("{what} ({place}): {why}; {hint}")
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        paragraph(f, "warning: ", &self.0.what)?;
        paragraph(f, "     at: ", &self.0.place.to_string())?;
        paragraph(f, "    why: ", &self.0.why)?;
        paragraph(f, "   hint: ", &self.0.hint)
    }
}

/// Writes `text` after `label`, broken at spaces and indented under itself.
fn paragraph(f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    f.write_str(label)?;
    let mut column = label.len();
    for (position, word) in text.split_whitespace().enumerate() {
        let width = word.chars().count();
        if position > 0 {
            if column + 1 + width > WIDTH {
                write!(f, "\n{:indent$}", "", indent = label.len())?;
                column = label.len();
            } else {
                f.write_str(" ")?;
                column += 1;
            }
        }
        f.write_str(word)?;
        column += width;
    }
    f.write_str("\n")
}

/// Everything that is wrong with a configuration; never empty. `Display` is what a terminal shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Sorted by place, each said once. `None` if nothing is wrong.
    pub(super) fn new(mut problems: Vec<Problem>) -> Option<Self> {
        problems.sort();
        problems.dedup();
        (!problems.is_empty()).then_some(Self(problems))
    }

    /// Each of them, the file from its top first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.0.iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{problem}")?;
        }
        match self.0.len() {
            1 => f.write_str("1 problem; nothing was started"),
            count => write!(f, "{count} problems; nothing was started"),
        }
    }
}

impl std::error::Error for Problems {}
