//! A link: what serves it, and what others may want to know of it.
//!
//! A link that was refused or detached by the server stays, as `Gone`, until the client's own detach: what is still on
//! its way to it is ignored.

use super::ingest::Ingest;
use super::outbox::Outbox;
use super::outlet::Outlet;
use super::requests::{Replies, Requests};
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
}

impl Link {
    /// Whether both ends still use it.
    pub(super) fn is_live(&self) -> bool {
        !matches!(self.kind, Kind::Gone | Kind::Leaving)
    }

    pub(super) fn entity(&self) -> Option<&str> {
        self.entity.as_deref()
    }

    /// The reader's number, when this is a receiver of events.
    pub(super) fn reader(&self) -> Option<u64> {
        match &self.kind {
            Kind::Outlet(outlet) => Some(outlet.seat.id),
            _ => None,
        }
    }

    /// Whether the link is for that hub and partition (or any).
    pub(super) fn is_in(&self, hub: Option<&str>, partition: Option<u32>) -> bool {
        let (of_hub, of_partition) = match &self.kind {
            Kind::Ingest(ingest) => (ingest.hub.name(), ingest.partition()),
            Kind::Outlet(outlet) => (outlet.hub.name(), Some(outlet.partition)),
            _ => return false,
        };
        hub.is_none_or(|hub| hub.eq_ignore_ascii_case(of_hub))
            && (partition.is_none() || partition == of_partition)
    }

    pub(super) fn outbox(&mut self) -> Option<&mut Outbox> {
        match &mut self.kind {
            Kind::Outlet(outlet) => Some(&mut outlet.outbox),
            Kind::Replies(replies) => Some(&mut replies.outbox),
            _ => None,
        }
    }
}
