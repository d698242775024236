//! The partitions of a hub, read through `$management` on our own connection: the same way in, the same way through.

use amqp::value::Value;

use super::connection::Connected;
use super::namespace::Namespace;
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

impl Namespace {
    /// Asks the service for the partitions of `hub`: one attempt, bounded in time.
    pub async fn hub(&self, hub: &str) -> Result<HubProperties, ConnectError> {
        let connected = self.connected().await?;
        let read = self.read(&connected, hub).await;
        if let Err(fault) = &read
            && fault.connection
        {
            self.give_up(&connected, fault).await;
        }
        let properties = read?;
        self.let_in();
        Ok(properties)
    }

    async fn read(&self, connected: &Connected, hub: &str) -> Result<HubProperties, Fault> {
        let audience = self.audience(&format!("{hub}/$management"));
        let token = self.authorize(connected, &audience).await?;
        // The service wants the token in the request too.
        let text = |text: &str| Value::String(text.to_owned());
        let what = [
            ("operation", text("READ")),
            ("type", text("com.microsoft:eventhub")),
            ("name", text(hub)),
            ("security_token", text(token.text.expose())),
        ];
        let answer = connected.management.ask(connected, &what, None).await;
        let body = answer.map_err(|fault| {
            if fault.cause == Cause::Unauthorized {
                connected.access.forget(&audience, &token);
            }
            self.explained(fault, hub)
        })?;
        found(hub, &body)
    }
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

/// An array of strings, and nothing else, in a map.
fn partition_ids(body: &Value) -> Option<Vec<String>> {
    let Value::Map(attributes) = body else { return None };
    let named = |key: &Value| matches!(key, Value::String(key) if key == "partition_ids");
    let (_, ids) = attributes.iter().find(|(key, _)| named(key))?;
    let Value::Array(ids) = ids else { return None };
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
}
