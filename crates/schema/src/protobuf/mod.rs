//! Protobuf: `protox` compiles the text of a schema, `prost-reflect` reads a value with it, and what is here makes JSON of it.
//!
//! A value is held in memory between the two: fields may come in any order, and more than once. `prost-reflect` has JSON of its
//! own, which is the witness of the tests; its maps come out in another order each time, and its forms are not ours to choose.

mod compile;
mod confluent;
mod known;
mod message;
#[cfg(test)]
mod tests;
mod write;

use prost_reflect::{DynamicMessage, FileDescriptor};

use crate::form::Form;
use crate::frame::Payload;
use crate::schema::{Malformed, Source};
use crate::unreadable::{Fail, Reason, Unreadable, brief};

/// A schema of Protobuf, compiled.
#[derive(Debug)]
pub(crate) struct Protobuf {
    file: FileDescriptor,
    name: Option<String>,
}

impl Protobuf {
    pub(crate) fn compile(source: &Source) -> Result<Self, Malformed> {
        let file = compile::file(source)?;
        let name = file.messages().next().map(|it| it.full_name().to_owned());
        Ok(Self { file, name })
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn write_json(
        &self,
        payload: Payload<'_>,
        form: &Form,
        out: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        let (message, bytes) = message::of(&self.file, payload)?;
        let name = message.name().to_owned();
        // Of `prost` the nesting is bounded, to 100.
        let read = DynamicMessage::decode(message, bytes)
            .map_err(|error| Fail::from(Reason::Protobuf(brief(error.to_string()))));
        let done = read.and_then(|value| write::message(&value, form, out));
        done.map_err(|fail| fail.under(&name).into())
    }
}
