//! Which JSON comes out. Every form is one that loses nothing, unless another is asked for.
//!
//! # Avro
//!
//! | Avro | JSON | or |
//! |---|---|---|
//! | `null`, `boolean`, `string` | `null`, `true`, `"text"` | |
//! | `int` | `42` | |
//! | `long` | `42`; beyond ±(2⁵³ − 1), where readers that count in doubles round, `"9007199254740993"` | [`Integers::Number`]: always a number; [`Integers::Text`]: always text |
//! | `float`, `double` | the shortest number that is read back as the same: `3.4`, `1.0`, `1e300` | |
//! | not a number, infinite | `"NaN"`, `"Infinity"`, `"-Infinity"` | [`NonFinite::Null`]: `null` |
//! | `bytes`, `fixed` | base64, with padding: `"AQID"` | [`Bytes::Hex`]: `"010203"`; [`Bytes::Latin1`]: a character for each byte, as Avro's own JSON |
//! | `enum` | the symbol: `"OPEN"` | |
//! | `array` | `[1,2]` | |
//! | `map`, `record` | `{"a":1}`, in the order they were written. A map that was written with a key twice has it twice | |
//! | union | the value alone, without the name of its branch | |
//! | `decimal`, `big-decimal` | text with all digits of its scale: `"12.30"` | [`Decimals::Number`]: `12.30` |
//! | `date` | `"2026-11-30"` | [`Times::Number`]: the number as it was written |
//! | `time-millis`, `time-micros` | `"23:59:59.123"`, `"23:59:59.123456"` | the same |
//! | `timestamp-millis`, `-micros`, `-nanos` | `"2026-11-30T04:52:55.123Z"`, always with 3, 6, 9 digits | the same |
//! | `local-timestamp-…` | the same without `Z` | the same |
//! | `duration` | ISO 8601: `"P1M2DT3.004S"`: months, days, seconds | |
//! | `uuid` | `"f81d4fae-7dec-11d0-a765-00a0c91e6bf6"`, of text as it is | |
//!
//! Years beyond 0000 to 9999 are written as ISO 8601 says for them, with a sign and six digits at least: `"+292278994-08-17T07:12:55.807Z"`.
//! A time of day that is none (below zero, a day or longer) is written as the number it is. A logical type that Avro's
//! specification tells to ignore (unknown, or of a type that it cannot be of) is ignored.
//!
//! # Protobuf
//!
//! The canonical JSON of Protobuf.
//!
//! | Protobuf | JSON | or |
//! |---|---|---|
//! | `int64`, `uint64`, `fixed64` and the like, `Int64Value`, `UInt64Value` | text, always: `"42"` | [`Integers::Number`]: a number, always |
//! | other integers, floats, `bool`, `string`, `bytes` | as with Avro | as with Avro |
//! | enum | the symbol; the number of one that has no symbol | |
//! | `repeated`, `map` | `[1,2]`, `{"1":2}`, sorted by key | |
//! | message | `{"unitPrice":1}`, by number of the field | [`Names::AsWritten`]: `{"unit_price":1}` |
//! | a field with its default, of which nobody can tell whether it was set | nothing | [`Form::defaults`]: the default |
//! | `Timestamp`, `Duration` | `"2026-11-30T04:52:55.123Z"`, `"1.500s"`, with 0, 3, 6 or 9 digits | |
//! | wrappers, `Struct`, `Value`, `ListValue` | the value alone | |
//! | `FieldMask` | `"user.firstName,photo"` | |
//! | `Any` | `{"@type":"type.googleapis.com/a.B","c":1}`, when the schema has that message | |
//! | extensions | `{"[a.extension]":1}` | |
//! | `confluent.type.Decimal` | as any message | |
//!
//! Fields that the schema does not have are left out.
//!
//! # JSON Schema
//!
//! The payload is JSON already, and passes as it is, byte for byte, when it is JSON. It is not checked against the schema:
//! the producer's serializer did that, or chose not to.

/// Which JSON comes out: see the tables of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Integers of 64 bits.
    pub integers: Integers,
    /// Floats that JSON has no numbers for.
    pub non_finite: NonFinite,
    /// Bytes.
    pub bytes: Bytes,
    /// Decimals.
    pub decimals: Decimals,
    /// Dates and times.
    pub times: Times,
    /// Names of Protobuf's fields.
    pub names: Names,
    /// Whether Protobuf's fields without presence are written when they have their default.
    pub defaults: bool,
    /// The most bytes that one value may become. Looked at after each value inside it, so that one text may run over.
    pub limit: usize,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            integers: Integers::default(),
            non_finite: NonFinite::default(),
            bytes: Bytes::default(),
            decimals: Decimals::default(),
            times: Times::default(),
            names: Names::default(),
            defaults: false,
            limit: 16 << 20,
        }
    }
}

/// What becomes of an integer of 64 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Integers {
    /// A number where every reader reads it exactly, text beyond: no reader rounds without a word.
    #[default]
    Safe,
    /// A number always, for readers with integers of 64 bits. The digits are exact; a reader that counts in doubles rounds.
    Number,
    /// Text always, for readers that want one type.
    Text,
}

/// What becomes of a float that is not a number, or infinite.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NonFinite {
    /// `"NaN"`, `"Infinity"`, `"-Infinity"`.
    #[default]
    Text,
    /// `null`, for readers whose column is a number.
    Null,
}

/// What becomes of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bytes {
    /// Base64 with padding.
    #[default]
    Base64,
    /// Two digits a byte, lower case.
    Hex,
    /// One character a byte, U+0000 to U+00FF.
    Latin1,
}

/// What becomes of a decimal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Decimals {
    /// Text: no reader rounds it.
    #[default]
    Text,
    /// A number with all its digits.
    Number,
}

/// What becomes of dates and times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Times {
    /// ISO 8601.
    #[default]
    Text,
    /// The number as it was written; [`Form::integers`] holds for it.
    Number,
}

/// The names of Protobuf's fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Names {
    /// `lowerCamelCase`, or what the schema says as `json_name`.
    #[default]
    Json,
    /// As in the schema.
    AsWritten,
}
