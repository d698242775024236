//! `[eventhubs]` and `[eventhubs.NAME]`, as they are written: one table that holds a namespace's own keys and others' tables.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

use super::{Connection, Credential, Duration};

/// Where events go. The keys here define the namespace of mappings without `namespace`; `[eventhubs.NAME]` defines
/// another one. The time limits here apply to all namespaces that set none.
#[derive(Default)]
pub(in crate::config) struct EventHubs {
    pub(in crate::config) own: Namespace,
    pub(in crate::config) named: BTreeMap<String, Namespace>,
}

/// An Event Hubs namespace.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "a namespace is named by its `namespace` key")]
pub(in crate::config) struct Namespace {
    /// The connection string of the namespace. Better kept in `connection_string_file` or in the environment.
    #[schemars(extend("writeOnly" = true))]
    pub(in crate::config) connection_string: Option<String>,
    /// A file that holds the connection string; read again for each token. A relative path begins at the directory of this file.
    pub(in crate::config) connection_string_file: Option<String>,
    /// Another connection string of the same namespace. When one of the two is refused, the bridge tries the other.
    #[schemars(extend("writeOnly" = true))]
    pub(in crate::config) secondary_connection_string: Option<String>,
    /// A file that holds that one; read again for each token.
    pub(in crate::config) secondary_connection_string_file: Option<String>,
    /// How the namespace is reached.
    pub(in crate::config) connection: Option<Connection>,
    /// The host of the namespace, instead of a connection string; `[eventhubs.credential]` says how to log in.
    #[schemars(extend("examples" = ["orders.servicebus.windows.net"]))]
    pub(in crate::config) namespace: Option<String>,
    /// How the bridge logs in to `namespace`.
    pub(in crate::config) credential: Option<Credential>,
    /// Time limit for one send, after which its connection is closed, 100ms to 10m.
    #[schemars(extend("default" = "30s"))]
    pub(in crate::config) send_timeout: Option<Duration>,
    /// Time limit for each of connecting, authenticating and attaching, 100ms to 5m.
    #[schemars(extend("default" = "15s"))]
    pub(in crate::config) connect_timeout: Option<Duration>,
    /// A connection is closed when the peer is silent for this long, 1s to 4m.
    #[schemars(extend("default" = "60s"))]
    pub(in crate::config) idle_timeout: Option<Duration>,
}

/// Keys of [`Namespace`], for telling them from names of namespaces.
const NAMESPACE: &[&str] = &[
    "connection_string",
    "connection_string_file",
    "secondary_connection_string",
    "secondary_connection_string_file",
    "connection",
    "namespace",
    "credential",
    "send_timeout",
    "connect_timeout",
    "idle_timeout",
];

impl<'de> Deserialize<'de> for EventHubs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Table;
        impl<'de> Visitor<'de> for Table {
            type Value = EventHubs;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EventHubs, A::Error> {
                let mut read = EventHubs::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "connection_string" => read.own.connection_string = map.next_value()?,
                        "connection_string_file" => {
                            read.own.connection_string_file = map.next_value()?;
                        }
                        "secondary_connection_string" => {
                            read.own.secondary_connection_string = map.next_value()?;
                        }
                        "secondary_connection_string_file" => {
                            read.own.secondary_connection_string_file = map.next_value()?;
                        }
                        "connection" => read.own.connection = map.next_value()?,
                        "namespace" => read.own.namespace = map.next_value()?,
                        "credential" => read.own.credential = map.next_value()?,
                        "send_timeout" => read.own.send_timeout = map.next_value()?,
                        "connect_timeout" => read.own.connect_timeout = map.next_value()?,
                        "idle_timeout" => read.own.idle_timeout = map.next_value()?,
                        _ => {
                            read.named.insert(key, map.next_value::<Named>()?.0);
                        }
                    }
                }
                Ok(read)
            }
        }
        deserializer.deserialize_map(Table)
    }
}

/// The table of a named namespace; anything but a table is a misspelt key of `[eventhubs]`.
struct Named(Namespace);

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Table;
        impl<'de> Visitor<'de> for Table {
            type Value = Namespace;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Namespace, A::Error> {
                Namespace::deserialize(MapAccessDeserializer::new(map))
            }
            fn visit_str<E: de::Error>(self, _: &str) -> Result<Namespace, E> {
                Err(E::unknown_field("", NAMESPACE))
            }
            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Namespace, E> {
                Err(E::unknown_field("", NAMESPACE))
            }
            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Namespace, E> {
                Err(E::unknown_field("", NAMESPACE))
            }
        }
        deserializer.deserialize_any(Table).map(Self)
    }
}

impl JsonSchema for EventHubs {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EventHubs".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Namespace::json_schema(generator);
        let named = generator.subschema_for::<Namespace>();
        schema.insert("additionalProperties".to_owned(), named.into());
        schema.insert(
            "description".to_owned(),
            "Where events go. The keys here define the namespace of mappings without `namespace`; \
             `[eventhubs.NAME]` defines another one. The time limits here apply to all namespaces that set none."
                .into(),
        );
        schema
    }
}
