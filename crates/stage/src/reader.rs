//! Microsoft's own client as a reader: what a consumer of the hub really gets.
//!
//! The client (0.16) now and then loses its connection or waits for ever when a server answers quickly. So every wait has
//! a limit, and reading goes on with a new client after the last event that was seen.

use std::pin::pin;
use std::time::Duration;

use azure_messaging_eventhubs::models::ReceivedEventData;
use azure_messaging_eventhubs::{
    ConsumerClient, EventHubsError, OpenReceiverOptions, StartLocation, StartPosition,
};
use futures::StreamExt as _;
use tokio::time::timeout;

/// The longest wait for the next event before the client is taken for dead.
const SILENCE: Duration = Duration::from_secs(10);
/// Clients that may fail, one after the other, without one event between them.
const ATTEMPTS: u32 = 6;

/// Which partition of which hub.
#[derive(Debug, Clone)]
pub struct Source {
    /// `host:port` of the namespace.
    pub address: String,
    /// With a key that may read.
    pub connection_string: String,
    /// By name.
    pub hub: String,
    /// By number.
    pub partition: u32,
}

impl Source {
    /// Reads from the beginning until `take` has had enough. On this thread, with a runtime of its own: the client loses
    /// answers on any other kind.
    pub fn read(&self, mut take: impl FnMut(&ReceivedEventData) -> Next) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let mut next = 0;
        let mut failures = 0;
        runtime.expect("a runtime").block_on(async {
            loop {
                let before = next;
                match timeout(SILENCE * 60, self.run(&mut next, &mut take)).await {
                    Ok(Ok(true)) => return,
                    _ if next > before => failures = 0,
                    _ => failures += 1,
                }
                assert!(failures < ATTEMPTS, "partition {}: no event after {next}", self.partition);
            }
        });
    }

    /// One client. `true` when `take` has had enough.
    async fn run(
        &self,
        next: &mut i64,
        take: &mut impl FnMut(&ReceivedEventData) -> Next,
    ) -> Result<bool, EventHubsError> {
        let client = ConsumerClient::builder()
            .with_custom_endpoint(format!("amqp://{}", self.address))
            .open_with_connection_string(&self.connection_string, Some(&self.hub));
        let Ok(client) = timeout(SILENCE, client).await else { return Ok(false) };
        let client = client?;
        let location = StartLocation::SequenceNumber(*next);
        let start_position = Some(StartPosition { location, inclusive: true });
        let options = OpenReceiverOptions {
            start_position,
            prefetch: Some(1000),
            ..OpenReceiverOptions::default()
        };
        let receiver = client.open_receiver_on_partition(self.partition.to_string(), Some(options));
        let Ok(receiver) = timeout(SILENCE, receiver).await else { return Ok(false) };
        let receiver = receiver?;
        let mut events = pin!(receiver.stream_events());
        while let Ok(Some(event)) = timeout(SILENCE, events.next()).await {
            let event = event?;
            let sequence = event.sequence_number().expect("a sequence number");
            assert_eq!(sequence, *next, "partition {}: an event is missing", self.partition);
            *next += 1;
            if take(&event) == Next::Enough {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What a reader does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Reads on.
    More,
    /// Ends.
    Enough,
}
