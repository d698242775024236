//! The partitions of a hub, read through `$management` on our own connection: the same way in, the same way through.

use std::mem;

use amqp::value::Value;

use super::connection::Connected;
use super::namespace::NamespaceClient;
use super::outcome::Fault;
use super::{Cause, HubProperties};

/// Why a hub's properties are not known, by what the caller must do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// Try again: the namespace cannot be reached, is busy, or in trouble.
    #[error("{0}")]
    Unreachable(String),
    /// We may not come in, or lack a right; says what to do.
    #[error("not authorized: {0}")]
    Unauthorized(String),
    /// There is no such hub.
    #[error("no such hub: {0}; hint: create it, or correct the `hub` of the mapping")]
    NoSuchHub(String),
}

impl ConnectError {
    /// Whether asking again is of no use until somebody changes something.
    pub fn is_for_good(&self) -> bool {
        !matches!(self, Self::Unreachable(_))
    }
}

impl From<Fault> for ConnectError {
    fn from(fault: Fault) -> Self {
        match fault.cause {
            Cause::Unauthorized => Self::Unauthorized(fault.detail),
            Cause::NotFound => Self::NoSuchHub(fault.detail),
            _ => Self::Unreachable(fault.detail),
        }
    }
}

/// How far a partition of a hub reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionProperties {
    /// The sequence number of the oldest event that is there.
    pub first_sequence: i64,
    /// That of the newest one; -1 when there was none.
    pub last_sequence: i64,
    /// The offset of the newest one, which is of any form.
    pub last_offset: String,
    /// When the newest one was stored, in milliseconds since the Unix epoch.
    pub last_enqueued_ms: i64,
    /// Whether no event is there.
    pub is_empty: bool,
}

impl NamespaceClient {
    /// Asks the service for the partitions of `hub`: one attempt, bounded in time.
    pub async fn hub(&self, hub: &str) -> Result<HubProperties, ConnectError> {
        let body = self.ask(hub, None).await?;
        let properties = found(hub, &body)?;
        self.mark_authorized();
        Ok(properties)
    }

    /// Asks the service how far a partition of `hub` reaches: one attempt, bounded in time.
    pub async fn partition(
        &self,
        hub: &str,
        partition: &str,
    ) -> Result<PartitionProperties, ConnectError> {
        Ok(self.ask_partition(hub, partition).await?)
    }

    pub(super) async fn ask_partition(
        &self,
        hub: &str,
        partition: &str,
    ) -> Result<PartitionProperties, Fault> {
        let body = self.ask(hub, Some(partition)).await?;
        extent(&body).ok_or_else(|| {
            let detail = format!("no extent of `{hub}`, partition {partition}, in the answer");
            Fault::new(Cause::Service, detail)
        })
    }

    /// The attributes of a hub, or of a partition of it.
    async fn ask(&self, hub: &str, partition: Option<&str>) -> Result<Value, Fault> {
        let connected = self.connected().await?;
        let read = self.read(&connected, hub, partition).await;
        if let Err(fault) = &read
            && fault.connection
        {
            self.give_up(&connected, fault).await;
        }
        read
    }

    async fn read(
        &self,
        connected: &Connected,
        hub: &str,
        partition: Option<&str>,
    ) -> Result<Value, Fault> {
        let kind = if partition.is_some() { "partition" } else { "eventhub" };
        let mut what = vec![
            ("operation", text("READ")),
            ("type", text(&format!("com.microsoft:{kind}"))),
            ("name", text(hub)),
        ];
        what.extend(partition.map(|partition| ("partition", text(partition))));
        let audience = self.audience(&format!("{hub}/$management"));
        let mut refused = false;
        loop {
            let token = self.authorize(connected, &audience).await?;
            // The service wants the token in the request too.
            let what = [&what[..], &[("security_token", text(token.text.expose()))]].concat();
            let answer = connected.management.ask(connected, &what, None).await;
            if matches!(&answer, Err(fault) if fault.cause == Cause::Unauthorized) {
                connected.access.forget(&audience, &token);
                // It may be the token that counts no more: the next one is new, and of the other key where there is one.
                if !mem::replace(&mut refused, true) {
                    continue;
                }
            }
            return answer.map_err(|fault| self.explained(fault, hub));
        }
    }
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// What the answer says of `hub`.
fn found(hub: &str, body: &Value) -> Result<HubProperties, Fault> {
    let partition_ids = partition_ids(body)
        .ok_or_else(|| Fault::new(Cause::Service, "no `partition_ids` in the answer"))?;
    if partition_ids.is_empty() {
        // A hub that is being made has none yet.
        return Err(Fault::new(Cause::Service, format!("`{hub}` has no partitions yet")));
    }
    Ok(HubProperties { partition_ids })
}

fn attribute<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Map(attributes) = body else { return None };
    let named = |key: &Value| matches!(key, Value::String(key) if key == name);
    attributes.iter().find(|(key, _)| named(key)).map(|(_, value)| value)
}

/// What the answer says of a partition.
fn extent(body: &Value) -> Option<PartitionProperties> {
    let number = |name| attribute(body, name)?.as_i64();
    Some(PartitionProperties {
        first_sequence: number("begin_sequence_number")?,
        last_sequence: number("last_enqueued_sequence_number")?,
        last_offset: attribute(body, "last_enqueued_offset")?.as_str()?.to_owned(),
        last_enqueued_ms: number("last_enqueued_time_utc")?,
        is_empty: attribute(body, "is_partition_empty")?.as_bool()?,
    })
}

/// An array of strings, and nothing else, in a map.
fn partition_ids(body: &Value) -> Option<Vec<String>> {
    let Value::Array(ids) = attribute(body, "partition_ids")? else { return None };
    let text = |id: &Value| match id {
        Value::String(id) => Some(id.clone()),
        _ => None,
    };
    ids.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(ids: &[&str]) -> Value {
        let ids = ids.iter().map(|id| Value::String((*id).to_owned())).collect::<Vec<_>>();
        let key = Value::String("partition_ids".to_owned());
        Value::Map(vec![(key, Value::Array(ids))])
    }

    #[test]
    fn a_hub_without_partitions_is_not_known_yet() {
        assert_eq!(found("orders", &answer(&["0", "1"])).unwrap().partition_ids, ["0", "1"]);
        for body in [answer(&[]), Value::Null] {
            let error = ConnectError::from(found("orders", &body).unwrap_err());
            assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
            assert!(!error.is_for_good());
        }
    }

    #[test]
    fn the_extent_of_a_partition_is_read_whole_or_not_at_all() {
        let name = |name: &str| Value::String(name.to_owned());
        let mut attributes = vec![
            (name("begin_sequence_number"), Value::Long(3)),
            (name("last_enqueued_sequence_number"), Value::Long(9)),
            (name("last_enqueued_offset"), name("4096")),
            (name("last_enqueued_time_utc"), Value::Timestamp(1_700_000_000_000)),
            (name("is_partition_empty"), Value::Bool(false)),
        ];
        let expected = PartitionProperties {
            first_sequence: 3,
            last_sequence: 9,
            last_offset: "4096".to_owned(),
            last_enqueued_ms: 1_700_000_000_000,
            is_empty: false,
        };
        assert_eq!(extent(&Value::Map(attributes.clone())), Some(expected));
        attributes.remove(1);
        assert_eq!(extent(&Value::Map(attributes)), None);
        assert_eq!(extent(&Value::Null), None);
    }
}
