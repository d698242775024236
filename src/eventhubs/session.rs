//! A session that some links share, and the place a link has on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use amqp::client::{Attach, Wants, Why};
use amqp::driver::{Gone, Receiver, Sender, Session};
use bytes::Bytes;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::Cause;
use super::connection::Connected;
use super::outcome::Fault;

/// A session for some links. It ends with the last of them.
pub(super) struct SharedSession {
    /// Of one link only, which a peer did not answer before: what it leaves behind ends with it.
    alone: bool,
    links: AtomicUsize,
    retired: AtomicBool,
    session: OnceCell<Session>,
}

impl SharedSession {
    pub(super) fn new(alone: bool) -> Self {
        let (links, retired) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { alone, links, retired, session: OnceCell::new() }
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
        self.links.fetch_sub(1, Ordering::Relaxed) == 1
    }

    fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }
}

/// The place of one link. It is free again when this is dropped.
pub(super) struct Seat {
    pub(super) connected: Arc<Connected>,
    session: Arc<SharedSession>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connected.leave(&self.session);
    }
}

impl Seat {
    /// The caller has counted it.
    pub(super) fn new(connected: Arc<Connected>, session: Arc<SharedSession>) -> Self {
        Self { connected, session }
    }

    /// The session takes no more links: it has ended, or a link on it was not answered and keeps its handle.
    pub(super) fn retire(&self) {
        self.session.retire();
    }

    /// Attaches a link for sending to `path`, of which more may be wanted. `Err(None)` when it is not answered.
    pub(super) async fn attach(
        &self,
        path: &str,
        name: &str,
        wants: &Wants<'_>,
    ) -> Result<Sender, Option<Fault>> {
        let attach = async |session: &Session| session.sender_wanting(name, path, wants).await;
        self.attached(attach).await
    }

    /// Attaches a link that receives. `Err(None)` when it is not answered.
    pub(super) async fn attach_receiver(
        &self,
        attach: &Attach<'_>,
        hear: impl FnMut(Bytes) + Send + 'static,
    ) -> Result<Receiver, Option<Fault>> {
        self.attached(async move |session: &Session| session.receiver(attach, hear).await).await
    }

    async fn attached<T>(
        &self,
        attach: impl AsyncFnOnce(&Session) -> Result<T, Gone>,
    ) -> Result<T, Option<Fault>> {
        let begin = || self.connected.begin();
        let session = self.session.session.get_or_try_init(begin).await.inspect_err(|_| {
            // Those who wait for it are not to wait once more.
            self.retire();
        })?;
        match timeout(self.connected.limit, attach(session)).await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(gone)) => {
                if !matches!(gone, Gone::Ended(Why::Peer(_))) {
                    self.retire();
                }
                Err(Some(not_there("the session allows no more links", &gone)))
            }
            Err(_) => {
                self.retire();
                Err(None)
            }
        }
    }
}

/// Why there is nothing of what was asked for.
pub(super) fn not_there(no_place: &str, gone: &Gone) -> Fault {
    match gone {
        Gone::NoPlace => Fault::new(Cause::Link, no_place),
        Gone::Ended(why) => Fault::ended(why),
    }
}
