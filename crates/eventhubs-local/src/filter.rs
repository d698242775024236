//! Where a receiver starts: the selector filter of its source.

use amqp::read::Reader;
use amqp::value::Value;

use crate::condition::Condition;

/// A start position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Earliest,
    Latest,
    Offset { value: i64, inclusive: bool },
    Sequence { value: i64, inclusive: bool },
    EnqueuedTime { millis: i64, inclusive: bool },
}

const PREFIX: &str = "amqp.annotation.";

/// Reads the selector out of a source's filter map; without one the receiver starts at the first event.
pub(crate) fn start(filters: Option<&[u8]>) -> Result<Start, Condition> {
    let Some(raw) = filters else { return Ok(Start::Earliest) };
    let filters = Reader::new(raw).value().map_err(|error| Condition::decode(&error))?;
    let Value::Map(entries) = filters else {
        return Err(invalid("a filter set is a map"));
    };
    // Clients differ in the descriptor (two numbers, one symbol); the key and the text are what they agree on.
    let selector = entries.iter().find_map(|(key, filter)| match (key.as_str(), filter) {
        (Some("apache.org:selector-filter:string"), Value::Described(_, text)) => text.as_str(),
        (Some("apache.org:selector-filter:string"), text) => text.as_str(),
        _ => None,
    });
    selector.map_or(Ok(Start::Earliest), parse)
}

fn invalid(text: &str) -> Condition {
    Condition::new("amqp:invalid-field", format!("'{text}' is not a valid amqp filter."))
}

/// Parses one expression: an annotation, `>` or `>=`, and a value with or without quotes.
pub(crate) fn parse(expression: &str) -> Result<Start, Condition> {
    let bad = || invalid(expression);
    let (left, right) = expression.split_once('>').ok_or_else(bad)?;
    let (inclusive, right) = match right.strip_prefix('=') {
        Some(right) => (true, right),
        None => (false, right),
    };
    let right = right.trim();
    let text = right.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')).unwrap_or(right);
    let number = || text.parse::<i64>().map_err(|_| bad());
    let name = left.trim().strip_prefix(PREFIX).ok_or_else(bad)?;
    match (name, text) {
        ("x-opt-offset", "@latest") => Ok(Start::Latest),
        ("x-opt-offset" | "x-opt-sequence-number", "-1") => Ok(Start::Earliest),
        ("x-opt-offset", _) => Ok(Start::Offset { value: number()?, inclusive }),
        ("x-opt-sequence-number", _) => Ok(Start::Sequence { value: number()?, inclusive }),
        ("x-opt-enqueued-time" | "x-opt-enqueuedtimeutc", _) => {
            Ok(Start::EnqueuedTime { millis: number()?, inclusive })
        }
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amqp::write;

    #[test]
    fn every_expression_the_clients_write_is_understood() {
        for (expression, expected) in [
            ("amqp.annotation.x-opt-offset > '-1'", Start::Earliest),
            ("amqp.annotation.x-opt-offset >= '-1'", Start::Earliest),
            ("amqp.annotation.x-opt-offset > -1", Start::Earliest),
            ("amqp.annotation.x-opt-offset > '@latest'", Start::Latest),
            (
                "amqp.annotation.x-opt-offset > '4096'",
                Start::Offset { value: 4096, inclusive: false },
            ),
            (
                "amqp.annotation.x-opt-sequence-number >= 12",
                Start::Sequence { value: 12, inclusive: true },
            ),
            (
                "amqp.annotation.x-opt-enqueued-time > '1700000000000'",
                Start::EnqueuedTime { millis: 1_700_000_000_000, inclusive: false },
            ),
        ] {
            assert_eq!(parse(expression), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn other_expressions_are_refused() {
        for expression in [
            "",
            "amqp.annotation.x-opt-offset > ",
            "amqp.annotation.x-opt-offset < '3'",
            "amqp.annotation.x-opt-offset > 'no offset'",
            "amqp.annotation.x-opt-sequence-number > '@latest'",
            "x-opt-offset > '3'",
            "amqp.annotation.x-opt-color > '3'",
        ] {
            let refused = parse(expression).map_err(|condition| condition.name().to_owned());
            assert_eq!(refused, Err("amqp:invalid-field".to_owned()), "{expression}");
        }
    }

    #[test]
    fn the_descriptor_of_the_filter_does_not_matter() {
        let text = || Box::new(Value::String("amqp.annotation.x-opt-offset > '7'".into()));
        let name = Value::Symbol("apache.org:selector-filter:string".into());
        for descriptor in [
            Value::Ulong(0x0000_468C_0000_0004),
            Value::Ulong(0x0013_7000_000A),
            Value::Symbol("apache.org:selector-filter:string".into()),
        ] {
            let mut raw = Vec::new();
            let filter = Value::Described(Box::new(descriptor), text());
            write::value(&mut raw, &Value::Map(vec![(name.clone(), filter)]));
            assert_eq!(start(Some(&raw)), Ok(Start::Offset { value: 7, inclusive: false }));
        }
        assert_eq!(start(None), Ok(Start::Earliest));
    }
}
