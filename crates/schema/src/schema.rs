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
