//! Avro: a schema becomes a tree of own, and a value becomes JSON in one pass over its bytes, with no values between.
//!
//! `apache-avro` makes a tree of values first, which costs an allocation or more for each. It is the witness of the tests.

mod compile;
mod container;
mod decimal;
mod names;
mod read;
#[cfg(test)]
mod tests;
mod write;

use crate::form::Form;
use crate::schema::{Malformed, Source};
use crate::time;
use crate::unreadable::{Fail, Reason, Unreadable};

/// Where a type is in the tree.
type Id = u32;

/// One type. Those that have names are referred to by place, so that a type may contain itself.
#[derive(Debug)]
enum Node {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    /// Its symbols, as JSON.
    Enum(Box<[Box<[u8]>]>),
    Array(Id),
    Map(Id),
    Union(Box<[Id]>),
    Record(Box<[Field]>),
    Date,
    Time(time::Unit),
    Stamp(time::Unit, time::Zone),
    /// Months, days, milliseconds.
    Duration,
    /// Sixteen bytes.
    Uuid,
    /// Of bytes, or of a fixed size.
    Decimal {
        size: Option<usize>,
        scale: u32,
    },
    /// With its scale inside.
    BigDecimal,
}

#[derive(Debug)]
struct Field {
    /// As JSON, with what comes before and after it: `{"a":` of the first, `,"b":` of the others.
    key: Box<[u8]>,
    name: Box<str>,
    node: Id,
}

/// A schema of Avro, compiled.
#[derive(Debug)]
pub(crate) struct Avro {
    nodes: Vec<Node>,
    top: Id,
    name: Option<String>,
    /// What every file of one record begins with. None when its schema would be nested too deep.
    head: Option<Box<[u8]>>,
}

impl Avro {
    pub(crate) fn compile(source: &Source) -> Result<Self, Malformed> {
        let compiled = compile::Tree::of(source)?;
        let head = compiled.text.as_deref().map(container::head);
        Ok(Self { nodes: compiled.nodes, top: compiled.top, name: compiled.name, head })
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn write_json(
        &self,
        bytes: &[u8],
        form: &Form,
        out: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        write::value(&self.nodes, self.top, bytes, form, out).map_err(|fail| {
            let short = self.name().and_then(|name| name.rsplit('.').next());
            fail.under(short.unwrap_or_default()).into()
        })
    }

    /// A file of one record, when the record can be read.
    pub(crate) fn container(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Unreadable> {
        let deep = || Fail::from(Reason::Nesting(names::DEPTH));
        let head = self.head.as_deref().ok_or_else(deep)?;
        self.write_json(bytes, &Form::default(), &mut Vec::new())?;
        container::write(head, bytes, out);
        Ok(())
    }
}
