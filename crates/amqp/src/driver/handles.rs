//! What is asked for by hand: sessions, links, and messages on them.

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Connection, Outcome};
use crate::client::{Attach, DeliveryId, LinkId, Offer, SessionId, Wants, Why};

/// Why there is nothing of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    /// The peer lets us have no more of it, or what it was asked of has ended.
    NoPlace,
    /// It ended before it began: the peer refused it, or what it was asked of ended.
    Ended(Why),
}

impl From<oneshot::error::RecvError> for Gone {
    fn from(_: oneshot::error::RecvError) -> Self {
        Self::NoPlace
    }
}

/// A session. It is ended when this is dropped.
#[derive(Debug)]
pub struct Session {
    connection: Connection,
    id: SessionId,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.shared().with(|state| state.client.end(self.id));
    }
}

impl Connection {
    /// Begins a session.
    pub async fn begin(&self) -> Result<Session, Gone> {
        let (tell, told) = oneshot::channel();
        let begun = self.shared().with(|state| {
            let id = state.client.begin()?;
            state.waiting.begun.insert(id, tell);
            Some(id)
        });
        let id = begun.ok_or(Gone::NoPlace)?;
        // Dropped while it waits, it ends the session.
        let session = Session { connection: self.clone(), id };
        told.await?.map_err(Gone::Ended)?;
        Ok(session)
    }
}

impl Session {
    /// Links that the peer lets it have.
    pub fn links(&self) -> usize {
        self.connection.shared().state().client.links(self.id)
    }

    /// Attaches a link that sends.
    pub async fn sender(&self, name: &str, address: &str) -> Result<Sender, Gone> {
        self.sender_wanting(name, address, &Wants::default()).await
    }

    /// The same, where more is asked of the peer; [`Sender::offer`] is what it says to that.
    pub async fn sender_wanting(
        &self,
        name: &str,
        address: &str,
        wants: &Wants<'_>,
    ) -> Result<Sender, Gone> {
        let attach = Attach { name, address, own: name, receives: None };
        let (link, (max_message_size, offer)) = self.attach(&attach, wants, None).await?;
        Ok(Sender { link, max_message_size, offer })
    }

    /// Attaches a link that receives. `hear` is called with each message, on the task of the connection.
    pub async fn receiver(
        &self,
        attach: &Attach<'_>,
        hear: impl FnMut(Bytes) + Send + 'static,
    ) -> Result<Receiver, Gone> {
        let (link, _) = self.attach(attach, &Wants::default(), Some(Box::new(hear))).await?;
        Ok(Receiver { link })
    }

    async fn attach(
        &self,
        attach: &Attach<'_>,
        wants: &Wants<'_>,
        hear: Option<super::Hear>,
    ) -> Result<(Link, super::Said), Gone> {
        let (tell, told) = oneshot::channel();
        let (tell_gone, gone) = oneshot::channel();
        let id = self.connection.shared().with(|state| {
            let id = state.client.attach_wanting(self.id, attach, wants)?;
            state.waiting.attached.insert(id, tell);
            state.waiting.gone.insert(id, tell_gone);
            if let Some(hear) = hear {
                state.waiting.hearing.insert(id, hear);
            }
            Some(id)
        });
        let id = id.ok_or(Gone::NoPlace)?;
        // Dropped while it waits, it is detached.
        let link = Link { connection: self.connection.clone(), id, gone, why: None };
        let said = told.await?.map_err(Gone::Ended)?;
        Ok((link, said))
    }
}

/// A link, at either end. It is detached when this is dropped.
#[derive(Debug)]
struct Link {
    connection: Connection,
    id: LinkId,
    gone: oneshot::Receiver<Why>,
    /// How it ended, once that was told.
    why: Option<Why>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl Link {
    fn let_go(&self) {
        self.connection.shared().with(|state| state.client.detach(self.id));
    }

    /// Waits until it has ended.
    async fn gone(&mut self) -> Why {
        if self.why.is_none() {
            self.why = Some((&mut self.gone).await.unwrap_or(Why::Asked));
        }
        self.why.clone().unwrap_or(Why::Asked)
    }
}

/// A link that sends. It is detached when this is dropped.
#[derive(Debug)]
pub struct Sender {
    link: Link,
    max_message_size: Option<u64>,
    offer: Offer,
}

impl Sender {
    /// Bytes of the largest message it takes, if the peer said so.
    pub fn max_message_size(&self) -> Option<u64> {
        self.max_message_size
    }

    /// What else the peer said of it.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Has a message sent as soon as there is credit for it.
    pub fn send(&self, message: Bytes, format: u32) -> Result<Delivery, Gone> {
        let (tell, told) = oneshot::channel();
        let sent = self.link.connection.shared().with(|state| {
            let id = state.client.send(self.link.id, message, format)?;
            state.waiting.deliveries.insert(id, tell);
            Some(id)
        });
        let id = sent.ok_or(Gone::NoPlace)?;
        Ok(Delivery { told, id })
    }

    /// Takes a message back of which nothing was sent, and never will be.
    pub fn withdraw(&self, delivery: &Delivery) -> bool {
        self.link.connection.shared().with(|state| {
            let withdrawn = state.client.withdraw(self.link.id, delivery.id);
            if withdrawn {
                state.waiting.deliveries.remove(&delivery.id);
            }
            withdrawn
        })
    }

    /// Waits until the link has ended.
    pub async fn gone(&mut self) -> Why {
        self.link.gone().await
    }

    /// Ends the link. What it still has under way is told with its end.
    pub fn let_go(&self) {
        self.link.let_go();
    }

    /// Ends the link, and waits until the peer says so, too.
    pub async fn detach(&mut self) -> Why {
        self.let_go();
        self.gone().await
    }
}

/// A link that receives. It is detached when this is dropped.
#[derive(Debug)]
pub struct Receiver {
    link: Link,
}

impl Receiver {
    /// Lets so many more messages come. `false` when it has ended.
    pub fn grant(&self, more: u32) -> bool {
        self.link.connection.shared().with(|state| state.client.grant(self.link.id, more))
    }

    /// Waits until the link has ended.
    pub async fn gone(&mut self) -> Why {
        self.link.gone().await
    }

    /// Ends the link, and waits until the peer says so, too. What is on its way until then stays the
    /// peer's, and is not heard.
    pub async fn detach(&mut self) -> Why {
        self.link.let_go();
        self.gone().await
    }
}

/// A message under way.
#[derive(Debug)]
pub struct Delivery {
    told: oneshot::Receiver<Outcome>,
    id: DeliveryId,
}

impl Future for Delivery {
    type Output = Outcome;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Outcome> {
        let told = std::pin::Pin::new(&mut self.told).poll(context);
        // A connection that ends tells all; where it could not, nobody knows.
        let unknown = |_| Outcome::Unsettled { sent: true, why: Why::Asked };
        told.map(|told| told.unwrap_or_else(unknown))
    }
}
