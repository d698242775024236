//! Conditions in CEL, the Common Expression Language.
//!
//! The crate `cel` reads them. What is written is then made into a tree of our own, and that is evaluated here, for four reasons:
//! names and functions that there are not are told when the configuration is checked, with their place; every step is counted, so
//! time and memory have a bound whatever the expression and the record are; errors never quote a value; and JSON is read where
//! it stands, only as far as it is asked for. What is left out of CEL: making objects and messages, unsigned numbers, bytes,
//! times, and optionals. The tests hold the rest against the interpreter of the crate.

mod compile;
mod evaluate;
mod list;
mod operate;
mod tree;

use std::fmt;

use bridge_core::record::Record;
use bridge_core::step::Draft;

use crate::json::Value;
use crate::stop::{EXPRESSION, Stop};

use evaluate::{Evaluation, Failure};
use tree::Expr;

/// Steps that one evaluation may take: some milliseconds.
pub const STEPS: u32 = 100_000;
/// No expression is longer.
pub const LONGEST: usize = 4096;

/// A condition.
pub struct Expression {
    written: Box<str>,
    root: Expr,
    reads_value: bool,
}

/// Why text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}, at line {line}, column {column}")]
pub struct NoExpression {
    /// What is wrong.
    pub what: String,
    /// Where, counted from 1.
    pub line: usize,
    /// Where in the line, counted from 1.
    pub column: usize,
}

impl Expression {
    /// Reads a condition.
    pub fn compile(written: &str) -> Result<Self, NoExpression> {
        let (root, reads_value) = compile::compile(written)?;
        Ok(Self { written: written.into(), root, reads_value })
    }

    /// Whether it is about the value, and not only about headers, the key and the like.
    pub fn reads_value(&self) -> bool {
        self.reads_value
    }

    /// Whether it is true of `record`, which was shaped as far as `draft` is, and whose value holds `value`.
    pub(crate) fn holds(
        &self,
        record: &Record<'_>,
        draft: &Draft<'_>,
        value: Option<Value<'_>>,
    ) -> Result<bool, Stop> {
        let mut evaluation = Evaluation::new(record, draft, value, STEPS);
        evaluation.holds(&self.root).map_err(|why| {
            let why = match why {
                Failure::Wrong(detail) => detail,
                Failure::TooMuch => format!("it takes more than {STEPS} steps"),
            };
            Stop::Refused(EXPRESSION, format!("the expression has no result: {why}"))
        })
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.written)
    }
}

#[cfg(test)]
mod tests;
