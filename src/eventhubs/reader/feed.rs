//! A link that reads, and how much of it is under way: so many messages as fit into a bound of bytes by the size of those that
//! came lately.

use std::fmt;
use std::time::Duration;

use amqp::client::{Attach, Credit, Receives};
use amqp::driver::Receiver;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::super::Cause;
use super::super::namespace::NamespaceClient;
use super::super::outcome::Fault;
use super::super::seating::Set;
use super::super::session::Seat;

/// Messages under way before it is known how large they are.
const FIRST: u32 = 16;
/// Messages under way, at most.
const MOST: u32 = 2_000;
/// Bytes that are to be under way.
const BYTES: usize = 2 * 1024 * 1024;
/// Bytes of the largest message: the largest publication of any tier, and what the service adds.
const LARGEST: usize = 21 * 1024 * 1024;
/// How long the end of a link may take to be told once nothing comes any more.
const LAST_WORD: Duration = Duration::from_secs(1);
/// Says that offsets may be of any form.
const GEO: &str = "com.microsoft:georeplication";

/// How many messages may be under way.
#[derive(Debug)]
pub(super) struct CreditWindow {
    /// Granted, and not taken yet.
    open: u32,
    /// Bytes of the largest message, of late.
    large: usize,
}

impl CreditWindow {
    pub(super) fn new() -> Self {
        Self { open: FIRST, large: BYTES / FIRST as usize }
    }

    /// One was taken.
    pub(super) fn took(&mut self, bytes: usize) {
        self.open = self.open.saturating_sub(1);
        self.large = bytes.max(self.large - self.large / 64).max(1);
    }

    /// So many more may come.
    pub(super) fn more(&mut self) -> u32 {
        let most = u32::try_from(BYTES / self.large).unwrap_or(MOST).clamp(1, MOST);
        if self.open > most / 2 {
            return 0;
        }
        let more = most - self.open;
        self.open = most;
        more
    }
}

/// A link that reads.
pub(super) struct Feed {
    receiver: Receiver,
    messages: mpsc::Receiver<Bytes>,
    pace: CreditWindow,
    pub(super) since: Instant,
    _seat: Seat,
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("pace", &self.pace).finish_non_exhaustive()
    }
}

impl Feed {
    /// Attaches a link to `path`, with a token for it. Events come from where `selector` says.
    pub(super) async fn attach(
        namespace: &NamespaceClient,
        path: &str,
        selector: &str,
    ) -> Result<Self, Fault> {
        let seat = namespace.seat(Set::Common, false).await?;
        let connected = std::sync::Arc::clone(&seat.connected);
        let attached = Self::attach_at(namespace, seat, path, selector).await;
        if let Err(fault) = &attached
            && fault.connection
        {
            namespace.give_up(&connected, fault).await;
        }
        attached
    }

    async fn attach_at(
        namespace: &NamespaceClient,
        seat: Seat,
        path: &str,
        selector: &str,
    ) -> Result<Self, Fault> {
        let connected = &seat.connected;
        let audience = namespace.audience(path);
        let token = namespace.authorize(connected, &audience).await?;
        let name = format!("{path}#{}", namespace.number());
        let credit = Credit::ByHand(FIRST);
        let receives = Receives {
            credit,
            selector: Some(selector),
            settled: true,
            capabilities: &[GEO],
            ..Receives::kept(FIRST, LARGEST)
        };
        let attach = Attach { name: &name, address: path, own: &name, receives: Some(receives) };
        let (tell, messages) = mpsc::channel((MOST + FIRST) as usize);
        // There is room for all that is granted.
        let hear = move |message: Bytes| drop(tell.try_send(message));
        let receiver = seat.attach_receiver(&attach, hear).await.map_err(|fault| {
            let late = || connected.unanswered("attaching a link", connected.limit);
            let fault = namespace.explained(fault.unwrap_or_else(late), path);
            if fault.cause == Cause::Unauthorized {
                connected.access.forget(&audience, &token);
            }
            fault
        })?;
        let (pace, since) = (CreditWindow::new(), Instant::now());
        Ok(Self { receiver, messages, pace, since, _seat: seat })
    }

    /// Waits for a message, and takes what is there, `most` at most. Nothing is lost when this is dropped.
    pub(super) async fn take(&mut self, most: usize) -> Result<Vec<Bytes>, Fault> {
        let mut messages = Vec::new();
        if self.messages.recv_many(&mut messages, most).await == 0 {
            // It has ended, and all that came was taken.
            let gone = timeout(LAST_WORD, self.receiver.gone()).await;
            return Err(match gone {
                Ok(why) => Fault::ended(&why),
                Err(_) => Fault::new(Cause::Link, "the link is closed"),
            });
        }
        for message in &messages {
            self.pace.took(message.len());
        }
        let more = self.pace.more();
        if more > 0 {
            self.receiver.grant(more);
        }
        Ok(messages)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_under_way_is_bounded_and_never_nothing(sizes in prop::collection::vec(1usize..LARGEST, 1..300)) {
            let (mut pace, mut under_way) = (CreditWindow::new(), u64::from(FIRST));
            for size in sizes {
                pace.took(size);
                under_way -= 1;
                under_way += u64::from(pace.more());
                prop_assert!(under_way >= 1, "somebody may send");
                prop_assert!(under_way <= u64::from(MOST));
            }
        }
    }

    #[test]
    fn small_messages_come_by_the_thousand_and_large_ones_one_by_one() {
        let open = |size: usize| {
            let mut pace = CreditWindow::new();
            for _ in 0..1_000 {
                pace.took(size);
                pace.more();
            }
            pace.open
        };
        assert!(open(100) > MOST / 2);
        assert!((1..=2).contains(&open(1024 * 1024)), "{}", open(1024 * 1024));
        assert_eq!(open(LARGEST), 1);
    }
}
