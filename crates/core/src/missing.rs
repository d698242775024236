//! What records cannot be placed without: the schema that they were written with, which is fetched once, or a blob that holds what
//! is too large for an event. The partitions that need it wait. Nobody else does.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::action::{Action, Note};
use crate::claim::{Blob, Claim};
use crate::core::Core;
use crate::hold::HoldCause;
use crate::offsets::Assignment;
use crate::partitions::Intake;
use crate::step::{Missing, Reference, Thing};

/// All that is being fetched or stored.
#[derive(Debug, Default)]
pub(crate) struct Missings {
    all: BTreeMap<Reference, Wanted>,
    /// Blobs that are stored, until the next record of the partition is placed that waited for one.
    stored: Vec<(Assignment, Reference)>,
}

#[derive(Debug)]
struct Wanted {
    what: Arc<str>,
    /// Why it could not be fetched yet.
    trouble: Option<String>,
    waiting: Vec<Assignment>,
    /// What is to be stored, where that is it.
    blob: Option<Arc<Blob>>,
}

/// What waits to be stored may take this part of the budget; one blob may always be stored.
const PART: usize = 4;

impl Missings {
    /// Those that wait for it, unless it is known.
    pub(crate) fn waiting(&mut self, reference: &Reference) -> Option<&mut Vec<Assignment>> {
        self.all.get_mut(reference).map(|wanted| &mut wanted.waiting)
    }

    pub(crate) fn describe(&self, reference: &Reference) -> String {
        match self.all.get(reference) {
            Some(Wanted { what, trouble: Some(trouble), .. }) => format!("{what}: {trouble}"),
            Some(Wanted { what, blob: Some(_), .. }) => format!("{what} is not stored yet"),
            Some(Wanted { what, .. }) => format!("{what} is not known yet"),
            None => "what was missing is known".to_owned(),
        }
    }

    /// Bytes that wait to be stored.
    pub(crate) fn bytes(&self) -> usize {
        let blobs = self.all.values().filter_map(|wanted| wanted.blob.as_ref());
        blobs.map(|blob| blob.bytes.len()).sum()
    }

    /// Nobody stores what nobody waits for: who reads the record next stores it again.
    pub(crate) fn forget_unwanted(&mut self, reference: &Reference) {
        let is_unwanted = |wanted: &Wanted| wanted.blob.is_some() && wanted.waiting.is_empty();
        if self.all.get(reference).is_some_and(is_unwanted) {
            self.all.remove(reference);
        }
    }

    /// A record of that stay is placed, or the stay has ended: the blobs it waited for are not asked for again.
    pub(crate) fn placed(&mut self, stay: Assignment) {
        // Nearly always there is none.
        if !self.stored.is_empty() {
            self.stored.retain(|(of, _)| *of != stay);
        }
    }

    #[cfg(test)]
    pub(crate) fn blobs(&self) -> usize {
        self.all.values().filter(|wanted| wanted.blob.is_some()).count()
    }

    #[cfg(test)]
    pub(crate) fn stays(&self) -> impl Iterator<Item = Assignment> {
        self.stored.iter().map(|(stay, _)| *stay)
    }

    #[cfg(test)]
    pub(crate) fn lists(&self) -> impl Iterator<Item = &Vec<Assignment>> {
        self.all.values().map(|wanted| &wanted.waiting)
    }
}

impl Core {
    /// A record needs it.
    pub(crate) fn miss(&mut self, Missing { reference, what }: Missing) -> HoldCause {
        if let Entry::Vacant(entry) = self.missing.all.entry(reference) {
            entry.insert(Wanted { what, trouble: None, waiting: Vec::new(), blob: None });
            self.act(Action::Fetch(reference));
        }
        HoldCause::Missing(reference)
    }

    /// It was fetched: who waits for it goes on.
    pub fn fetched(&mut self, reference: Reference, thing: Thing) {
        self.known.put(reference, thing);
        let Some(wanted) = self.missing.all.remove(&reference) else { return };
        for stay in wanted.waiting {
            self.resume(stay);
        }
    }

    /// Whether the value is stored that is claimed.
    pub(crate) fn has_stored(&self, claim: &Claim) -> bool {
        self.missing.stored.iter().any(|(_, stored)| *stored == claim.reference)
    }

    /// Has the value stored that is claimed; where much is being stored already, after that.
    pub(crate) fn store(&mut self, claim: &Claim, value: &[u8]) -> HoldCause {
        let reference = claim.reference;
        let held = self.missing.bytes();
        let is_asked = self.missing.all.contains_key(&reference);
        if !is_asked && held > 0 && held + value.len() > self.scale.budget() / PART {
            let stores = self.missing.all.iter().filter(|(_, wanted)| wanted.blob.is_some());
            let first = stores.map(|(reference, _)| *reference).next();
            return HoldCause::Missing(first.unwrap_or(reference));
        }
        if let Entry::Vacant(entry) = self.missing.all.entry(reference) {
            let what = format!("blob `{}`", claim.url()).into();
            let blob = Arc::new(claim.blob(value));
            let weak = Arc::downgrade(&blob);
            entry.insert(Wanted { what, trouble: None, waiting: Vec::new(), blob: Some(blob) });
            self.act(Action::Store(reference, weak));
        }
        HoldCause::Missing(reference)
    }

    /// A blob was stored: who waits for it goes on.
    pub fn stored(&mut self, reference: Reference) {
        let Some(wanted) = self.missing.all.remove(&reference) else { return };
        for stay in wanted.waiting {
            self.missing.stored.push((stay, reference));
            self.resume(stay);
        }
    }

    /// It could not be fetched or stored, and is tried again. Where that was said with another reason, it is said again.
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
