//! A record as one encoded AMQP message, and a batch of them as the message that is sent.
//!
//! Written by hand because it is the hot path: the exact size is computed first, so an event is written once, from the memory of
//! the Kafka client into its batch. What is written, and why just so, is what the five official clients can read: exactly one
//! data section, `content-type` as a symbol, property names as strings, the key annotation as a string, and no header
//! section (an empty one would make the service lose the key).
//!
//! Pure: no I/O, no clock.

mod headers;
mod layout;
mod overhead;
mod trace;
mod wire;

use crate::mapping::Type;
use crate::parts::PartNumber;
use crate::record::Record;
use crate::typed::{self, Key, WrongType, decimal, digits};

use headers::{NAMED, name_of, named, repeated};
pub use layout::Layout;
pub use overhead::overhead;
pub use trace::context;
use wire::{
    ANNOTATIONS, APPLICATION_PROPERTIES, BINARY, DATA, INT, LIST32, LONG, MAP32, NULL, PROPERTIES,
    SMALL_ULONG, STRING, SYMBOL, TIMESTAMP, TRUE, compound, head, sized, value_size, variable,
    write_value,
};

const KEY_ANNOTATION: &[u8] = b"x-opt-partition-key";

/// Encodes `record`, for itself.
pub fn encode(record: &Record<'_>, layout: &Layout) -> Result<Vec<u8>, WrongType> {
    Ok(EventPlan::new(record, layout)?.message())
}

/// Why an event of `size` bytes cannot be stored: a word, and in words.
pub(crate) fn too_large(size: usize, limit: usize) -> (&'static str, String) {
    ("too_large", format!("the event needs {size} bytes, and the link accepts {limit}"))
}

/// Bytes an event of `size` bytes takes in a batch: a data section around it.
pub const fn section_size(size: usize) -> usize {
    3 + sized(size)
}

/// Bytes of a batch besides its events: the key annotation, if the service routes by it.
pub fn envelope_size(key: Option<&str>) -> usize {
    key.map_or(0, |key| 12 + annotation_size(key))
}

/// Writes what stands before the events of a batch.
pub fn write_envelope(key: Option<&str>, out: &mut Vec<u8>) {
    if let Some(key) = key {
        compound(out, ANNOTATIONS, MAP32, annotation_size(key), 2);
        variable(out, SYMBOL, KEY_ANNOTATION);
        variable(out, STRING, key.as_bytes());
    }
}

const fn annotation_size(key: &str) -> usize {
    sized(KEY_ANNOTATION.len()) + sized(key.len())
}

/// What an event holds of the value of its record.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EventValue<'a> {
    /// All of it.
    Whole,
    /// Where it is.
    Elsewhere(&'a str),
    /// This part of it.
    Part(PartNumber),
}

/// An event that can be written, with everything decided.
#[derive(Debug)]
pub struct EventPlan<'a> {
    /// Bytes of the encoded message.
    size: usize,
    record: &'a Record<'a>,
    layout: &'a Layout,
    key: Option<Key<'a>>,
    /// The headers that are properties of their own, as in [`NAMED`].
    named: [Option<usize>; 2],
    /// Bytes of the message-id.
    id: usize,
    properties: usize,
    application: usize,
    pairs: u32,
    /// Said again for Azure's readers.
    trace: Option<&'a [u8]>,
    body: EventValue<'a>,
    /// Which of the first 64 headers are carried, a bit each: asking is dear, and is done twice.
    carried: u64,
    /// Which of them are written as they are.
    plain: u64,
    /// Which headers have another of their name behind them, where there are more than that.
    repeated: Vec<bool>,
}

impl<'a> EventPlan<'a> {
    /// Measures the event that `record` becomes.
    pub fn new(record: &'a Record<'a>, layout: &'a Layout) -> Result<Self, WrongType> {
        Self::of(record, layout, EventValue::Whole)
    }

    /// The same where the value of `record` is what the event holds of it. None of its headers has the name of a property that
    /// says so.
    pub(crate) fn of(
        record: &'a Record<'a>,
        layout: &'a Layout,
        body: EventValue<'a>,
    ) -> Result<Self, WrongType> {
        let mut plan = Self {
            size: 0,
            record,
            layout,
            key: record.key.map(|key| Key::of(key, layout.key_type())).transpose()?,
            named: named(record, layout),
            id: record.topic.len() + 2 + digits(record.partition.into()) + digits(record.offset),
            properties: 0,
            application: 0,
            pairs: 0,
            trace: None,
            body,
            carried: 0,
            plain: 0,
            repeated: repeated(record.headers),
        };
        plan.properties = plan.properties_size();
        if let Some(replayed) = layout.replayed() {
            plan.pair(replayed.len(), 1);
        }
        match body {
            EventValue::Whole => {}
            EventValue::Elsewhere(url) => plan.pair(layout.claim_check().len(), sized(url.len())),
            EventValue::Part(_) => {
                layout.part().into_iter().for_each(|name| plan.pair(name.len(), 5));
            }
        }
        plan.measure_source()?;
        plan.measure_headers()?;
        plan.size = plan.measure();
        Ok(plan)
    }

    /// The partition key, if the record has a key.
    pub fn partition_key(&self) -> Option<&str> {
        self.key.as_ref().map(|key| &*key.partition_key)
    }

    /// The key, where the partition key does not say it.
    fn key_beside(&self) -> Option<&'a [u8]> {
        self.key.as_ref().filter(|key| !key.is_whole).and(self.record.key)
    }

    /// Bytes that the event takes in a batch.
    pub const fn weight(&self) -> usize {
        section_size(self.size)
    }

    /// The message that it is by itself.
    pub fn message(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size);
        self.write(&mut out);
        out
    }

    /// Writes it as it stands in a batch.
    pub fn write_section(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0, SMALL_ULONG, DATA]);
        head(out, BINARY, self.size);
        self.write(out);
    }

    /// What is in the list of properties behind the message-id, each with its place there.
    fn named(&self) -> impl Iterator<Item = (usize, &'a [u8])> {
        let headers = self.record.headers;
        let all = NAMED.iter().zip(self.named);
        all.filter_map(move |((_, place), index)| Some((*place, headers[index?].value?)))
    }

    /// The list of message-id and what else there is: a byte for each field between that is not.
    fn properties_size(&self) -> usize {
        let sum = |(fields, size), (place, value): (usize, &[u8])| {
            (place + 1, size + place - fields + sized(value.len()))
        };
        self.named().fold((1, sized(self.id)), sum).1
    }

    fn measure_source(&mut self) -> Result<(), WrongType> {
        let r = self.record;
        let Some(names) = self.layout.source() else { return Ok(()) };
        self.pair(names.topic.len(), sized(r.topic.len()));
        self.pair(names.partition.len(), 5);
        self.pair(names.offset.len(), 9);
        if r.timestamp.is_some() {
            self.pair(names.timestamp.len(), 9);
        }
        if let Some(key) = self.key_beside() {
            let size = value_size(key, self.layout.key_type())?;
            self.pair(names.key.len(), size);
        }
        if r.value.is_none() {
            self.pair(names.tombstone.len(), 1);
        }
        Ok(())
    }

    fn measure_headers(&mut self) -> Result<(), WrongType> {
        let headers = self.record.headers;
        for (index, header) in headers.iter().enumerate() {
            if !self.carries(index) {
                continue;
            }
            let bit = 1_u64.checked_shl(index as u32).unwrap_or(0);
            self.carried |= bit;
            let name = name_of(header.name);
            let size = match (header.value, self.layout.type_of(header.name)) {
                (None, _) => 1,
                (Some(value), Type::Text) => {
                    let size = typed::as_text_size(value);
                    if size == value.len() {
                        self.plain |= bit;
                    }
                    sized(size)
                }
                (Some(value), typed) => value_size(value, typed)
                    .map_err(|wrong| wrong.in_header(&String::from_utf8_lossy(&name)))?,
            };
            self.pair(name.len(), size);
        }
        if self.layout.has_headers()
            && let Some(id) = trace::diagnostic_id(headers)
        {
            self.trace = Some(id);
            self.pair(trace::DIAGNOSTIC_ID.len(), sized(id.len()));
        }
        Ok(())
    }

    /// Whether a header becomes a property: not when a later one has the same name, since a map holds one and the last one
    /// wins, as with Kafka's own `lastHeader`.
    fn carries(&self, index: usize) -> bool {
        let headers = self.record.headers;
        let (name, behind) = (headers[index].name, &headers[index + 1..]);
        !self.named.contains(&Some(index))
            && self.layout.carries(name)
            && match self.repeated.get(index) {
                Some(is_repeated) => !is_repeated,
                None => !behind.iter().any(|later| later.name == name),
            }
    }

    fn pair(&mut self, name: usize, value: usize) {
        self.application += sized(name) + value;
        self.pairs += 1;
    }

    fn measure(&self) -> usize {
        let application = if self.pairs == 0 { 0 } else { 12 + self.application };
        let value = self.record.value.map_or(0, <[u8]>::len);
        envelope_size(self.partition_key()) + 12 + self.properties + application + 3 + sized(value)
    }

    fn write(&self, out: &mut Vec<u8>) {
        let (r, start) = (self.record, out.len());
        write_envelope(self.partition_key(), out);
        let fields = self.named().last().map_or(1, |(place, _)| place as u32 + 1);
        compound(out, PROPERTIES, LIST32, self.properties, fields);
        self.write_message_id(out);
        let mut written = 1;
        for (place, value) in self.named() {
            out.resize(out.len() + place - written, NULL);
            variable(out, SYMBOL, value);
            written = place + 1;
        }
        if self.pairs > 0 {
            compound(out, APPLICATION_PROPERTIES, MAP32, self.application, self.pairs * 2);
            if let Some(replayed) = self.layout.replayed() {
                out.extend_from_slice(replayed.written());
            }
            self.write_body_said(out);
            self.write_source(out);
            self.write_headers(out);
        }
        out.extend_from_slice(&[0, SMALL_ULONG, DATA]);
        variable(out, BINARY, r.value.unwrap_or_default());
        debug_assert_eq!(out.len() - start, self.size, "the size is computed exactly");
    }

    /// What is said of the body.
    fn write_body_said(&self, out: &mut Vec<u8>) {
        match self.body {
            EventValue::Whole => {}
            EventValue::Elsewhere(url) => {
                out.extend_from_slice(self.layout.claim_check().written());
                variable(out, STRING, url.as_bytes());
            }
            EventValue::Part(PartNumber { number, of }) => {
                for (name, count) in self.layout.part().into_iter().zip([number, of]) {
                    out.extend_from_slice(name.written());
                    out.extend_from_slice(&count.to_be_bytes());
                }
            }
        }
    }

    fn write_message_id(&self, out: &mut Vec<u8>) {
        let r = self.record;
        head(out, STRING, self.id);
        out.extend_from_slice(r.topic.as_bytes());
        out.push(b'/');
        decimal(out, i64::from(r.partition));
        out.push(b'/');
        decimal(out, r.offset);
    }

    fn write_source(&self, out: &mut Vec<u8>) {
        let Some(names) = self.layout.source() else { return };
        let r = self.record;
        out.extend_from_slice(names.topic.written());
        variable(out, STRING, r.topic.as_bytes());
        out.extend_from_slice(names.partition.written());
        out.extend_from_slice(&r.partition.to_be_bytes());
        out.extend_from_slice(names.offset.written());
        out.extend_from_slice(&r.offset.to_be_bytes());
        if let Some(timestamp) = r.timestamp {
            out.extend_from_slice(names.timestamp.written());
            out.extend_from_slice(&timestamp.to_be_bytes());
        }
        if let Some(key) = self.key_beside() {
            out.extend_from_slice(names.key.written());
            write_value(key, self.layout.key_type(), out);
        }
        if r.value.is_none() {
            out.extend_from_slice(names.tombstone.written());
        }
    }

    fn write_headers(&self, out: &mut Vec<u8>) {
        let headers = self.record.headers;
        for (index, header) in headers.iter().enumerate() {
            let carried = match index {
                0..64 => self.carried >> index & 1 == 1,
                _ => self.carries(index),
            };
            if !carried {
                continue;
            }
            variable(out, STRING, &name_of(header.name));
            let is_plain = index < 64 && self.plain >> index & 1 == 1;
            match header.value {
                None => out.push(NULL),
                Some(value) if is_plain => variable(out, STRING, value),
                Some(value) => write_value(value, self.layout.type_of(header.name), out),
            }
        }
        if let Some(id) = self.trace {
            variable(out, STRING, trace::DIAGNOSTIC_ID);
            variable(out, STRING, id);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
