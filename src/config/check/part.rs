//! `[mappings.key]` and `[mappings.value]`: what is decoded, and by which registry. The rest of them is in [`super::step`].

use bridge_schema::frame::{Counts, Width};
use bridge_schema::{Form, Framing, form};
use bridge_shape::{Decoder, To};

use crate::config::Registry;
use crate::config::hint::{nearest, shown};
use crate::config::path::Path;
use crate::config::raw::{self, part};

use super::Check;

impl Check<'_> {
    /// How a part of a record is decoded.
    pub(super) fn part(
        &mut self,
        at: &Path,
        given: &raw::Part,
        registries: &[Registry],
    ) -> Option<Decoder> {
        let Some(writer) = given.decode else {
            if !self.failed(&at.key("decode")) {
                self.are_unused(
                    at,
                    given.said(),
                    "nothing is decoded without `decode`",
                    "set `decode`",
                );
            }
            return None;
        };
        let framing = self.framing(at, writer, given);
        let to = match given.to.unwrap_or(part::To::Json) {
            part::To::Json => To::Json(form(given)),
            part::To::Avro => {
                let why = "Avro has its own forms, and `to` is `avro`";
                self.are_unused(at, given.forms(), why, "write `to = \"json\"`");
                To::Avro
            }
        };
        let (registry, name) = self.registry_of(&at.key("registry"), given, registries)?;
        Some(Decoder { registry, name: name.into(), framing, to })
    }

    pub(super) fn are_unused(&mut self, at: &Path, said: Vec<&'static str>, why: &str, hint: &str) {
        for key in said {
            self.wrong(&at.key(key), "is never used", why, format!("{hint}, or remove the key"));
        }
    }

    fn framing(&mut self, at: &Path, writer: part::Writer, given: &raw::Part) -> Framing {
        if writer == part::Writer::Confluent {
            let why = "Confluent's serializers write ids of one kind";
            self.are_unused(at, given.of_apicurio(), why, "write `decode = \"apicurio\"`");
            return Framing::Confluent;
        }
        let width = match given.id_bytes {
            None | Some(8) => Width::Eight,
            Some(4) => Width::Four,
            Some(other) => {
                let why = "Apicurio's serializers write ids of 8 bytes or of 4";
                self.wrong(&at.key("id_bytes"), format!("is {other}"), why, "write 8 or 4");
                Width::Eight
            }
        };
        let counts = match given.ids {
            None | Some(part::Ids::Global) => Counts::Global,
            Some(part::Ids::Content) => Counts::Content,
        };
        Framing::Apicurio { width, counts }
    }

    /// The number of the registry, and its name.
    fn registry_of(
        &mut self,
        at: &Path,
        given: &raw::Part,
        registries: &[Registry],
    ) -> Option<(u32, String)> {
        let wanted = self.text(at, given.registry.as_ref(), "it is the name of a registry");
        match (wanted, registries) {
            (Some(wanted), _) => {
                if let Some(place) = registries.iter().position(|it| it.name == wanted) {
                    return Some((place as u32, wanted));
                }
                let hint = match nearest(&wanted, registries.iter().map(|it| it.name.as_str())) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("add `[registries.{wanted}]` with its `addresses`"),
                };
                let said = format!("is {}, and there is no such registry", shown(&wanted));
                self.wrong(at, said, "schemas are fetched from it", hint);
            }
            (None, [only]) => return Some((0, only.name.clone())),
            (None, []) => {
                let why = "schemas are fetched from a registry, and none is configured";
                self.missing(at, why, "add `[registries.main]` with its `addresses`");
            }
            (None, _) => {
                let why = "several registries are configured";
                self.missing(at, why, "name one of them");
            }
        }
        None
    }
}

/// The forms that are asked for.
fn form(given: &raw::Part) -> Form {
    let mut form = Form::default();
    if let Some(integers) = given.integers {
        form.integers = match integers {
            part::Integers::Safe => form::Integers::Safe,
            part::Integers::Number => form::Integers::Number,
            part::Integers::Text => form::Integers::Text,
        };
    }
    if let Some(non_finite) = given.non_finite {
        form.non_finite = match non_finite {
            part::NonFinite::Text => form::NonFinite::Text,
            part::NonFinite::Null => form::NonFinite::Null,
        };
    }
    if let Some(bytes) = given.bytes {
        form.bytes = match bytes {
            part::Bytes::Base64 => form::Bytes::Base64,
            part::Bytes::Hex => form::Bytes::Hex,
            part::Bytes::Latin1 => form::Bytes::Latin1,
        };
    }
    if given.decimals == Some(part::TextOrNumber::Number) {
        form.decimals = form::Decimals::Number;
    }
    if given.times == Some(part::TextOrNumber::Number) {
        form.times = form::Times::Number;
    }
    if given.names == Some(part::Names::AsWritten) {
        form.names = form::Names::AsWritten;
    }
    form.defaults = given.defaults.unwrap_or(false);
    form
}
