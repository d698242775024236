//! A link to a hub or a partition: attaching it, sending a batch over it, and letting it go.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fe2o3_amqp::link::delivery::{DeliveryFut, Sendable};
use fe2o3_amqp::link::{DetachError, SendError as LinkError, Sender};
use fe2o3_amqp_types::messaging::{Batch as Batched, Data, Message, MessageAnnotations, Outcome};
use serde_amqp::Value;
use serde_amqp::primitives::Symbol;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::metrics::Metrics;

use super::connection::Connected;
use super::namespace::Namespace;
use super::outcome::{self, Fault};
use super::session::Seat;
use super::token::Token;
use super::{Cause, Envelope, Event, SendError};

/// The message format of a batch (Event Hubs).
const BATCH_FORMAT: u32 = 0x8001_3700;
/// The service states a limit on every link; without one, that of the Standard tier.
const DEFAULT_LIMIT: u64 = 1_048_576;
/// Sessions that an attach may be sent on from, one after the other, because somebody before it was not answered.
const PLACES: usize = 8;
/// How long a connection on which nothing is heard may take to let a link go.
const LAST_WORD: Duration = Duration::from_secs(2);

/// An answer that is still to come.
pub(super) type Delivery = Pin<Box<DeliveryFut<Result<Outcome, LinkError>>>>;

/// An attached link and what it lives on.
pub(super) struct Link {
    pub(super) sender: Sender,
    pub(super) seat: Seat,
    /// The token it was attached with.
    pub(super) token: Token,
    counted: Counted,
}

/// Counts a link for as long as it is attached.
struct Counted {
    metrics: Arc<Metrics>,
    namespace: Namespace,
}

impl Counted {
    fn new(namespace: &Namespace) -> Self {
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
pub(super) enum End {
    /// The peer answered; the link is good.
    Settled(Result<(), SendError>),
    /// The link is gone, and the answer with it.
    Lost(Fault),
    /// The peer has not got the whole batch, and will not.
    Unsent,
    /// The peer has the batch and does not answer.
    Silent(Delivery),
}

/// Attaches a link of that name to `path` of `hub`, with a token for the hub. One that a peer did not answer is `alone` on
/// a session from then on, until it is answered: nobody waits behind it a second time.
pub(super) async fn attach(
    namespace: &Namespace,
    hub: &str,
    path: &str,
    name: String,
    alone: &mut bool,
) -> Result<Link, Fault> {
    for _ in 0..PLACES {
        let seat = namespace.seat(*alone).await?;
        match attach_at(namespace, &seat, hub, path, name.clone()).await {
            Ok(Some((sender, token))) => {
                *alone = false;
                return Ok(Link { sender, seat, token, counted: Counted::new(namespace) });
            }
            Ok(None) => {}
            Err(fault) => {
                *alone = seat.is_retired();
                if fault.connection {
                    namespace.give_up(&seat.connected, &fault).await;
                }
                return Err(fault);
            }
        }
    }
    Err(Fault::new(Cause::Link, "no session took the link"))
}

async fn attach_at(
    namespace: &Namespace,
    seat: &Seat,
    hub: &str,
    path: &str,
    name: String,
) -> Result<Option<(Sender, Token)>, Fault> {
    let audience = namespace.audience(hub);
    let token = namespace.authorize(&seat.connected, &audience).await?;
    let attached = seat.attach(path, name).await;
    let sender = attached.map_err(|fault| {
        let fault = namespace.explained(fault, path);
        if fault.cause == Cause::Unauthorized {
            seat.connected.access.forget(&audience, &token);
            namespace.shut_out(&fault);
        }
        fault
    })?;
    Ok(sender.map(|sender| (sender, token)))
}

impl Link {
    /// The largest batch it takes.
    pub(super) fn limit(&self) -> u64 {
        self.sender.max_message_size().filter(|limit| *limit > 0).unwrap_or(DEFAULT_LIMIT)
    }

    /// Sends and waits for the answer, for the end of the link, or until the time is over.
    pub(super) async fn send(&mut self, batch: &Batch, limit: Duration) -> End {
        let end = Instant::now() + limit;
        let sent = timeout_at(end, self.sender.send_batchable_ref(&batch.0)).await;
        // Dropped before it is through, the library has not sent the last frame: such a delivery is never complete.
        let Ok(sent) = sent else { return End::Unsent };
        let mut delivery = match sent {
            Ok(delivery) => Box::pin(delivery),
            Err(error) => return ended(&error),
        };
        let answer = async {
            tokio::select! {
                // An answer that is there counts, even if the link is gone.
                biased;
                answer = &mut delivery => answered(answer),
                error = self.sender.on_detach() => End::Lost(Fault::detached(&error)),
            }
        };
        let answer = timeout_at(end, answer).await;
        answer.unwrap_or(End::Silent(delivery))
    }

    /// Lets it go, where nothing is under way.
    pub(super) async fn close(self, limit: Duration) {
        timeout(limit, self.sender.close()).await.ok();
        drop((self.seat, self.counted));
    }

    /// Lets it go with a batch under way. What the peer says of the batch until then counts. Once the peer has answered
    /// the detach, nothing that was sent before can be stored any more. `Err` when it does not answer that either: then
    /// the others have left the connection, or had their time, and it is to be cut.
    pub(super) async fn abandon(
        self,
        mut delivery: Delivery,
        limit: Duration,
        runtime: &Handle,
    ) -> Result<Option<Result<(), SendError>>, String> {
        let Self { sender, seat, counted, .. } = self;
        seat.retire();
        let mut closing = Box::pin(sender.close());
        let left = tokio::select! {
            biased;
            answer = &mut delivery => match answered(answer) {
                End::Settled(result) => {
                    runtime.spawn(async move {
                        timeout(limit, closing).await.ok();
                        drop((seat, counted));
                    });
                    return Ok(Some(result));
                }
                _ => "the link was lost".to_owned(),
            },
            closed = &mut closing => match closed {
                Err(DetachError::SessionStopped(_)) => "the session ended".to_owned(),
                _ => return Ok(last_look(delivery).await),
            },
            left = unanswered(&seat.connected, limit) => left,
        };
        // Until then the library keeps what it knows of the link: its neighbours may share the session.
        evacuate(&seat.connected, limit).await;
        Err(left)
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

/// The answer may have come with the answer to the detach.
async fn last_look(delivery: Delivery) -> Option<Result<(), SendError>> {
    let answer = timeout(Duration::ZERO, delivery).await.ok()?;
    match answered(answer) {
        End::Settled(result) => Some(result),
        _ => None,
    }
}

fn answered(answer: Result<Outcome, LinkError>) -> End {
    match answer {
        Ok(outcome) => End::Settled(outcome::settled(outcome)),
        Err(error) => ended(&error),
    }
}

fn ended(error: &LinkError) -> End {
    match outcome::failed(error) {
        Ok(fault) => End::Lost(fault),
        Err(refused) => End::Settled(Err(refused)),
    }
}

/// A batch as the library wants it: no copy, and the same bytes again when it is sent again.
pub(super) struct Batch(Sendable<Batched<Data>>);

impl Batch {
    pub(super) fn new(envelope: Envelope) -> Self {
        let events: Vec<Data> =
            envelope.events.into_iter().map(|event| event.into_encoded().into()).collect();
        let annotations = envelope.partition_key.map(|key| {
            let name = Symbol::from("x-opt-partition-key");
            MessageAnnotations::builder().insert(name, Value::String(key)).build()
        });
        let message = Message {
            header: None,
            delivery_annotations: None,
            message_annotations: annotations,
            properties: None,
            application_properties: None,
            body: Batched::new(events),
            footer: None,
        };
        Self(Sendable { message, message_format: BATCH_FORMAT, settled: Some(false) })
    }

    /// Bytes of its events.
    pub(super) fn bytes(&self) -> u64 {
        self.0.message.body.iter().map(|data| data.0.len() as u64).sum()
    }

    pub(super) fn into_envelope(self) -> Envelope {
        let message = self.0.message;
        let partition_key = message.message_annotations.and_then(|annotations| {
            annotations.0.into_iter().find_map(|(_, value)| match value {
                Value::String(key) => Some(key),
                _ => None,
            })
        });
        let events = message.body.into_inner().into_iter();
        let events = events.map(|Data(bytes)| Event::new(bytes.into_vec())).collect();
        Envelope { events, partition_key }
    }
}
