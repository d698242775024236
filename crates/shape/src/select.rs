//! Which records a mapping is for: all that is said must hold.
//!
//! What costs least is asked first. Headers, keys and tombstones are looked at as they are in Kafka, before anything is decoded;
//! fields and the expression afterwards, since they are about what comes out. A tombstone has no fields: only `tombstones`, headers
//! and the key keep one back.

use bridge_core::record::Record;

use crate::expression::Expression;
use crate::json::Value;
use crate::path::Path;
use crate::pattern::Pattern;
use crate::stop::Stop;

/// What has to hold of a record.
#[derive(Debug, Default)]
pub struct Select {
    /// The last header of each name matches.
    pub header: Vec<(Box<str>, Pattern)>,
    /// The key matches.
    pub key: Option<Pattern>,
    /// What becomes of tombstones.
    pub tombstones: Tombstones,
    /// The field at each place matches, as plain text.
    pub field: Vec<(Path, Pattern)>,
    /// This is true.
    pub expression: Option<Expression>,
}

/// What becomes of records without a value.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Tombstones {
    /// They go on.
    #[default]
    Keep,
    /// They are filtered.
    Drop,
    /// All others are.
    Only,
}

impl Select {
    /// Whether nothing is asked for.
    pub(crate) fn is_none(&self) -> bool {
        self.header.is_empty()
            && self.key.is_none()
            && self.tombstones == Tombstones::Keep
            && self.field.is_empty()
            && self.expression.is_none()
    }

    /// Whether the value has to be looked into.
    pub(crate) fn reads_value(&self) -> bool {
        !self.field.is_empty() || self.expression.as_ref().is_some_and(Expression::reads_value)
    }

    /// What can be said of `record` as it is.
    pub(crate) fn at_first_sight(&self, record: &Record<'_>) -> Result<(), Stop> {
        match (self.tombstones, record.value) {
            (Tombstones::Drop, None) | (Tombstones::Only, Some(_)) => {
                return Err(Stop::Filtered("tombstone"));
            }
            _ => {}
        }
        for (name, pattern) in &self.header {
            let found = record.headers.iter().rev().find(|it| *it.name == *name.as_bytes());
            if !found.and_then(|it| it.value).is_some_and(|value| pattern.matches(value)) {
                return Err(Stop::Filtered("header"));
            }
        }
        match &self.key {
            Some(pattern) if !record.key.is_some_and(|key| pattern.matches(key)) => {
                Err(Stop::Filtered("key"))
            }
            _ => Ok(()),
        }
    }

    /// What can be said of the fields of a value.
    pub(crate) fn by_fields(&self, value: Value<'_>) -> Result<(), Stop> {
        let holds = |(path, pattern): &(Path, Pattern)| {
            path.one(value).is_some_and(|found| match found.plain() {
                Some(plain) => pattern.matches(plain.as_bytes()),
                None => found.is_null() && pattern.matches(b"null"),
            })
        };
        if self.field.iter().all(holds) { Ok(()) } else { Err(Stop::Filtered("field")) }
    }
}
