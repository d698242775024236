//! Mappings whose hub each record chooses, among those that the mapping names.
//!
//! Such a mapping forks: it has a route for each of its hubs, from the assignment of a partition on. So lanes and partitions are
//! known by name as those of any other mapping, and no record can make a hub. The routes of a fork are siblings. They stand side
//! by side, and the first of them stands for all until a record has chosen: that costs the same for two hubs and for a hundred.
//! How the name of a hub is made of a record is not known here.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::record::Record;

/// Why a record is refused whose hub is none of its mapping: a word.
pub const UNKNOWN_HUB: &str = "unknown_hub";

/// Which hub a record is for. It has no clock and does no I/O.
pub trait Choose: fmt::Debug + Send + Sync {
    /// The name of the hub for `record`, as the step of its mapping leaves it; the same record always has the same.
    fn hub(&self, record: &Record<'_>) -> Result<Vec<u8>, Refusal>;
}

/// Why no hub can be chosen: the failure policy says what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why: a word.
    pub reason: &'static str,
    /// Why: what is wrong, without what is in the record.
    pub detail: String,
}

/// What a mapping says of it.
#[derive(Debug, Clone)]
pub struct Choice {
    /// As it is written in the configuration: what is written alike chooses alike.
    pub written: Arc<str>,
    /// How the name is made.
    pub by: Arc<dyn Choose>,
    /// The hubs, perhaps with `{topic}`; none of them twice.
    pub hubs: Vec<String>,
}

/// The siblings of a route, and its place among them.
#[derive(Debug, Clone)]
pub struct Fork {
    pub(crate) place: usize,
    siblings: Arc<Siblings>,
}

#[derive(Debug)]
struct Siblings {
    /// The hub as the mapping says it.
    template: Arc<str>,
    by: Arc<dyn Choose>,
    places: HashMap<Box<[u8]>, usize>,
    /// How it is chosen, and the names in order: who has the same chooses the same, wherever the names stand.
    same: Box<str>,
}

impl Fork {
    /// Those of a choice among `hubs`, in their order.
    pub(crate) fn all(template: &str, choice: &Choice, hubs: &[Arc<str>]) -> Vec<Self> {
        let places = hubs.iter().enumerate().map(|(place, hub)| (hub.as_bytes().into(), place));
        let mut names: Vec<&str> = hubs.iter().map(AsRef::as_ref).collect();
        names.sort_unstable();
        let siblings = Arc::new(Siblings {
            template: template.into(),
            by: Arc::clone(&choice.by),
            places: places.collect(),
            same: format!("{}\n{}", choice.written, names.join("\n")).into(),
        });
        (0..hubs.len()).map(|place| Self { place, siblings: Arc::clone(&siblings) }).collect()
    }

    /// The place of the sibling that `record` goes by.
    pub(crate) fn choose(&self, record: &Record<'_>) -> Result<usize, Refusal> {
        let Siblings { template, by, places, .. } = &*self.siblings;
        let name = by.hub(record)?;
        places.get(&*name).copied().ok_or_else(|| Refusal {
            reason: UNKNOWN_HUB,
            detail: format!("`{template}` gives a name that is none of `hubs`"),
        })
    }

    /// How many siblings there are, itself among them.
    pub(crate) fn len(&self) -> usize {
        self.siblings.places.len()
    }

    /// The hub as the mapping says it.
    pub(crate) fn template(&self) -> &Arc<str> {
        &self.siblings.template
    }
}

impl PartialEq for Fork {
    /// Whether the same records go to the same hubs.
    fn eq(&self, other: &Self) -> bool {
        self.siblings.same == other.siblings.same
    }
}

impl Eq for Fork {}
