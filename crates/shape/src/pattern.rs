//! A pattern that text matches as a whole.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

/// No pattern takes more memory than this once it is compiled.
pub(crate) const LARGEST: usize = 256 << 10;

/// Characters that do not stand for themselves.
const SPECIAL: [char; 14] = ['\\', '.', '+', '*', '?', '(', ')', '|', '[', ']', '{', '}', '^', '$'];

/// A regular expression for whole values. One without anything special is compared byte by byte.
#[derive(Clone)]
pub struct Pattern {
    written: Box<str>,
    regex: Option<Regex>,
}

impl Pattern {
    /// Reads a regular expression; what is wrong with it is said in one line.
    pub fn parse(written: &str) -> Result<Self, String> {
        let whole = format!(r"\A(?:{written})\z");
        let compiled = |text: &str| RegexBuilder::new(text).size_limit(LARGEST).build();
        // By itself first: `a)(b` would be one inside.
        let regex = compiled(written).and_then(|_| compiled(&whole));
        let regex = regex.map_err(|error| one_line(&error))?;
        // What stands for itself outside of brackets, such as a hyphen, is compared as it is.
        let special = written.contains(SPECIAL);
        Ok(Self { written: written.into(), regex: special.then_some(regex) })
    }

    /// Whether all of `value` matches.
    pub fn matches(&self, value: &[u8]) -> bool {
        match &self.regex {
            Some(regex) => regex.is_match(value),
            None => *value == *self.written.as_bytes(),
        }
    }
}

/// The last line of what the parser says is what it has against it; those before draw where.
pub(crate) fn one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_nothing_special_is_compared_as_it_is() {
        let is_compared = |pattern: &str| Pattern::parse(pattern).unwrap().regex.is_none();
        assert!(
            ["order", "orders-service", "a b#&~<>=!/:@,;'\"%_-"].iter().all(|it| is_compared(it))
        );
        for special in SPECIAL {
            let pattern = format!("a\\{special}");
            assert!(!is_compared(&pattern) && regex::escape(&special.to_string()) == pattern[1..]);
        }
        let odd = "a b#&~<>=!/:@,;'\"%_-";
        let whole = Regex::new(&format!(r"\A(?:{odd})\z")).unwrap();
        assert!(whole.is_match(odd.as_bytes()), "the expression means the same");
    }

    #[test]
    fn a_pattern_matches_as_a_whole() {
        let matches = |pattern: &str, value: &[u8]| Pattern::parse(pattern).unwrap().matches(value);
        assert!(matches("order", b"order") && !matches("order", b"orders"));
        assert!(matches("order.*", b"orders") && !matches("order.*", b"my order"));
        assert!(matches("SE|NO", b"NO") && !matches("SE|NO", b"SEN"));
        assert!(!matches("a", b"a\n"), "the end is the end");
        assert!(matches("(?s-u).*", b"\xff\n"));
    }

    #[test]
    fn what_is_wrong_is_one_line() {
        for pattern in ["(", "a)(b", "[z-a]", "(?!x)", "a{9999}{9999}"] {
            let why = Pattern::parse(pattern).unwrap_err();
            assert!(!why.is_empty() && !why.contains('\n'), "{pattern}: {why}");
        }
    }
}
