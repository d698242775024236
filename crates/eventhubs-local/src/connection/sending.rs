//! What a session sends on its own: replies to requests, and events to receivers, each link in its turn.

use super::Core;
use super::link::{Kind, Link};
use super::outbox::Sending;
use super::requests::{Node, Replies};
use super::session::{HANDLE_MAX, Session};
use crate::codec::performative::Flow;

impl Session {
    /// Sends a reply on this session's link from that node, if there is one.
    pub(super) fn reply_from(&mut self, node: Node, message: &[u8]) -> bool {
        self.replies()
            .find(|replies| replies.node == node)
            .map(|r| r.push(message.to_vec()))
            .is_some()
    }

    /// Sends a reply on the link whose name or target address is `reply_to`, if there is one.
    pub(super) fn reply_to(&mut self, reply_to: &str, message: &[u8]) -> bool {
        let wanted = |link: &Link| match &link.kind {
            Kind::Replies(replies) => {
                link.view.name == reply_to || replies.target.as_deref() == Some(reply_to)
            }
            _ => false,
        };
        let Some(link) = self.links.values_mut().find(|link| wanted(link)) else { return false };
        if let Kind::Replies(replies) = &mut link.kind {
            replies.push(message.to_vec());
        }
        true
    }

    fn replies(&mut self) -> impl Iterator<Item = &mut Replies> {
        self.links.values_mut().filter_map(|link| match &mut link.kind {
            Kind::Replies(replies) => Some(replies),
            _ => None,
        })
    }

    /// One turn for each link that sends, beginning where the last round ended for want of room; true when any did.
    pub(super) fn pump(&mut self, core: &mut Core) -> bool {
        let mut progress = false;
        for handles in [self.turn..HANDLE_MAX + 1, 0..self.turn] {
            let (from, to) = (handles.start, handles.end);
            let mut next = from;
            while core.has_room()
                && let Some(handle) = self.pump_one(core, next..to, &mut progress)
            {
                next = handle + 1;
                self.turn = next;
            }
        }
        progress
    }

    /// One turn for the first link with a handle in that range; gives the handle.
    fn pump_one(
        &mut self,
        core: &mut Core,
        handles: std::ops::Range<u32>,
        progress: &mut bool,
    ) -> Option<u32> {
        let (handle, link) = self.links.range_mut(handles).next()?;
        let handle = *handle;
        let sending = Sending {
            out: &mut core.out,
            channel: self.channel,
            max_frame: core.peer_max_frame,
            window: &mut self.remote_window,
            next_outgoing_id: &mut self.next_outgoing_id,
            next_delivery_id: &mut self.next_delivery_id,
        };
        let sent = match &mut link.kind {
            Kind::Outlet(outlet) => outlet.pump(handle, sending, &core.handle),
            Kind::Replies(replies) => replies.pump(handle, sending),
            _ => return Some(handle),
        };
        *progress |= sent;
        if sent {
            link.used = core.now;
        }
        if let Some(count) = link.outbox().and_then(|outbox| outbox.drained(sent)) {
            let link = Flow {
                handle: Some(handle),
                delivery_count: Some(count),
                link_credit: Some(0),
                drain: true,
                ..Flow::default()
            };
            self.write_flow(core, link);
        }
        Some(handle)
    }
}
