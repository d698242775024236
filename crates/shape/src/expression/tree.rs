//! An expression, checked.

use std::fmt;

use regex::Regex;

/// An expression.
#[derive(Debug)]
pub(super) enum Expr {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Box<str>),
    Variable(Variable),
    /// What a loop is at, by its depth.
    Local(usize),
    Select(Box<Expr>, Box<str>),
    Has(Box<Expr>, Box<str>),
    Index(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    If(Box<[Expr; 3]>),
    Compare(Compare, Box<Expr>, Box<Expr>),
    Compute(Compute, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Box<Expr>),
    Call(Function, Vec<Expr>),
    Matches(Box<Expr>, Regex),
    List(Vec<Expr>),
    Loop(Loop, Box<Expr>, Box<Expr>),
}

/// What an expression may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variable {
    Value,
    Key,
    Headers,
    Topic,
    Partition,
    Offset,
    Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compute {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    StartsWith,
    EndsWith,
    Contains,
    LowerAscii,
    UpperAscii,
    Int,
    Double,
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loop {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

/// What is known of a result before there is a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Bool,
    Other(&'static str),
    Nothing,
}

impl Expr {
    pub(super) fn result(&self) -> Known {
        match self {
            Self::Bool(_)
            | Self::Has(..)
            | Self::Not(_)
            | Self::And(..)
            | Self::Or(..)
            | Self::Compare(..)
            | Self::In(..)
            | Self::Matches(..)
            | Self::Call(Function::StartsWith | Function::EndsWith | Function::Contains, _)
            | Self::Loop(Loop::All | Loop::Exists | Loop::ExistsOne, ..) => Known::Bool,
            Self::Null => Known::Other("null"),
            Self::Int(_)
            | Self::Double(_)
            | Self::Negate(_)
            | Self::Call(Function::Size | Function::Int | Function::Double, _)
            | Self::Variable(Variable::Partition | Variable::Offset | Variable::Timestamp) => {
                Known::Other("a number")
            }
            Self::Text(_)
            | Self::Call(Function::LowerAscii | Function::UpperAscii | Function::Text, _)
            | Self::Variable(Variable::Topic | Variable::Key) => Known::Other("text"),
            Self::Variable(Variable::Headers) => Known::Other("all headers"),
            Self::List(_) | Self::Loop(Loop::Filter | Loop::Map, ..) => Known::Other("a list"),
            Self::Compute(..) => Known::Other("a number, text or a list"),
            Self::If(all) => all[1].result(),
            Self::Variable(Variable::Value)
            | Self::Local(_)
            | Self::Select(..)
            | Self::Index(..) => Known::Nothing,
        }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Value => "value",
            Self::Key => "key",
            Self::Headers => "headers",
            Self::Topic => "topic",
            Self::Partition => "partition",
            Self::Offset => "offset",
            Self::Timestamp => "timestamp",
        })
    }
}

impl Expr {
    /// What it reads of the record, as it is written.
    fn place(&self) -> Option<String> {
        Some(match self {
            Self::Variable(variable) => variable.to_string(),
            Self::Select(of, name) | Self::Has(of, name) => format!("{}.{name}", of.place()?),
            Self::Index(of, index) => {
                let of = of.place()?;
                match &**index {
                    Self::Int(index) => format!("{of}[{index}]"),
                    Self::Text(name) => format!("{of}['{name}']"),
                    _ => format!("{of}[…]"),
                }
            }
            _ => return None,
        })
    }
}

/// In a message: as it is written, or what it is.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place() {
            return write!(f, "`{place}`");
        }
        match self {
            Self::Local(_) => f.write_str("an element"),
            Self::Select(of, name) | Self::Has(of, name) => write!(f, "`{name}` of {of}"),
            Self::Index(of, _) => write!(f, "an element of {of}"),
            Self::Call(..) | Self::Matches(..) => f.write_str("the result of a function"),
            Self::List(_) | Self::Loop(..) => f.write_str("a list"),
            _ => f.write_str("the result of an expression"),
        }
    }
}
