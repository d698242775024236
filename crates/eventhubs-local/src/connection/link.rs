//! A link: what serves it, and what others may want to know of it.
//!
//! A link that was refused or detached by the server stays, as `Gone`, until the client's own detach: what is still on
//! its way to it is ignored.

use std::time::Instant;

use super::ingest::Ingest;
use super::outbox::Outbox;
use super::outlet::Outlet;
use super::requests::{Replies, Requests};
use crate::auth::Right;
use crate::faults::Site;
use crate::hub::Hub;
use crate::registry::LinkView;

#[derive(Debug)]
pub(super) enum Kind {
    Ingest(Ingest),
    Outlet(Box<Outlet>),
    Requests(Requests),
    Replies(Replies),
    /// The server is done with it and waits for the client's detach.
    Gone,
    /// The client is done with it and waits for the server's.
    Leaving,
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(super) view: LinkView,
    /// The path tokens are checked against; `None` for nodes that need none.
    pub(super) entity: Option<String>,
    pub(super) kind: Kind,
    /// When it last carried an event.
    pub(super) used: Instant,
}

impl Link {
    /// Whether both ends still use it.
    pub(super) fn is_live(&self) -> bool {
        !matches!(self.kind, Kind::Gone | Kind::Leaving)
    }

    /// Whether it is there for events, and not for requests.
    pub(super) fn carries_events(&self) -> bool {
        matches!(self.kind, Kind::Ingest(_) | Kind::Outlet(_))
    }

    /// The entity and the right to it, when one is needed.
    pub(super) fn needs(&self) -> Option<(&str, Right)> {
        let right = match self.kind {
            Kind::Ingest(_) => Right::Send,
            Kind::Outlet(_) => Right::Listen,
            _ => return None,
        };
        Some((self.entity.as_deref()?, right))
    }

    /// The reader's number, when this is a receiver of events.
    pub(super) fn reader(&self) -> Option<u64> {
        match &self.kind {
            Kind::Outlet(outlet) => Some(outlet.seat.id),
            _ => None,
        }
    }

    /// The hub it is for.
    pub(super) fn hub(&self) -> Option<&Hub> {
        match &self.kind {
            Kind::Ingest(ingest) => Some(&ingest.hub),
            Kind::Outlet(outlet) => Some(&outlet.hub),
            _ => None,
        }
    }

    /// Whether the server sends on it.
    pub(super) fn sends(&self) -> bool {
        matches!(self.kind, Kind::Outlet(_) | Kind::Replies(_))
    }

    /// Where it is, for faults; `None` when it carries no events.
    pub(super) fn site(&self, connection: u64) -> Option<Site<'_>> {
        let (hub, partition) = match &self.kind {
            Kind::Ingest(ingest) => (ingest.hub.name(), ingest.partition()),
            Kind::Outlet(outlet) => (outlet.hub.name(), Some(outlet.partition)),
            _ => return None,
        };
        Some(Site { connection, link: Some(&self.view.name), hub: Some(hub), partition })
    }

    pub(super) fn outbox(&mut self) -> Option<&mut Outbox> {
        match &mut self.kind {
            Kind::Outlet(outlet) => Some(&mut outlet.outbox),
            Kind::Replies(replies) => Some(&mut replies.outbox),
            _ => None,
        }
    }
}
