//! A message, as the canonical JSON of Protobuf.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage, Value};

use super::known;
use crate::form::{Form, Integers, Names};
use crate::json;
use crate::unreadable::{Fail, Reason};

/// How deep values may be nested: as with Avro.
pub(super) const DEPTH: usize = 64;

/// One message on its way.
pub(super) struct Pass<'a> {
    pub(super) form: &'a Form,
    pub(super) out: &'a mut Vec<u8>,
    /// How long `out` may become.
    end: usize,
}

/// Appends a message.
pub(super) fn message(
    message: &DynamicMessage,
    form: &Form,
    out: &mut Vec<u8>,
) -> Result<(), Fail> {
    let end = out.len().saturating_add(form.limit);
    Pass { form, out, end }.message(message, DEPTH)
}

/// Whether it holds a zero that was written for its sign, and is no default for that.
fn is_negative_zero(message: &DynamicMessage, field: &FieldDescriptor) -> bool {
    let is_float = matches!(field.kind(), Kind::Double | Kind::Float);
    is_float
        && match *message.get_field(field) {
            Value::F32(number) => number == 0.0 && number.is_sign_negative(),
            Value::F64(number) => number == 0.0 && number.is_sign_negative(),
            _ => false,
        }
}

impl Pass<'_> {
    pub(super) fn message(&mut self, message: &DynamicMessage, deeper: usize) -> Result<(), Fail> {
        let deeper = deeper.checked_sub(1).ok_or(Reason::Nesting(DEPTH))?;
        if known::write(self, message, deeper)? {
            return self.bounded();
        }
        self.out.push(b'{');
        self.fields(message, true, deeper)?;
        self.out.push(b'}');
        self.bounded()
    }

    /// The fields alone. `first` says that nothing comes before them.
    pub(super) fn fields(
        &mut self,
        message: &DynamicMessage,
        mut first: bool,
        deeper: usize,
    ) -> Result<(), Fail> {
        for field in message.descriptor().fields() {
            let written = message.has_field(&field)
                || self.form.defaults && !field.supports_presence()
                || is_negative_zero(message, &field);
            if written {
                let value = message.get_field(&field);
                self.field(&field, &value, &mut first, deeper)?;
            }
        }
        for (extension, value) in message.extensions() {
            self.key(extension.json_name(), &mut first);
            self.value(value, &extension.kind(), deeper)
                .map_err(|fail| fail.under(extension.json_name()))?;
        }
        Ok(())
    }

    fn field(
        &mut self,
        field: &FieldDescriptor,
        value: &Value,
        first: &mut bool,
        deeper: usize,
    ) -> Result<(), Fail> {
        self.key(
            match self.form.names {
                Names::Json => field.json_name(),
                Names::AsWritten => field.name(),
            },
            first,
        );
        self.value(value, &field.kind(), deeper).map_err(|fail| fail.under(field.name()))
    }

    pub(super) fn key(&mut self, key: &str, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.push(b',');
        }
        json::text(key, self.out);
        self.out.push(b':');
    }

    /// Appends a value of a field of this kind; of a map, the kind is that of its entries.
    pub(super) fn value(&mut self, value: &Value, kind: &Kind, deeper: usize) -> Result<(), Fail> {
        match value {
            Value::Bool(true) => self.out.extend_from_slice(b"true"),
            Value::Bool(false) => self.out.extend_from_slice(b"false"),
            Value::I32(number) => json::digits(*number, self.out),
            Value::U32(number) => json::digits(*number, self.out),
            Value::I64(number) => self.long(*number),
            Value::U64(number) => self.long(*number),
            Value::F32(number) => {
                json::float(*number, f64::from(*number), self.form.non_finite, self.out);
            }
            Value::F64(number) => json::float(*number, *number, self.form.non_finite, self.out),
            Value::String(text) => json::text(text, self.out),
            Value::Bytes(bytes) => json::bytes(bytes, self.form.bytes, self.out),
            Value::EnumNumber(number) => self.symbol(*number, kind),
            Value::Message(message) => return self.message(message, deeper),
            Value::List(items) => self.list(items, kind, deeper)?,
            Value::Map(entries) => self.map(entries, kind, deeper)?,
        }
        self.bounded()
    }

    fn list(&mut self, items: &[Value], kind: &Kind, deeper: usize) -> Result<(), Fail> {
        let deeper = deeper.checked_sub(1).ok_or(Reason::Nesting(DEPTH))?;
        self.out.push(b'[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            self.value(item, kind, deeper).map_err(|fail| fail.under(&format!("[{at}]")))?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn map(
        &mut self,
        entries: &std::collections::HashMap<MapKey, Value>,
        kind: &Kind,
        deeper: usize,
    ) -> Result<(), Fail> {
        let deeper = deeper.checked_sub(1).ok_or(Reason::Nesting(DEPTH))?;
        let kind = match kind {
            Kind::Message(entry) => entry.map_entry_value_field().kind(),
            kind => kind.clone(),
        };
        // A map has no order in Protobuf; the same value is the same JSON here.
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        self.out.push(b'{');
        let mut first = true;
        for (at, (key, value)) in entries.into_iter().enumerate() {
            match key {
                MapKey::String(key) => self.key(key, &mut first),
                MapKey::Bool(key) => self.key(if *key { "true" } else { "false" }, &mut first),
                MapKey::I32(key) => self.key(&key.to_string(), &mut first),
                MapKey::I64(key) => self.key(&key.to_string(), &mut first),
                MapKey::U32(key) => self.key(&key.to_string(), &mut first),
                MapKey::U64(key) => self.key(&key.to_string(), &mut first),
            }
            self.value(value, &kind, deeper).map_err(|fail| fail.under(&format!("{{{at}}}")))?;
        }
        self.out.push(b'}');
        Ok(())
    }

    /// The name of a symbol, or its number when it has none.
    fn symbol(&mut self, number: i32, kind: &Kind) {
        let symbols = kind.as_enum();
        if symbols.is_some_and(|it| it.full_name() == "google.protobuf.NullValue") {
            self.out.extend_from_slice(b"null");
        } else if let Some(symbol) = symbols.and_then(|it| it.get_value(number)) {
            json::text(symbol.name(), self.out);
        } else {
            json::digits(number, self.out);
        }
    }

    /// Text, by definition of Protobuf's JSON.
    fn long(&mut self, number: impl itoa::Integer) {
        let quoted = self.form.integers != Integers::Number;
        if quoted {
            self.out.push(b'"');
        }
        json::digits(number, self.out);
        if quoted {
            self.out.push(b'"');
        }
    }

    fn bounded(&self) -> Result<(), Fail> {
        if self.out.len() > self.end {
            return Err(Reason::TooLong(self.form.limit).into());
        }
        Ok(())
    }
}
