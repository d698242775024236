//! The sections of a message, found without decoding them.

use crate::read::Reader;
use crate::value::Value;
use crate::{DecodeError, Decoded};

/// Header.
pub const HEADER: u8 = 0x70;
/// Delivery annotations.
pub const DELIVERY_ANNOTATIONS: u8 = 0x71;
/// Message annotations.
pub const MESSAGE_ANNOTATIONS: u8 = 0x72;
/// Properties.
pub const PROPERTIES: u8 = 0x73;
/// Application properties.
pub const APPLICATION_PROPERTIES: u8 = 0x74;
/// A body of bytes, or a part of it.
pub const DATA: u8 = 0x75;
/// A body that is one value.
pub const VALUE: u8 = 0x77;

/// One section.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    /// Which one; the last byte of the descriptor.
    pub code: u8,
    /// Where it starts in the message, descriptor included.
    pub start: usize,
    /// What it holds, as an encoded value.
    pub value: &'a [u8],
}

/// Walks the sections of `message`.
#[derive(Debug, Clone)]
pub struct Sections<'a> {
    message: &'a [u8],
    reader: Reader<'a>,
}

impl<'a> Sections<'a> {
    /// Begins at the first of them.
    pub fn of(message: &'a [u8]) -> Self {
        Self { message, reader: Reader::new(message) }
    }

    /// The value of the first section of that kind.
    pub fn find(message: &'a [u8], code: u8) -> Option<&'a [u8]> {
        Self::of(message)
            .map_while(Result::ok)
            .find(|section| section.code == code)
            .map(|section| section.value)
    }

    /// The same, decoded.
    pub fn value(message: &'a [u8], code: u8) -> Option<Value> {
        Reader::new(Self::find(message, code)?).value().ok()
    }

    fn section(&mut self) -> Decoded<Section<'a>> {
        let start = self.message.len() - self.reader.rest().len();
        // Nearly every descriptor is `00 53 7x`; the other forms are legal too.
        let code = match self.reader.rest() {
            &[0x00, 0x53, code, ..] => {
                self.reader.take(3)?;
                code
            }
            &[0x00, ..] => {
                self.reader.take(1)?;
                long_descriptor(&mut self.reader)?
            }
            &[found, ..] => {
                return Err(DecodeError::Mismatch { expected: "a section", found });
            }
            [] => return Err(DecodeError::Truncated),
        };
        if !(HEADER..=0x78).contains(&code) {
            return Err(DecodeError::Descriptor(code.into()));
        }
        Ok(Section { code, start, value: self.reader.raw()? })
    }
}

fn long_descriptor(reader: &mut Reader<'_>) -> Decoded<u8> {
    if let Ok(code) = reader.clone().unsigned() {
        reader.skip()?;
        return u8::try_from(code).map_err(|_| DecodeError::Descriptor(code));
    }
    Ok(match reader.text()? {
        "amqp:header:list" => HEADER,
        "amqp:delivery-annotations:map" => DELIVERY_ANNOTATIONS,
        "amqp:message-annotations:map" => MESSAGE_ANNOTATIONS,
        "amqp:properties:list" => PROPERTIES,
        "amqp:application-properties:map" => APPLICATION_PROPERTIES,
        "amqp:data:binary" => DATA,
        "amqp:amqp-sequence:list" => 0x76,
        "amqp:amqp-value:*" => VALUE,
        "amqp:footer:map" => 0x78,
        _ => return Err(DecodeError::Descriptor(0)),
    })
}

impl<'a> Iterator for Sections<'a> {
    type Item = Decoded<Section<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let section = self.section();
        if section.is_err() {
            // Nothing after an unreadable section can be found.
            self.reader = Reader::new(&[]);
        }
        Some(section)
    }
}

/// The value under `key` in an encoded map with text keys.
pub fn lookup<'a>(map: &'a [u8], key: &str) -> Option<Reader<'a>> {
    let mut fields = Reader::new(map).map().ok()?;
    while fields.left() >= 2 {
        let name = fields.raw().ok()?;
        let found = name.is_some_and(|name| Reader::new(name).text() == Ok(key));
        let value = fields.raw().ok()?;
        if found {
            return value.map(Reader::new);
        }
    }
    None
}
