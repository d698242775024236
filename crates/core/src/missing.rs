//! What records cannot be shaped without, such as the schema that they were written with: it is fetched once, and the
//! partitions that need it wait. Nobody else does.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::action::{Action, Note};
use crate::core::Core;
use crate::hold::Why;
use crate::offsets::Assignment;
use crate::partitions::Intake;
use crate::step::{Missing, Reference, Thing};

/// All that is being fetched.
#[derive(Debug, Default)]
pub(crate) struct Missings {
    all: BTreeMap<Reference, Wanted>,
}

#[derive(Debug)]
struct Wanted {
    what: Arc<str>,
    /// Why it could not be fetched yet.
    trouble: Option<String>,
    waiting: Vec<Assignment>,
}

impl Missings {
    /// Those that wait for it, unless it is known.
    pub(crate) fn waiting(&mut self, reference: &Reference) -> Option<&mut Vec<Assignment>> {
        self.all.get_mut(reference).map(|wanted| &mut wanted.waiting)
    }

    pub(crate) fn describe(&self, reference: &Reference) -> String {
        match self.all.get(reference) {
            Some(Wanted { what, trouble: Some(trouble), .. }) => format!("{what}: {trouble}"),
            Some(Wanted { what, trouble: None, .. }) => format!("{what} is not known yet"),
            None => "what was missing is known".to_owned(),
        }
    }

    #[cfg(test)]
    pub(crate) fn lists(&self) -> impl Iterator<Item = &Vec<Assignment>> {
        self.all.values().map(|wanted| &wanted.waiting)
    }
}

impl Core {
    /// A record needs it.
    pub(crate) fn miss(&mut self, Missing { reference, what }: Missing) -> Why {
        if let Entry::Vacant(entry) = self.missing.all.entry(reference) {
            entry.insert(Wanted { what, trouble: None, waiting: Vec::new() });
            self.act(Action::Fetch(reference));
        }
        Why::Missing(reference)
    }

    /// It was fetched: who waits for it goes on.
    pub fn fetched(&mut self, reference: Reference, thing: Thing) {
        self.known.put(reference, thing);
        let Some(wanted) = self.missing.all.remove(&reference) else { return };
        for stay in wanted.waiting {
            self.resume(stay);
        }
    }

    /// It could not be fetched, and is tried again. Where that was said with another reason, it is said again.
    pub fn fetch_failed(&mut self, reference: &Reference, detail: &str) {
        let Some(wanted) = self.missing.all.get_mut(reference) else { return };
        if wanted.trouble.as_deref() == Some(detail) {
            return;
        }
        wanted.trouble = Some(detail.to_owned());
        let said = |stay: &Assignment| {
            let partition = self.partitions.get(stay.slot())?;
            let is_said = matches!(&partition.intake, Intake::Held(held) if held.said);
            is_said.then(|| partition.name.clone())
        };
        let said: Vec<_> = wanted.waiting.iter().filter_map(said).collect();
        let detail = self.missing.describe(reference);
        for partition in said {
            self.tell(Note::Waits { partition, detail: detail.clone() });
        }
    }
}
