//! All that a mapping asks for, in its order: select, decode, open, select by what is inside, fields, key, headers, `CloudEvents`,
//! compress.

use std::borrow::Cow;

use bridge_core::record::Record;
use bridge_core::step::{Draft, FetchedValues, Shape, StepOutcome};

use crate::cloud_events::CloudEvents;
use crate::compress::Codec;
use crate::decode::Decode;
use crate::envelope::{Envelope, open_key};
use crate::fields::{Fields, HashKey};
use crate::headers::Headers;
use crate::json::{Document, Value};
use crate::select::Select;
use crate::stop::Stop;
use crate::template::Template;

/// What a mapping asks for. The default asks for nothing.
#[derive(Debug, Default)]
pub struct Asked {
    /// Which records it is for.
    pub select: Select,
    /// What is decoded by a schema.
    pub decode: Decode,
    /// Whether keys are in Connect's envelope.
    pub open_key: bool,
    /// Which envelope values are in.
    pub open_value: Option<Envelope>,
    /// What becomes of fields.
    pub fields: Fields,
    /// What becomes of the key.
    pub key: Key,
    /// What becomes of headers.
    pub headers: Headers,
    /// Whether events are `CloudEvents`.
    pub cloud_events: Option<CloudEvents>,
    /// Whether values are compressed.
    pub compress: Option<Codec>,
}

/// What becomes of the key.
#[derive(Debug, Default)]
pub struct Key {
    /// What it is instead.
    pub from: Option<Template>,
    /// The secret that it is hashed with.
    pub hash: Option<HashKey>,
}

impl Shape for Asked {
    fn apply<'r>(&self, record: &Record<'r>, known: &FetchedValues) -> StepOutcome<'r> {
        self.shaped(record, known).unwrap_or_else(Stop::outcome)
    }
}

impl Asked {
    /// Whether nothing is asked for.
    pub fn is_none(&self) -> bool {
        self.select.is_none() && !self.looks_closer()
    }

    /// Whether there is more to do than to look at a record from outside.
    fn looks_closer(&self) -> bool {
        self.select.expression.is_some()
            || !self.select.field.is_empty()
            || self.decode.key.is_some()
            || self.decode.value.is_some()
            || self.open_key
            || self.open_value.is_some()
            || self.changes()
    }

    /// Whether a record is another one afterwards, once it is open.
    fn changes(&self) -> bool {
        !self.fields.is_none()
            || self.key.from.is_some()
            || self.key.hash.is_some()
            || !self.headers.is_none()
            || self.cloud_events.is_some()
            || self.compress.is_some()
    }

    fn shaped<'r>(
        &self,
        record: &Record<'r>,
        known: &FetchedValues,
    ) -> Result<StepOutcome<'r>, Stop> {
        self.select.at_first_sight(record)?;
        if !self.looks_closer() {
            return Ok(StepOutcome::Same);
        }
        let decoded = self.decode.decode(record, known)?;
        let is_open = decoded.is_some() || self.open_key || self.open_value.is_some();
        let mut draft = decoded.unwrap_or_else(|| Draft::of(record));
        if self.open_key {
            open_key(&mut draft)?;
        }
        if let Some(envelope) = self.open_value {
            envelope.open_value(&mut draft)?;
        }
        self.inside(record, &mut draft)?;
        if let Some(codec) = self.compress {
            codec.compress(&mut draft);
        }
        let is_same = !is_open && !self.changes();
        Ok(if is_same { StepOutcome::Same } else { StepOutcome::Shaped(draft) })
    }

    /// The value is JSON from here on, where anything needs that.
    fn inside<'r>(&self, record: &Record<'r>, draft: &mut Draft<'r>) -> Result<(), Stop> {
        let value = draft.value.take();
        let first = if self.select.reads_value() || !self.fields.is_none() {
            value.as_deref().map(read).transpose()?
        } else {
            None
        };
        self.select_inside(record, draft, first.as_ref().map(Document::root), value.is_some())?;
        let changed = first.as_ref().and_then(|it| self.fields.change(it));
        // What comes next reads the value as it is now: what was removed is nowhere.
        let now = changed.as_deref().or(value.as_deref());
        let again = match now {
            Some(now) if self.reads_later() && (changed.is_some() || first.is_none()) => {
                Some(read(now)?)
            }
            _ => None,
        };
        let later =
            if changed.is_some() { again.as_ref() } else { again.as_ref().or(first.as_ref()) };
        let later = later.map(Document::root);
        self.change_key(record, draft, later)?;
        self.headers.change(record, draft, later)?;
        let made = match &self.cloud_events {
            Some(it) => it.attributes(record, draft, later)?,
            None => None,
        };
        drop((first, again));
        draft.value = changed.map(Cow::Owned).or(value);
        if let Some(cloud_events) = &self.cloud_events {
            cloud_events.bind(draft, made)?;
        }
        Ok(())
    }

    fn select_inside(
        &self,
        record: &Record<'_>,
        draft: &Draft<'_>,
        value: Option<Value<'_>>,
        has_value: bool,
    ) -> Result<(), Stop> {
        if let (Some(value), false) = (value, self.select.field.is_empty()) {
            self.select.by_fields(value)?;
        }
        let Some(expression) = &self.select.expression else { return Ok(()) };
        if !has_value && expression.reads_value() {
            return Ok(());
        }
        let holds = expression.holds(record, draft, value)?;
        if holds { Ok(()) } else { Err(Stop::Filtered("expression")) }
    }

    /// Whether the key, a header or an attribute is made of a field.
    fn reads_later(&self) -> bool {
        let made = self.cloud_events.iter().flat_map(CloudEvents::templates);
        let all = self.key.from.iter().chain(self.headers.templates()).chain(made);
        all.flat_map(Template::fields).next().is_some()
    }

    fn change_key(
        &self,
        record: &Record<'_>,
        draft: &mut Draft<'_>,
        value: Option<Value<'_>>,
    ) -> Result<(), Stop> {
        if let Some(from) = &self.key.from {
            draft.key = Some(Cow::Owned(from.fill(record, draft, value)?));
        }
        if let (Some(secret), Some(key)) = (&self.key.hash, &draft.key) {
            draft.key = Some(Cow::Owned(secret.hash(key).into_bytes()));
        }
        Ok(())
    }
}

fn read(bytes: &[u8]) -> Result<Document<'_>, Stop> {
    Document::parse(bytes).map_err(|why| Stop::not_json("value", why))
}
