//! What the events of a mapping carry beside value and key, settled once.

use crate::mapping::{Events, Type};
use crate::record::Header;

/// What events carry besides value and key, with the names spelled out once.
#[derive(Debug, Clone)]
pub struct Layout {
    source: Option<Names>,
    headers: bool,
    key_type: Type,
    header_type: Type,
    /// In the order of their names.
    header_types: Vec<(String, Type)>,
}

/// The names of our own properties.
#[derive(Debug, Clone)]
pub(super) struct Names {
    prefix: String,
    pub(super) topic: String,
    pub(super) partition: String,
    pub(super) offset: String,
    pub(super) timestamp: String,
    pub(super) key: String,
    pub(super) tombstone: String,
}

impl Names {
    fn contain(&self, name: &[u8]) -> bool {
        if !name.starts_with(self.prefix.as_bytes()) {
            return false;
        }
        let own = [
            &self.topic,
            &self.partition,
            &self.offset,
            &self.timestamp,
            &self.key,
            &self.tombstone,
        ];
        own.into_iter().any(|own| own.as_bytes() == name)
    }
}

impl Layout {
    /// The layout that `[events]` describes.
    pub fn new(events: &Events) -> Self {
        let named = |name: &str| format!("{}{name}", events.prefix);
        let names = || Names {
            prefix: events.prefix.clone(),
            topic: named("topic"),
            partition: named("partition"),
            offset: named("offset"),
            timestamp: named("timestamp"),
            key: named("key"),
            tombstone: named("tombstone"),
        };
        let header_types = events.header_types.iter();
        Self {
            source: events.source_properties.then(names),
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

    /// Whether a header becomes an application property: not when it would hide one of ours, nor when a later header
    /// has the same name, since a map holds one and the last one wins, as with Kafka's own `lastHeader`.
    pub(super) fn carries(
        &self,
        headers: &[Header<'_>],
        index: usize,
        content_type: Option<usize>,
    ) -> bool {
        let name = headers[index].name;
        self.headers
            && content_type != Some(index)
            && !self.source.as_ref().is_some_and(|names| names.contain(name))
            && !headers[index + 1..].iter().any(|later| later.name == name)
    }
}
