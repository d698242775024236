//! The link of one lane, kept attached, sending one batch at a time.
//!
//! The task never waits for the pump and the pump never for the task: an envelope that comes while there is no link is
//! answered at once, so the pump decides when to try again. Every wait has an end: a send ends with the answer, the
//! link's or connection's end, or the time limit, whichever comes first. That is not only caution: a send in the AMQP
//! library does not notice that its connection has died.

use std::future::Future;
use std::sync::Arc;

use fe2o3_amqp::link::Sender;
use fe2o3_amqp::link::delivery::Sendable;
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp_types::messaging::{Batch, Data, Message, MessageAnnotations};
use serde_amqp::Value;
use serde_amqp::primitives::Symbol;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::retry;

use super::connection::{Connected, Namespace};
use super::outcome::{self, Fault};
use super::{Cause, Envelope, Event, LaneEvent, SendError, Target};

/// The message format of a batch (Event Hubs).
const BATCH_FORMAT: u32 = 0x8001_3700;
/// The service states a limit on every link; without one, that of the Standard tier.
const DEFAULT_LIMIT: u64 = 1_048_576;

/// The pump's end of a lane. The link is let go when this is dropped.
#[derive(Debug)]
pub struct Lane {
    envelopes: mpsc::Sender<Envelope>,
}

impl Lane {
    /// Sends a batch. The caller has heard of the end of the one before.
    pub fn send(&self, envelope: Envelope) {
        let sent = self.envelopes.try_send(envelope);
        debug_assert!(sent.is_ok(), "one batch in flight a lane");
    }
}

/// A lane and the task that serves it.
pub(super) fn open(
    namespace: Namespace,
    hub: &str,
    target: Target,
    tell: impl FnMut(LaneEvent) + Send + 'static,
) -> (Lane, impl Future<Output = ()> + Send + 'static) {
    let (sender, envelopes) = mpsc::channel(1);
    let path = match &target {
        Target::Partition(id) => format!("{hub}/Partitions/{id}"),
        Target::Gateway { .. } => hub.to_owned(),
    };
    let task = Task { namespace, hub: hub.to_owned(), path, envelopes, tell, failures: 0 };
    (Lane { envelopes: sender }, task.run())
}

struct Task<F> {
    namespace: Namespace,
    hub: String,
    path: String,
    envelopes: mpsc::Receiver<Envelope>,
    tell: F,
    failures: u32,
}

/// An attached link and what it lives on.
struct Link {
    sender: Sender,
    _session: SessionHandle<()>,
    connected: Arc<Connected>,
}

impl<F: FnMut(LaneEvent) + Send + 'static> Task<F> {
    async fn run(mut self) {
        loop {
            let fault = match self.attach().await {
                Ok(mut link) => {
                    self.failures = 0;
                    let Some(fault) = self.serve(&mut link).await else { return };
                    if fault.connection {
                        self.namespace.give_up(link.connected.generation, &fault).await;
                    }
                    fault
                }
                Err(fault) => fault,
            };
            self.failures += 1;
            if !self.rest(&fault).await {
                return;
            }
        }
    }

    async fn attach(&mut self) -> Result<Link, Fault> {
        let connected = self.namespace.connected().await?;
        let attached = attach(&self.namespace, &self.path, &connected).await;
        if let Err(fault) = &attached
            && fault.connection
        {
            self.namespace.give_up(connected.generation, fault).await;
        }
        let sender = attached?;
        let limit = limit_of(&sender.0);
        self.namespace.0.metrics.link_attached(&self.hub);
        self.namespace.let_in();
        tracing::debug!(link = self.path, limit, "link attached");
        (self.tell)(LaneEvent::Ready { max_message_size: limit });
        Ok(Link { sender: sender.0, _session: sender.1, connected })
    }

    /// Sends until the link is lost; `None` when the lane is closed.
    async fn serve(&mut self, link: &mut Link) -> Option<Fault> {
        loop {
            let envelope = tokio::select! {
                envelope = self.envelopes.recv() => envelope?,
                error = link.sender.on_detach() => return Some(Fault::detached(&error)),
            };
            let limit = self.namespace.0.settings.send_timeout;
            let sendable = sendable(envelope);
            let sent = timeout(limit, send(&mut link.sender, &sendable)).await;
            let (result, fault) = match sent {
                Ok(Ok(result)) => (result, None),
                Ok(Err(fault)) => (Err(fault.clone().into()), Some(fault)),
                Err(_) => {
                    let fault =
                        Fault::new(Cause::Timeout, format!("no acknowledgement within {limit:?}"));
                    (Err(fault.clone().into()), Some(fault))
                }
            };
            (self.tell)(LaneEvent::Settled { envelope: envelope_of(sendable), result });
            if fault.is_some() {
                return fault;
            }
        }
    }

    /// Waits before the next attempt, and answers what comes meanwhile. `false` when the lane is closed.
    async fn rest(&mut self, fault: &Fault) -> bool {
        let until = Instant::now() + retry::delay(self.failures, fault.after, rand::random());
        loop {
            tokio::select! {
                () = sleep_until(until) => return true,
                envelope = self.envelopes.recv() => {
                    let Some(envelope) = envelope else { return false };
                    let result = Err(SendError::from(fault.clone()));
                    (self.tell)(LaneEvent::Settled { envelope, result });
                }
            }
        }
    }
}

/// The largest batch the link takes.
pub(super) fn limit_of(sender: &Sender) -> u64 {
    sender.max_message_size().filter(|limit| *limit > 0).unwrap_or(DEFAULT_LIMIT)
}

/// A link of its own session, with a token for it.
pub(super) async fn attach(
    namespace: &Namespace,
    path: &str,
    connected: &Connected,
) -> Result<(Sender, SessionHandle<()>), Fault> {
    let audience = namespace.audience(path);
    namespace.authorize(connected, &audience).await?;
    let mut session = namespace.session(connected).await?;
    let attach = Sender::attach(&mut session, path, path);
    let explained = |fault| {
        let fault = namespace.explained(fault, path);
        if fault.cause == Cause::Unauthorized {
            namespace.shut_out(&fault);
        }
        fault
    };
    let sender = namespace.within("attaching a link", attach).await?.map_err(|error| {
        use fe2o3_amqp::link::SenderAttachError as Refusal;
        match &error {
            Refusal::RemoteClosedWithError(said) => explained(Fault::said(said)),
            Refusal::SessionStopped(reason) => explained(Fault::stopped(reason)),
            other => Fault::new(Cause::Link, other.to_string()),
        }
    })?;
    Ok((sender, session))
}

/// Sends and waits for the answer, or for the end of the link.
async fn send(
    sender: &mut Sender,
    sendable: &Sendable<Batch<Data>>,
) -> Result<Result<(), SendError>, Fault> {
    let delivery = match sender.send_batchable_ref(sendable).await {
        Ok(delivery) => delivery,
        Err(error) => return outcome::failed(&error).map_or_else(|refused| Ok(Err(refused)), Err),
    };
    tokio::select! {
        // An answer that is there counts, even if the link is gone.
        biased;
        answer = delivery => match answer {
            Ok(outcome) => Ok(outcome::settled(outcome)),
            Err(error) => outcome::failed(&error).map_or_else(|refused| Ok(Err(refused)), Err),
        },
        error = sender.on_detach() => Err(Fault::detached(&error)),
    }
}

/// The batch as the library wants it: no copy, and the same bytes again when it is sent again.
fn sendable(envelope: Envelope) -> Sendable<Batch<Data>> {
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
        body: Batch::new(events),
        footer: None,
    };
    Sendable { message, message_format: BATCH_FORMAT, settled: Some(false) }
}

fn envelope_of(sendable: Sendable<Batch<Data>>) -> Envelope {
    let partition_key = sendable.message.message_annotations.and_then(|annotations| {
        annotations.0.into_iter().find_map(|(_, value)| match value {
            Value::String(key) => Some(key),
            _ => None,
        })
    });
    let events = sendable.message.body.into_inner().into_iter();
    let events = events.map(|Data(bytes)| Event::new(bytes.into_vec())).collect();
    Envelope { events, partition_key }
}
