//! A session that some links share, and the place a link has on it.
//!
//! The library counts on being asked to the end: an attach whose answer nobody awaits, or a link that ends with a batch
//! under way, may harm what else is on the session. So every attach is awaited, and a session on which something went
//! wrong takes no more links, and ends with its last.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use fe2o3_amqp::link::{Sender, SenderAttachError};
use fe2o3_amqp::session::SessionHandle;
use tokio::sync::{Mutex, OnceCell, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::Cause;
use super::connection::Connected;
use super::outcome::Fault;

/// The library's count of frames stops at 2³²; a session is left long before.
const MAX_FRAMES: u64 = 1 << 31;
/// No frame is smaller than this, except the last of a batch.
const FRAME: u64 = 4_096;

/// A session for some links.
pub(super) struct Shared {
    /// Of one link only, which a peer did not answer before.
    alone: bool,
    links: AtomicUsize,
    retired: watch::Sender<bool>,
    frames: AtomicU64,
    handle: OnceCell<Arc<Mutex<SessionHandle<()>>>>,
    /// Ends, with the session, what still waits for an answer on it.
    over: watch::Sender<()>,
}

impl Shared {
    pub(super) fn new(alone: bool) -> Self {
        Self {
            alone,
            links: AtomicUsize::new(0),
            retired: watch::Sender::new(false),
            frames: AtomicU64::new(0),
            handle: OnceCell::new(),
            over: watch::Sender::new(()),
        }
    }

    /// Whether one more link may come, of `most`.
    pub(super) fn has_room(&self, most: usize) -> bool {
        !self.alone && !self.is_retired() && self.links.load(Ordering::Relaxed) < most
    }

    pub(super) fn enter(&self) {
        self.links.fetch_add(1, Ordering::Relaxed);
    }

    /// `true` when it was the last one.
    pub(super) fn leave(&self) -> bool {
        let last = self.links.fetch_sub(1, Ordering::Relaxed) == 1;
        if last {
            self.retire();
        }
        last
    }

    fn retire(&self) {
        self.retired.send_replace(true);
    }

    fn is_retired(&self) -> bool {
        *self.retired.borrow()
    }
}

/// The place of one link. It is free again when this is dropped.
pub(super) struct Seat {
    pub(super) connected: Arc<Connected>,
    session: Arc<Shared>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connected.leave(&self.session);
    }
}

impl Seat {
    /// The caller has counted it.
    pub(super) fn new(connected: Arc<Connected>, session: Arc<Shared>) -> Self {
        Self { connected, session }
    }

    /// The session takes no more links.
    pub(super) fn retire(&self) {
        self.session.retire();
    }

    pub(super) fn is_retired(&self) -> bool {
        self.session.is_retired()
    }

    /// A batch of `bytes` was sent here. `false` when the link should look for another place.
    pub(super) fn carried(&self, bytes: u64) -> bool {
        let frames = bytes / FRAME + 1;
        let all = self.session.frames.fetch_add(frames, Ordering::Relaxed) + frames;
        if all > MAX_FRAMES {
            self.retire();
        }
        all <= MAX_FRAMES
    }

    async fn handle(&self) -> Result<Arc<Mutex<SessionHandle<()>>>, Fault> {
        let begin = async {
            if self.session.is_retired() {
                return Err(Fault::new(Cause::Link, "the session could not be begun"));
            }
            let begun = self.connected.begin().await;
            // Those who wait for it are not to wait once more.
            begun.inspect_err(|_| self.retire()).map(|session| Arc::new(Mutex::new(session)))
        };
        self.session.handle.get_or_try_init(|| begin).await.map(Arc::clone)
    }

    /// Attaches a link for sending to `path`; `None` when the session takes no more links. Each waits for its turn, and the
    /// time it has begins with that. Who waits behind a link that is not answered soon finds another place.
    pub(super) async fn attach(&self, path: &str, name: String) -> Result<Option<Sender>, Fault> {
        let mut retired = self.session.retired.subscribe();
        let turn = self.handle().await?.lock_owned();
        let mut session = tokio::select! {
            biased;
            _ = retired.wait_for(|retired| *retired) => return Ok(None),
            session = turn => session,
        };
        let (tell, mut told) = oneshot::channel();
        let (target, mut over) = (path.to_owned(), self.session.over.subscribe());
        self.connected.runtime.spawn(async move {
            let attach = Sender::builder().name(name).target(target).attach(&mut session);
            let attached = tokio::select! {
                attached = attach => attached,
                _ = over.changed() => return,
            };
            drop(session);
            if let Err(Ok(late)) = tell.send(attached) {
                // Nobody waits for it any more.
                late.close().await.ok();
            }
        });
        let limit = self.connected.limit;
        let end = Instant::now() + limit;
        let mut answer = timeout(limit / 5, &mut told).await;
        if answer.is_err() {
            self.retire();
            answer = timeout_at(end, told).await;
        }
        match answer {
            Ok(Ok(Ok(sender))) => Ok(Some(sender)),
            Ok(Ok(Err(error))) => Err(self.not_attached(&error)),
            Ok(Err(_)) => Err(Fault::new(Cause::Link, "the session ended")),
            Err(_) => Err(self.connected.unanswered("attaching a link", limit)),
        }
    }

    fn not_attached(&self, error: &SenderAttachError) -> Fault {
        match error {
            SenderAttachError::RemoteClosedWithError(said) => Fault::said(said),
            SenderAttachError::SessionStopped(reason) => {
                self.retire();
                Fault::stopped(reason)
            }
            other => {
                self.retire();
                Fault::new(Cause::Link, other.to_string())
            }
        }
    }
}
