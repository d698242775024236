//! Decoding: a cursor over borrowed bytes.
//!
//! `skip` and `raw` step over a value by its width alone; only `value` looks inside, with a bound on nesting. Null and
//! a list that ends early read the same, as AMQP says.

use bytes::Bytes;

use crate::value::Value;
use crate::{DecodeError, Decoded};

/// How deep described values and collections may nest.
const MAX_DEPTH: u32 = 32;
/// How many elements without any bytes of their own an array may claim.
const MAX_EMPTY_ELEMENTS: usize = 4096;

/// A cursor over encoded values.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Begins at the first of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether all was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Decoded<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    fn bytes<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    /// The next byte.
    pub fn u8(&mut self) -> Decoded<u8> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    /// The next four bytes as a number.
    pub fn u32(&mut self) -> Decoded<u32> {
        self.bytes().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Decoded<u64> {
        self.bytes().map(u64::from_be_bytes)
    }

    fn peek(&self) -> Decoded<u8> {
        self.rest.first().copied().ok_or(DecodeError::Truncated)
    }

    /// Steps over one value, whatever it is.
    pub fn skip(&mut self) -> Decoded<()> {
        // A described value is a descriptor and a value, either of which may be described again: count what is owed.
        let mut owed = 1u32;
        while owed > 0 {
            owed -= 1;
            let code = self.u8()?;
            let width = match code {
                0x00 => {
                    owed += 2;
                    if owed > MAX_DEPTH {
                        return Err(DecodeError::Nesting);
                    }
                    continue;
                }
                0x40..=0x4f => 0,
                0x50..=0x5f => 1,
                0x60..=0x6f => 2,
                0x70..=0x7f => 4,
                0x80..=0x8f => 8,
                0x90..=0x9f => 16,
                0xa0..=0xaf | 0xc0..=0xcf | 0xe0..=0xef => usize::from(self.u8()?),
                0xb0..=0xbf | 0xd0..=0xdf | 0xf0..=0xff => self.u32()? as usize,
                other => return Err(DecodeError::Constructor(other)),
            };
            self.take(width)?;
        }
        Ok(())
    }

    /// One value as it stands on the wire.
    pub fn raw(&mut self) -> Decoded<&'a [u8]> {
        let before = self.rest;
        self.skip()?;
        Ok(&before[..before.len() - self.rest.len()])
    }

    /// Any unsigned integer.
    pub fn unsigned(&mut self) -> Decoded<u64> {
        Ok(match self.u8()? {
            0x43 | 0x44 => 0,
            0x50 | 0x52 | 0x53 => u64::from(self.u8()?),
            0x60 => u64::from(u16::from_be_bytes(self.bytes()?)),
            0x70 => u64::from(self.u32()?),
            0x80 => self.u64()?,
            found => return Err(DecodeError::Mismatch { expected: "an unsigned integer", found }),
        })
    }

    /// A boolean in any of its forms.
    pub fn bool(&mut self) -> Decoded<bool> {
        match self.u8()? {
            0x41 => Ok(true),
            0x42 => Ok(false),
            0x56 => Ok(self.u8()? != 0),
            found => Err(DecodeError::Mismatch { expected: "a boolean", found }),
        }
    }

    /// A string or a symbol.
    pub fn text(&mut self) -> Decoded<&'a str> {
        let length = match self.u8()? {
            0xa1 | 0xa3 => usize::from(self.u8()?),
            0xb1 | 0xb3 => self.u32()? as usize,
            found => return Err(DecodeError::Mismatch { expected: "a string", found }),
        };
        std::str::from_utf8(self.take(length)?).map_err(|_| DecodeError::Utf8)
    }

    /// The bytes of a binary.
    pub fn binary(&mut self) -> Decoded<&'a [u8]> {
        let length = match self.u8()? {
            0xa0 => usize::from(self.u8()?),
            0xb0 => self.u32()? as usize,
            found => return Err(DecodeError::Mismatch { expected: "a binary", found }),
        };
        self.take(length)
    }

    /// The fields of a list.
    pub fn list(&mut self) -> Decoded<Fields<'a>> {
        match self.u8()? {
            0x45 => Ok(Fields { reader: Reader::new(&[]), left: 0 }),
            0xc0 => self.compound(false),
            0xd0 => self.compound(true),
            found => Err(DecodeError::Mismatch { expected: "a list", found }),
        }
    }

    /// The keys and values of a map, in turn.
    pub fn map(&mut self) -> Decoded<Fields<'a>> {
        let fields = match self.u8()? {
            0xc1 => self.compound(false)?,
            0xd1 => self.compound(true)?,
            found => return Err(DecodeError::Mismatch { expected: "a map", found }),
        };
        if fields.left % 2 != 0 {
            return Err(DecodeError::Size);
        }
        Ok(fields)
    }

    /// Size, count and contents of a list or map.
    fn compound(&mut self, wide: bool) -> Decoded<Fields<'a>> {
        let size = if wide { self.u32()? as usize } else { usize::from(self.u8()?) };
        let mut reader = Reader::new(self.take(size)?);
        let left = if wide { reader.u32()? } else { u32::from(reader.u8()?) };
        // Each element has at least its constructor.
        if left as usize > reader.rest.len() {
            return Err(DecodeError::Size);
        }
        Ok(Fields { reader, left })
    }

    /// One value, owned.
    pub fn value(&mut self) -> Decoded<Value> {
        self.value_within(MAX_DEPTH)
    }

    fn value_within(&mut self, depth: u32) -> Decoded<Value> {
        let depth = depth.checked_sub(1).ok_or(DecodeError::Nesting)?;
        match self.peek()? {
            0x00 => {
                self.u8()?;
                let descriptor = self.value_within(depth)?;
                let value = self.value_within(depth)?;
                Ok(Value::Described(Box::new(descriptor), Box::new(value)))
            }
            0x45 | 0xc0 | 0xd0 => {
                let mut fields = self.list()?;
                let mut values = Vec::new();
                while fields.more() {
                    values.push(fields.reader.value_within(depth)?);
                }
                Ok(Value::List(values))
            }
            0xc1 | 0xd1 => {
                let mut fields = self.map()?;
                let mut pairs = Vec::new();
                while fields.more() {
                    let key = fields.reader.value_within(depth)?;
                    fields.more();
                    pairs.push((key, fields.reader.value_within(depth)?));
                }
                Ok(Value::Map(pairs))
            }
            0xe0 | 0xf0 => self.array(depth),
            code => {
                self.u8()?;
                self.scalar(code)
            }
        }
    }

    fn array(&mut self, depth: u32) -> Decoded<Value> {
        let wide = self.u8()? == 0xf0;
        let size = if wide { self.u32()? as usize } else { usize::from(self.u8()?) };
        let mut inner = Reader::new(self.take(size)?);
        let count = if wide { inner.u32()? } else { u32::from(inner.u8()?) };
        let constructor = inner.u8()?;
        if count as usize > inner.rest.len().max(MAX_EMPTY_ELEMENTS) {
            return Err(DecodeError::Size);
        }
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(inner.element(constructor, depth)?);
        }
        Ok(Value::Array(values))
    }

    /// One element of an array, whose constructor stands before the first. Arrays of compounds and of described values
    /// are legal but have no place in this protocol.
    fn element(&mut self, constructor: u8, depth: u32) -> Decoded<Value> {
        if depth == 0 {
            return Err(DecodeError::Nesting);
        }
        self.scalar(constructor)
    }

    fn scalar(&mut self, code: u8) -> Decoded<Value> {
        Ok(match code {
            0x40 => Value::Null,
            0x41 => Value::Bool(true),
            0x42 => Value::Bool(false),
            0x56 => Value::Bool(self.u8()? != 0),
            0x50 => Value::Ubyte(self.u8()?),
            0x60 => Value::Ushort(u16::from_be_bytes(self.bytes()?)),
            0x43 => Value::Uint(0),
            0x52 => Value::Uint(self.u8()?.into()),
            0x70 => Value::Uint(self.u32()?),
            0x44 => Value::Ulong(0),
            0x53 => Value::Ulong(self.u8()?.into()),
            0x80 => Value::Ulong(self.u64()?),
            0x51 => Value::Byte(i8::from_be_bytes(self.bytes()?)),
            0x61 => Value::Short(i16::from_be_bytes(self.bytes()?)),
            0x54 => Value::Int(i8::from_be_bytes(self.bytes()?).into()),
            0x71 => Value::Int(i32::from_be_bytes(self.bytes()?)),
            0x55 => Value::Long(i8::from_be_bytes(self.bytes()?).into()),
            0x81 => Value::Long(i64::from_be_bytes(self.bytes()?)),
            0x72 => Value::Float(f32::from_be_bytes(self.bytes()?)),
            0x82 => Value::Double(f64::from_be_bytes(self.bytes()?)),
            0x73 => Value::Char(self.u32()?),
            0x74 => Value::Decimal32(self.bytes()?),
            0x84 => Value::Decimal64(self.bytes()?),
            0x94 => Value::Decimal128(self.bytes()?),
            0x83 => Value::Timestamp(i64::from_be_bytes(self.bytes()?)),
            0x98 => Value::Uuid(self.bytes()?),
            0xa0 | 0xb0 => Value::Binary(Bytes::copy_from_slice(self.variable(code)?)),
            0xa1 | 0xb1 => Value::String(utf8(self.variable(code)?)?),
            0xa3 | 0xb3 => Value::Symbol(utf8(self.variable(code)?)?),
            other => return Err(DecodeError::Constructor(other)),
        })
    }

    fn variable(&mut self, code: u8) -> Decoded<&'a [u8]> {
        let length = if code < 0xb0 { usize::from(self.u8()?) } else { self.u32()? as usize };
        self.take(length)
    }
}

fn utf8(bytes: &[u8]) -> Decoded<String> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| DecodeError::Utf8)
}

/// The fields of a list (or the keys and values of a map), read one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    reader: Reader<'a>,
    left: u32,
}

impl<'a> Fields<'a> {
    /// Whether a field is left; counts it as read.
    fn more(&mut self) -> bool {
        let more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        more
    }

    /// How many fields are left.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// The next field, unless it is null or not written.
    fn present<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> Decoded<T>,
    ) -> Decoded<Option<T>> {
        if !self.more() {
            return Ok(None);
        }
        if self.reader.peek()? == 0x40 {
            self.reader.u8()?;
            return Ok(None);
        }
        read(&mut self.reader).map(Some)
    }

    /// Steps over a field.
    pub fn skip(&mut self) -> Decoded<()> {
        self.present(Reader::skip).map(|_| ())
    }

    /// A field as it stands on the wire.
    pub fn raw(&mut self) -> Decoded<Option<&'a [u8]>> {
        self.present(Reader::raw)
    }

    /// A field that is any unsigned integer.
    pub fn u64(&mut self) -> Decoded<Option<u64>> {
        self.present(Reader::unsigned)
    }

    /// The same, where it must fit.
    pub fn u32(&mut self) -> Decoded<Option<u32>> {
        let number = self.u64()?;
        number.map(|n| u32::try_from(n).map_err(|_| DecodeError::Size)).transpose()
    }

    /// The same, where it must fit.
    pub fn u16(&mut self) -> Decoded<Option<u16>> {
        let number = self.u64()?;
        number.map(|n| u16::try_from(n).map_err(|_| DecodeError::Size)).transpose()
    }

    /// A boolean field, `false` if it is not there.
    pub fn bool(&mut self) -> Decoded<bool> {
        Ok(self.present(Reader::bool)?.unwrap_or(false))
    }

    /// A field that is a string or a symbol.
    pub fn text(&mut self) -> Decoded<Option<&'a str>> {
        self.present(Reader::text)
    }
}
