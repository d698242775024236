//! JSON, as the text that it is: what a value holds, and where in the text it stands.
//!
//! Nothing is turned into numbers or maps and back. So what is not asked for stays as it was, byte for byte: numbers of any length,
//! the order of members, blanks, escapes.

mod edit;
mod scan;
mod value;

pub(crate) use edit::{Edits, Instead};
pub(crate) use scan::NotJson;
pub(crate) use value::{Kind, Value};

use scan::Node;

/// The text of a value, and where everything in it stands.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    text: &'t str,
    nodes: Vec<Node>,
}

impl<'t> Document<'t> {
    /// Reads all of `bytes`: what is here is JSON to its end.
    pub(crate) fn parse(bytes: &'t [u8]) -> Result<Self, NotJson> {
        let text = str::from_utf8(bytes).map_err(|error| NotJson::At(error.valid_up_to()))?;
        Ok(Self { text, nodes: scan::scan(text)? })
    }

    /// The whole.
    pub(crate) fn root(&self) -> Value<'_> {
        Value { text: self.text, nodes: &self.nodes, at: 0 }
    }
}

/// Appends `text` as a string of JSON.
pub(crate) fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..0x20 => {
                out.extend(&text.as_bytes()[from..at]);
                out.extend(format!("\\u{byte:04x}").as_bytes());
                from = at + 1;
                continue;
            }
            _ => continue,
        };
        out.extend(&text.as_bytes()[from..at]);
        out.extend(escape);
        from = at + 1;
    }
    out.extend(&text.as_bytes()[from..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests;
