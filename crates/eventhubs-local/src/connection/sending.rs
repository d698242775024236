//! What a session sends on its own: replies to requests, and events to receivers, each link in its turn.

use std::ops::Bound;

use amqp::performative::Flow;

use super::Core;
use super::link::{Kind, Link};
use super::outbox::Sending;
use super::requests::{Node, Replies};
use super::session::Session;

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
        let turn = self.turn;
        for (mut from, end) in [(turn, Bound::Unbounded), (0, Bound::Excluded(turn))] {
            while core.has_room()
                && let Some(handle) = self.senders.range((Bound::Included(from), end)).next()
            {
                let handle = *handle;
                progress |= self.pump_one(core, handle);
                let Some(next) = handle.checked_add(1) else { break };
                from = next;
                self.turn = next;
            }
        }
        progress
    }

    /// One turn for that link; true when it sent.
    fn pump_one(&mut self, core: &mut Core, handle: u32) -> bool {
        let Some(link) = self.links.get_mut(&handle) else { return false };
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
            _ => return false,
        };
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
        sent
    }
}
