//! A batch on its way over a link, and what is left of the link when it has ended.

use std::sync::Arc;

use amqp::driver::Delivery;
use bytes::Bytes;

use super::LinkTask;
use crate::eventhubs::link::{Link, SendEnd};
use crate::eventhubs::outcome::Fault;
use crate::eventhubs::traffic::UnderWay;
use crate::eventhubs::{Cause, SendError};

impl LinkTask {
    /// Sends over the link, and gives it back if it is still good.
    pub(super) async fn deliver(
        &mut self,
        mut link: Link,
        under_way: UnderWay,
        message: Bytes,
    ) -> (Result<(), SendError>, Option<Link>) {
        let limit = self.namespace.0.settings.send_timeout;
        let message = match &mut self.producer {
            Some(producer) => producer.numbered(&message),
            None => message,
        };
        let end = link.send(message, limit).await;
        // Nobody waits for a batch that had its time.
        drop(under_way);
        match end {
            SendEnd::Settled(result) => {
                self.seating.answered();
                (result, Some(link))
            }
            SendEnd::OutOfStep(fault) => {
                self.forgets();
                self.release(Some(link));
                (Err(fault.into()), None)
            }
            SendEnd::Lost(fault) => {
                if fault.out_of_step {
                    self.forgets();
                }
                link.seat.retire();
                if fault.connection && fault.doubtful {
                    self.loses_connection();
                }
                self.lost(link, &fault).await;
                (Err(fault.into()), None)
            }
            SendEnd::Unsent => (Err(self.unsent(link).await.into()), None),
            SendEnd::Silent(delivery) => (self.silent(link, delivery).await, None),
        }
    }

    /// Its batch was unanswered when the connection ended, or is why it ends.
    fn loses_connection(&mut self) {
        self.seating.lost();
        self.report_seating();
    }

    /// Says it when losses have set it apart.
    pub(super) fn report_seating(&mut self) {
        if self.seating.is_news() {
            let (namespace, hub, link) = (&*self.hub.namespace, &*self.hub.hub, &self.path);
            tracing::warn!(name: "link_set_apart", namespace, hub, link, "two connections ended while this link waited for an answer; it no longer shares one with the other hubs");
        }
    }

    /// The peer gave no credit in time: it can not have the batch.
    async fn unsent(&mut self, link: Link) -> Fault {
        let limit = self.namespace.0.settings.send_timeout;
        if link.seat.connected.silent_for(limit) {
            let detail = format!("the service was silent for {limit:?}; the batch was not sent");
            let fault = Fault::new(Cause::Connection, detail);
            self.namespace.give_up(&link.seat.connected, &fault).await;
            return fault.unsent();
        }
        self.namespace.0.runtime.spawn(link.close(limit));
        let detail = format!("the link gave no credit within {limit:?}; the batch was not sent");
        Fault::new(Cause::Link, detail).unsent()
    }

    /// There was no answer in time. The link has to be gone before the batch may be sent again: if need be with its
    /// connection, once the others have left that.
    async fn silent(&mut self, link: Link, delivery: Delivery) -> Result<(), SendError> {
        let limit = self.namespace.0.settings.send_timeout;
        let connected = Arc::clone(&link.seat.connected);
        let detail = format!("no acknowledgement within {limit:?}");
        match link.abandon(delivery, limit, &self.namespace.0.runtime).await {
            Ok(Some(result)) => result,
            Ok(None) => {
                tracing::debug!(
                    namespace = &*self.hub.namespace,
                    link = self.path,
                    detail,
                    "silent link released"
                );
                let fault = Fault::new(Cause::Timeout, detail);
                Err(Fault { connection: false, ..fault }.into())
            }
            Err(left) => {
                let fault = Fault::new(Cause::Timeout, format!("{detail}; {left}"));
                self.loses_connection();
                self.namespace.give_up(&connected, &fault).await;
                Err(fault.into())
            }
        }
    }
}
