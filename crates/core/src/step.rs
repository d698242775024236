//! The step between a record and its event, where a mapping asks for one: select, decode, shape.
//!
//! It runs before the hub partition is chosen, since it may change the key. A mapping without a step pays one comparison. What a
//! step does is not known here, only what can come of it; the same record always has the same outcome, so one that is read
//! again is placed as it was.

use std::any::Any;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::record::{Header, Record};

/// What happens to each record of a mapping. It has no clock and does no I/O.
pub trait Shape: fmt::Debug + Send + Sync {
    /// What becomes of `record`, by what is known.
    fn apply<'r>(&self, record: &Record<'r>, known: &FetchedValues) -> StepOutcome<'r>;
}

/// What becomes of a record.
#[derive(Debug)]
pub enum StepOutcome<'r> {
    /// It goes on as it is.
    Same,
    /// It goes on as this.
    Shaped(Draft<'r>),
    /// No event is made of it: it is settled, and counted by this word.
    Filtered(&'static str),
    /// No event can be made of it: the failure policy says what happens.
    Refused {
        /// Why: a word.
        reason: &'static str,
        /// Why: what is wrong, and where in the record.
        detail: String,
    },
    /// It cannot be said yet: something has to be fetched first, and its partition waits for that.
    Missing(Missing),
}

/// What has to be fetched before a record can be shaped.
#[derive(Debug, Clone)]
pub struct Missing {
    /// What it is.
    pub reference: Reference,
    /// The same, in words: ``schema 7 of registry `main` ``.
    pub what: Arc<str>,
}

/// Names what may have to be fetched. What its parts mean, steps know and those who fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// Where it is.
    pub place: u32,
    /// What kind of name it has there.
    pub sort: u8,
    /// The name.
    pub id: [u8; 16],
}

/// What was fetched, or why it never can be. A step knows what it is.
pub type Thing = Arc<dyn Any + Send + Sync>;

/// Things that are known, at most; there are as many as schemas are in use. With one more all are fetched again.
const MOST: usize = 10_000;

/// All that was fetched.
#[derive(Debug, Default)]
pub struct FetchedValues {
    things: HashMap<Reference, Thing>,
}

impl FetchedValues {
    /// The thing, if it was fetched.
    pub fn get(&self, reference: &Reference) -> Option<&Thing> {
        self.things.get(reference)
    }

    /// Keeps a thing.
    pub fn put(&mut self, reference: Reference, thing: Thing) {
        if self.things.len() >= MOST {
            self.things.clear();
        }
        self.things.insert(reference, thing);
    }
}

/// A record while it is shaped. What is not changed is borrowed from the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft<'r> {
    /// The key.
    pub key: Option<Cow<'r, [u8]>>,
    /// The value.
    pub value: Option<Cow<'r, [u8]>>,
    /// The headers, in order.
    pub headers: Vec<Field<'r>>,
}

/// A header while it is shaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<'r> {
    /// Its name.
    pub name: Cow<'r, [u8]>,
    /// Its value; `None` is a null value.
    pub value: Option<Cow<'r, [u8]>>,
}

impl<'r> Draft<'r> {
    /// `record`, not changed yet.
    pub fn of(record: &Record<'r>) -> Self {
        let field = |header: &Header<'r>| Field {
            name: Cow::Borrowed(header.name),
            value: header.value.map(Cow::Borrowed),
        };
        Self {
            key: record.key.map(Cow::Borrowed),
            value: record.value.map(Cow::Borrowed),
            headers: record.headers.iter().map(field).collect(),
        }
    }

    /// The last header of that name, which is the one that counts.
    pub fn header(&self, name: &[u8]) -> Option<&Field<'r>> {
        self.headers.iter().rev().find(|field| *field.name == *name)
    }
}

/// What goes one way: the record, a draft of it, or nothing.
#[derive(Debug)]
pub(crate) enum Shaped<'r> {
    Same,
    Draft(Draft<'r>),
    Filtered(&'static str),
    Refused(&'static str, String),
}

impl<'r> Shaped<'r> {
    /// What `step` makes of `record`, or what has to be fetched first.
    pub(crate) fn by(
        step: Option<&Step>,
        record: &Record<'r>,
        known: &FetchedValues,
    ) -> Result<Self, Missing> {
        let Some(step) = step else { return Ok(Self::Same) };
        Ok(match step.shape.apply(record, known) {
            StepOutcome::Same => Self::Same,
            StepOutcome::Shaped(draft) => Self::Draft(draft),
            StepOutcome::Filtered(reason) => Self::Filtered(reason),
            StepOutcome::Refused { reason, detail } => Self::Refused(reason, detail),
            StepOutcome::Missing(missing) => return Err(missing),
        })
    }

    /// The headers of a draft, for [`Shaped::record`].
    pub(crate) fn lend(&self) -> Vec<Header<'_>> {
        let Self::Draft(draft) = self else { return Vec::new() };
        let fields = draft.headers.iter();
        fields.map(|it| Header { name: &it.name, value: it.value.as_deref() }).collect()
    }

    /// The record that goes on: where it stands is where `record` stands.
    pub(crate) fn record<'a>(
        &'a self,
        record: &Record<'a>,
        headers: &'a [Header<'a>],
    ) -> Record<'a> {
        match self {
            Self::Draft(draft) => {
                let (key, value) = (draft.key.as_deref(), draft.value.as_deref());
                Record { key, value, headers, ..*record }
            }
            _ => *record,
        }
    }
}

/// The step of a mapping.
#[derive(Debug, Clone)]
pub struct Step {
    /// As it is written in the configuration: steps that are written alike do the same.
    pub written: Arc<str>,
    /// What it does.
    pub shape: Arc<dyn Shape>,
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Step {}
