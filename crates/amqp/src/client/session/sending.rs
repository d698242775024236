//! The way of a message: its turn, its frames, and its answer.

use super::{Broken, Outside, Phase, Session, Unsettled};
use crate::client::OUT_HIGH;
use crate::client::event::{Answer, Event, LinkId};
use crate::client::link::{LinkEnd, Message, State, still_granted};
use crate::client::output::Output;
use crate::performative::write::{self, TRANSFER_OVERHEAD};
use crate::performative::{Disposition, Flow, Outcome, Role, Transfer};

/// What a link did with its turn.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::client) enum Turn {
    /// It has nothing that may be sent.
    Over,
    /// A message is out, and another may follow.
    Again,
    /// It waits for the window of the session.
    Stalled,
    /// There is enough to be written for now.
    Full,
}

impl Session {
    /// Gives the link that may send now, if it is one.
    pub(in crate::client) fn flow(&mut self, flow: &Flow, output: &mut Output) -> Option<LinkId> {
        let seen = flow.next_incoming_id.unwrap_or(0);
        self.window = still_granted(flow.incoming_window, seen, self.next_outgoing_id);
        let handle = flow.handle.and_then(|handle| self.peers.get(&handle).copied());
        let link = handle.and_then(|handle| self.links.get_mut(handle as usize)?.as_mut());
        let mut ready = None;
        let mut answer = flow.echo.then_some(None);
        if let Some(link) = link
            && link.state == State::Attached
            && let LinkEnd::Sender(sender) = &mut link.end
        {
            sender.flow(flow);
            ready = sender.is_ready().then_some(link.id);
            if sender.drained() || flow.echo {
                let credit = sender.credit;
                answer = Some(Some((link.id.handle, sender.delivery_count(), credit)));
            }
        }
        if let Some(link) = answer {
            self.say_flow(link, output);
        }
        ready
    }

    /// Makes frames of the message whose turn it is on that link.
    pub(in crate::client) fn carry_on(&mut self, id: LinkId, outside: &mut Outside<'_>) -> Turn {
        let Some(mut message) = self.next_message(id) else { return Turn::Over };
        let turn = loop {
            if self.window == 0 {
                break Turn::Stalled;
            }
            if outside.output.len() >= OUT_HIGH {
                break Turn::Full;
            }
            let number = self.number(id, &mut message);
            let more =
                write_frame(self.id.channel, id.handle, number as u32, &mut message, outside);
            self.window -= 1;
            self.next_outgoing_id = self.next_outgoing_id.wrapping_add(1);
            if !more {
                if let Some(unsettled) = self.unsettled.get_mut(&number) {
                    unsettled.end = Some(outside.output.end());
                }
                return Turn::Again;
            }
        };
        if let Some(sender) = self.sender(id) {
            sender.waiting.push_front(message);
        }
        turn
    }

    fn next_message(&mut self, id: LinkId) -> Option<Message> {
        let is_open = self.phase == Phase::Open;
        let link = self.link(id)?;
        let is_attached = link.state == State::Attached;
        let LinkEnd::Sender(sender) = &mut link.end else { return None };
        (is_open && is_attached && sender.is_ready()).then(|| sender.waiting.pop_front()).flatten()
    }

    /// The number of a message on the session; it gets one, and uses up credit, with its first frame.
    fn number(&mut self, id: LinkId, message: &mut Message) -> u64 {
        if let Some(number) = message.number {
            return number;
        }
        let number = self.next_number;
        self.next_number += 1;
        message.number = Some(number);
        let unsettled = Unsettled { handle: id.handle, id: message.id, end: None };
        self.unsettled.insert(number, unsettled);
        if let Some(sender) = self.sender(id) {
            sender.begins();
        }
        number
    }

    fn unwrap(&self, number: u32) -> Option<u64> {
        let behind = (self.next_number as u32).wrapping_sub(number);
        if behind == 0 || behind > u32::MAX / 2 {
            return None;
        }
        self.next_number.checked_sub(behind.into())
    }

    pub(in crate::client) fn disposition(
        &mut self,
        disposition: &Disposition<'_>,
        outside: &mut Outside<'_>,
    ) -> Result<(), Broken> {
        if disposition.role == Role::Sender {
            return Ok(());
        }
        let state = disposition.state.map(Outcome::decode).transpose();
        let answer = state.map_err(|error| error.to_string())?.flatten().map(Answer::from);
        if answer.is_none() && !disposition.settled {
            return Ok(());
        }
        let Some(first) = self.unwrap(disposition.first) else { return Ok(()) };
        let last = self.unwrap(disposition.last).unwrap_or(self.next_number);
        let mut rest = self.unsettled.split_off(&first);
        let mut later = rest.split_off(&(last + 1).max(first));
        self.unsettled.append(&mut later);
        for (number, unsettled) in rest {
            self.settle(number, &unsettled, answer.clone(), outside);
        }
        if !disposition.settled && self.phase == Phase::Open {
            let (range, channel) = ((disposition.first, disposition.last), self.id.channel);
            outside.output.make(|out| {
                write::disposition(out, channel, Role::Sender, range, Outcome::Accepted);
            });
        }
        Ok(())
    }

    fn settle(
        &mut self,
        number: u64,
        unsettled: &Unsettled,
        answer: Option<Answer>,
        outside: &mut Outside<'_>,
    ) {
        let Some(Some(link)) = self.links.get_mut(unsettled.handle as usize) else { return };
        let (link_id, delivery) = (link.id, unsettled.id);
        if let LinkEnd::Sender(sender) = &mut link.end
            && let Some(message) = sender.waiting.front_mut()
            && message.number == Some(number)
        {
            message.cut = true;
        }
        outside.events.push_back(match answer {
            Some(answer) => Event::Settled { link: link_id, delivery, answer },
            // Forgotten, and not said what became of it.
            None => Event::Unsettled { link: link_id, delivery, sent: true },
        });
    }
}

/// Makes one frame of a message. Gives whether there are more.
fn write_frame(
    channel: u16,
    handle: u32,
    number: u32,
    message: &mut Message,
    outside: &mut Outside<'_>,
) -> bool {
    let room = outside.max_frame.saturating_sub(TRANSFER_OVERHEAD).max(1);
    let part = match message.cut {
        true => bytes::Bytes::new(),
        false => message.payload.split_to(room.min(message.payload.len())),
    };
    let more = !message.cut && !message.payload.is_empty();
    let transfer = Transfer {
        handle,
        delivery_id: Some(number),
        delivery_tag: Some(&number.to_be_bytes()),
        message_format: Some(message.format),
        settled: false,
        more,
        aborted: message.cut,
    };
    outside.output.make(|out| write::transfer_head(out, channel, &transfer, part.len()));
    outside.output.slice(part);
    more
}
