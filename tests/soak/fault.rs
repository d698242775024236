//! What can be wrong with Event Hubs, as a script says it and as the embedded server is told.

use std::fmt;
use std::time::Duration;

use eventhubs_local::{Condition, Fault, Server};
use rand::RngExt as _;
use rand::rngs::StdRng;

/// A fault, of one hub or of all.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trouble {
    pub(crate) hub: Option<&'static str>,
    pub(crate) kind: Kind,
}

/// What is wrong. `u64`: so often.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    // Not stored, and said so, or only slow: nothing comes twice.
    Busy(u64),
    Released(u64),
    Modified(u64),
    RejectedWithoutReason(u64),
    InternalError(u64),
    UnknownError(u64),
    Detach(u64),
    RefuseAttach(u64),
    RefuseToken(u64),
    // Until it is cleared.
    DelayAck(Duration),
    Throttle(u64),
    SlowReads(u64),
    TakesNothing,
    // The answer is lost, or may be.
    DropBeforeStore(u64),
    DropAfterStore(u64),
    ForgetAck(u64),
    CorruptAck(u64),
    BlackHole(u64),
    // At once.
    DetachLinks,
    ExpireTokens,
    CloseConnections,
    DropConnections,
    BlackHoleConnections,
    CorruptFrame,
}

use Kind::{
    BlackHole, BlackHoleConnections, Busy, CloseConnections, CorruptAck, CorruptFrame, DelayAck,
    Detach, DetachLinks, DropAfterStore, DropBeforeStore, DropConnections, ExpireTokens, ForgetAck,
    InternalError, Modified, RefuseAttach, RefuseToken, RejectedWithoutReason, Released, SlowReads,
    TakesNothing, Throttle, UnknownError,
};

impl Trouble {
    /// One after which nothing comes twice.
    pub(crate) fn soft(rng: &mut StdRng, hub: Option<&'static str>) -> Self {
        let times = rng.random_range(1..=12);
        let kind = match rng.random_range(0..13) {
            0 => Busy(times.min(5)),
            1 => Released(times),
            2 => Modified(times),
            3 => RejectedWithoutReason(times),
            4 => InternalError(times),
            5 => UnknownError(times),
            6 => Detach(times),
            7 => RefuseAttach(times.min(6)),
            8 => Throttle([400, 1_000, 3_000][rng.random_range(0..3)]),
            9 => TakesNothing,
            _ => DelayAck(Duration::from_millis([30, 150, 400, 800][rng.random_range(0..4)])),
        };
        Self { hub, kind }
    }

    /// One after which something may come twice.
    pub(crate) fn hard(rng: &mut StdRng, hub: Option<&'static str>) -> Self {
        let times = rng.random_range(1..=4);
        let kind = match rng.random_range(0..13) {
            0 => DropBeforeStore(times),
            1 => DropAfterStore(times),
            2 => ForgetAck(times),
            3 => CorruptAck(times),
            4 => BlackHole(times),
            5 => DetachLinks,
            6 => ExpireTokens,
            7 => CloseConnections,
            8 => DropConnections,
            9 => BlackHoleConnections,
            10 => CorruptFrame,
            11 => SlowReads(1_000_000),
            _ => RefuseToken(times),
        };
        // Slow reading is of connections, not of hubs.
        let hub = hub.filter(|_| !matches!(kind, SlowReads(_)));
        Self { hub, kind }
    }

    /// In force until it is cleared.
    pub(crate) fn lasts(&self) -> bool {
        matches!(self.kind, DelayAck(_) | Throttle(_) | SlowReads(_) | TakesNothing)
    }

    /// While it is in force, nothing may arrive at all.
    pub(crate) fn blocks(&self) -> bool {
        self.kind == TakesNothing && self.hub.is_none()
    }

    /// Lets it happen. What can be cleared or counted comes back.
    pub(crate) fn begin(&self, server: &Server) -> Option<Fault> {
        let faults = server.faults();
        let plan = || self.hub.map_or_else(|| faults.everywhere(), |hub| faults.hub(hub));
        let next = |times: u64| plan().times(times);
        Some(match self.kind {
            Busy(times) => next(times).server_busy(),
            Released(times) => next(times).released(),
            Modified(times) => next(times).modified(),
            RejectedWithoutReason(times) => next(times).rejected_without_reason(),
            InternalError(times) => next(times).rejected(Condition::internal_error()),
            UnknownError(times) => {
                next(times).rejected(Condition::new("com.microsoft:never-heard-of", "what?"))
            }
            Detach(times) => next(times).detach(Condition::detach_forced()),
            RefuseAttach(times) => next(times).refuse_attach(Condition::internal_error()),
            RefuseToken(times) => {
                let fault = faults.everywhere().times(times).refuse_token(503, "busy");
                faults.close_connections(Condition::connection_forced());
                fault
            }
            DelayAck(delay) => plan().delay_ack(delay),
            Throttle(events) => plan().throttle(1 << 30, events),
            SlowReads(bytes) => plan().slow_reads(bytes),
            TakesNothing => plan().released(),
            DropBeforeStore(times) => next(times).drop_before_store(),
            DropAfterStore(times) => next(times).drop_after_store(),
            ForgetAck(times) => next(times).forget_ack(),
            CorruptAck(times) => next(times).corrupt_ack(),
            BlackHole(times) => next(times).black_hole(),
            DetachLinks => {
                plan().detach_links(Condition::detach_forced());
                return None;
            }
            ExpireTokens => {
                plan().expire_tokens();
                return None;
            }
            CloseConnections => {
                plan().close_connections(Condition::connection_forced());
                return None;
            }
            DropConnections => {
                plan().drop_connections();
                return None;
            }
            BlackHoleConnections => {
                plan().black_hole_connections();
                return None;
            }
            CorruptFrame => {
                plan().corrupt_frame();
                return None;
            }
        })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {}", self.kind, self.hub.unwrap_or("every hub"))
    }
}
