//! What happens to the records of a mapping before they are events: `[mappings.select]`, `[mappings.key]`, `[mappings.value]`,
//! `[mappings.fields]`, `[mappings.headers]` and `[mappings.cloudevents]`.

use std::fmt::Display;
use std::sync::Arc;

use bridge_core::step::Step;
use bridge_shape::template::PLACES;
use bridge_shape::{
    Asked, CloudEvents, Codec, Decode, Deletes, Envelope, Expression, Fields, HashKey, Headers,
    Key, Make, Mode, NoTemplate, Path as Place, Pattern, Select, Template, Tombstones,
};

use crate::config::Registry;
use crate::config::path::Path;
use crate::config::raw::{self, part};

use super::Check;
use super::hub::HubTemplate;

/// What `id` of a `CloudEvent` is, unless it is said.
const ID: &str = "{topic}/{partition}/{offset}";
/// A shorter secret can be guessed.
const SHORTEST: usize = 16;

/// A path that was written, with where it stands.
type Placed = (Path, Place);

impl Check<'_> {
    /// What happens to the records of a mapping before its `hub` is chosen. `registries` are those that there are, in the order of their numbers.
    pub(super) fn step(
        &mut self,
        at: &Path,
        given: &raw::Mapping,
        registries: &[Registry],
        hub: Option<&HubTemplate>,
    ) -> Option<Step> {
        let select = self.select(&at.key("select"), &given.select);
        let (of_key, of_value) = (at.key("key"), at.key("value"));
        let key = self.part(&of_key, &given.key, registries);
        let value = self.part(&of_value, &given.value, registries);
        let open_key = self.open_key(&of_key, &given.key);
        let open_value = self.open_value(&of_value, &given.value);
        let secret = self.hash_key(at, given);
        let (fields, gone) = self.fields(&at.key("fields"), &given.fields, secret.clone());
        let hash = secret.filter(|_| given.key.hash == Some(true));
        let from = given.key.from.as_ref();
        let from = from.and_then(|text| self.template(&of_key.key("from"), text, &gone));
        let headers = self.shaped_headers(&at.key("headers"), &given.headers, &gone);
        let cloud_events = given.cloudevents.as_ref();
        let cloud_events =
            cloud_events.map(|given| self.cloud_events(&at.key("cloudevents"), given, &gone));
        if let Some(hub) = hub {
            // Events have other names for the headers of a record.
            let headers = cloud_events.is_none().then_some(&headers);
            self.choice_is_there(at, hub, &gone, headers);
        }
        let asked = Asked {
            select,
            decode: Decode { key, value },
            open_key,
            open_value,
            fields,
            key: Key { from, hash },
            headers,
            cloud_events,
            compress: given.value.compress.map(|it| match it {
                part::Compress::Gzip => Codec::Gzip,
                part::Compress::Zstd => Codec::Zstd,
            }),
        };
        if asked.is_none() {
            return None;
        }
        Some(Step { written: format!("{asked:?}").into(), shape: Arc::new(asked) })
    }

    fn select(&mut self, at: &Path, given: &raw::Select) -> Select {
        let of_header = at.key("header");
        let header = given.header.iter().flatten().filter_map(|(name, pattern)| {
            let pattern = self.match_whole(&of_header.key(name), pattern)?;
            Some((name.as_str().into(), pattern))
        });
        let header = header.collect();
        let key = given.key.as_ref().and_then(|it| self.match_whole(&at.key("key"), it));
        let of_field = at.key("field");
        let mut field = Vec::new();
        for (path, pattern) in given.field.iter().flatten() {
            let at = of_field.key(path);
            let place = self.place(&at, path);
            let pattern = self.match_whole(&at, pattern);
            match (place, pattern) {
                (Some(place), _) if !place.is_one() => {
                    let why = "a condition tests one field";
                    let hint = "name one element, or write an `expression` with `exists`";
                    self.wrong(&at, "names more than one field", why, hint);
                }
                (Some(place), Some(pattern)) => field.push((place, pattern)),
                _ => {}
            }
        }
        let tombstones = match given.tombstones {
            None | Some(raw::Tombstones::Keep) => Tombstones::Keep,
            Some(raw::Tombstones::Drop) => Tombstones::Drop,
            Some(raw::Tombstones::Only) => Tombstones::Only,
        };
        let expression = given.expression.as_ref();
        let expression = expression.and_then(|it| self.expression(&at.key("expression"), it));
        Select { header, key, tombstones, field, expression }
    }

    fn expression(&mut self, at: &Path, text: &str) -> Option<Expression> {
        match Expression::compile(text) {
            Ok(expression) => Some(expression),
            Err(why) => {
                let said = format!("is not a condition: {why}");
                let hint = "docs/shaping.md describes conditions; `try` shows their effect";
                self.wrong(at, said, "it is CEL, and its result must be true or false", hint);
                None
            }
        }
    }

    fn match_whole(&mut self, at: &Path, text: &str) -> Option<Pattern> {
        match Pattern::parse(text) {
            Ok(pattern) => Some(pattern),
            Err(why) => {
                let said = format!("is not a regular expression: {why}");
                let hint = "write one, such as `order.*`; `\\` before a character makes it literal";
                self.wrong(at, said, "it has to match the whole value", hint);
                None
            }
        }
    }

    fn place(&mut self, at: &Path, text: &str) -> Option<Place> {
        match Place::parse(text) {
            Ok(place) => Some(place),
            Err(why) => {
                let hint = "write it as `customer.iban`, `lines[*].price` or `\"first.name\".x`";
                let said = format!("is not a path in a value: {why}");
                self.wrong(at, said, "fields are named by their path from the top", hint);
                None
            }
        }
    }

    fn places(&mut self, at: &Path, given: Option<&Vec<String>>) -> Vec<Placed> {
        let each = given.into_iter().flatten().enumerate();
        let places = each.filter_map(|(index, text)| {
            let at = at.index(index);
            self.place(&at, text).map(|place| (at, place))
        });
        places.collect()
    }

    fn open_key(&mut self, at: &Path, given: &raw::Part) -> bool {
        for (key, is_given) in
            [("deletes", given.deletes.is_some()), ("compress", given.compress.is_some())]
        {
            if is_given {
                self.wrong(
                    &at.key(key),
                    "is never used",
                    "it applies to values only",
                    "remove the key",
                );
            }
        }
        match given.unwrap {
            None => false,
            Some(part::Unwrap::Connect) => true,
            Some(part::Unwrap::Debezium) => {
                let why = "Debezium's envelope wraps values only";
                let hint = "write `unwrap = \"connect\"` for keys with a schema, or remove the key";
                self.wrong(&at.key("unwrap"), "is `debezium`", why, hint);
                false
            }
        }
    }

    fn open_value(&mut self, at: &Path, given: &raw::Part) -> Option<Envelope> {
        for (key, is_given) in [("from", given.from.is_some()), ("hash", given.hash.is_some())] {
            if is_given {
                let hint = "write it in `[mappings.key]`; `[mappings.fields]` changes values";
                self.wrong(&at.key(key), "is never used", "it applies to keys only", hint);
            }
        }
        if given.deletes.is_some() && given.unwrap != Some(part::Unwrap::Debezium) {
            let hint = "write `unwrap = \"debezium\"`, or remove the key";
            let why = "only Debezium's envelope marks deleted rows";
            self.wrong(&at.key("deletes"), "is never used", why, hint);
        }
        if given.unwrap.is_some() && given.to == Some(part::To::Avro) {
            let why = "what is unwrapped is JSON";
            let hint = "write `to = \"json\"`, or remove the key";
            self.wrong(&at.key("unwrap"), "contradicts `to = \"avro\"`", why, hint);
        }
        Some(match given.unwrap? {
            part::Unwrap::Connect => Envelope::Connect,
            part::Unwrap::Debezium => Envelope::Debezium(match given.deletes {
                None | Some(part::Deletes::Tombstone) => Deletes::Tombstone,
                Some(part::Deletes::Drop) => Deletes::Drop,
            }),
        })
    }

    /// The secret of hashes, where something is hashed.
    fn hash_key(&mut self, at: &Path, given: &raw::Mapping) -> Option<HashKey> {
        let file = at.key("fields").key("hash_key_file");
        let hashes = given.fields.hash.as_ref().is_some_and(|it| !it.is_empty());
        let needs = hashes || given.key.hash == Some(true);
        match (&given.fields.hash_key_file, needs) {
            (None, false) => None,
            (None, true) => {
                let why = "a hash without a secret can be undone by trying all values";
                self.missing(&file, why, "name a file with a secret of 16 bytes or more");
                None
            }
            (Some(_), false) => {
                let hint = "name fields in `hash`, or remove the key";
                self.wrong(&file, "is never used", "nothing is hashed", hint);
                None
            }
            (Some(named), true) => {
                let (secret, _) = self.file(&file, named, "the secret of hashes")?;
                if secret.len() < SHORTEST {
                    let why = "a short secret can be guessed";
                    let hint = "make one with `openssl rand -hex 32`";
                    self.wrong(&file, "names a file with fewer than 16 bytes", why, hint);
                    return None;
                }
                Some(HashKey::new(secret.as_bytes()))
            }
        }
    }

    /// What becomes of fields, and those that are gone then.
    fn fields(
        &mut self,
        at: &Path,
        given: &raw::Fields,
        secret: Option<HashKey>,
    ) -> (Fields, Vec<Place>) {
        let remove = self.places(&at.key("remove"), given.remove.as_ref());
        let mask = self.places(&at.key("mask"), given.mask.as_ref());
        let hash = self.places(&at.key("hash"), given.hash.as_ref());
        for (at, place) in &remove {
            if !place.is_field() {
                let why = "only fields can be removed, not elements of lists";
                self.wrong(
                    at,
                    "names elements of a list",
                    why,
                    "name a field of them, or mask them",
                );
            }
        }
        let all: Vec<&Placed> = remove.iter().chain(&mask).chain(&hash).collect();
        for (number, (at, place)) in all.iter().enumerate() {
            let others = all.iter().enumerate().filter(|(other, _)| *other != number);
            let around = others.map(|(other, it)| (other, &it.1));
            // Of two that are the same, the later one is told.
            let around = around
                .filter(|(other, it)| it.holds(place) && (*other < number || !place.holds(it)));
            if let Some((_, around)) = around.into_iter().next() {
                let said = format!("is inside `{around}`, which is also listed");
                self.wrong(at, said, "a field can be changed in one way only", "keep one of them");
            }
        }
        let bare = |all: Vec<Placed>| all.into_iter().map(|(_, place)| place).collect::<Vec<_>>();
        let (remove, mask, hash) = (bare(remove), bare(mask), bare(hash));
        let gone = remove.clone();
        let hash = secret.filter(|_| !hash.is_empty()).map(|secret| (secret, hash));
        (Fields { remove, mask, hash }, gone)
    }

    /// Text with places; it may not read a field that is `gone`.
    fn template(&mut self, at: &Path, text: &str, gone: &[Place]) -> Option<Template> {
        let layers = self.layers;
        let made = Template::parse(text, |name| layers.variable(name).map(str::to_owned));
        let template = match made {
            Ok(template) => template,
            Err(why) => {
                let hint = match &why {
                    NoTemplate::Unset(name) => format!("set the variable `{name}`"),
                    _ => format!("there are {PLACES}"),
                };
                let said = format!("cannot be filled in: {why}");
                self.wrong(at, said, "what is in braces is filled in for each record", hint);
                return None;
            }
        };
        if template.is_empty() {
            self.wrong(
                at,
                "is empty",
                "it is filled in for each record",
                format!("there are {PLACES}"),
            );
            return None;
        }
        self.reads_nothing_removed(at, &template, gone);
        Some(template)
    }

    pub(super) fn reads_nothing_removed(&mut self, at: &Path, template: &Template, gone: &[Place]) {
        for field in template.fields() {
            if gone.iter().any(|it| it.holds(field)) {
                let why = "this text is filled in after `[mappings.fields]` is applied";
                let hint = "mask or hash it instead, or take another field";
                self.wrong(at, format!("reads `{field}`, which is removed"), why, hint);
            }
        }
    }

    fn shaped_headers(&mut self, at: &Path, given: &raw::Headers, gone: &[Place]) -> Headers {
        if given.keep.is_some() && given.drop.is_some() {
            let why = "every header that is not kept is dropped already";
            self.wrong(&at.key("drop"), "contradicts `keep`", why, "keep one of them");
        }
        let mut patterns = |key: &str, given: Option<&Vec<String>>| {
            let at = at.key(key);
            if given.is_some_and(Vec::is_empty) {
                self.wrong(&at, "is empty", "it names headers", "name one, or remove the key");
            }
            let each = given.into_iter().flatten().enumerate();
            each.filter_map(|(index, it)| self.match_whole(&at.index(index), it)).collect()
        };
        let keep = patterns("keep", given.keep.as_ref());
        let drop = patterns("drop", given.drop.as_ref());
        let mut rename = Vec::new();
        for (from, to) in given.rename.iter().flatten() {
            if self.names_a_header(&at.key("rename").key(from), to) {
                rename.push((from.as_str().into(), to.as_str().into()));
            }
        }
        let mut add = Vec::new();
        for (name, text) in given.add.iter().flatten() {
            let at = at.key("add").key(name);
            if self.names_a_header(&at, name)
                && let Some(template) = self.template(&at, text, gone)
            {
                add.push((name.as_str().into(), template));
            }
        }
        Headers { spring: given.spring.unwrap_or(false), keep, drop, rename, add }
    }

    fn names_a_header(&mut self, at: &Path, name: impl Display) -> bool {
        let is_name = !name.to_string().trim().is_empty();
        if !is_name {
            self.wrong(at, "gives a header no name", "properties have names", "write one");
        }
        is_name
    }

    fn cloud_events(&mut self, at: &Path, given: &raw::CloudEvents, gone: &[Place]) -> CloudEvents {
        let mode = given.mode.map(|mode| match mode {
            raw::Mode::Binary => Mode::Binary,
            raw::Mode::Structured => Mode::Structured,
        });
        let mut text = |key: &str, given: Option<&String>| {
            given.and_then(|text| self.template(&at.key(key), text, gone))
        };
        let id = text("id", Some(given.id.as_ref().unwrap_or(&ID.to_owned())));
        let subject = text("subject", given.subject.as_ref());
        let (source, kind) =
            (text("source", given.source.as_ref()), text("type", given.kind.as_ref()));
        let said = [
            ("source", given.source.is_some()),
            ("type", given.kind.is_some()),
            ("id", given.id.is_some()),
            ("subject", given.subject.is_some()),
        ];
        if said.iter().any(|(_, given)| *given) {
            for (key, is_given) in &said[..2] {
                if !is_given {
                    let why = "a plain record becomes a CloudEvent with `source` and `type`";
                    self.missing(&at.key(key), why, "write both, or none of the attributes");
                }
            }
        }
        let make = match (source, kind, id) {
            (Some(source), Some(kind), Some(id)) => Some(Make { source, kind, id, subject }),
            _ => None,
        };
        CloudEvents { mode, make }
    }
}
