//! Where a value cannot be read with its schema, and why. What is in the value is never quoted: it may be a secret.

use std::fmt::{self, Display, Formatter};

/// A value that cannot be read with its schema. Reading it again will not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Unreadable {
    /// The place in the value: `Order.lines[3].price`. An entry of a map is counted, not named: `Order.prices{2}`. Empty
    /// when the schema has no name and the value is unreadable as a whole.
    pub at: String,
    /// What is wrong there.
    pub reason: Reason,
}

impl Display for Unreadable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.at.as_str() {
            "" => write!(f, "{}", self.reason),
            at => write!(f, "`{at}`: {}", self.reason),
        }
    }
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// It stops in the middle.
    #[error("the value ends early")]
    Ends,
    /// The schema is satisfied before the value ends.
    #[error("{0} bytes are left over when the schema is satisfied")]
    LeftOver(usize),
    /// Deeper than what readers of JSON take.
    #[error("values are nested deeper than {0} levels")]
    Nesting(usize),
    /// More JSON than may come out.
    #[error("it would be more than {0} bytes")]
    TooLong(usize),
    /// A number that does not fit its type.
    #[error("a number does not fit its type")]
    Number,
    /// A length below zero.
    #[error("a length is negative")]
    Length,
    /// Text that is none.
    #[error("text is not UTF-8")]
    Utf8,
    /// A boolean that is neither.
    #[error("a boolean is neither 0 nor 1")]
    Boolean,
    /// A branch that the union does not have.
    #[error("branch {found} of a union of {of}")]
    Branch {
        /// What is written.
        found: i64,
        /// How many branches there are.
        of: usize,
    },
    /// A symbol that the enum does not have.
    #[error("symbol {found} of an enum of {of}")]
    Symbol {
        /// What is written.
        found: i64,
        /// How many symbols there are.
        of: usize,
    },
    /// A decimal longer than any in use.
    #[error("a decimal is longer than {0} bytes, or its scale is out of bounds")]
    Decimal(usize),
    /// A `Timestamp` or a `Duration` that Protobuf does not allow.
    #[error("a time is outside of the years 1 to 9999, or its nanoseconds are out of bounds")]
    Time,
    /// The schema has no such message.
    #[error("the schema does not have the message that the value names")]
    NoMessage,
    /// Not Protobuf, or not of this message.
    #[error("{0}")]
    Protobuf(String),
    /// Not JSON.
    #[error("it is not JSON: line {line}, column {column}")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// Asked for as Avro, and written as something else.
    #[error("the value is {0}, not Avro")]
    NotAvro(crate::Kind),
}

/// What the readers of this crate return: small, because it goes through every level.
#[derive(Debug)]
pub(crate) struct Fail(Box<Unreadable>);

impl From<Reason> for Fail {
    fn from(reason: Reason) -> Self {
        Self(Box::new(Unreadable { at: String::new(), reason }))
    }
}

impl From<Fail> for Unreadable {
    fn from(fail: Fail) -> Self {
        let Self { at, reason } = *fail.0;
        Self { at: brief(at), reason }
    }
}

/// The most bytes of one thing that an error says. Names in a schema may be as long as the schema.
const BRIEF: usize = 500;

/// The text, or its beginning.
pub(crate) fn brief(mut text: String) -> String {
    if text.len() > BRIEF {
        text.truncate(text.floor_char_boundary(BRIEF));
        text.push('…');
    }
    text
}

impl Fail {
    /// The same, seen from one level further out.
    pub(crate) fn under(mut self, name: &str) -> Self {
        let at = &mut self.0.at;
        let dot = if at.is_empty() || at.starts_with(['[', '{']) { "" } else { "." };
        *at = format!("{name}{dot}{at}");
        self
    }
}
