//! What the events of a mapping carry beside value and key, settled once.

use crate::mapping::{Events, Type};

use super::{INT, LONG, TIMESTAMP, TRUE};

/// What events carry besides value and key, with the names spelled out once.
#[derive(Debug, Clone)]
pub struct Layout {
    source: Option<Names>,
    /// What says that an event was replayed, where it was.
    replayed: Option<Name>,
    /// That name, which no header may take.
    reserved: String,
    /// What all names of ours begin with.
    prefix: String,
    /// What says where the value is that is not in the event. No header may take that name, either, or one of the next two.
    claim_check: Name,
    /// What says which part of its value an event holds, and of how many.
    part: Name,
    parts: Name,
    headers: bool,
    key_type: Type,
    header_type: Type,
    /// In the order of their names.
    header_types: Vec<(String, Type)>,
}

/// The names of our own properties.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) topic: Name,
    pub(super) partition: Name,
    pub(super) offset: Name,
    pub(super) timestamp: Name,
    pub(super) key: Name,
    pub(super) tombstone: Name,
}

/// A name, and all that is written before the value it is of.
#[derive(Debug, Clone)]
pub(super) struct Name {
    name: String,
    written: Vec<u8>,
}

impl Name {
    /// Of a value that begins with `constructor`, or may begin with one or another.
    fn new(name: String, constructor: Option<u8>) -> Self {
        let mut written = Vec::new();
        super::variable(&mut written, super::STRING, name.as_bytes());
        written.extend(constructor);
        Self { name, written }
    }

    /// Bytes of the name.
    pub(super) fn len(&self) -> usize {
        self.name.len()
    }

    /// The name with its own constructor, and the value's, if there is only one.
    pub(super) fn written(&self) -> &[u8] {
        &self.written
    }
}

impl Names {
    fn contain(&self, name: &[u8]) -> bool {
        let own = [
            &self.topic,
            &self.partition,
            &self.offset,
            &self.timestamp,
            &self.key,
            &self.tombstone,
        ];
        own.into_iter().any(|own| own.name.as_bytes() == name)
    }
}

impl Layout {
    /// The layout that `[events]` describes.
    pub fn new(events: &Events) -> Self {
        let named = |name: &str, of| Name::new(format!("{}{name}", events.prefix), of);
        let names = || Names {
            topic: named("topic", None),
            partition: named("partition", Some(INT)),
            offset: named("offset", Some(LONG)),
            timestamp: named("timestamp", Some(TIMESTAMP)),
            key: named("key", None),
            tombstone: named("tombstone", Some(TRUE)),
        };
        let header_types = events.header_types.iter();
        Self {
            source: events.source_properties.then(names),
            replayed: events.replayed.then(|| named("replayed", Some(TRUE))),
            reserved: format!("{}replayed", events.prefix),
            prefix: events.prefix.clone(),
            claim_check: named("claim_check", None),
            part: named("part", Some(INT)),
            parts: named("parts", Some(INT)),
            headers: events.headers,
            key_type: events.key_type,
            header_type: events.header_type,
            header_types: header_types.map(|(name, typed)| (name.clone(), *typed)).collect(),
        }
    }

    /// The names of our own properties, if there are any.
    pub(super) fn source(&self) -> Option<&Names> {
        self.source.as_ref()
    }

    /// What says that the events are replayed, if they are.
    pub(super) fn replayed(&self) -> Option<&Name> {
        self.replayed.as_ref()
    }

    /// What says where the value is that is not in the event.
    pub(super) fn claim_check(&self) -> &Name {
        &self.claim_check
    }

    /// Whether a header has that name.
    pub(crate) fn is_claim_check(&self, name: &[u8]) -> bool {
        self.claim_check.name.as_bytes() == name
    }

    /// What says which part of its value an event holds, and what says of how many.
    pub(super) fn part(&self) -> [&Name; 2] {
        [&self.part, &self.parts]
    }

    /// Bytes of both properties.
    pub(crate) fn part_size(&self) -> usize {
        self.part().into_iter().map(|name| super::sized(name.len()) + 5).sum()
    }

    /// Whether a header has one of those names.
    pub(crate) fn is_part(&self, name: &[u8]) -> bool {
        self.part().into_iter().any(|own| own.name.as_bytes() == name)
    }

    /// Whether headers are carried.
    pub(super) fn has_headers(&self) -> bool {
        self.headers
    }

    /// What keys are.
    pub(super) fn key_type(&self) -> Type {
        self.key_type
    }

    /// What the values of headers of that name are.
    pub(super) fn type_of(&self, header: &[u8]) -> Type {
        let of = |(name, _): &(String, Type)| name.as_bytes().cmp(header);
        let found = self.header_types.binary_search_by(of);
        found.map_or(self.header_type, |index| self.header_types[index].1)
    }

    /// Whether a property of ours may have this name. That a replay marks its events is so only if nothing else can, and
    /// likewise that a value is elsewhere, or in parts.
    fn is_ours(&self, name: &[u8]) -> bool {
        if !name.starts_with(self.prefix.as_bytes()) {
            return false;
        }
        let reserves = self.source.is_some() || self.replayed.is_some();
        let is_reserved =
            || name == self.reserved.as_bytes() || self.is_claim_check(name) || self.is_part(name);
        reserves && is_reserved() || self.source.as_ref().is_some_and(|names| names.contain(name))
    }

    /// Whether a header of that name may become an application property: not when it would hide one of ours.
    pub(super) fn carries(&self, name: &[u8]) -> bool {
        self.headers && !self.is_ours(name)
    }
}
