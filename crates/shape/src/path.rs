//! Where in a value something is: `customer.iban`, `lines[*].price`, `lines[0]`, `"first.name"`.

use std::fmt;

use crate::json::{Edits, Instead, Value};

/// No path goes deeper.
const LONGEST: usize = 32;

/// A place in a value, or several.
#[derive(Clone, PartialEq, Eq)]
pub struct Path {
    written: Box<str>,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(Box<str>),
    Index(usize),
    /// Each element of a list.
    Each,
}

/// Why text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}, at its character {column}")]
pub struct NoPath {
    /// What is wrong.
    pub what: &'static str,
    /// Where, counted from 1.
    pub column: usize,
}

impl Path {
    /// Reads a path.
    pub fn parse(written: &str) -> Result<Self, NoPath> {
        let mut reader = Reader { written, rest: written };
        let mut steps = vec![reader.name()?];
        while !reader.rest.is_empty() {
            if steps.len() >= LONGEST {
                return reader.wrong("it has more than 32 parts");
            }
            if reader.takes('.') {
                steps.push(reader.name()?);
            } else if reader.takes('[') {
                steps.push(reader.index()?);
            } else {
                return reader.wrong("expected `.` or `[`");
            }
        }
        Ok(Self { written: written.into(), steps })
    }

    /// Whether it is one place, and not each of a list.
    pub fn is_one(&self) -> bool {
        !self.steps.contains(&Step::Each)
    }

    /// Whether it ends with the name of a field, and not with an element of a list.
    pub fn is_field(&self) -> bool {
        matches!(self.steps.last(), Some(Step::Name(_)))
    }

    /// Whether `other` is inside it, or the same place.
    pub fn holds(&self, other: &Self) -> bool {
        let same = |(one, other): (&Step, &Step)| match (one, other) {
            (Step::Each, Step::Index(_)) => true,
            (one, other) => one == other,
        };
        self.steps.len() <= other.steps.len() && self.steps.iter().zip(&other.steps).all(same)
    }

    /// The value there.
    pub(crate) fn one<'d>(&self, root: Value<'d>) -> Option<Value<'d>> {
        self.steps.iter().try_fold(root, |value, step| match step {
            Step::Name(name) => value.member(name),
            Step::Index(index) => value.elements().nth(*index),
            Step::Each => None,
        })
    }

    /// Every value there, also of members whose name is there twice.
    pub(crate) fn all<'d>(&self, root: Value<'d>, found: &mut impl FnMut(Value<'d>)) {
        each(&self.steps, root, found);
    }

    /// Takes every member there out.
    pub(crate) fn remove(&self, root: Value<'_>, edits: &mut Edits<impl Instead>) {
        if let Some((Step::Name(last), before)) = self.steps.split_last() {
            each(before, root, &mut |of| {
                let named = of.members().filter(|it| it.name.is(last));
                named.for_each(|it| edits.remove(of, it.name));
            });
        }
    }
}

fn each<'d>(steps: &[Step], value: Value<'d>, found: &mut impl FnMut(Value<'d>)) {
    let Some((first, rest)) = steps.split_first() else { return found(value) };
    match first {
        Step::Name(name) => {
            for member in value.members().filter(|it| it.name.is(name)) {
                each(rest, member.value, found);
            }
        }
        Step::Index(index) => {
            if let Some(element) = value.elements().nth(*index) {
                each(rest, element, found);
            }
        }
        Step::Each => {
            for element in value.elements() {
                each(rest, element, found);
            }
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.written)
    }
}

struct Reader<'w> {
    written: &'w str,
    rest: &'w str,
}

impl<'w> Reader<'w> {
    fn wrong<T>(&self, what: &'static str) -> Result<T, NoPath> {
        let before = &self.written[..self.written.len() - self.rest.len()];
        Err(NoPath { what, column: before.chars().count() + 1 })
    }

    fn takes(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn until(&mut self, end: impl Fn(char) -> bool) -> &'w str {
        let at = self.rest.find(end).unwrap_or(self.rest.len());
        let (before, rest) = self.rest.split_at(at);
        self.rest = rest;
        before
    }

    fn name(&mut self) -> Result<Step, NoPath> {
        if self.takes('"') {
            let name = self.until(|c| c == '"');
            return if self.takes('"') {
                Ok(Step::Name(name.into()))
            } else {
                self.wrong("expected a closing `\"`")
            };
        }
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '@' | ':');
        let name = self.until(|c| !plain(c));
        if name.is_empty() {
            return self.wrong("expected the name of a field, in quotes if it has blanks or dots");
        }
        Ok(Step::Name(name.into()))
    }

    fn index(&mut self) -> Result<Step, NoPath> {
        let inside = self.rest;
        let index = self.until(|c| c == ']');
        let step =
            if index == "*" { Some(Step::Each) } else { index.parse().ok().map(Step::Index) };
        let Some(step) = step else {
            self.rest = inside;
            return self.wrong("expected `*` or a number, and `]`");
        };
        if self.takes(']') { Ok(step) } else { self.wrong("expected `]`") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    #[test]
    fn a_path_finds_its_places() {
        let text = br#"{"a.b": {"c": [{"d": 1}, {"d": 2}, 3]}, "e": 1, "e": 2}"#;
        let document = Document::parse(text).unwrap();
        let one = |path: &str| Path::parse(path).unwrap().one(document.root()).map(|it| it.raw());
        assert_eq!(one("\"a.b\".c[1].d"), Some("2"));
        assert_eq!(one("e"), Some("2"), "the last of several");
        assert_eq!(one("a.b"), None);
        assert_eq!(one("e.f"), None);
        assert_eq!(one("\"a.b\".c[3]"), None);
        let all = |path: &str| {
            let mut all = Vec::new();
            Path::parse(path).unwrap().all(document.root(), &mut |it| all.push(it.raw()));
            all
        };
        assert_eq!(all("\"a.b\".c[*].d"), ["1", "2"]);
        assert_eq!(all("e"), ["1", "2"], "none is forgotten");
    }

    #[test]
    fn what_is_no_path_is_told_by_its_column() {
        for (path, column) in [
            ("", 1),
            ("a.", 3),
            ("a..b", 3),
            ("a b", 2),
            ("a[x]", 3),
            ("a[1", 4),
            ("\"a", 3),
            ("[0]", 1),
        ] {
            let why = Path::parse(path).unwrap_err();
            assert_eq!(why.column, column, "{path}: {why}");
        }
        assert!(Path::parse(&vec!["a"; 40].join(".")).is_err());
    }

    #[test]
    fn a_path_may_hold_another() {
        let holds =
            |one: &str, other: &str| Path::parse(one).unwrap().holds(&Path::parse(other).unwrap());
        assert!(holds("a", "a.b") && holds("a[*].b", "a[0].b.c") && holds("a", "a"));
        assert!(!holds("a.b", "a") && !holds("a", "ab"));
    }
}
