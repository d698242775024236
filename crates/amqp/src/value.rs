//! Any AMQP value, owned. For what is rare (maps of properties, message ids): the hot paths borrow instead.

use bytes::Bytes;

/// An AMQP 1.0 value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `null`
    Null,
    /// `boolean`
    Bool(bool),
    /// `ubyte`
    Ubyte(u8),
    /// `ushort`
    Ushort(u16),
    /// `uint`
    Uint(u32),
    /// `ulong`
    Ulong(u64),
    /// `byte`
    Byte(i8),
    /// `short`
    Short(i16),
    /// `int`
    Int(i32),
    /// `long`
    Long(i64),
    /// `float`
    Float(f32),
    /// `double`
    Double(f64),
    /// `decimal32`, undecoded
    Decimal32([u8; 4]),
    /// `decimal64`, undecoded
    Decimal64([u8; 8]),
    /// `decimal128`, undecoded
    Decimal128([u8; 16]),
    /// `char`, as its code point
    Char(u32),
    /// `timestamp`, milliseconds since the Unix epoch
    Timestamp(i64),
    /// `uuid`
    Uuid([u8; 16]),
    /// `binary`
    Binary(Bytes),
    /// `string`
    String(String),
    /// `symbol`
    Symbol(String),
    /// `list`
    List(Vec<Value>),
    /// `map`, in wire order, duplicates kept
    Map(Vec<(Value, Value)>),
    /// `array`; every element has the same type
    Array(Vec<Value>),
    /// a described value
    Described(Box<Value>, Box<Value>),
}

impl Value {
    /// The text of a `string` or `symbol`.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Symbol(text) => Some(text),
            _ => None,
        }
    }

    /// The number, when this is any integer or a timestamp that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::Ubyte(n) => Some(n.into()),
            Self::Ushort(n) => Some(n.into()),
            Self::Uint(n) => Some(n.into()),
            Self::Ulong(n) => i64::try_from(n).ok(),
            Self::Byte(n) => Some(n.into()),
            Self::Short(n) => Some(n.into()),
            Self::Int(n) => Some(n.into()),
            Self::Long(n) | Self::Timestamp(n) => Some(n),
            _ => None,
        }
    }

    /// The bytes of a `binary`.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The value of a `boolean`.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }
}
