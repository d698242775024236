//! Avro's names: how one is read, and how a schema that refers to others becomes one that stands alone.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

/// The types without names.
const PRIMITIVES: [&str; 8] =
    ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];

pub(super) fn is_primitive(name: &str) -> bool {
    PRIMITIVES.contains(&name)
}

/// Whether `kind` of a schema makes a type with a name.
pub(super) fn is_named(kind: &str) -> bool {
    matches!(kind, "record" | "error" | "enum" | "fixed")
}

/// The full name that a definition has, inside the namespace `around`.
pub(super) fn defined(definition: &Map<String, Value>, around: &str) -> Option<String> {
    let name = definition.get("name")?.as_str()?;
    if name.contains('.') {
        return Some(name.to_owned());
    }
    let own = definition.get("namespace").and_then(Value::as_str);
    Some(full(name, own.unwrap_or(around)))
}

/// The namespace of a full name.
pub(super) fn space(full: &str) -> &str {
    full.rsplit_once('.').map_or("", |(space, _)| space)
}

fn full(name: &str, space: &str) -> String {
    match space {
        "" => name.to_owned(),
        space => format!("{space}.{name}"),
    }
}

/// What `name` may stand for inside the namespace `around`, the likeliest first. The second is not Avro's rule, and what is
/// written for libraries that are less strict.
pub(super) fn meant(name: &str, around: &str) -> [String; 2] {
    let near = if name.contains('.') { name.to_owned() } else { full(name, around) };
    [near, name.to_owned()]
}

/// How deep a schema that stands alone may be nested: what parsers of JSON take. A long row of types, each of which refers
/// to the next, is flat in its own text, and comes to lie one inside the other.
pub(super) const DEPTH: usize = 80;

/// A schema that stands alone: each type of `others` is defined where it is first referred to. None when it would be nested
/// too deep.
pub(super) fn alone(schema: &Value, others: &[Value]) -> Option<Value> {
    let mut inliner =
        Inliner { others: HashMap::new(), written: HashSet::new(), deeper: DEPTH, fits: true };
    for other in others {
        inliner.learn(other, "");
    }
    let alone = inliner.copy(schema, "");
    inliner.fits.then_some(alone)
}

struct Inliner<'a> {
    /// Definitions by full name, each with the namespace around it.
    others: HashMap<String, (&'a Value, String)>,
    written: HashSet<String>,
    /// How many levels further in it may go.
    deeper: usize,
    /// Whether it was enough.
    fits: bool,
}

impl<'a> Inliner<'a> {
    /// Finds all definitions in `schema`.
    fn learn(&mut self, schema: &'a Value, around: &str) {
        match schema {
            Value::Array(branches) => branches.iter().for_each(|it| self.learn(it, around)),
            Value::Object(object) => {
                let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
                let name = defined(object, around).filter(|_| is_named(kind));
                if let Some(name) = &name {
                    self.others.insert(name.clone(), (schema, around.to_owned()));
                }
                let around = name.as_deref().map_or(around, space).to_owned();
                for part in parts(object) {
                    self.learn(part, &around);
                }
            }
            _ => {}
        }
    }

    fn copy(&mut self, schema: &Value, around: &str) -> Value {
        let Some(deeper) = self.deeper.checked_sub(1) else {
            self.fits = false;
            return Value::Null;
        };
        self.deeper = deeper;
        let copy = match schema {
            Value::String(name) => self.refer(name, around),
            Value::Array(branches) => {
                Value::Array(branches.iter().map(|it| self.copy(it, around)).collect())
            }
            Value::Object(object) => self.object(object, around),
            other => other.clone(),
        };
        self.deeper += 1;
        copy
    }

    fn refer(&mut self, name: &str, around: &str) -> Value {
        if is_primitive(name) {
            return name.into();
        }
        for full in meant(name, around) {
            if self.written.contains(&full) {
                return full.into();
            }
            if let Some((definition, around)) = self.others.get(&full).cloned() {
                return self.copy(definition, &around);
            }
        }
        name.into()
    }

    fn object(&mut self, object: &Map<String, Value>, around: &str) -> Value {
        let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
        let mut copy = object.clone();
        let name = defined(object, around).filter(|_| is_named(kind));
        if let Some(name) = &name {
            if !self.written.insert(name.clone()) {
                return name.as_str().into();
            }
            let (space, short) = name.rsplit_once('.').unwrap_or(("", name));
            copy.insert("name".into(), short.into());
            copy.insert("namespace".into(), space.into());
        }
        let around = name.as_deref().map_or(around, space).to_owned();
        for key in ["items", "values"] {
            if let Some(part) = object.get(key) {
                copy.insert(key.into(), self.copy(part, &around));
            }
        }
        match object.get("type") {
            Some(Value::String(kind)) if is_named(kind) || matches!(&**kind, "array" | "map") => {}
            Some(part) => {
                let part = self.copy(part, &around);
                copy.insert("type".into(), part);
            }
            None => {}
        }
        if let Some(Value::Array(fields)) = object.get("fields") {
            let fields = fields.iter().map(|field| {
                let mut field = field.clone();
                if let Some(part) = field.get_mut("type") {
                    *part = self.copy(part, &around);
                }
                field
            });
            let fields = fields.collect();
            copy.insert("fields".into(), Value::Array(fields));
        }
        Value::Object(copy)
    }
}

/// The schemas inside one.
fn parts(object: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let fields = object.get("fields").and_then(Value::as_array).into_iter().flatten();
    let own = ["type", "items", "values"].into_iter().filter_map(|key| object.get(key));
    own.filter(|it| !it.is_string()).chain(fields.filter_map(|field| field.get("type")))
}
