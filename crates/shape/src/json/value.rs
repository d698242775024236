//! A value inside a document.

use std::borrow::Cow;
use std::ops::Range;

use super::scan::Node;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    True,
    False,
    Number,
    /// Text as it is written.
    Text,
    /// Text with escapes.
    Escaped,
    List,
    Object,
}

/// A value of a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'d> {
    pub(super) text: &'d str,
    pub(super) nodes: &'d [Node],
    pub(super) at: usize,
}

/// A member of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'d> {
    pub(crate) name: Value<'d>,
    pub(crate) value: Value<'d>,
}

impl<'d> Value<'d> {
    fn node(&self) -> &'d Node {
        &self.nodes[self.at]
    }

    fn of(self, at: usize) -> Self {
        Self { at, ..self }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.node().kind
    }

    /// Where in the text of the document it stands.
    pub(crate) fn range(&self) -> Range<usize> {
        let Node { start, end, .. } = *self.node();
        start as usize..end as usize
    }

    /// Its own text, as it is written.
    pub(crate) fn raw(&self) -> &'d str {
        &self.text[self.range()]
    }

    pub(crate) fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// The text that it is, without quotes and escapes, if it is text.
    pub(crate) fn text(&self) -> Option<Cow<'d, str>> {
        let Range { start, end } = self.range();
        match self.kind() {
            Kind::Text => Some(Cow::Borrowed(&self.text[start + 1..end - 1])),
            Kind::Escaped => Some(Cow::Owned(unescaped(&self.text[start + 1..end - 1]))),
            _ => None,
        }
    }

    /// A scalar as plain text: what text says, and anything else as it is written. Nothing for `null`, lists and objects.
    pub(crate) fn plain(&self) -> Option<Cow<'d, str>> {
        match self.kind() {
            Kind::Text | Kind::Escaped => self.text(),
            Kind::True | Kind::False | Kind::Number => Some(Cow::Borrowed(self.raw())),
            Kind::Null | Kind::List | Kind::Object => None,
        }
    }

    /// The values of a list, in order; none of anything else.
    pub(crate) fn elements(self) -> impl Iterator<Item = Value<'d>> {
        let end = self.node().next as usize;
        let mut at = if self.kind() == Kind::List { self.at + 1 } else { end };
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let element = self.of(at);
            at = self.nodes[at].next as usize;
            Some(element)
        })
    }

    /// The members of an object, in order; none of anything else.
    pub(crate) fn members(self) -> impl Iterator<Item = Member<'d>> {
        let end = self.node().next as usize;
        let mut at = if self.kind() == Kind::Object { self.at + 1 } else { end };
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let member = Member { name: self.of(at), value: self.of(at + 1) };
            at = self.nodes[at + 1].next as usize;
            Some(member)
        })
    }

    /// The member of that name. Of several the last, as most readers have it.
    pub(crate) fn member(self, name: &str) -> Option<Value<'d>> {
        self.members().filter(|it| it.name.is(name)).last().map(|it| it.value)
    }

    /// Whether it is this text.
    pub(crate) fn is(&self, text: &str) -> bool {
        match self.kind() {
            Kind::Text => &self.raw().as_bytes()[1..self.raw().len() - 1] == text.as_bytes(),
            Kind::Escaped => self.text().is_some_and(|it| it == text),
            _ => false,
        }
    }
}

/// The scan has seen that its escapes are whole. Half of a pair of surrogates is no character.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(escape) = rest.chars().next() else { break };
        rest = &rest[escape.len_utf8()..];
        match escape {
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'u' => {
                let (high, after) = unit(rest);
                rest = after;
                let low = rest.strip_prefix("\\u").map(unit);
                let pair = low.filter(|(low, _)| {
                    (0xd800..0xdc00).contains(&high) && (0xdc00..0xe000).contains(low)
                });
                if let Some((low, after)) = pair {
                    rest = after;
                    out.push_str(&String::from_utf16_lossy(&[high, low]));
                } else {
                    out.push_str(&String::from_utf16_lossy(&[high]));
                }
            }
            other => out.push(other),
        }
    }
    out.push_str(rest);
    out
}

/// Four hexadecimal digits, and what comes after.
fn unit(text: &str) -> (u16, &str) {
    let (digits, rest) = text.split_at_checked(4).unwrap_or((text, ""));
    (u16::from_str_radix(digits, 16).unwrap_or(0xfffd), rest)
}
