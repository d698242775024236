//! On which line of a TOML text each key stands.
//!
//! The `config` crate merges layers well, and could carry a line as the origin of a value; but merging makes every table again,
//! without its origin, and what is missing is told at the line of its table. So lines are kept beside the merged tree, and not in it.

use std::collections::HashMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::path::Path;

/// Lines of a text, by key.
pub(super) struct Lines {
    of: HashMap<Path, usize>,
    /// The first integer TOML allows and 64 bits do not.
    oversized: Option<Path>,
}

impl Lines {
    /// Reads `text`; the error is the syntax error, with its position in bytes.
    pub(super) fn read(text: &str) -> Result<Self, toml::de::Error> {
        let document = DeTable::parse(text)?;
        let mut lines = Self { of: HashMap::new(), oversized: None };
        lines.table(text, &Path::default(), document.get_ref());
        Ok(lines)
    }

    /// Whether the text itself has `path`.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.of.contains_key(path)
    }

    /// The line `path` begins on, or the nearest table around it that the text has.
    pub(super) fn nearest(&self, path: &Path) -> Option<usize> {
        let mut path = path.clone();
        loop {
            if let Some(line) = self.of.get(&path) {
                return Some(*line);
            }
            path = path.parent()?;
        }
    }

    /// A key whose integer does not fit into 64 bits.
    pub(super) fn oversized(&self) -> Option<&Path> {
        self.oversized.as_ref()
    }

    fn table(&mut self, text: &str, at: &Path, table: &DeTable<'_>) {
        for (key, value) in table {
            let at = at.key(key.get_ref());
            self.of.insert(at.clone(), line_of(text, key.span().start));
            self.value(text, &at, value);
        }
    }

    fn value(&mut self, text: &str, at: &Path, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(text, at, table),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let at = at.index(index);
                    self.of.insert(at.clone(), line_of(text, item.span().start));
                    self.value(text, &at, item);
                }
            }
            DeValue::Integer(integer)
                if i64::from_str_radix(integer.as_str(), integer.radix()).is_err() =>
            {
                self.oversized.get_or_insert_with(|| at.clone());
            }
            _ => {}
        }
    }
}

/// The line, from 1, that byte `offset` of `text` stands on.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_keys_tables_and_elements() {
        let text = "[kafka]\nbrokers = 'a'\n\n[[mappings]]\ntopic = 'a'\n\n[[mappings]]\n\
                    topic = 'b'\n[mappings.batch]\nlinger = '1s'\n";
        let lines = Lines::read(text).unwrap();
        let second = Path::top("mappings").index(1);
        let line = |path: &Path| lines.nearest(path);
        assert_eq!(line(&Path::top("kafka")), Some(1));
        assert_eq!(line(&Path::top("kafka").key("brokers")), Some(2));
        assert_eq!(line(&Path::top("mappings").index(0).key("topic")), Some(5));
        assert_eq!(line(&second), Some(7));
        assert_eq!(line(&second.key("batch").key("linger")), Some(10));
        assert_eq!(line(&second.key("hub")), Some(7), "a missing key stands where its table does");
        assert_eq!(line(&Path::top("eventhubs")), None);
    }

    #[test]
    fn finds_an_integer_that_does_not_fit() {
        let lines = Lines::read("[limits]\nshards = 99999999999999999999\n").unwrap();
        assert_eq!(lines.oversized(), Some(&Path::top("limits").key("shards")));
        assert!(Lines::read("[limits]\nshards = -0x7fff_ffff").is_err());
        assert_eq!(Lines::read("[limits]\nshards = 1_000").unwrap().oversized(), None);
    }
}
