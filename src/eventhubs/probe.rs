//! Trying a namespace without sending: how far one comes, who one is, and whether one may send.
//!
//! Everything goes the way the lanes go: the same connection, the same tokens, the same link. What is attached is let go
//! again.

use std::time::{Duration, SystemTime};

use super::link;
use super::namespace::NamespaceClient;
use super::properties::ConnectError;
use super::transport::Passed;
use super::{Cause, outcome::Fault};

/// What let us in to a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// How long it is good for.
    pub left: Duration,
    /// The first of two keys was refused, the second was not.
    pub by_second: bool,
}

impl NamespaceClient {
    /// Who logs in; for people.
    pub fn who(&self) -> String {
        self.0.login.who()
    }

    /// How long ago the signature ended that would be shown, if it has; nobody is asked.
    pub async fn ended(&self) -> Option<Duration> {
        self.0.login.ended().await
    }

    /// Connects, telling of each part that is done: one attempt, bounded in time.
    pub async fn enter(&self, tell: &mut (dyn FnMut(Passed) + Send)) -> Result<(), ConnectError> {
        self.connected_telling(tell).await?;
        Ok(())
    }

    /// Gets a token, from its issuer or by signing, and gives its life: one attempt, bounded in time.
    pub async fn token(&self, hub: &str) -> Result<Duration, ConnectError> {
        let token = self.0.login.token(&self.audience(hub), None).await?;
        Ok(left(token.expires))
    }

    /// Logs in to `hub`: one attempt with each key there is, bounded in time.
    pub async fn admit(&self, hub: &str) -> Result<Admission, ConnectError> {
        let connected = self.connected().await?;
        let audience = self.audience(hub);
        let mut admitted = self.authorize(&connected, &audience).await;
        if matches!(&admitted, Err(Fault { cause: Cause::Unauthorized, .. })) {
            // Where there is a second key, it is its turn now.
            admitted = self.authorize(&connected, &audience).await;
        }
        let token = admitted?;
        Ok(Admission { left: left(token.expires), by_second: token.second })
    }

    /// Attaches a link that could send to `hub`, and lets it go. Gives the largest batch it takes.
    pub async fn may_send(&self, hub: &str) -> Result<u64, ConnectError> {
        let link = Box::pin(link::attach(self, hub, hub, &format!("{hub}#probe"))).await?;
        let limit = link.limit();
        // What was asked is answered; leaving is a courtesy.
        link.close(self.0.settings.connect_timeout).await;
        Ok(limit)
    }
}

fn left(expires: SystemTime) -> Duration {
    expires.duration_since(SystemTime::now()).unwrap_or_default()
}
