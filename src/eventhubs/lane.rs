//! A lane: batches for one target, one at a time, over a link that is there while it is used.
//!
//! A lane at rest has no task and no link. The first batch starts the task, which attaches and sends; when the link was
//! idle for long it lets it go and ends. The task never waits for the pump and the pump never for the task: what fails is
//! answered at once, so the pump decides when to try again. Every wait has an end.

mod deliver;
mod opening;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use amqp::client::Wants;
use bridge_core::HubName;
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::lease::Lease;
use super::link::{self, Link};
use super::namespace::NamespaceClient;
use super::outcome::Fault;
use super::producer::{self, AttachAnswer, Producer};
use super::seating::Seating;
use super::traffic::UnderWay;
use super::{Cause, LaneEvent, SendError, Target};

/// So often a batch looks for a link on a connection that stays.
const MOVES: u32 = 3;
/// Why nothing is sent once the lease is over.
const FENCED: &str = "Kafka has not confirmed for too long that this member owns the partitions";

type Tell = Box<dyn FnMut(LaneEvent) + Send>;

/// The pump's end of a lane. The link is let go when this is dropped.
pub struct LaneSender(Arc<LaneOrders>);

/// Where the pump and the task meet.
struct LaneOrders {
    post: Mutex<Orders>,
    bell: Notify,
}

struct Orders {
    /// Who does the work, while there is none.
    resting: Option<Box<LinkTask>>,
    next: Option<Bytes>,
    closed: bool,
}

impl std::fmt::Debug for LaneSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("at_rest", &self.0.post().resting.is_some()).finish()
    }
}

impl LaneSender {
    /// Sends a batch, one encoded message. The caller has heard of the end of the one before.
    pub fn send(&self, message: Bytes) {
        self.post(message).ring();
    }

    /// As [`LaneSender::send`], but the batch leaves when the bell is rung.
    pub fn post(&self, message: Bytes) -> Bell {
        let mut post = self.0.post();
        debug_assert!(post.next.is_none(), "one batch in flight a lane");
        post.next = Some(message);
        Bell(Arc::clone(&self.0))
    }
}

/// Rung when a batch was posted.
#[must_use = "the batch waits for it"]
pub struct Bell(Arc<LaneOrders>);

impl std::fmt::Debug for Bell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bell")
    }
}

impl Bell {
    /// Has the batch leave.
    pub fn ring(self) {
        let resting = self.0.post().resting.take();
        match resting {
            Some(worker) => {
                let runtime = worker.namespace.0.runtime.clone();
                runtime.spawn(worker.run(self.0));
            }
            None => self.0.bell.notify_one(),
        }
    }

    /// Has several batches leave together: they are rung on the lanes' own thread, which is woken once. Rung from outside, each
    /// lane would run before the next is heard of, and its connection write for it alone.
    pub fn ring_all(bells: Vec<Self>, runtime: &Handle) {
        runtime.spawn(async { bells.into_iter().for_each(Self::ring) });
    }
}

impl Drop for LaneSender {
    fn drop(&mut self) {
        let mut post = self.0.post();
        post.closed = true;
        let resting = post.resting.take();
        drop(post);
        drop(resting);
        self.0.bell.notify_one();
    }
}

/// A lane at rest.
pub(super) fn new(
    namespace: NamespaceClient,
    number: u64,
    lease: Option<Lease>,
    hub: &str,
    target: &Target,
    tell: Tell,
) -> LaneSender {
    let path = match target {
        Target::Partition(id) => format!("{hub}/Partitions/{id}"),
        Target::Gateway { .. } => hub.to_owned(),
    };
    let hub = HubName { namespace: namespace.0.name.as_str().into(), hub: hub.into() };
    let is_numbered =
        lease.is_some() && namespace.numbers_events() && matches!(target, Target::Partition(_));
    let producer = is_numbered.then(Producer::default);
    let (attempts, seating) = (0, Seating::default());
    let worker =
        LinkTask { namespace, number, lease, producer, attempts, seating, hub, path, tell };
    let post = Orders { resting: Some(Box::new(worker)), next: None, closed: false };
    LaneSender(Arc::new(LaneOrders { post: Mutex::new(post), bell: Notify::new() }))
}

/// What is to be done next.
enum Call {
    Send(Bytes),
    /// Nothing came for long, or there is no link that could be lost.
    Rest,
    /// The link is gone.
    Lost(Fault),
    Close,
}

impl LaneOrders {
    fn post(&self) -> MutexGuard<'_, Orders> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self) -> Option<Call> {
        let mut post = self.post();
        let next = post.next.take().map(Call::Send);
        next.or_else(|| post.closed.then_some(Call::Close))
    }

    /// Waits for a call, for as long as the link may be idle.
    async fn call(&self, link: Option<&mut Link>, idle: std::time::Duration) -> Call {
        if let Some(call) = self.look() {
            return call;
        }
        let Some(link) = link else { return Call::Rest };
        let end = Instant::now() + idle;
        loop {
            tokio::select! {
                () = self.bell.notified() => {}
                why = link.sender.gone() => return Call::Lost(Fault::ended(&why)),
                () = sleep_until(end) => return Call::Rest,
            }
            if let Some(call) = self.look() {
                return call;
            }
        }
    }

    /// Gives the worker back when there is something to do after all.
    fn rest(&self, worker: Box<LinkTask>) -> Option<Box<LinkTask>> {
        let mut post = self.post();
        if post.next.is_some() || post.closed {
            return Some(worker);
        }
        post.resting = Some(worker);
        None
    }
}

struct LinkTask {
    namespace: NamespaceClient,
    number: u64,
    /// Where each event is to be stored once: until when it may send.
    lease: Option<Lease>,
    /// Where the service is to recognise a batch that comes again.
    producer: Option<Producer>,
    attempts: u64,
    seating: Seating,
    hub: HubName,
    path: String,
    tell: Tell,
}

impl LinkTask {
    async fn run(mut self: Box<Self>, desk: Arc<LaneOrders>) {
        let mut link = None;
        loop {
            match desk.call(link.as_mut(), self.namespace.link_idle()).await {
                Call::Send(message) => link = Box::pin(self.send(link, message)).await,
                Call::Lost(fault) => {
                    if let Some(link) = link.take() {
                        self.lost(link, &fault).await;
                    }
                }
                Call::Rest => {
                    self.release(link.take());
                    match desk.rest(self) {
                        Some(worker) => self = worker,
                        None => return,
                    }
                }
                Call::Close => return self.release(link.take()),
            }
        }
    }

    /// Lets a link go that nothing is under way on.
    fn release(&self, link: Option<Link>) {
        if let Some(link) = link {
            tracing::debug!(namespace = &*self.hub.namespace, link = self.path, "link released");
            self.namespace.0.runtime.spawn(link.close(self.namespace.0.settings.connect_timeout));
        }
    }

    async fn lost(&mut self, link: Link, fault: &Fault) {
        tracing::debug!(namespace = &*self.hub.namespace, link = self.path, cause = %fault.cause, detail = fault.detail, "link lost");
        self.found_shut(&link, fault);
        if fault.connection {
            self.namespace.give_up(&link.seat.connected, fault).await;
        }
    }

    /// The token that the link was attached with may count no more.
    fn found_shut(&self, link: &Link, fault: &Fault) {
        if fault.cause == Cause::Unauthorized {
            let audience = self.namespace.audience(&self.hub.hub);
            link.seat.connected.access.forget(&audience, &link.token);
        }
    }

    fn answer(&mut self, result: Result<(), SendError>) {
        if let Some(producer) = self.producer.as_mut().filter(|_| result.is_ok()) {
            producer.accepted();
        }
        (self.tell)(LaneEvent::Settled(result));
    }

    /// For that batch.
    async fn attach(&mut self, message: &Bytes) -> Result<Link, Fault> {
        // Where numbers begin again, what was has to end first.
        for _ in 0..2 {
            if let Some(link) = self.attach_once(message).await? {
                return Ok(link);
            }
        }
        Err(Fault::new(Cause::Link, "the number of partitions differs at each answer"))
    }

    async fn attach_once(&mut self, message: &Bytes) -> Result<Option<Link>, Fault> {
        self.attempts += 1;
        let name = format!("{}#{}.{}", self.path, self.number, self.attempts);
        let asked = self.producer.as_mut().map(|producer| producer.asks(message));
        let wants = asked.as_ref().map_or_else(Wants::default, |properties| Wants {
            capabilities: &[producer::CAPABILITY],
            properties,
        });
        let (hub, to) = (&self.hub.hub, (&*self.path, &*name));
        let place = (self.seating.set(self.number), &mut self.seating);
        let attached = link::attach_wanting(&self.namespace, hub, to, &wants, place).await;
        self.report_seating();
        let link = attached.inspect_err(|fault| {
            // Where it cannot be who it was, it is somebody else the next time.
            if fault.out_of_step || fault.cause == Cause::Service {
                self.forgets();
            }
        })?;
        let limit = link.limit();
        self.namespace.0.metrics.link_attached(&self.hub);
        self.namespace.mark_authorized();
        tracing::debug!(namespace = &*self.hub.namespace, link = self.path, limit, "link attached");
        (self.tell)(LaneEvent::Ready { max_message_size: limit });
        let introduced = self.introduced(&link, message);
        if let Ok(true) = introduced {
            return Ok(Some(link));
        }
        self.release(Some(link));
        introduced.map(|_| None)
    }

    /// Whether that batch may be sent over the link, as far as numbers go.
    fn introduced(&mut self, link: &Link, message: &Bytes) -> Result<bool, Fault> {
        let Some(producer) = &mut self.producer else { return Ok(true) };
        match producer.hears(link.sender.offer(), message) {
            AttachAnswer::Ready => Ok(true),
            AttachAnswer::Again => Ok(false),
            AttachAnswer::NotOffered => {
                self.producer = None;
                self.namespace.does_not_number(&self.hub);
                Ok(true)
            }
            AttachAnswer::Doubtful => {
                let detail = "the service may have stored the events that were sent before, by its sequence numbers";
                Err(Fault { out_of_step: true, ..Fault::new(Cause::Link, detail) })
            }
        }
    }

    /// It is another producer from now on.
    fn forgets(&mut self) {
        if let Some(producer) = &mut self.producer {
            producer.forget();
        }
    }

    /// Counts a batch on the link, or on a new one where there is none or its connection is being left.
    async fn set_out(
        &mut self,
        mut link: Option<Link>,
        message: &Bytes,
    ) -> Result<(Link, UnderWay), Fault> {
        if self.producer.as_ref().is_some_and(|producer| producer.has_to_attach(message)) {
            self.release(link.take());
        }
        for _ in 0..MOVES {
            let link = match link.take() {
                Some(link) => link,
                None => Box::pin(self.attach(message)).await?,
            };
            if let Some(under_way) = link.seat.connected.traffic.set_out() {
                return Ok((link, under_way));
            }
            self.release(Some(link));
        }
        Err(Fault::new(Cause::Link, "connections are closed one after the other"))
    }

    /// Sends over the link, or a new one, and answers. Gives the link if it is still good.
    async fn send(&mut self, link: Option<Link>, message: Bytes) -> Option<Link> {
        let (link, under_way) = match self.set_out(link, &message).await {
            Ok(ready) => ready,
            Err(fault) => {
                // It was not sent now. Where the service counts differently it may have been before.
                let fault = if fault.out_of_step { fault } else { fault.unsent() };
                self.answer(Err(fault.into()));
                return None;
            }
        };
        let Some(mut lease) = self.lease.clone() else {
            let (result, good) = self.deliver(link, under_way, message).await;
            self.answer(result);
            return good;
        };
        if !lease.lasts() {
            self.answer(Err(Fault::new(Cause::Fenced, FENCED).unsent().into()));
            return Some(link);
        }
        let connected = Arc::clone(&link.seat.connected);
        let end = tokio::select! {
            biased;
            () = lease.over() => None,
            end = self.deliver(link, under_way, message) => Some(end),
        };
        let (result, good) = if let Some(end) = end {
            end
        } else {
            let fault = Fault::new(Cause::Fenced, format!("the send was given up: {FENCED}"));
            self.namespace.give_up(&connected, &fault).await;
            (Err(fault.into()), None)
        };
        self.answer(result);
        good
    }
}
