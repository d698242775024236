//! YAML, as the tree that JSON gives.

use regex::Regex;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

use crate::import::ImportError;

/// What a file of YAML has at the beginning of a line, and one of properties has not.
const MARKS: &str =
    r"(?m)^(---\s*$|(apiVersion|kind|metadata|spec|items|config|services)\s*:(\s|$)|-\s+\S)";

/// Whether it is YAML: properties may have `key: value`, too.
pub(super) fn is_yaml(text: &str) -> bool {
    Regex::new(MARKS).expect("a good expression").is_match(text)
}

/// Its documents.
pub(super) fn read(text: &str) -> Result<Vec<Value>, ImportError> {
    let documents =
        Yaml::load_from_str(text).map_err(|error| ImportError::NotYaml(error.to_string()))?;
    documents.into_iter().map(tree).collect()
}

fn tree(node: Yaml<'_>) -> Result<Value, ImportError> {
    Ok(match node {
        Yaml::Value(value) => scalar(value),
        Yaml::Sequence(items) => {
            Value::Array(items.into_iter().map(tree).collect::<Result<_, _>>()?)
        }
        Yaml::Mapping(mapping) => {
            let mut object = Map::new();
            for (key, value) in mapping {
                let key = match tree(key)? {
                    Value::String(key) => key,
                    Value::Number(key) => key.to_string(),
                    _ => return Err(ImportError::NotYaml("a key is no text".to_owned())),
                };
                object.insert(key, tree(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(_, node) => tree(*node)?,
        Yaml::Representation(text, ..) => Value::String(text.into_owned()),
        Yaml::Alias(_) | Yaml::BadValue => {
            return Err(ImportError::NotYaml("a value is not of the kind it says".to_owned()));
        }
    })
}

fn scalar(value: Scalar<'_>) -> Value {
    match value {
        Scalar::Null => Value::Null,
        Scalar::Boolean(truth) => Value::Bool(truth),
        Scalar::Integer(number) => Value::from(number),
        Scalar::FloatingPoint(number) => Value::from(number.into_inner()),
        Scalar::String(text) => Value::String(text.into_owned()),
    }
}
