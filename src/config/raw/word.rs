//! A value that is written as a word: read, and described in the schema, as its enum says.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use bridge_core::words::Words;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// A value by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Word<T>(pub(in crate::config) T);

impl<'de, T: Words> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Known<T>(PhantomData<T>);
        impl<T: Words> Visitor<'_> for Known<T> {
            type Value = T;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<T, E> {
                T::of(word).ok_or_else(|| E::unknown_variant(word, T::WORDS))
            }
        }
        deserializer.deserialize_str(Known(PhantomData)).map(Self)
    }
}

impl<T: Words> JsonSchema for Word<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        if T::MEANINGS.iter().all(|meaning| meaning.is_empty()) {
            return json_schema!({ "description": T::ABOUT, "type": "string", "enum": T::WORDS });
        }
        let words = T::WORDS.iter().zip(T::MEANINGS).map(|(word, meaning)| {
            json_schema!({ "description": meaning, "type": "string", "const": word })
        });
        json_schema!({ "description": T::ABOUT, "oneOf": words.collect::<Vec<_>>() })
    }
}
