//! Questions to a node of the service, `$cbs` or `$management`: many at a time over one pair of links, each answer found
//! by the number of its question.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use amqp::client::{Answer as Receipt, Attach, Receives};
use amqp::driver::{Outcome, Receiver, Sender, Session};
use amqp::value::Value;
use bytes::Bytes;
use tokio::sync::{Mutex, Semaphore, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::Cause;
use super::connection::Connected;
use super::outcome::Fault;
use super::question::{self, Reply};
use super::session::not_there;

/// Questions that wait for their answers at a time.
const AT_ONCE: usize = 64;
/// So many questions in a row without an answer, and the next one is asked on another connection.
const PATIENCE: u64 = 3;

/// Answers that may be under way, and bytes of the largest: a hub of 2000 partitions fits.
const ANSWERS: (u32, usize) = (100, 1 << 20);

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
        what: &[(&str, Value)],
        body: Option<&Value>,
    ) -> Result<Value, Fault> {
        let links = self.links(connected).await?;
        let reply = links.ask(connected, self.name, what, body).await?;
        granted(reply)
    }
}

/// A pair of links, and who waits for an answer on it.
struct Links {
    sender: Sender,
    reply_to: String,
    waiting: Arc<std::sync::Mutex<PendingRequest>>,
    turns: Semaphore,
    next: AtomicU64,
    /// Questions in a row that were not answered.
    unanswered: AtomicU64,
    reader: AbortHandle,
    _session: Session,
}

#[derive(Default)]
struct PendingRequest {
    asked: BTreeMap<u64, oneshot::Sender<Result<Reply, Fault>>>,
    /// Why no more answers come.
    ended: Option<Fault>,
}

impl Drop for Links {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

fn lock(waiting: &std::sync::Mutex<PendingRequest>) -> MutexGuard<'_, PendingRequest> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Links {
    async fn attach(node: &str, connected: &Connected) -> Result<Self, Fault> {
        let session = connected.begin().await?;
        let mine = format!("kafka-eventhubs-bridge{}", node.replace('$', "-"));
        let limit = connected.limit;
        let late = |_| connected.unanswered(&format!("attaching to `{node}`"), limit);
        let no_place = "the session allows no more links";
        let waiting = Arc::<std::sync::Mutex<PendingRequest>>::default();
        let name = format!("{mine}-sender");
        let attached = timeout(limit, session.sender(&name, node)).await.map_err(late)?;
        let sender = attached.map_err(|gone| not_there(no_place, &gone))?;
        let name = format!("{mine}-receiver");
        let attach = Attach {
            name: &name,
            address: node,
            own: &mine,
            receives: Some(Receives::kept(ANSWERS.0, ANSWERS.1)),
        };
        let heard = Arc::clone(&waiting);
        let hear = move |message: Bytes| hand_out(&message, &heard);
        let attached = timeout(limit, session.receiver(&attach, hear)).await.map_err(late)?;
        let receiver = attached.map_err(|gone| not_there(no_place, &gone))?;
        let reader = connected.runtime.spawn(watch(receiver, Arc::clone(&waiting)));
        Ok(Self {
            sender,
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
        what: &[(&str, Value)],
        body: Option<&Value>,
    ) -> Result<Reply, Fault> {
        let _turn = self.turns.acquire().await;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let answer = self.hear(number)?;
        let question = question::encode(number, &self.reply_to, what, body);
        let asked = self.put(question, answer, connected.limit).await;
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

    fn hear(&self, number: u64) -> Result<oneshot::Receiver<Result<Reply, Fault>>, Fault> {
        let (tell, told) = oneshot::channel();
        let mut waiting = lock(&self.waiting);
        if let Some(fault) = &waiting.ended {
            return Err(fault.clone());
        }
        waiting.asked.insert(number, tell);
        Ok(told)
    }

    /// Sends, and waits for the answer; `None` when there is none in time.
    async fn put(
        &self,
        question: Bytes,
        answer: oneshot::Receiver<Result<Reply, Fault>>,
        limit: Duration,
    ) -> Option<Result<Reply, Fault>> {
        let delivery = match self.sender.send(question, 0) {
            Ok(delivery) => delivery,
            Err(gone) => {
                let fault = not_there("the link is closed", &gone);
                end(&self.waiting, &fault);
                return Some(Err(fault));
            }
        };
        let refused = async {
            match delivery.await {
                Outcome::Answered(Receipt::Accepted) => std::future::pending().await,
                Outcome::Answered(Receipt::Rejected(Some(said))) => Fault::said(&said),
                Outcome::Answered(Receipt::Rejected(None)) => {
                    Fault::new(Cause::Service, "the request was rejected")
                }
                Outcome::Answered(_) => Fault::new(Cause::Service, "the request was not accepted"),
                Outcome::Unsettled { why, .. } => Fault::ended(&why),
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

/// Waits for the end of the link on which the answers come.
async fn watch(mut receiver: Receiver, waiting: Arc<std::sync::Mutex<PendingRequest>>) {
    let why = receiver.gone().await;
    end(&waiting, &Fault::ended(&why));
}

/// No more answers come.
fn end(waiting: &std::sync::Mutex<PendingRequest>, fault: &Fault) {
    let mut waiting = lock(waiting);
    waiting.ended = Some(fault.clone());
    for (_, tell) in std::mem::take(&mut waiting.asked) {
        tell.send(Err(fault.clone())).ok();
    }
}

/// Hands an answer out. One that does not say to what it is one is to the oldest question.
fn hand_out(message: &[u8], waiting: &std::sync::Mutex<PendingRequest>) {
    // One that cannot be read is none: who waits for it is told so by the time.
    let Ok(reply) = question::decode(message) else { return };
    let mut waiting = lock(waiting);
    let tell = match &reply.to {
        Some(Value::Ulong(number)) => waiting.asked.remove(number),
        Some(_) => None,
        None => waiting.asked.pop_first().map(|(_, tell)| tell),
    };
    if let Some(tell) = tell {
        tell.send(Ok(reply)).ok();
    }
}

/// The body of an answer whose status is good.
fn granted(reply: Reply) -> Result<Value, Fault> {
    let of = |names: [&str; 2]| names.iter().find_map(|name| reply.property(name));
    let Some(code) = of(["status-code", "statusCode"]).and_then(Value::as_i64) else {
        return Err(Fault::new(Cause::Service, "an answer without a status"));
    };
    let cause = match code {
        200..=299 => return Ok(reply.body),
        401 | 403 => Cause::Unauthorized,
        404 => Cause::NotFound,
        429 | 503 => Cause::Throttled,
        _ => Cause::Service,
    };
    let said = of(["status-description", "statusDescription"]).and_then(Value::as_str);
    let said = said.unwrap_or("no description");
    Err(Fault { connection: false, ..Fault::new(cause, format!("status {code}: {said}")) })
}
