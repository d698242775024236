//! Where in the configuration something stands: `mappings[1].batch.linger`.

use std::fmt;

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum PathStep {
    /// Into a table.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// The way from the root; the root itself is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Path(Vec<PathStep>);

impl Path {
    /// `table`, a key of the root.
    pub(super) fn top(table: &str) -> Self {
        Self::default().key(table)
    }

    /// The entry `key` of this table.
    pub(super) fn key(&self, key: &str) -> Self {
        self.then(PathStep::Key(key.to_owned()))
    }

    /// The entry `index` of this list.
    pub(super) fn index(&self, index: usize) -> Self {
        self.then(PathStep::Index(index))
    }

    fn then(&self, step: PathStep) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The table or list this stands in; the root has none.
    pub(super) fn parent(&self) -> Option<Self> {
        let (_, rest) = self.0.split_last()?;
        Some(Self(rest.to_vec()))
    }

    /// The last key, if this does not end in an index.
    pub(super) fn last_key(&self) -> Option<&str> {
        match self.0.last()? {
            PathStep::Key(key) => Some(key),
            PathStep::Index(_) => None,
        }
    }

    /// The keys on the way from the root.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|step| match step {
            PathStep::Key(key) => Some(key.as_str()),
            PathStep::Index(_) => None,
        })
    }

    /// The steps from the root.
    pub(super) fn steps(&self) -> &[PathStep] {
        &self.0
    }

    /// Whether this is `other` or stands inside it.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Index(index) => write!(f, "[{index}]")?,
                PathStep::Key(key) => {
                    if position > 0 {
                        f.write_str(".")?;
                    }
                    if key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                        f.write_str(key)?;
                    } else {
                        write!(f, "\"{key}\"")?;
                    }
                }
            }
        }
        Ok(())
    }
}
