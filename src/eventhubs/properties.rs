//! The partitions of a hub, read through `$management` on our own connection: the same way in, the same way through.

use fe2o3_amqp_management::client::MgmtClient;
use fe2o3_amqp_management::operations::ReadResponse;
use fe2o3_amqp_management::request::Request;
use fe2o3_amqp_types::messaging::ApplicationProperties;
use serde_amqp::Value;

use super::connection::{Connected, Namespace, refused};
use super::outcome::Fault;
use super::token::Token;
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
            self.give_up(connected.generation, fault).await;
        }
        let properties = read?;
        self.let_in();
        Ok(properties)
    }

    async fn read(&self, connected: &Connected, hub: &str) -> Result<HubProperties, Fault> {
        let audience = self.audience(&format!("{hub}/$management"));
        let token = self.authorize(connected, &audience).await?;
        let mut session = self.session(connected).await?;
        let ask = async {
            let mut client = MgmtClient::attach(&mut session, "kafka-eventhubs-bridge")
                .await
                .map_err(|error| Fault::new(Cause::Link, error.to_string()))?;
            let answer = client.call::<_, ReadResponse>(ReadHub { hub, token: &token }).await;
            // The answer is what counts.
            drop(client.close().await);
            answer.map_err(|error| self.explained(refused(&error), hub))
        };
        let answer = self.within("reading the partitions of the hub", ask).await??;
        drop(self.within("ending a session", session.end()).await);
        let ids = answer.entity_attributes.get("partition_ids").and_then(partition_ids);
        let partition_ids =
            ids.ok_or_else(|| Fault::new(Cause::Service, "no `partition_ids` in the answer"))?;
        Ok(HubProperties { partition_ids })
    }
}

/// An array of strings, and nothing else.
fn partition_ids(value: &Value) -> Option<Vec<String>> {
    let Value::Array(ids) = value else { return None };
    let text = |id: &Value| match id {
        Value::String(id) => Some(id.clone()),
        _ => None,
    };
    ids.iter().map(text).collect()
}

/// READ of a hub; the service wants the token in the request too.
struct ReadHub<'a> {
    hub: &'a str,
    token: &'a Token,
}

impl Request for ReadHub<'_> {
    const OPERATION: &'static str = "READ";
    type Response = ReadResponse;
    type Body = ();

    fn manageable_entity_type(&mut self) -> Option<String> {
        Some("com.microsoft:eventhub".to_owned())
    }

    fn locales(&mut self) -> Option<String> {
        None
    }

    fn encode_application_properties(&mut self) -> Option<ApplicationProperties> {
        let properties = ApplicationProperties::builder()
            .insert("name", self.hub)
            .insert("security_token", self.token.text.expose());
        Some(properties.build())
    }

    fn encode_body(self) -> Self::Body {}
}
