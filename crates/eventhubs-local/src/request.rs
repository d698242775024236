//! Requests to `$cbs` and `$management` and the replies to them, apart from what they ask.

use amqp::Decoded;
use amqp::read::Reader;
use amqp::sections::{self, Sections};
use amqp::value::Value;
use amqp::write;

use crate::condition::Condition;

/// A request, as far as it matters.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// As it stands on the wire: the reply's correlation-id must have the same type.
    message_id: Option<Vec<u8>>,
    pub(crate) reply_to: Option<String>,
    properties: Vec<(String, Value)>,
    /// The body, when it is a text (a token).
    pub(crate) body: Option<String>,
}

impl Request {
    /// Reads a message; a body is not needed, and one that is no text is ignored.
    pub(crate) fn decode(message: &[u8]) -> Decoded<Self> {
        let mut request = Self::default();
        for section in Sections::of(message) {
            let section = section?;
            let mut reader = Reader::new(section.value);
            match section.code {
                sections::PROPERTIES => {
                    let mut fields = reader.list()?;
                    request.message_id = fields.raw()?.map(<[u8]>::to_vec);
                    (0..3).try_for_each(|_| fields.skip())?;
                    request.reply_to = fields.text()?.map(str::to_owned);
                }
                sections::APPLICATION_PROPERTIES => {
                    if let Value::Map(pairs) = reader.value()? {
                        let named = |(key, value): (Value, Value)| {
                            key.as_str().map(|key| (key.to_owned(), value.clone()))
                        };
                        request.properties = pairs.into_iter().filter_map(named).collect();
                    }
                }
                sections::VALUE => request.body = reader.text().ok().map(str::to_owned),
                sections::DATA => {
                    let text = reader.binary().ok().and_then(|data| std::str::from_utf8(data).ok());
                    request.body = text.map(str::to_owned);
                }
                _ => {}
            }
        }
        Ok(request)
    }

    /// A text among the application properties.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(key, _)| key == name)?.1.as_str()
    }
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Reply {
    status: i32,
    description: String,
    condition: Option<String>,
    body: Value,
}

impl Reply {
    pub(crate) fn accepted() -> Self {
        Self { status: 202, description: "Accepted".into(), condition: None, body: Value::Null }
    }

    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, description: "OK".into(), condition: None, body }
    }

    pub(crate) fn refused(status: i32, condition: &Condition) -> Self {
        Self {
            status,
            description: condition.description().to_owned(),
            condition: Some(condition.name().to_owned()),
            body: Value::Null,
        }
    }

    /// The reply as a message that answers `request`.
    pub(crate) fn encode(&self, request: &Request) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        write::descriptor(&mut out, sections::PROPERTIES);
        let list = write::open_list(&mut out);
        out.resize(out.len() + 5, 0x40);
        match &request.message_id {
            Some(id) => out.extend_from_slice(id),
            None => write::null(&mut out),
        }
        out.resize(out.len() + 7, 0x40);
        write::close(&mut out, &list, 13);

        write::descriptor(&mut out, sections::APPLICATION_PROPERTIES);
        let map = write::open_map(&mut out);
        write::string(&mut out, "status-code");
        write::int(&mut out, self.status);
        write::string(&mut out, "status-description");
        write::string(&mut out, &self.description);
        if let Some(condition) = &self.condition {
            write::string(&mut out, "error-condition");
            write::symbol(&mut out, condition);
        }
        write::close(&mut out, &map, if self.condition.is_some() { 6 } else { 4 });

        write::descriptor(&mut out, sections::VALUE);
        write::value(&mut out, &self.body);
        out
    }
}
