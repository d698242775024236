//! A question to a node of the service, and its answer, as messages.

use amqp::Decoded;
use amqp::read::Reader;
use amqp::sections::{APPLICATION_PROPERTIES, PROPERTIES, Sections, VALUE};
use amqp::value::Value;
use amqp::write;
use bytes::Bytes;

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    /// The number of the question, if it says so.
    pub(super) to: Option<Value>,
    properties: Value,
    /// `null` if there is none.
    pub(super) body: Value,
}

impl Reply {
    /// One of its application properties.
    pub(super) fn property(&self, name: &str) -> Option<&Value> {
        let Value::Map(properties) = &self.properties else { return None };
        let named = properties.iter().find(|(key, _)| key.as_str() == Some(name));
        named.map(|(_, value)| value)
    }
}

/// A question with that number.
pub(super) fn encode(
    number: u64,
    reply_to: &str,
    what: &[(&str, Value)],
    body: Option<&Value>,
) -> Bytes {
    let mut out = Vec::new();
    write::descriptor(&mut out, PROPERTIES);
    let list = write::open_list(&mut out);
    write::ulong(&mut out, number);
    // User, recipient and subject.
    for _ in 0..3 {
        write::null(&mut out);
    }
    write::string(&mut out, reply_to);
    write::close(&mut out, &list, 5);
    write::descriptor(&mut out, APPLICATION_PROPERTIES);
    let map = write::open_map(&mut out);
    for (key, value) in what {
        write::string(&mut out, key);
        write::value(&mut out, value);
    }
    write::close(&mut out, &map, what.len() as u32 * 2);
    if let Some(body) = body {
        write::descriptor(&mut out, VALUE);
        write::value(&mut out, body);
    }
    out.into()
}

/// Reads an answer.
pub(super) fn decode(message: &[u8]) -> Decoded<Reply> {
    let section = |code| match Sections::find(message, code) {
        Some(raw) => Reader::new(raw).value(),
        None => Ok(Value::Null),
    };
    let to = match section(PROPERTIES)? {
        // Who asked, who answers and what it is about stand before the number of the question.
        Value::List(fields) => fields.into_iter().nth(5).filter(|to| *to != Value::Null),
        _ => None,
    };
    Ok(Reply { to, properties: section(APPLICATION_PROPERTIES)?, body: section(VALUE)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_by_its_number_and_read() {
        let mut answer = Vec::new();
        let text = |text: &str| Value::String(text.into());
        let mut fields = vec![Value::Null; 5];
        fields.push(Value::Ulong(7));
        write::descriptor(&mut answer, PROPERTIES);
        write::value(&mut answer, &Value::List(fields));
        write::descriptor(&mut answer, APPLICATION_PROPERTIES);
        write::value(&mut answer, &Value::Map(vec![(text("status-code"), Value::Int(202))]));
        let reply = decode(&answer).unwrap();
        assert_eq!(reply.to, Some(Value::Ulong(7)));
        assert_eq!(reply.property("status-code").and_then(Value::as_i64), Some(202));
        assert_eq!((reply.property("x"), &reply.body), (None, &Value::Null));
        assert!(decode(&answer[..answer.len() - 1]).is_ok(), "a section cut short is none");
    }

    #[test]
    fn a_question_says_what_it_asks_and_where_the_answer_goes() {
        let what = [("operation", Value::String("READ".into()))];
        let question = encode(9, "me", &what, Some(&Value::Bool(true)));
        let read = |code| Reader::new(Sections::find(&question, code).unwrap()).value().unwrap();
        let Value::List(fields) = read(PROPERTIES) else { panic!("a list") };
        assert_eq!((&fields[0], &fields[4]), (&Value::Ulong(9), &Value::String("me".into())));
        let property = (Value::String("operation".into()), what[0].1.clone());
        assert_eq!(read(APPLICATION_PROPERTIES), Value::Map(vec![property]));
        assert_eq!(read(VALUE), Value::Bool(true));
    }
}
