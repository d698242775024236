//! A link to a hub or a partition: attaching it, sending a batch over it, and letting it go.

use std::sync::Arc;
use std::time::Duration;

use amqp::client::{Answer, Wants};
use amqp::driver::{Delivery, Outcome, Sender};
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use crate::metrics::Metrics;

use super::connection::Connected;
use super::namespace::NamespaceClient;
use super::outcome::{self, Fault};
use super::producer;
use super::seating::{Seating, Set};
use super::session::Seat;
use super::token::CbsToken;
use super::{Cause, SendError};

/// The message format of a batch (Event Hubs).
const BATCH_FORMAT: u32 = 0x8001_3700;
/// The service states a limit on every link; without one, that of the Standard tier.
const DEFAULT_LIMIT: u64 = 1_048_576;
/// How long a connection on which nothing is heard may take to let a link go.
const LAST_WORD: Duration = Duration::from_secs(2);

/// An attached link and what it lives on.
pub(super) struct Link {
    pub(super) sender: Sender,
    pub(super) seat: Seat,
    /// The token it was attached with.
    pub(super) token: CbsToken,
    _counted: Counted,
}

/// Counts a link for as long as it is attached.
struct Counted {
    metrics: Arc<Metrics>,
    namespace: NamespaceClient,
}

impl Counted {
    fn new(namespace: &NamespaceClient) -> Self {
        let (metrics, namespace) = (Arc::clone(&namespace.0.metrics), namespace.clone());
        metrics.links(&namespace.0.name, namespace.0.shard, 1);
        Self { metrics, namespace }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.metrics.links(&self.namespace.0.name, self.namespace.0.shard, -1);
    }
}

/// How a send ended.
pub(super) enum SendEnd {
    /// The peer answered; the link is good.
    Settled(Result<(), SendError>),
    /// The link is gone, and the answer with it.
    Lost(Fault),
    /// The peer counts differently from this idempotent producer: the link is of no use.
    OutOfStep(Fault),
    /// The peer has not got the whole batch, and will not.
    Unsent,
    /// The peer has the batch and does not answer.
    Silent(Delivery),
}

/// Attaches a link of that name to `path` of `hub`, with a token for the hub.
pub(super) async fn attach(
    namespace: &NamespaceClient,
    hub: &str,
    path: &str,
    name: &str,
) -> Result<Link, Fault> {
    let (wants, place) = (Wants::default(), (Set::Common, &mut Seating::default()));
    attach_wanting(namespace, hub, (path, name), &wants, place).await
}

/// The same, where more is wanted of the peer, and on a connection of that set. One that a peer did not answer is alone on
/// a session from then on, until it is answered.
pub(super) async fn attach_wanting(
    namespace: &NamespaceClient,
    hub: &str,
    (path, name): (&str, &str),
    wants: &Wants<'_>,
    (set, seating): (Set, &mut Seating),
) -> Result<Link, Fault> {
    let seat = namespace.seat(set, seating.alone).await?;
    let connected = Arc::clone(&seat.connected);
    let audience = namespace.audience(hub);
    let attached = async {
        let token = namespace.authorize(&connected, &audience).await?;
        let sender = seat.attach(path, name, wants).await;
        seating.alone = matches!(sender, Err(None));
        let sender = sender.map_err(|fault| {
            let late = || connected.unanswered("attaching a link", connected.limit);
            let fault = namespace.explained(fault.unwrap_or_else(late), path);
            if fault.cause == Cause::Unauthorized {
                connected.access.forget(&audience, &token);
                namespace.mark_unauthorized(&fault);
            }
            fault
        })?;
        Ok(Link { sender, seat, token, _counted: Counted::new(namespace) })
    };
    let attached: Result<_, Fault> = attached.await;
    if let Err(fault) = &attached
        && fault.connection
    {
        seating.lost();
        namespace.give_up(&connected, fault).await;
    }
    attached
}

impl Link {
    /// The largest batch it takes.
    pub(super) fn limit(&self) -> u64 {
        self.sender.max_message_size().filter(|limit| *limit > 0).unwrap_or(DEFAULT_LIMIT)
    }

    /// Sends and waits for the answer, for the end of the link, or until the time is over.
    pub(super) async fn send(&mut self, message: Bytes, limit: Duration) -> SendEnd {
        let Ok(mut delivery) = self.sender.send(message, BATCH_FORMAT) else {
            return SendEnd::Lost(Fault::ended(&self.sender.gone().await).unsent());
        };
        match timeout(limit, &mut delivery).await {
            Ok(Outcome::Answered(Answer::Rejected(Some(said))))
                if producer::is_out_of_step(&said.condition) =>
            {
                SendEnd::OutOfStep(Fault::said(&said))
            }
            Ok(Outcome::Answered(answer)) => SendEnd::Settled(outcome::settled(answer)),
            Ok(Outcome::Unsettled { sent, why }) => {
                let fault = Fault::ended(&why);
                SendEnd::Lost(if sent { fault } else { fault.unsent() })
            }
            Err(_) if self.sender.withdraw(&delivery) => SendEnd::Unsent,
            Err(_) => SendEnd::Silent(delivery),
        }
    }

    /// Lets it go, where nothing is under way.
    pub(super) async fn close(mut self, limit: Duration) {
        timeout(limit, self.sender.detach()).await.ok();
    }

    /// Lets it go with a batch under way. What the peer says of the batch until then counts. Once the peer has answered
    /// the detach, nothing that was sent before can be stored any more. `Err` when it does not answer that either: then
    /// the others have left the connection, or had their time, and it is to be cut.
    pub(super) async fn abandon(
        self,
        delivery: Delivery,
        limit: Duration,
        runtime: &Handle,
    ) -> Result<Option<Result<(), SendError>>, String> {
        self.seat.retire();
        let connected = Arc::clone(&self.seat.connected);
        self.sender.let_go();
        let outcome = tokio::select! {
            biased;
            outcome = delivery => outcome,
            left = unanswered(&connected, limit) => return Err(left),
        };
        match outcome {
            Outcome::Answered(answer) => {
                runtime.spawn(self.close(limit));
                Ok(Some(outcome::settled(answer)))
            }
            // It has no answer, and the link is gone.
            Outcome::Unsettled { .. } => Ok(None),
        }
    }
}

/// Ends when nothing came in answer to a detach, and nobody would lose by a cut.
async fn unanswered(connected: &Connected, limit: Duration) -> String {
    let patience = if connected.silent_for(limit) { LAST_WORD } else { limit };
    sleep(patience).await;
    evacuate(connected, limit).await;
    format!("no answer to a detach within {patience:?}")
}

/// Has the others leave before a cut. Where nothing at all is heard they have nothing to wait for.
async fn evacuate(connected: &Connected, limit: Duration) {
    if !connected.silent_for(limit) {
        connected.empty(limit).await;
    }
}
