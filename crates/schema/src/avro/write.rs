//! A value, from its bytes to JSON.

use super::read::Cursor;
use super::{Field, Id, Node, decimal};
use crate::form::{Form, Times};
use crate::json;
use crate::time;
use crate::unreadable::{Fail, Reason};

/// How deep values may be nested: what readers in Azure take (`System.Text.Json` reads 64 levels).
const DEPTH: usize = 64;

/// One value on its way.
struct Pass<'a> {
    nodes: &'a [Node],
    left: Cursor<'a>,
    form: &'a Form,
    out: &'a mut Vec<u8>,
    /// How long `out` may become.
    end: usize,
}

/// Appends the value that is all of `bytes`.
pub(super) fn value(
    nodes: &[Node],
    top: Id,
    bytes: &[u8],
    form: &Form,
    out: &mut Vec<u8>,
) -> Result<(), Fail> {
    let end = out.len().saturating_add(form.limit);
    let mut pass = Pass { nodes, left: Cursor(bytes), form, out, end };
    pass.value(top, DEPTH)?;
    match pass.left.0.len() {
        0 => Ok(()),
        more => Err(Reason::LeftOver(more).into()),
    }
}

impl Pass<'_> {
    fn value(&mut self, id: Id, deeper: usize) -> Result<(), Fail> {
        let nodes = self.nodes;
        match &nodes[id as usize] {
            Node::Record(fields) => self.record(fields, inside(deeper)?)?,
            Node::Array(item) => self.array(*item, inside(deeper)?)?,
            Node::Map(item) => self.map(*item, inside(deeper)?)?,
            Node::Union(branches) => {
                let found = self.left.long()?;
                let branch = usize::try_from(found).ok().and_then(|at| branches.get(at));
                let branch = branch.ok_or(Reason::Branch { found, of: branches.len() })?;
                return self.value(*branch, deeper);
            }
            leaf => self.leaf(leaf)?,
        }
        if self.out.len() > self.end {
            return Err(Reason::TooLong(self.form.limit).into());
        }
        Ok(())
    }

    fn leaf(&mut self, node: &Node) -> Result<(), Fail> {
        match node {
            Node::Null => self.out.extend_from_slice(b"null"),
            Node::Boolean => {
                let said: &[u8] = match self.left.array()? {
                    [0] => b"false",
                    [1] => b"true",
                    _ => return Err(Reason::Boolean.into()),
                };
                self.out.extend_from_slice(said);
            }
            Node::Int => json::digits(self.left.int()?, self.out),
            Node::Long => json::long(self.left.long()?, self.form.integers, self.out),
            Node::Float => {
                let number = f32::from_le_bytes(*self.left.array()?);
                json::float(number, f64::from(number), self.form.non_finite, self.out);
            }
            Node::Double => {
                let number = f64::from_le_bytes(*self.left.array()?);
                json::float(number, number, self.form.non_finite, self.out);
            }
            Node::Bytes => json::bytes(self.left.bytes()?, self.form.bytes, self.out),
            Node::Text => json::text(self.left.text()?, self.out),
            Node::Fixed(size) => json::bytes(self.left.take(*size)?, self.form.bytes, self.out),
            Node::Enum(symbols) => {
                let found = self.left.long()?;
                let symbol = usize::try_from(found).ok().and_then(|at| symbols.get(at));
                let symbol = symbol.ok_or(Reason::Symbol { found, of: symbols.len() })?;
                self.out.extend_from_slice(symbol);
            }
            logical => self.logical(logical)?,
        }
        Ok(())
    }

    fn logical(&mut self, node: &Node) -> Result<(), Fail> {
        let raw = self.form.times == Times::Number;
        match node {
            Node::Date => match (self.left.int()?, raw) {
                (days, true) => json::digits(days, self.out),
                (days, false) => time::date(days, self.out),
            },
            Node::Time(unit) => {
                let time = match unit {
                    time::Unit::Millis => i64::from(self.left.int()?),
                    _ => self.left.long()?,
                };
                if raw || !time::of_day(time, *unit, self.out) {
                    json::long(time, self.form.integers, self.out);
                }
            }
            Node::Stamp(unit, zone) => match (self.left.long()?, raw) {
                (time, true) => json::long(time, self.form.integers, self.out),
                (time, false) => time::stamp(time, *unit, *zone, self.out),
            },
            Node::Duration => time::duration(self.left.array()?, self.out),
            Node::Uuid => json::uuid(self.left.array()?, self.out),
            Node::Decimal { size, scale } => {
                let unscaled = match size {
                    Some(size) => self.left.take(*size)?,
                    None => self.left.bytes()?,
                };
                decimal::write(unscaled, i64::from(*scale), self.form.decimals, self.out)?;
            }
            Node::BigDecimal => {
                let mut inside = Cursor(self.left.bytes()?);
                let unscaled = inside.bytes()?;
                let scale = inside.long()?;
                decimal::write(unscaled, scale, self.form.decimals, self.out)?;
            }
            _ => unreachable!("every other type has been seen to"),
        }
        Ok(())
    }

    fn record(&mut self, fields: &[Field], deeper: usize) -> Result<(), Fail> {
        if fields.is_empty() {
            self.out.push(b'{');
        }
        for field in fields {
            self.out.extend_from_slice(&field.key);
            self.value(field.node, deeper).map_err(|fail| fail.under(&field.name))?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn array(&mut self, item: Id, deeper: usize) -> Result<(), Fail> {
        self.out.push(b'[');
        let mut at = 0_u64;
        while let Some(count) = self.left.block()? {
            // An item may have no bytes, and yet becomes JSON: what may come out bounds the count.
            for _ in 0..count {
                if at > 0 {
                    self.out.push(b',');
                }
                self.value(item, deeper).map_err(|fail| fail.under(&format!("[{at}]")))?;
                at += 1;
            }
        }
        self.out.push(b']');
        Ok(())
    }

    fn map(&mut self, item: Id, deeper: usize) -> Result<(), Fail> {
        self.out.push(b'{');
        let mut at = 0_u64;
        while let Some(count) = self.left.block()? {
            for _ in 0..count {
                if at > 0 {
                    self.out.push(b',');
                }
                self.entry(item, deeper).map_err(|fail| fail.under(&format!("{{{at}}}")))?;
                at += 1;
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    fn entry(&mut self, item: Id, deeper: usize) -> Result<(), Fail> {
        json::text(self.left.text()?, self.out);
        self.out.push(b':');
        self.value(item, deeper)
    }
}

/// One level further in.
fn inside(deeper: usize) -> Result<usize, Fail> {
    Ok(deeper.checked_sub(1).ok_or(Reason::Nesting(DEPTH))?)
}
