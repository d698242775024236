//! What the programs find: a server with a key, and events that another client (on fe2o3-amqp) has put there.

use std::time::{SystemTime, UNIX_EPOCH};

use eventhubs_local::Server;
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::types::messaging::{
    ApplicationProperties, Data, Message, MessageAnnotations, Properties,
};
use fe2o3_amqp::types::primitives::{OrderedMap, SimpleValue, Symbol};

use crate::support::{Client, soon, until};

/// Every seeded event is in this partition: the service's hash of `KEY` over four.
pub(crate) const PARTITION: u32 = 2;
pub(crate) const KEY: &str = "key0";
/// Events before and after `Seeded::between_ms`.
pub(crate) const HALF: usize = 10;
pub(crate) const HUB: &str = "orders";

const KEY_VALUE: &str = "c2VjcmV0LW9mLXRoZS10ZXN0";

/// What a program has to know about the events.
pub(crate) struct Seeded {
    /// The offset of the fifth event.
    pub(crate) offset: String,
    /// A time after the first half was stored, and before the second.
    pub(crate) between_ms: i64,
    pub(crate) last_offset: String,
    /// The server's connection string, and the same with a key that is not its.
    pub(crate) connection: String,
    pub(crate) wrong: String,
}

pub(crate) fn server() -> Server {
    Server::builder()
        .hub(HUB, 4)
        .key("root", KEY_VALUE)
        .max_message_size(256 * 1024)
        .start()
        .unwrap()
}

pub(crate) async fn events(server: &Server) -> Seeded {
    let plain = SaslProfile::Plain { username: "root".into(), password: KEY_VALUE.into() };
    let mut client = Client::with_profile(server, plain).await.unwrap();
    let mut sender = client.sender(HUB).await;
    for n in 0..HALF {
        soon(sender.send(event(n))).await.unwrap();
    }
    let between_ms = now_ms() + 10;
    until(|| now_ms() > between_ms + 10).await;
    for n in HALF..2 * HALF {
        soon(sender.send(event(n))).await.unwrap();
    }
    let events = server.hub(HUB).partition(PARTITION).events();
    assert_eq!(events.len(), 2 * HALF);
    let connection = server.connection_string();
    assert!(connection.contains(KEY_VALUE));
    Seeded {
        offset: events[4].offset(),
        between_ms,
        last_offset: events.last().unwrap().offset(),
        wrong: connection.replace(KEY_VALUE, "bm90LXRoZS1rZXk="),
        connection,
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn event(n: usize) -> Message<Data> {
    let annotation = (Symbol::from("x-opt-partition-key"), KEY.to_owned().into());
    let annotations: OrderedMap<Symbol, _> = [annotation].into_iter().collect();
    let properties: [(String, SimpleValue); 5] = [
        ("text".into(), SimpleValue::String("grün".into())),
        ("int".into(), SimpleValue::Int(-42)),
        ("long".into(), SimpleValue::Long(1 << 40)),
        ("flag".into(), SimpleValue::Bool(true)),
        ("ratio".into(), SimpleValue::Double(0.5.into())),
    ];
    let properties: OrderedMap<String, SimpleValue> = properties.into_iter().collect();
    Message::builder()
        .message_annotations(MessageAnnotations(
            annotations.into_iter().map(|(k, v)| (k.into(), v)).collect(),
        ))
        .properties(
            Properties::builder()
                .message_id(format!("id-{n}"))
                .correlation_id(format!("about-{n}"))
                .content_type(Symbol::from("text/plain"))
                .build(),
        )
        .application_properties(ApplicationProperties(properties))
        .data(format!("seed {n}").into_bytes())
        .build()
}
