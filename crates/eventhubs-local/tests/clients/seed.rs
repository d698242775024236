//! What the programs find: a server with keys, and events that another client (on fe2o3-amqp) has put there.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventhubs_local::{Rights, Server, Tls};
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::types::messaging::{
    ApplicationProperties, Data, Message, MessageAnnotations, Properties,
};
use fe2o3_amqp::types::primitives::{OrderedMap, SimpleValue, Symbol};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tempfile::NamedTempFile;

use crate::support::{Client, soon, until};

/// Every seeded event is in this partition: the service's hash of `KEY` over four.
pub(crate) const PARTITION: u32 = 2;
pub(crate) const KEY: &str = "key0";
/// Events before and after `Seeded::between_ms`.
pub(crate) const HALF: usize = 10;
pub(crate) const HUB: &str = "orders";

const KEY_VALUE: &str = "c2VjcmV0LW9mLXRoZS10ZXN0";
const SENDER_VALUE: &str = "b25seS10by1zZW5k";
const LISTENER_VALUE: &str = "b25seS10by1yZWNlaXZl";

/// How a client reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Plain,
    Tls,
    /// Over TLS: not every client has another.
    WebSocket,
}

impl Transport {
    /// The word for it in `CLIENT_TRANSPORT`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "tls",
            Self::WebSocket => "websocket",
        }
    }
}

/// A server with events, and what a program has to know about it.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) transport: Transport,
    /// The authority to trust.
    pub(crate) ca: NamedTempFile,
    /// The offset of the fifth event.
    pub(crate) offset: String,
    /// A time after the first half was stored, and before the second.
    pub(crate) between_ms: i64,
    pub(crate) last_offset: String,
}

impl Scene {
    pub(crate) async fn new(transport: Transport) -> Self {
        let server = Server::builder()
            .hub(HUB, 4)
            .key("root", KEY_VALUE)
            .limited_key(None, "sender", SENDER_VALUE, Rights::SEND)
            .limited_key(Some(HUB), "listener", LISTENER_VALUE, Rights::LISTEN)
            .max_message_size(256 * 1024);
        let tls = Tls::generate(&["localhost"]).unwrap();
        let ca = NamedTempFile::new().unwrap();
        fs::write(ca.path(), tls.ca_pem().unwrap()).unwrap();
        let server = if transport == Transport::Plain { server } else { server.tls(tls) };
        let server = server.start().unwrap();
        let between_ms = seed(&server).await;
        let events = server.hub(HUB).partition(PARTITION).events();
        assert_eq!(events.len(), 2 * HALF);
        let (offset, last_offset) = (events[4].offset(), events.last().unwrap().offset());
        Self { server, transport, ca, offset, between_ms, last_offset }
    }

    /// The connection strings of the program: what is asked for, as whom.
    pub(crate) fn connections(&self) -> [(&'static str, String); 6] {
        let whole = self.server.connection_string();
        let root = format!("SharedAccessKeyName=root;SharedAccessKey={KEY_VALUE}");
        let as_root = |other: &str| {
            assert!(whole.contains(&root), "{whole}");
            whole.replace(&root, other)
        };
        let as_key = |name: &str, value: &str| {
            as_root(&format!("SharedAccessKeyName={name};SharedAccessKey={value}"))
        };
        let hour = 3_600;
        let now = now_ms() / 1_000;
        let token = |expiry| as_root(&format!("SharedAccessSignature={}", signature(expiry)));
        [
            ("CLIENT_CONNECTION", whole.clone()),
            ("CLIENT_WRONG_KEY", as_key("root", "bm90LXRoZS1rZXk=")),
            ("CLIENT_SENDER", as_key("sender", SENDER_VALUE)),
            ("CLIENT_LISTENER", as_key("listener", LISTENER_VALUE)),
            ("CLIENT_TOKEN", token(now + hour)),
            ("CLIENT_EXPIRED_TOKEN", token(now - hour)),
        ]
    }
}

/// A token for the hub, signed with the key that has every right.
fn signature(expiry: i64) -> String {
    let resource = format!("sb%3a%2f%2flocalhost%2f{HUB}");
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY_VALUE.as_bytes()).unwrap();
    mac.update(format!("{resource}\n{expiry}").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let signature = signature.replace('+', "%2b").replace('/', "%2f").replace('=', "%3d");
    format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn=root")
}

/// Sends the events; answers with a time between the halves.
async fn seed(server: &Server) -> i64 {
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
    between_ms
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
