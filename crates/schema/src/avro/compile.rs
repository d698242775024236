//! From the text of a schema to the tree.
//!
//! Read by hand, because the tree is what is wanted and nothing else of a library for Avro: and because a schema that a
//! registry has taken must be read, also where its names or defaults are none by the letter.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::{Field, Id, Node, decimal, names};
use crate::json;
use crate::schema::{Malformed, Source};
use crate::time::{Unit, Zone};
use crate::unreadable::brief;

/// A schema, read.
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) top: Id,
    pub(super) name: Option<String>,
    /// One that stands alone, when there can be one.
    pub(super) text: Option<String>,
}

/// What is wrong, and in which part of the schema.
enum Wrong {
    Here(String),
    Name(Malformed),
}

impl Wrong {
    fn under(self, place: &str) -> Self {
        match self {
            Self::Here(reason) => Self::Here(format!("{place}: {reason}")),
            name @ Self::Name(_) => name,
        }
    }
}

fn wrong<T>(reason: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Here(reason.into()))
}

impl Tree {
    pub(super) fn of(source: &Source) -> Result<Self, Malformed> {
        let mut builder = Builder { nodes: Vec::new(), names: HashMap::new() };
        let mut others = Vec::new();
        let mut seen = HashSet::new();
        for reference in &source.references {
            // One that is referred to along two ways may be there twice.
            if seen.insert(&reference.text) {
                let place = format!("reference `{}`", reference.name);
                let (_, json) = builder.text(&reference.text, &place)?;
                others.push(json);
            }
        }
        let (top, json) = builder.text(&source.text, "the schema")?;
        let text = match others.as_slice() {
            [] => Some(source.text.clone()),
            others => names::alone(&json, others).map(|it| it.to_string()),
        };
        let name = builder.names.iter().find(|(_, id)| **id == top).map(|(name, _)| name.clone());
        Ok(Self { nodes: builder.nodes, top, name, text })
    }
}

struct Builder {
    nodes: Vec<Node>,
    names: HashMap<String, Id>,
}

impl Builder {
    /// One text. The parser of JSON bounds how deep it is nested.
    fn text(&mut self, text: &str, place: &str) -> Result<(Id, Value), Malformed> {
        let invalid =
            |reason| Malformed::Invalid { place: brief(place.to_owned()), reason: brief(reason) };
        let json = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
        match self.schema(&json, "") {
            Ok(id) => Ok((id, json)),
            Err(Wrong::Here(reason)) => Err(invalid(reason)),
            Err(Wrong::Name(malformed)) => Err(malformed),
        }
    }

    fn push(&mut self, node: Node) -> Id {
        self.nodes.push(node);
        (self.nodes.len() - 1) as Id
    }

    fn schema(&mut self, json: &Value, around: &str) -> Result<Id, Wrong> {
        match json {
            Value::String(name) => self.named(name, around),
            Value::Array(branches) => self.union(branches, around),
            Value::Object(object) => match object.get("type") {
                Some(Value::String(kind)) => self.object(object, kind, around),
                Some(inner) => self.schema(inner, around),
                None => wrong("a schema without `type`"),
            },
            _ => wrong("a schema is text, an object or an array"),
        }
    }

    fn named(&mut self, name: &str, around: &str) -> Result<Id, Wrong> {
        if let Some(node) = primitive(name, None) {
            return Ok(self.push(node));
        }
        let found = names::meant(name, around).iter().find_map(|it| self.names.get(it).copied());
        found.ok_or_else(|| Wrong::Name(Malformed::Unknown(brief(name.to_owned()))))
    }

    fn union(&mut self, branches: &[Value], around: &str) -> Result<Id, Wrong> {
        let mut ids = Vec::new();
        for branch in branches {
            let id = self.schema(branch, around)?;
            if matches!(self.nodes[id as usize], Node::Union(_)) {
                return wrong("a union directly in a union");
            }
            ids.push(id);
        }
        Ok(self.push(Node::Union(ids.into())))
    }

    fn object(
        &mut self,
        object: &Map<String, Value>,
        kind: &str,
        around: &str,
    ) -> Result<Id, Wrong> {
        let part = |key: &str| match object.get(key) {
            Some(part) => Ok(part),
            None => wrong(format!("`{kind}` without `{key}`")),
        };
        if let Some(node) = primitive(kind, Some(object)) {
            return Ok(self.push(node));
        }
        match kind {
            "array" => {
                let item = self.schema(part("items")?, around)?;
                Ok(self.push(Node::Array(item)))
            }
            "map" => {
                let item = self.schema(part("values")?, around)?;
                Ok(self.push(Node::Map(item)))
            }
            kind if names::is_named(kind) => {
                let Some(name) = names::defined(object, around) else {
                    return wrong(format!("`{kind}` without `name`"));
                };
                if self.names.contains_key(&name) {
                    return Err(Wrong::Name(Malformed::Twice(brief(name))));
                }
                // Known before it is read: it may contain itself.
                let id = self.push(Node::Null);
                self.names.insert(name.clone(), id);
                let node = match kind {
                    "enum" => symbols(object),
                    "fixed" => fixed(object),
                    _ => self.record(object, names::space(&name)),
                };
                self.nodes[id as usize] = node.map_err(|it| it.under(&format!("`{name}`")))?;
                Ok(id)
            }
            name => self.named(name, around),
        }
    }

    fn record(&mut self, object: &Map<String, Value>, around: &str) -> Result<Node, Wrong> {
        let Some(Value::Array(fields)) = object.get("fields") else {
            return wrong("a record without `fields`");
        };
        let mut compiled = Vec::new();
        let mut seen = HashSet::new();
        for field in fields {
            let (Some(Value::String(name)), Some(json)) = (field.get("name"), field.get("type"))
            else {
                return wrong("a field without `name` or `type`");
            };
            if !seen.insert(name) {
                return wrong(format!("two fields are `{name}`"));
            }
            let node =
                self.schema(json, around).map_err(|it| it.under(&format!("field `{name}`")))?;
            let mut key = if compiled.is_empty() { b"{".to_vec() } else { b",".to_vec() };
            json::text(name, &mut key);
            key.push(b':');
            compiled.push(Field { key: key.into(), name: name.as_str().into(), node });
        }
        Ok(Node::Record(compiled.into()))
    }
}

fn symbols(object: &Map<String, Value>) -> Result<Node, Wrong> {
    let Some(Value::Array(symbols)) = object.get("symbols") else {
        return wrong("an enum without `symbols`");
    };
    let mut written = Vec::new();
    for symbol in symbols {
        let Value::String(symbol) = symbol else {
            return wrong("a symbol that is not text");
        };
        let mut text = Vec::new();
        json::text(symbol, &mut text);
        written.push(text.into());
    }
    Ok(Node::Enum(written.into()))
}

fn fixed(object: &Map<String, Value>) -> Result<Node, Wrong> {
    let size = object.get("size").and_then(Value::as_u64);
    let Some(size) = size.and_then(|it| usize::try_from(it).ok()) else {
        return wrong("a fixed without `size`");
    };
    let logical = object.get("logicalType").and_then(Value::as_str);
    Ok(match (logical, size) {
        (Some("duration"), 12) => Node::Duration,
        (Some("uuid"), 16) => Node::Uuid,
        (Some("decimal"), size) => decimal(object, Some(size)).unwrap_or(Node::Fixed(size)),
        _ => Node::Fixed(size),
    })
}

/// A type without a name, with its logical type when that is one it can have.
fn primitive(kind: &str, object: Option<&Map<String, Value>>) -> Option<Node> {
    let logical = object.and_then(|it| it.get("logicalType")?.as_str());
    Some(match (kind, logical) {
        ("null", _) => Node::Null,
        ("boolean", _) => Node::Boolean,
        ("int", Some("date")) => Node::Date,
        ("int", Some("time-millis")) => Node::Time(Unit::Millis),
        ("int", _) => Node::Int,
        ("long", Some("time-micros")) => Node::Time(Unit::Micros),
        ("long", Some("timestamp-millis")) => Node::Stamp(Unit::Millis, Zone::Utc),
        ("long", Some("timestamp-micros")) => Node::Stamp(Unit::Micros, Zone::Utc),
        ("long", Some("timestamp-nanos")) => Node::Stamp(Unit::Nanos, Zone::Utc),
        ("long", Some("local-timestamp-millis")) => Node::Stamp(Unit::Millis, Zone::Local),
        ("long", Some("local-timestamp-micros")) => Node::Stamp(Unit::Micros, Zone::Local),
        ("long", Some("local-timestamp-nanos")) => Node::Stamp(Unit::Nanos, Zone::Local),
        ("long", _) => Node::Long,
        ("float", _) => Node::Float,
        ("double", _) => Node::Double,
        ("bytes", Some("decimal")) => decimal(object?, None).unwrap_or(Node::Bytes),
        ("bytes", Some("big-decimal")) => Node::BigDecimal,
        ("bytes", _) => Node::Bytes,
        ("string", _) => Node::Text,
        _ => return None,
    })
}

/// A decimal whose digits are said, and fit.
fn decimal(object: &Map<String, Value>, size: Option<usize>) -> Option<Node> {
    let precision = object.get("precision")?.as_u64()?;
    let scale = match object.get("scale") {
        Some(scale) => scale.as_u64()?,
        None => 0,
    };
    // What the largest number of this size has for certain.
    let most = size.map_or(u64::MAX, |size| {
        ((8 * size).saturating_sub(1) as f64 * std::f64::consts::LOG10_2) as u64
    });
    let fits = (1..=most).contains(&precision) && scale <= precision;
    let scale = u32::try_from(scale).ok().filter(|it| i64::from(*it) <= decimal::SCALE)?;
    fits.then_some(Node::Decimal { size, scale })
}
