//! Questions to a node of the service, `$cbs` or `$management`: many at a time over one pair of links, each answer found
//! by the number of its question.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use fe2o3_amqp::Receiver;
use fe2o3_amqp::link::delivery::Sendable;
use fe2o3_amqp::link::{ReceiverAttachError, RecvError, Sender, SenderAttachError};
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp_types::messaging::{
    ApplicationProperties, Body, Message, MessageId, Outcome, Properties,
};
use fe2o3_amqp_types::primitives::SimpleValue;
use serde_amqp::Value;
use tokio::sync::{Mutex, Semaphore, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::Cause;
use super::connection::Connected;
use super::outcome::{self, Fault};

/// Questions that wait for their answers at a time.
const AT_ONCE: usize = 64;
/// So many questions in a row without an answer, and the next one is asked on another connection.
const PATIENCE: u64 = 3;

type Content = Message<Body<Value>>;

/// A node, and the links to it: attached when they are first needed, and again when they are lost.
pub(super) struct Node {
    name: &'static str,
    links: Mutex<Option<Arc<Links>>>,
}

impl Node {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, links: Mutex::new(None) }
    }

    /// Attaches the links, if they are not.
    pub(super) async fn ready(&self, connected: &Connected) -> Result<(), Fault> {
        self.links(connected).await.map(drop)
    }

    async fn links(&self, connected: &Connected) -> Result<Arc<Links>, Fault> {
        let mut links = self.links.lock().await;
        if let Some(links) = links.as_ref().filter(|links| links.are_good()) {
            return Ok(Arc::clone(links));
        }
        *links = None;
        let attached = Arc::new(Links::attach(self.name, connected).await?);
        *links = Some(Arc::clone(&attached));
        Ok(attached)
    }

    /// Asks, and gives the body of a good answer.
    pub(super) async fn ask(
        &self,
        connected: &Connected,
        what: ApplicationProperties,
        body: Body<Value>,
    ) -> Result<Body<Value>, Fault> {
        let links = self.links(connected).await?;
        let answer = links.ask(connected, self.name, what, body).await?;
        granted(answer)
    }
}

/// A pair of links, and who waits for an answer on it.
struct Links {
    sender: Mutex<Sender>,
    reply_to: String,
    waiting: Arc<std::sync::Mutex<Waiting>>,
    turns: Semaphore,
    next: AtomicU64,
    /// Questions in a row that were not answered.
    unanswered: AtomicU64,
    reader: AbortHandle,
    _session: SessionHandle<()>,
}

#[derive(Default)]
struct Waiting {
    asked: BTreeMap<u64, oneshot::Sender<Result<Content, Fault>>>,
    /// Why no more answers come.
    ended: Option<Fault>,
}

impl Drop for Links {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

fn lock(waiting: &std::sync::Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Links {
    async fn attach(node: &str, connected: &Connected) -> Result<Self, Fault> {
        let mut session = connected.begin().await?;
        let mine = format!("kafka-eventhubs-bridge{}", node.replace('$', "-"));
        let limit = connected.limit;
        let late = |_| connected.unanswered(&format!("attaching to `{node}`"), limit);
        let attach = Sender::attach(&mut session, format!("{mine}-sender"), node);
        let sender = timeout(limit, attach).await.map_err(late)?;
        let sender = sender.map_err(|error| match &error {
            SenderAttachError::RemoteClosedWithError(said) => Fault::said(said),
            SenderAttachError::SessionStopped(reason) => Fault::stopped(reason),
            other => Fault::new(Cause::Connection, other.to_string()),
        })?;
        let attach = Receiver::builder()
            .name(format!("{mine}-receiver"))
            .source(node)
            .target(mine.clone())
            .attach(&mut session);
        let receiver = timeout(limit, attach).await.map_err(late)?;
        let receiver = receiver.map_err(|error| match &error {
            ReceiverAttachError::RemoteClosedWithError(said) => Fault::said(said),
            ReceiverAttachError::SessionStopped(reason) => Fault::stopped(reason),
            other => Fault::new(Cause::Connection, other.to_string()),
        })?;
        let waiting = Arc::<std::sync::Mutex<Waiting>>::default();
        let reader = connected.runtime.spawn(read(receiver, Arc::clone(&waiting)));
        Ok(Self {
            sender: Mutex::new(sender),
            reply_to: mine,
            waiting,
            turns: Semaphore::new(AT_ONCE),
            next: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
            reader: reader.abort_handle(),
            _session: session,
        })
    }

    fn are_good(&self) -> bool {
        lock(&self.waiting).ended.is_none()
    }

    async fn ask(
        &self,
        connected: &Connected,
        node: &str,
        what: ApplicationProperties,
        body: Body<Value>,
    ) -> Result<Content, Fault> {
        let _turn = self.turns.acquire().await;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let answer = self.hear(number)?;
        let asked = self.put(number, answer, what, body, connected.limit).await;
        lock(&self.waiting).asked.remove(&number);
        if let Some(answer) = asked {
            self.unanswered.store(0, Ordering::Relaxed);
            return answer;
        }
        if self.unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= PATIENCE {
            connected.retire();
        }
        Err(connected.unanswered(&format!("asking `{node}`"), connected.limit))
    }

    fn hear(&self, number: u64) -> Result<oneshot::Receiver<Result<Content, Fault>>, Fault> {
        let (tell, told) = oneshot::channel();
        let mut waiting = lock(&self.waiting);
        if let Some(fault) = &waiting.ended {
            return Err(fault.clone());
        }
        waiting.asked.insert(number, tell);
        Ok(told)
    }

    /// Sends, and waits for the answer; `None` when there is none in time. The time begins when it is our turn to send.
    async fn put(
        &self,
        number: u64,
        answer: oneshot::Receiver<Result<Content, Fault>>,
        what: ApplicationProperties,
        body: Body<Value>,
        limit: Duration,
    ) -> Option<Result<Content, Fault>> {
        let properties = Properties::builder()
            .message_id(MessageId::Ulong(number))
            .reply_to(self.reply_to.clone())
            .build();
        let message =
            Message::builder().properties(properties).application_properties(what).body(body);
        let sendable = Sendable::builder().message(message.build()).settled(false).build();
        let mut sender = self.sender.lock().await;
        let sent = timeout(limit, sender.send_batchable(sendable)).await.ok()?;
        drop(sender);
        let delivery = match sent {
            Ok(delivery) => delivery,
            Err(error) => return Some(Err(lost(outcome::failed(&error)))),
        };
        let refused = async {
            match delivery.await {
                Ok(Outcome::Accepted(_)) => std::future::pending().await,
                Ok(Outcome::Rejected(refused)) => match refused.error {
                    Some(said) => Fault::said(&said),
                    None => Fault::new(Cause::Service, "the request was rejected"),
                },
                Ok(_) => Fault::new(Cause::Service, "the request was not taken"),
                Err(error) => lost(outcome::failed(&error)),
            }
        };
        let answered = async {
            tokio::select! {
                biased;
                answer = answer => answer.unwrap_or_else(|_| {
                    Err(Fault::new(Cause::Link, "the link is closed"))
                }),
                fault = refused => Err(fault),
            }
        };
        timeout(limit, answered).await.ok()
    }
}

fn lost(failed: Result<Fault, super::SendError>) -> Fault {
    failed.unwrap_or_else(|error| Fault::new(Cause::Service, error.to_string()))
}

/// Hands out the answers, until the link ends.
async fn read(mut receiver: Receiver, waiting: Arc<std::sync::Mutex<Waiting>>) {
    let fault = loop {
        match receiver.recv::<Body<Value>>().await {
            Ok(delivery) => {
                // What counts is the answer.
                drop(receiver.accept(&delivery).await);
                hand_out(delivery.into_message(), &waiting);
            }
            Err(RecvError::LinkStateError(error)) => {
                let error = fe2o3_amqp::link::SendError::LinkStateError(error);
                break lost(outcome::failed(&error));
            }
            Err(error) => break Fault::new(Cause::Service, error.to_string()),
        }
    };
    let mut waiting = lock(&waiting);
    waiting.ended = Some(fault.clone());
    for (_, tell) in std::mem::take(&mut waiting.asked) {
        tell.send(Err(fault.clone())).ok();
    }
}

/// An answer that does not say to what is one to the oldest question.
fn hand_out(answer: Content, waiting: &std::sync::Mutex<Waiting>) {
    let to = answer.properties.as_ref().and_then(|properties| properties.correlation_id.clone());
    let mut waiting = lock(waiting);
    let tell = match to {
        Some(MessageId::Ulong(number)) => waiting.asked.remove(&number),
        Some(_) => None,
        None => waiting.asked.pop_first().map(|(_, tell)| tell),
    };
    if let Some(tell) = tell {
        tell.send(Ok(answer)).ok();
    }
}

/// The body of an answer whose status is good.
fn granted(answer: Content) -> Result<Body<Value>, Fault> {
    let properties = answer.application_properties.unwrap_or_default();
    let of = |names: [&str; 2]| names.iter().find_map(|name| properties.get(*name));
    let code = match of(["status-code", "statusCode"]) {
        Some(SimpleValue::Int(code)) => i64::from(*code),
        Some(SimpleValue::Uint(code)) => i64::from(*code),
        Some(SimpleValue::Short(code)) => i64::from(*code),
        Some(SimpleValue::Ushort(code)) => i64::from(*code),
        Some(SimpleValue::Long(code)) => *code,
        _ => return Err(Fault::new(Cause::Service, "an answer without a status")),
    };
    let cause = match code {
        200..=299 => return Ok(answer.body),
        401 | 403 => Cause::Unauthorized,
        404 => Cause::NotFound,
        429 | 503 => Cause::Throttled,
        _ => Cause::Service,
    };
    let said = match of(["status-description", "statusDescription"]) {
        Some(SimpleValue::String(said)) => said,
        _ => "no description",
    };
    Err(Fault { connection: false, ..Fault::new(cause, format!("status {code}: {said}")) })
}
