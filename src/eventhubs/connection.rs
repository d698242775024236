//! One connection to a namespace: its sessions, the places for links on them, and its two ends.
//!
//! It ends in good order when somebody leaves, and is cut when it is given up: then nothing of it arrives any more.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amqp::client::{Login, Settings};
use amqp::driver::{Connection, Session};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::Cause;
use super::access::CbsClient;
use super::outcome::Fault;
use super::requests::Node;
use super::seating::Set;
use super::session::{Seat, SharedSession, not_there};
use super::traffic::Traffic;
use super::transport::{Stream, Switch};

/// Closing is a courtesy.
const CLOSE: Duration = Duration::from_secs(2);
/// How long its end may take to be told.
const LAST_WORD: Duration = Duration::from_millis(100);
/// Links of a session: enough to share its costs, few enough to lose.
const LINKS_A_SESSION: usize = 32;
/// Links of a connection.
const LINKS_A_CONNECTION: usize = 1_024;
/// Sessions that are not for lanes: `$cbs` and `$management` have one each.
const OWN_SESSIONS: usize = 2;

/// What a connection is made with.
pub(super) struct ConnectionTerms<'a> {
    pub(super) host: &'a str,
    pub(super) container: String,
    /// The peer is asked to be heard at least twice in this time.
    pub(super) idle: Duration,
    /// For each request.
    pub(super) limit: Duration,
    pub(super) runtime: Handle,
    pub(super) set: Set,
}

/// An open connection.
pub(super) struct Connected {
    amqp: Connection,
    switch: Arc<Switch>,
    /// Links that the peer lets a session have, as far as it has said so.
    links_a_session: AtomicUsize,
    seats: Mutex<Seats>,
    pub(super) limit: Duration,
    pub(super) runtime: Handle,
    pub(super) access: CbsClient,
    pub(super) management: Node,
    pub(super) traffic: Traffic,
    set: Set,
    /// Given up, or left.
    down: AtomicBool,
    /// It takes no more lanes; those it has may go on.
    retired: AtomicBool,
}

struct Seats {
    sessions: Vec<Arc<SharedSession>>,
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
        stream: Stream,
        switch: Arc<Switch>,
        terms: ConnectionTerms<'_>,
    ) -> Result<Self, Fault> {
        let mut settings = Settings::new(terms.host, terms.container, Login::Anonymous);
        settings.idle = Some(terms.idle);
        let line = Arc::clone(&switch);
        // What the kernel still holds is not to arrive after the end, unless both ends agree on it.
        let amqp = Connection::spawn(stream, settings, move |end| {
            if !end.is_orderly() {
                line.throw();
            }
        });
        amqp.opened().await.map_err(|end| Fault::over(&end))?;
        Ok(Self {
            amqp,
            switch,
            links_a_session: AtomicUsize::new(LINKS_A_SESSION),
            seats: Mutex::new(Seats {
                sessions: Vec::new(),
                links: 0,
                empty: Some(Instant::now()),
            }),
            limit: terms.limit,
            runtime: terms.runtime,
            access: CbsClient::default(),
            management: Node::new("$management"),
            traffic: Traffic::default(),
            set: terms.set,
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
        let most = self.links_a_session.load(Ordering::Relaxed);
        let open = seats.sessions.iter().find(|session| !alone && session.has_room(most)).cloned();
        let session = match open {
            Some(session) => session,
            None if seats.sessions.len() + OWN_SESSIONS < self.amqp.sessions() => {
                let session = Arc::new(SharedSession::new(alone));
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

    /// A link has left its place. A session without links ends.
    pub(super) fn leave(&self, session: &Arc<SharedSession>) {
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

    /// Whether lanes of that set, and with the common one questions, may still come to it.
    pub(super) fn serves(&self, set: Set) -> bool {
        self.set == set && self.takes_more()
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
        self.amqp.heard().elapsed() > span
    }

    /// A request that was sent `span` ago was not answered.
    pub(super) fn unanswered(&self, what: &str, span: Duration) -> Fault {
        let detail = format!("no answer within {span:?} while {what}");
        if self.silent_for(span) {
            return Fault::new(Cause::Connection, detail);
        }
        Fault { connection: false, ..Fault::new(Cause::Link, detail) }
    }

    /// Begins a session.
    pub(super) async fn begin(&self) -> Result<Session, Fault> {
        if !self.takes_more() {
            // What it has goes on; who wants more does not cut it.
            let fault = Fault::new(Cause::Connection, "the connection allows no more sessions");
            return Err(Fault { connection: false, ..fault });
        }
        let Ok(begun) = timeout(self.limit, self.amqp.begin()).await else {
            self.retire();
            return Err(self.unanswered("beginning a session", self.limit));
        };
        let session = begun.map_err(|gone| not_there("no more sessions are allowed", &gone))?;
        self.links_a_session.fetch_min(session.links(), Ordering::Relaxed);
        Ok(session)
    }

    /// Why it ended.
    pub(super) async fn reason(&self) -> Fault {
        match timeout(LAST_WORD, self.amqp.ended()).await {
            Ok(end) => Fault::over(&end),
            Err(_) => Fault::new(Cause::Connection, "the connection is closed"),
        }
    }

    /// Cuts it. When this returns the socket is closed, and what it held is gone.
    pub(super) async fn cut(&self) {
        self.amqp.cut("given up");
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
        timeout(CLOSE, self.amqp.close()).await.ok();
        self.cut().await;
    }
}
