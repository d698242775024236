//! `CHANGE-ME`: what `import` could not know and nobody has filled in yet. Such a value is well formed, so it would be
//! found out only when Kafka or Azure know nothing of it; wherever it stands, it is refused here.

use config::{Value, ValueKind};

use crate::config::path::Path;

use super::Check;

const MARK: &str = "CHANGE-ME";

impl Check<'_> {
    /// Says every value that still holds the mark, whatever its key. Only the mark is shown: the rest may be a secret.
    pub(super) fn all_is_filled_in(&mut self) {
        let mut found = Vec::new();
        collect(self.layers.tree(), &Path::default(), &mut found);
        for at in found {
            let problem = self.problem(
                &at,
                "is still `CHANGE-ME`",
                "`import` did not know the value, and wrote this in its place",
                "replace it by your value; a comment above it in the file may say where to find it",
            );
            if self.extent.takes_in(&at) {
                self.problems.push(problem);
            }
        }
    }

    /// Whether the value at `at` is one of those: what else is wrong with it means nothing.
    pub(super) fn is_unfilled(&self, at: &Path) -> bool {
        self.layers.find(at).is_some_and(is_marked)
    }
}

fn is_marked(value: &Value) -> bool {
    matches!(&value.kind, ValueKind::String(text) if text.contains(MARK))
}

fn collect(value: &Value, at: &Path, found: &mut Vec<Path>) {
    match &value.kind {
        ValueKind::Table(table) => {
            for (key, value) in table {
                collect(value, &at.key(key), found);
            }
        }
        ValueKind::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                collect(value, &at.index(index), found);
            }
        }
        _ if is_marked(value) => found.push(at.clone()),
        _ => {}
    }
}
