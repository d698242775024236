//! A schema, compiled once and shared, and what may be done with it.

use std::fmt::{self, Display, Formatter};

use crate::avro::Avro;
use crate::form::Form;
use crate::frame::Payload;
use crate::protobuf::Protobuf;
use crate::unreadable::{Reason, Unreadable};

/// The longest schema, with all that it refers to. A registry's own bound is about a quarter of it.
const TEXT: usize = 4 << 20;

/// The most schemas that one may refer to, however far.
const REFERENCES: usize = 256;

/// What kind of schema, as registries call them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `AVRO`.
    Avro,
    /// `PROTOBUF`.
    Protobuf,
    /// `JSON`: JSON Schema.
    Json,
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avro => "Avro",
            Self::Protobuf => "Protobuf",
            Self::Json => "JSON",
        })
    }
}

/// A schema as a registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its kind, which is that of everything it refers to.
    pub kind: Kind,
    /// Its text. Of Protobuf also a `FileDescriptorProto` in base64, which is what some clients register.
    pub text: String,
    /// All that it refers to, near and far, each once; what is referred to comes before what refers to it.
    pub references: Vec<Reference>,
}

/// A schema that another refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The name by which it is referred to: with Protobuf the path of the import.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Why a schema cannot be used. Compiling it again will not help: the registry has to have another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// More than any registry holds.
    #[error("the schema and all it refers to are more than {TEXT} bytes")]
    TooLong,
    /// More references than anyone writes.
    #[error("the schema refers to more than {REFERENCES} others")]
    References,
    /// Deeper than anyone writes.
    #[error("the schema is nested too deep")]
    Nesting,
    /// Not a schema of its kind.
    #[error("{place}: {reason}")]
    Invalid {
        /// What part of it: "the schema", "reference `x`".
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// A name that is defined nowhere.
    #[error("type `{0}` is not defined, neither here nor in what the schema refers to")]
    Unknown(String),
    /// A name that is defined more than once.
    #[error("type `{0}` is defined twice")]
    Twice(String),
}

/// A schema, compiled. Cheap to share, and used from any thread.
#[derive(Debug)]
pub struct Schema {
    compiled: Compiled,
}

#[derive(Debug)]
enum Compiled {
    Avro(Avro),
    Protobuf(Protobuf),
    Json,
}

impl Schema {
    /// Compiles a schema: once for each, not for each value.
    pub fn compile(source: &Source) -> Result<Self, Malformed> {
        let texts = source.references.iter().map(|it| it.text.len() + it.name.len());
        if texts.sum::<usize>() + source.text.len() > TEXT {
            return Err(Malformed::TooLong);
        }
        if source.references.len() > REFERENCES {
            return Err(Malformed::References);
        }
        let compiled = match source.kind {
            Kind::Avro => Compiled::Avro(Avro::compile(source)?),
            Kind::Protobuf => Compiled::Protobuf(Protobuf::compile(source)?),
            Kind::Json => {
                serde_json::from_str::<serde::de::IgnoredAny>(&source.text).map_err(|error| {
                    Malformed::Invalid { place: "the schema".into(), reason: error.to_string() }
                })?;
                Compiled::Json
            }
        };
        Ok(Self { compiled })
    }

    /// What kind it is.
    pub fn kind(&self) -> Kind {
        match &self.compiled {
            Compiled::Avro(_) => Kind::Avro,
            Compiled::Protobuf(_) => Kind::Protobuf,
            Compiled::Json => Kind::Json,
        }
    }

    /// The full name of what it describes: of Avro the type on top, when it has a name; of Protobuf the first message.
    pub fn name(&self) -> Option<&str> {
        match &self.compiled {
            Compiled::Avro(avro) => avro.name(),
            Compiled::Protobuf(protobuf) => protobuf.name(),
            Compiled::Json => None,
        }
    }

    /// Appends one value as JSON. Appends nothing when it cannot be read.
    pub fn write_json(
        &self,
        payload: Payload<'_>,
        form: &Form,
        out: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        let from = out.len();
        let done = match &self.compiled {
            Compiled::Avro(avro) => avro.write_json(payload.bytes, form, out),
            Compiled::Protobuf(protobuf) => protobuf.write_json(payload, form, out),
            Compiled::Json => pass(payload.bytes, form, out),
        };
        done.inspect_err(|_| out.truncate(from))
    }

    /// Appends one value of Avro as a file of Avro (an object container) with the schema inside and one record. It does not
    /// depend on anything but schema and payload. Appends nothing when the value cannot be read.
    pub fn plain_avro(&self, payload: Payload<'_>, out: &mut Vec<u8>) -> Result<(), Unreadable> {
        match &self.compiled {
            Compiled::Avro(avro) => avro.container(payload.bytes, out),
            _ => Err(whole(Reason::NotAvro(self.kind()))),
        }
    }
}

fn whole(reason: Reason) -> Unreadable {
    Unreadable { at: String::new(), reason }
}

/// JSON is JSON already.
fn pass(bytes: &[u8], form: &Form, out: &mut Vec<u8>) -> Result<(), Unreadable> {
    if bytes.len() > form.limit {
        return Err(whole(Reason::TooLong(form.limit)));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| whole(Reason::Utf8))?;
    // Looks at each byte and keeps none; it does not recurse.
    serde_json::from_str::<serde::de::IgnoredAny>(text)
        .map_err(|error| whole(Reason::NotJson { line: error.line(), column: error.column() }))?;
    out.extend_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_schema() -> Schema {
        let text = r#"{"type":"object"}"#.to_owned();
        Schema::compile(&Source { kind: Kind::Json, text, references: Vec::new() }).unwrap()
    }

    fn read(bytes: &[u8], limit: usize) -> Result<Vec<u8>, Unreadable> {
        let mut out = Vec::new();
        let form = Form { limit, ..Form::default() };
        json_schema().write_json(bytes.into(), &form, &mut out).map(|()| out)
    }

    #[test]
    fn json_passes_byte_for_byte() {
        let written = br#" {"id" : 123456789012345678901, "a": [1.50, null]}"#;
        assert_eq!(read(written, 1_000).unwrap(), written);
    }

    #[test]
    fn what_is_not_json_is_unreadable() {
        let error = |bytes: &[u8]| read(bytes, 100).unwrap_err().to_string();
        assert_eq!(error(b"{\n \"a\": NaN}"), "it is not JSON: line 2, column 7");
        assert_eq!(error(b"{} {}"), "it is not JSON: line 1, column 4");
        assert_eq!(error(b"\"\xff\""), "text is not UTF-8");
        assert_eq!(error(&[b'1'; 101]), "it would be more than 100 bytes");
    }

    #[test]
    fn only_avro_is_avro() {
        let error = json_schema().plain_avro(b"{}".as_slice().into(), &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "the value is JSON, not Avro");
    }

    #[test]
    fn a_schema_has_bounds() {
        let reference = |text: &str| Reference { name: "r".into(), text: text.into() };
        let mut source = Source {
            kind: Kind::Avro,
            text: "\"int\"".into(),
            references: vec![reference("\"int\""); REFERENCES],
        };
        assert!(Schema::compile(&source).is_ok());
        source.references.push(reference("\"int\""));
        assert_eq!(Schema::compile(&source).unwrap_err(), Malformed::References);
        source.references.clear();
        source.text = format!("\"{}\"", "ü".repeat(100_000));
        assert!(Schema::compile(&source).unwrap_err().to_string().len() < 1_000);
        source.references = vec![reference(&" ".repeat(TEXT))];
        assert_eq!(Schema::compile(&source).unwrap_err(), Malformed::TooLong);
    }
}
