//! A connection on tokio: one task that owns the stream, and handles by which others ask.
//!
//! A handle asks and goes on; the task writes all that was asked for since it last ran in one go. Whatever ends, ends with
//! its handle: a dropped [`Sender`] is detached, a dropped [`Session`] ended, and the connection closed with the last of its
//! handles. Nothing has a deadline here but the silence of the connection.
//!
//! When a connection ends, its stream is gone before anybody is told what became of a message: who sends it again can be
//! sure that nothing of it leaves later.

mod handles;
mod task;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{oneshot, watch};

pub use handles::{Delivery, Gone, Receiver, Sender, Session};

use crate::client::{
    self, Answer, DeliveryId, End, Event, LinkId, Offer, SessionId, Settings, Why,
};

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The peer answered.
    Answered(Answer),
    /// The link ended first.
    Unsettled {
        /// `false`: the peer cannot have it. `true`: nobody knows.
        sent: bool,
        /// How the link ended, or is ending.
        why: Why,
    },
}

/// What a peer says of a link: bytes of the largest message, and what else.
type Said = (Option<u64>, Offer);
type Hear = Box<dyn FnMut(Bytes) + Send>;

/// Who waits for what.
#[derive(Default)]
struct Waiting {
    opened: Option<oneshot::Sender<()>>,
    begun: HashMap<SessionId, oneshot::Sender<Result<(), Why>>>,
    attached: HashMap<LinkId, oneshot::Sender<Result<Said, Why>>>,
    gone: HashMap<LinkId, oneshot::Sender<Why>>,
    hearing: HashMap<LinkId, Hear>,
    deliveries: HashMap<DeliveryId, oneshot::Sender<Outcome>>,
    /// Messages that ended with their link, until it is told how that ended.
    unsettled: Vec<(DeliveryId, bool)>,
}

struct State {
    client: client::Connection,
    waiting: Waiting,
    task: Option<Waker>,
    /// Cut from here; why.
    cut: Option<String>,
}

struct Shared {
    state: Mutex<State>,
    end: watch::Sender<Option<End>>,
}

/// A connection. It is closed in good order when the last of its clones, and of the handles on it, is dropped.
#[derive(Clone)]
pub struct Connection(Arc<Open>);

/// Closes the connection when it is dropped.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.with(|state| state.client.close());
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("end", &*self.0.0.end.borrow()).finish()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for something, and wakes the task that does it.
    fn with<T>(&self, ask: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let answer = ask(&mut state);
        if !state.client.is_over() {
            state.dispatch();
        }
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
        answer
    }
}

impl Connection {
    /// Speaks AMQP over a stream, on a task of the current runtime. `last` is called when it has ended, before the stream is
    /// dropped.
    pub fn spawn<S>(stream: S, settings: Settings, last: impl FnOnce(&End) + Send + 'static) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let client = client::Connection::new(settings, Instant::now());
        let state = State { client, waiting: Waiting::default(), task: None, cut: None };
        let shared = Arc::new(Shared { state: Mutex::new(state), end: watch::Sender::new(None) });
        tokio::spawn(task::run(stream, Arc::clone(&shared), last));
        Self(Arc::new(Open(shared)))
    }

    /// Waits until it is open.
    pub async fn opened(&self) -> Result<(), End> {
        let (tell, told) = oneshot::channel();
        {
            let mut state = self.shared().state();
            if state.client.is_open() {
                return Ok(());
            }
            if !state.client.is_over() {
                state.waiting.opened = Some(tell);
            }
        }
        match told.await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.ended().await),
        }
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<End> {
        self.shared().end.borrow().clone()
    }

    /// Waits until it has ended; its stream is gone then.
    pub async fn ended(&self) -> End {
        let mut end = self.shared().end.subscribe();
        // The sender lives as long as `self`.
        let ended = end.wait_for(Option::is_some).await.ok();
        ended.and_then(|end| end.clone()).unwrap_or(End::Asked)
    }

    /// Ends it in good order.
    pub async fn close(&self) -> End {
        self.shared().with(|state| state.client.close());
        self.ended().await
    }

    /// Has it end now, without a word. Nothing more is written, and nothing is told before the stream is gone.
    pub fn cut(&self, why: impl Into<String>) {
        self.shared().with(|state| state.cut = Some(why.into()));
    }

    /// When something was heard last.
    pub fn heard(&self) -> Instant {
        self.shared().state().client.heard()
    }

    /// Sessions that the peer lets it have.
    pub fn sessions(&self) -> usize {
        self.shared().state().client.sessions()
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }
}

impl State {
    /// Tells what happened.
    fn dispatch(&mut self) {
        while let Some(event) = self.client.event() {
            let waiting = &mut self.waiting;
            match event {
                Event::Opened => {
                    waiting.opened.take().map(|tell| tell.send(()));
                }
                Event::Begun(session) => {
                    let told = waiting.begun.remove(&session).map(|tell| tell.send(Ok(())));
                    if !matches!(told, Some(Ok(()))) {
                        self.client.end(session);
                    }
                }
                Event::Attached { link, max_message_size, offer } => {
                    let tell = waiting.attached.remove(&link);
                    let told = tell.map(|tell| tell.send(Ok((max_message_size, offer))));
                    if !matches!(told, Some(Ok(()))) {
                        self.client.detach(link);
                    }
                }
                Event::Settled { delivery, answer, .. } => {
                    waiting.settled(delivery, Outcome::Answered(answer));
                }
                Event::Unsettled { delivery, sent, .. } => {
                    waiting.unsettled.push((delivery, sent));
                }
                Event::Received { link, message } => {
                    if let Some(hear) = waiting.hearing.get_mut(&link) {
                        hear(message);
                    }
                }
                Event::Detached { link, why } => waiting.detached(link, why),
                Event::Ended { session, why } => {
                    waiting.begun.remove(&session).map(|tell| tell.send(Err(why)));
                }
                // Nothing comes after it.
                Event::Closed(_) => self.waiting = Waiting::default(),
            }
        }
        self.waiting.tell_unsettled(&Why::Asked);
    }
}

impl Waiting {
    fn settled(&mut self, delivery: DeliveryId, outcome: Outcome) {
        if let Some(tell) = self.deliveries.remove(&delivery) {
            tell.send(outcome).ok();
        }
    }

    fn detached(&mut self, link: LinkId, why: Why) {
        self.tell_unsettled(&why);
        self.hearing.remove(&link);
        if let Some(tell) = self.attached.remove(&link) {
            tell.send(Err(why.clone())).ok();
        }
        if let Some(tell) = self.gone.remove(&link) {
            tell.send(why).ok();
        }
    }

    /// Each is followed by the end of its link, unless that was asked for.
    fn tell_unsettled(&mut self, why: &Why) {
        for (delivery, sent) in std::mem::take(&mut self.unsettled) {
            self.settled(delivery, Outcome::Unsettled { sent, why: why.clone() });
        }
    }
}
