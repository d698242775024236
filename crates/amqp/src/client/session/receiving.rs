//! What comes on the links of a session that receive: messages, and how many more may come.

use super::{Broken, INCOMING_WINDOW, OUTGOING_WINDOW, Outside, Phase, Session};
use crate::client::event::{Event, LinkId};
use crate::client::link::{Arrival, Link, LinkEnd, State};
use crate::client::output::Output;
use crate::performative::{Flow, Outcome, Role, Transfer, write};

impl Session {
    /// Lets the peer send more, where it is time to.
    pub(super) fn renew(&mut self, id: LinkId, output: &mut Output) {
        if let Some(Link { end: LinkEnd::Receiver(receiver), .. }) = self.link(id)
            && receiver.renew()
        {
            self.say_credit(id, output);
        }
    }

    /// Lets so many more messages come on a link that is there and receives.
    pub(in crate::client) fn grant(&mut self, id: LinkId, more: u32, output: &mut Output) -> bool {
        let Some(Link { state: State::Attached, end: LinkEnd::Receiver(receiver), .. }) =
            self.link(id)
        else {
            return false;
        };
        receiver.credit = receiver.credit.saturating_add(more);
        self.say_credit(id, output);
        true
    }

    /// Tells the peer how many messages may come.
    pub(super) fn say_credit(&mut self, id: LinkId, output: &mut Output) {
        let Some(Link { end: LinkEnd::Receiver(receiver), .. }) = self.link(id) else { return };
        let (count, credit) = (receiver.delivery_count, receiver.credit);
        self.say_flow(Some((id.handle, count, credit)), output);
    }

    pub(super) fn say_flow(&mut self, link: Option<(u32, u32, u32)>, output: &mut Output) {
        if self.phase != Phase::Open {
            return;
        }
        self.unannounced = 0;
        let flow = Flow {
            next_incoming_id: Some(self.next_incoming_id),
            incoming_window: INCOMING_WINDOW,
            next_outgoing_id: self.next_outgoing_id,
            outgoing_window: OUTGOING_WINDOW,
            handle: link.map(|(handle, _, _)| handle),
            delivery_count: link.map(|(_, count, _)| count),
            link_credit: link.map(|(_, _, credit)| credit),
            drain: false,
            echo: false,
        };
        output.make(|out| write::flow(out, self.id.channel, &flow));
    }

    pub(in crate::client) fn transfer(
        &mut self,
        transfer: &Transfer<'_>,
        payload: &[u8],
        outside: &mut Outside<'_>,
    ) -> Result<(), Broken> {
        if self.phase != Phase::Open {
            return Ok(());
        }
        self.next_incoming_id = self.next_incoming_id.wrapping_add(1);
        self.unannounced += 1;
        let channel = self.id.channel;
        let handle = self.peers.get(&transfer.handle).copied();
        let link = handle.and_then(|handle| self.links.get_mut(handle as usize)?.as_mut());
        let link = link.ok_or_else(|| format!("a message on handle {}", transfer.handle))?;
        let id = link.id;
        let is_attached = link.state == State::Attached;
        let LinkEnd::Receiver(receiver) = &mut link.end else {
            return Err("a message to a sender".to_owned());
        };
        // What is on its way to a link that was detached stays the peer's.
        if is_attached
            && let Arrival::Whole(message, number) = receiver.transfer(transfer, payload)?
        {
            if let Some(number) = number {
                outside.output.make(|out| {
                    let range = (number, number);
                    write::disposition(out, channel, Role::Receiver, range, Outcome::Accepted);
                });
            }
            outside.events.push_back(Event::Received { link: id, message });
            self.renew(id, outside.output);
        }
        if self.unannounced >= INCOMING_WINDOW / 2 {
            self.say_flow(None, outside.output);
        }
        Ok(())
    }
}
