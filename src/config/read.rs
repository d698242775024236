//! From the merged tree to [`super::raw`], gathering every key and type that is wrong, not the first.
//!
//! Serde stops at the first error. So an entry that fails is noted with its path, left out, and the tree is
//! read again until nothing fails: as many passes as mistakes, over a tree of a few dozen values.
//! A value of the file must have the right type; what a variable or flag said is text, and is parsed.

use std::collections::{HashMap, HashSet};

use config::{Value, ValueKind};
use serde::Deserialize;
use serde::de::{self, IntoDeserializer, Unexpected, value::StrDeserializer};

use super::path::Path;

/// Why an entry cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnreadEntry {
    pub(super) path: Path,
    pub(super) kind: UnreadKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UnreadKind {
    /// No such key; these are known.
    Key(&'static [&'static str]),
    /// No such value; these are known.
    Word(&'static [&'static str]),
    /// Of the wrong type, in the words of serde. Never holds the value.
    Type { found: &'static str, wanted: String },
    /// Anything else serde can say.
    Other(String),
}

/// Reads `tree`. What failed is left out of the result.
pub(super) fn read<T: for<'de> Deserialize<'de> + Default>(tree: &Value) -> (T, Vec<UnreadEntry>) {
    let mut failures = Vec::new();
    let mut skipped = HashSet::new();
    loop {
        match T::deserialize(TreeNode { value: tree, path: Path::default(), skipped: &skipped }) {
            Ok(read) => return (read, failures),
            Err(TreeError { path, kind }) => {
                let path = path.unwrap_or_default();
                let again = !skipped.insert(path.clone());
                failures.push(UnreadEntry { path, kind });
                if again {
                    return (T::default(), failures);
                }
            }
        }
    }
}

/// An error on its way up; the first entry it passes writes its path on it.
#[derive(Debug)]
struct TreeError {
    path: Option<Path>,
    kind: UnreadKind,
}

impl TreeError {
    fn new(kind: UnreadKind) -> Self {
        Self { path: None, kind }
    }

    fn at(mut self, path: &Path) -> Self {
        self.path.get_or_insert_with(|| path.clone());
        self
    }
}

impl std::fmt::Display for TreeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for TreeError {}

impl de::Error for TreeError {
    fn custom<T: std::fmt::Display>(text: T) -> Self {
        Self::new(UnreadKind::Other(text.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        Self::new(UnreadKind::Type { found: kind_of(found), wanted: wanted.to_string() })
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        Self::invalid_type(found, wanted)
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::new(UnreadKind::Word(known))
    }

    fn unknown_field(_: &str, known: &'static [&'static str]) -> Self {
        Self::new(UnreadKind::Key(known))
    }
}

fn kind_of(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Signed(..0) => "a negative number",
        Unexpected::Signed(_) | Unexpected::Unsigned(_) => "a whole number",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Map => "a table",
        Unexpected::Seq => "a list",
        Unexpected::Unit => "nothing",
        _ => "text",
    }
}

/// One value of the tree.
#[derive(Clone)]
struct TreeNode<'a> {
    value: &'a Value,
    path: Path,
    skipped: &'a HashSet<Path>,
}

impl<'a> TreeNode<'a> {
    /// The text of a variable or flag, which may be meant as a number or boolean.
    fn said(&self) -> Option<&'a str> {
        match &self.value.kind {
            ValueKind::String(text) if self.value.origin().is_some() => Some(text.trim()),
            _ => None,
        }
    }

    fn entries(self, table: &'a HashMap<String, Value>) -> TreeEntries<'a> {
        TreeEntries { rest: table.iter(), current: None, of: self }
    }
}

macro_rules! number {
    ($($method:ident)*) => {$(
        fn $method<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
            match self.said().and_then(|text| text.parse().ok()) {
                Some(number) => visitor.visit_i64(number),
                None => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for TreeNode<'de> {
    type Error = TreeError;

    fn deserialize_any<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match &self.value.kind {
            ValueKind::Nil => visitor.visit_unit(),
            ValueKind::Boolean(value) => visitor.visit_bool(*value),
            ValueKind::I64(value) => visitor.visit_i64(*value),
            ValueKind::I128(value) => visitor.visit_i128(*value),
            ValueKind::U64(value) => visitor.visit_u64(*value),
            ValueKind::U128(value) => visitor.visit_u128(*value),
            ValueKind::Float(value) => visitor.visit_f64(*value),
            ValueKind::String(value) => visitor.visit_str(value),
            ValueKind::Table(table) => visitor.visit_map(self.entries(table)),
            ValueKind::Array(items) => {
                visitor.visit_seq(Items { rest: items.iter().enumerate(), of: self.clone() })
            }
        }
    }

    number! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_bool<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        match self.said().and_then(|text| text.parse().ok()) {
            Some(value) => visitor.visit_bool(value),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, TreeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: de::Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        visitor.visit_newtype_struct(self)
    }

    /// A derived struct would also take a list, field after field; a table is what was meant.
    fn deserialize_struct<V: de::Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        match &self.value.kind {
            ValueKind::Array(_) => Err(de::Error::invalid_type(Unexpected::Seq, &"a table")),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_enum<V: de::Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TreeError> {
        match &self.value.kind {
            ValueKind::String(word) => {
                let word: StrDeserializer<'_, TreeError> = word.as_str().into_deserializer();
                visitor.visit_enum(word)
            }
            _ => self.deserialize_str(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        identifier ignored_any
    }
}

/// The entries of a table, without those known to fail.
struct TreeEntries<'a> {
    rest: std::collections::hash_map::Iter<'a, String, Value>,
    current: Option<TreeNode<'a>>,
    of: TreeNode<'a>,
}

impl<'de> de::MapAccess<'de> for TreeEntries<'de> {
    type Error = TreeError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, TreeError> {
        for (key, value) in self.rest.by_ref() {
            let path = self.of.path.key(key);
            if self.of.skipped.contains(&path) {
                continue;
            }
            let word: StrDeserializer<'_, TreeError> = key.as_str().into_deserializer();
            let read = seed.deserialize(word).map_err(|error| error.at(&path))?;
            self.current = Some(TreeNode { value, path, skipped: self.of.skipped });
            return Ok(Some(read));
        }
        Ok(None)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, TreeError> {
        let node = self.current.take().ok_or_else(|| de::Error::custom("a value without a key"))?;
        let path = node.path.clone();
        seed.deserialize(node).map_err(|error| error.at(&path))
    }
}

/// The items of a list. One that is wrong as a whole is a failure of the list, so that the others keep
/// their numbers.
struct Items<'a> {
    rest: std::iter::Enumerate<std::slice::Iter<'a, Value>>,
    of: TreeNode<'a>,
}

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = TreeError;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, TreeError> {
        let Some((index, value)) = self.rest.next() else { return Ok(None) };
        let path = self.of.path.index(index);
        seed.deserialize(TreeNode { value, path, skipped: self.of.skipped }).map(Some)
    }
}
