//! A department reading the hub: Microsoft's own client, a consumer group of its own, all partitions from the start.
//!
//! Each runs on a thread with a single-threaded runtime, the only kind the client (0.16) is safe on. When the client
//! fails or falls silent, it is replaced by a new one, which goes on behind the last event entered: an event that is
//! delivered again by that is known by its sequence number and is not a duplicate of the bridge's.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use azure_messaging_eventhubs::{
    ConsumerClient, EventHubsError, OpenReceiverOptions, StartLocation, StartPosition,
};
use eventhubs_local::{Hub, Server};
use futures::StreamExt;
use futures::stream::select_all;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::books::Department;
use crate::inbox::{Arrival, Inbox};
use crate::{HUB, lock};

/// How long the client may take to connect, and to tell the partitions.
const OPEN: Duration = Duration::from_secs(10);
/// How long the client may be silent while there are events for it.
const SILENCE: Duration = Duration::from_secs(4);
/// Until the next client.
const AGAIN: Duration = Duration::from_millis(200);

/// A department at work.
pub(crate) struct Consumer {
    pub(crate) department: Department,
    inbox: Arc<Mutex<Inbox>>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Consumer {
    /// Begins to read.
    pub(crate) fn start(department: Department, server: &Server) -> io::Result<Self> {
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        let (stop, stopped) = watch::channel(false);
        let reader = Reader {
            group: department.name(),
            connection_string: server.connection_string(),
            endpoint: format!("amqp://{}", server.addr()),
            hub: server.hub(HUB),
            inbox: Arc::clone(&inbox),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread =
            std::thread::Builder::new().name(department.name().into()).spawn(move || {
                runtime.block_on(reader.run(stopped));
                // The client's own tasks may wait for answers that never come.
                runtime.shutdown_background();
            })?;
        Ok(Self { department, inbox, stop, thread })
    }

    /// Looks at what it has read.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Inbox) -> T) -> T {
        look(&lock(&self.inbox))
    }

    /// Whether its thread has gone.
    pub(crate) fn died(&self) -> bool {
        self.thread.is_finished()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // It ends at its next await; nobody needs to wait for that.
        self.stop.send_replace(true);
    }
}

/// Why a client was given up.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("{0}")]
    Client(#[from] EventHubsError),
    #[error("the client did not answer in time")]
    Silent(#[from] tokio::time::error::Elapsed),
    #[error("the client is silent while there are events")]
    Stuck,
    #[error("the client ended a stream")]
    Ended,
}

struct Reader {
    group: &'static str,
    connection_string: String,
    endpoint: String,
    hub: Arc<Hub>,
    inbox: Arc<Mutex<Inbox>>,
}

impl Reader {
    async fn run(&self, mut stopped: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                // Its sender lives as long as the consumer: an error also means the end.
                _ = stopped.wait_for(|stop| *stop) => return,
                Err(lost) = self.read() => lock(&self.inbox).restarted(lost.to_string()),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Reads with one client until that fails.
    async fn read(&self) -> Result<std::convert::Infallible, Lost> {
        let opening = ConsumerClient::builder()
            .with_consumer_group(self.group.to_owned())
            .with_custom_endpoint(self.endpoint.clone())
            .open_with_connection_string(&self.connection_string, Some(HUB));
        let client = timeout(OPEN, opening).await??;
        let partitions = timeout(OPEN, client.get_eventhub_properties()).await??.partition_ids;
        let positions = lock(&self.inbox).positions().clone();
        let mut receivers = Vec::new();
        for partition in &partitions {
            let start = Some(start(&positions, partition));
            let options = OpenReceiverOptions { start_position: start, ..Default::default() };
            let opening = client.open_receiver_on_partition(partition.clone(), Some(options));
            receivers.push(timeout(OPEN, opening).await??);
        }
        let mut events =
            select_all(receivers.iter().zip(&partitions).map(|(receiver, partition)| {
                receiver.stream_events().map(move |event| (partition.as_str(), event))
            }));
        loop {
            match timeout(SILENCE, events.next()).await {
                Ok(Some((partition, event))) => {
                    let event = event?;
                    let arrival = Arrival::of(partition, &event);
                    lock(&self.inbox).enter(arrival, Instant::now());
                }
                Ok(None) => return Err(Lost::Ended),
                // A consumer of the real service would ask it for the last sequence number; here the hub is at hand.
                Err(_) if self.hub.total() > lock(&self.inbox).read() => return Err(Lost::Stuck),
                Err(_) => {}
            }
        }
    }
}

fn start(positions: &HashMap<String, i64>, partition: &str) -> StartPosition {
    let location = match positions.get(partition) {
        Some(sequence) => StartLocation::SequenceNumber(*sequence),
        None => StartLocation::Earliest,
    };
    StartPosition { location, inclusive: false }
}
