//! One connection to a namespace: its sessions, the places for links on them, and its two ends.
//!
//! It ends in good order when somebody leaves, and is cut when it is given up: then nothing of it arrives any more.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fe2o3_amqp::connection::{Connection, ConnectionHandle};
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::session::{BeginError, Session, SessionHandle};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::Cause;
use super::access::Access;
use super::outcome::Fault;
use super::requests::Node;
use super::session::{Seat, Shared};
use super::traffic::Traffic;
use super::transport::{Limits, Switch, Tap};

/// Largest frame we take and send; the service uses the same.
const MAX_FRAME: u32 = 65_536;
/// Closing is a courtesy.
const CLOSE: Duration = Duration::from_secs(2);
/// Links of a session: enough to share its costs, few enough to lose.
const LINKS_A_SESSION: usize = 32;
/// Links of a connection: sessions begin one after the other, and so do the links of each.
const LINKS_A_CONNECTION: usize = 1_024;
/// Frames of the largest batch that is usual, rounded up.
const FRAMES_A_BATCH: usize = 32;
/// Sessions that are not for lanes: `$cbs` and `$management` have one each.
const OWN_SESSIONS: usize = 2;

/// What a connection is made with.
pub(super) struct Terms<'a> {
    pub(super) host: &'a str,
    pub(super) container: String,
    /// The peer is asked to be heard at least twice in this time.
    pub(super) idle: Duration,
    /// For each request.
    pub(super) limit: Duration,
    pub(super) runtime: Handle,
}

/// An open connection.
pub(super) struct Connected {
    handle: Arc<tokio::sync::Mutex<ConnectionHandle<()>>>,
    switch: Arc<Switch>,
    limits: Arc<Limits>,
    seats: Mutex<Seats>,
    pub(super) limit: Duration,
    pub(super) runtime: Handle,
    pub(super) access: Access,
    pub(super) management: Node,
    pub(super) traffic: Traffic,
    /// Given up, or left.
    down: AtomicBool,
    /// It takes no more lanes; those it has may go on.
    retired: AtomicBool,
}

struct Seats {
    sessions: Vec<Arc<Shared>>,
    links: usize,
    /// Since when there are no links, if there are none.
    empty: Option<Instant>,
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected").field("links", &self.seats().links).finish_non_exhaustive()
    }
}

impl Connected {
    /// Speaks AMQP over a stream that `switch` cuts. The caller bounds the time.
    pub(super) async fn open(
        stream: super::transport::Stream,
        switch: Arc<Switch>,
        terms: Terms<'_>,
    ) -> Result<Self, Fault> {
        let limits = Arc::new(Limits::default());
        let stream = Tap::new(stream, Arc::clone(&limits));
        let handle = Connection::builder()
            .container_id(terms.container)
            // Encrypted or not, the stream is ready; for `amqps` the library would want to encrypt it itself.
            .scheme("amqp")
            .hostname(Some(terms.host))
            .max_frame_size(MAX_FRAME)
            .channel_max(u16::MAX)
            .idle_time_out(u32::try_from(terms.idle.as_millis()).unwrap_or(u32::MAX))
            .sasl_profile(SaslProfile::Anonymous)
            .open_with_stream(stream)
            .await
            .map_err(|error| Fault::new(Cause::Connection, error.to_string()))?;
        Ok(Self {
            handle: Arc::new(tokio::sync::Mutex::new(handle)),
            switch,
            limits,
            seats: Mutex::new(Seats {
                sessions: Vec::new(),
                links: 0,
                empty: Some(Instant::now()),
            }),
            limit: terms.limit,
            runtime: terms.runtime,
            access: Access::default(),
            management: Node::new("$management"),
            traffic: Traffic::default(),
            down: AtomicBool::new(false),
            retired: AtomicBool::new(false),
        })
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a link, if there is one left; `alone` on its session or with others.
    pub(super) fn seat(self: &Arc<Self>, alone: bool) -> Option<Seat> {
        if !self.takes_more() {
            return None;
        }
        let mut seats = self.seats();
        if seats.links >= LINKS_A_CONNECTION {
            return None;
        }
        let most = self.links_a_session();
        let open = seats.sessions.iter().find(|session| !alone && session.has_room(most)).cloned();
        let session = match open {
            Some(session) => session,
            None if seats.sessions.len() + OWN_SESSIONS < self.limits.sessions() => {
                let session = Arc::new(Shared::new(alone));
                seats.sessions.push(Arc::clone(&session));
                session
            }
            None => return None,
        };
        seats.links += 1;
        seats.empty = None;
        session.enter();
        drop(seats);
        Some(Seat::new(Arc::clone(self), session))
    }

    /// So many that none of their batches has to wait for the session to take more frames: what waits there can not be
    /// taken back. A peer says anew what it takes at half.
    fn links_a_session(&self) -> usize {
        let batches = self.limits.window() / 2 / FRAMES_A_BATCH;
        LINKS_A_SESSION.min(self.limits.links()).min(batches.max(1))
    }

    /// A link has left its place. A session without links ends.
    pub(super) fn leave(&self, session: &Arc<Shared>) {
        let mut seats = self.seats();
        seats.links -= 1;
        if seats.links == 0 {
            seats.empty = Some(Instant::now());
        }
        let ended = if session.leave() {
            let place = seats.sessions.iter().position(|known| Arc::ptr_eq(known, session));
            place.map(|place| seats.sessions.swap_remove(place))
        } else {
            None
        };
        drop(seats);
        drop(ended);
    }

    /// Links on it, attached or about to be.
    pub(super) fn links(&self) -> usize {
        self.seats().links
    }

    /// Since when it has no links.
    pub(super) fn empty_since(&self) -> Option<Instant> {
        self.seats().empty
    }

    /// Whether lanes and questions may still come to it.
    pub(super) fn takes_more(&self) -> bool {
        !self.down.load(Ordering::SeqCst) && !self.retired.load(Ordering::SeqCst)
    }

    /// From now on others take what comes. What is on it may go on.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
    }

    /// All are to leave it: waits until no batch is under way on it, or `limit` is over.
    pub(super) async fn empty(&self, limit: Duration) {
        self.retire();
        self.traffic.leave(limit).await;
    }

    /// `true` for the first one who says so.
    pub(super) fn goes_down(&self) -> bool {
        !self.down.swap(true, Ordering::SeqCst)
    }

    /// Whether nothing at all was heard on it for `span`.
    pub(super) fn silent_for(&self, span: Duration) -> bool {
        !self.switch.heard_within(span)
    }

    /// A request that was sent `span` ago was not answered.
    pub(super) fn unanswered(&self, what: &str, span: Duration) -> Fault {
        let detail = format!("no answer within {span:?} while {what}");
        if self.silent_for(span) {
            return Fault::new(Cause::Connection, detail);
        }
        Fault { connection: false, ..Fault::new(Cause::Link, detail) }
    }

    /// Begins a session. Each waits for its turn, and the time it has begins with that.
    pub(super) async fn begin(&self) -> Result<SessionHandle<()>, Fault> {
        let mut handle = Arc::clone(&self.handle).lock_owned().await;
        if !self.takes_more() {
            // What it has goes on; who wants more does not cut it.
            let fault = Fault::new(Cause::Connection, "the connection takes no more sessions");
            return Err(Fault { connection: false, ..fault });
        }
        let (tell, told) = oneshot::channel();
        // The library takes an answer that nobody waits for as the end of the connection: it is always awaited.
        self.runtime.spawn(async move {
            let session = Session::builder()
                .incoming_window(u32::MAX)
                .outgoing_window(u32::MAX)
                .begin(&mut handle)
                .await;
            drop(handle);
            tell.send(session).ok();
        });
        match timeout(self.limit, told).await {
            Ok(Ok(Ok(session))) => Ok(session),
            Ok(Ok(Err(error))) => Err(not_begun(&error)),
            Ok(Err(_)) => Err(Fault::new(Cause::Connection, "the connection ended")),
            Err(_) => {
                self.retire();
                Err(self.unanswered("beginning a session", self.limit))
            }
        }
    }

    /// Why the peer ended it, as far as that is known.
    pub(super) async fn reason(&self) -> Fault {
        use fe2o3_amqp::connection::Error;
        let ended = async { self.handle.lock().await.on_close().await };
        match timeout(Duration::from_millis(100), ended).await {
            Ok(Err(Error::RemoteClosedWithError(said))) => {
                Fault { connection: true, ..Fault::said(&said) }
            }
            Ok(Err(Error::TransportError(error))) => {
                Fault::new(Cause::Connection, error.to_string())
            }
            _ => Fault::new(Cause::Connection, "the connection is closed"),
        }
    }

    /// Cuts it. When this returns the socket is closed, and what it held is gone.
    pub(super) async fn cut(&self) {
        self.switch.throw();
        self.closed(CLOSE).await;
    }

    /// Waits until the socket is closed, for `limit` at most.
    pub(super) async fn closed(&self, limit: Duration) {
        timeout(limit, self.switch.closed()).await.ok();
    }

    /// The stream it lives on; for whoever waits for its end and does not keep it.
    pub(super) fn stream(&self) -> Arc<Switch> {
        Arc::clone(&self.switch)
    }

    /// Ends it in good order, or else cuts it.
    pub(super) async fn close(&self) {
        let close = async { self.handle.lock().await.close().await };
        timeout(CLOSE, close).await.ok();
        self.cut().await;
    }
}

fn not_begun(error: &BeginError) -> Fault {
    match error {
        BeginError::RemoteEndedWithError(said) => Fault::said(said),
        other => Fault::new(Cause::Connection, other.to_string()),
    }
}
