//! What the configuration names, now and before a reload.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{HubPath, Trouble};

/// What the configuration names.
#[derive(Debug)]
pub(super) struct Meant {
    /// Everywhere the mappings go.
    pub(super) ways: BTreeSet<HubPath>,
    /// Topics, for records or dead letters.
    pub(super) topics: BTreeSet<Arc<str>>,
    /// Those that were named before, and are in no trouble any more.
    pub(super) former: BTreeSet<Arc<str>>,
}

impl Meant {
    pub(super) fn new(
        ways: impl IntoIterator<Item = HubPath>,
        topics: impl IntoIterator<Item = Arc<str>>,
    ) -> Self {
        let (ways, topics) = (ways.into_iter().collect(), topics.into_iter().collect());
        Self { ways, topics, former: BTreeSet::new() }
    }

    /// It names these now.
    pub(super) fn replace(
        &mut self,
        ways: impl IntoIterator<Item = HubPath>,
        topics: impl IntoIterator<Item = Arc<str>>,
    ) {
        let now = Self::new(ways, topics);
        let before = std::mem::replace(self, now);
        self.former.extend(before.former.into_iter().chain(before.topics));
    }

    /// Whether it is looked for what is in trouble there, for the whole process.
    pub(super) fn is_looked_for(&self, what: &Trouble) -> bool {
        let goes = |namespace: &Arc<str>, hub: &Arc<str>| {
            self.ways.contains(&(Arc::clone(namespace), Some(Arc::clone(hub))))
        };
        match what {
            Trouble::Hub { namespace, hub } => goes(namespace, hub),
            Trouble::Topic(topic) | Trouble::DeadLetters(topic) => self.topics.contains(topic),
            // Said again where it is still so.
            Trouble::Place { .. } => false,
            _ => true,
        }
    }
}
