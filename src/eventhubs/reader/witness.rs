//! Microsoft's own client as a reader: a witness that shares no code with what sends.
//!
//! It goes where it can: over TCP, with the authorities of the system. What it gives is what our own reader gives, in the same
//! form. The client now and then loses its connection or waits for ever, and loses answers unless its runtime has one thread:
//! so it has a thread of its own, every wait has a limit, and reading goes on with a new client after the last event.

mod event;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use azure_messaging_eventhubs::{
    ConsumerClient, OpenReceiverOptions, StartLocation, StartPosition,
};
use futures::StreamExt as _;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{sleep, timeout};

use crate::config::{self, Protocol};
use crate::retry;

use super::super::login::WitnessLogin;
use super::super::namespace::NamespaceClient;
use super::many::{Many, ReaderEvent, WAITING};
use super::{AT_A_TIME, ATTEMPTS, HubEvent, ReadError, ReadFrom, ReadRequest};

/// The longest wait for an answer, or for an event that is there.
const SILENCE: Duration = Duration::from_secs(10);
/// A client that follows is made anew after so long without an event: it may be dead.
const QUIET: Duration = Duration::from_secs(120);
/// Events that may be under way.
const PREFETCH: u32 = 300;

impl NamespaceClient {
    /// Why Microsoft's client cannot read here; `None` when it can.
    pub fn without_witness(&self) -> Option<&'static str> {
        let config::Namespace { way, address, .. } = &self.0.settings;
        match way {
            _ if way.protocol == Protocol::WebSocket => {
                Some("the namespace is reached by WebSocket")
            }
            _ if !address.tls => None,
            _ if way.tls.ca_file.is_some() => Some("the namespace has a private authority"),
            _ if way.tls.identity.is_some() => Some("the namespace requires a client certificate"),
            _ if way.endpoint.is_some() => Some("the namespace is reached at another address"),
            _ => None,
        }
    }

    /// As [`NamespaceClient::read_all`], by Microsoft's client. Each partition that is read has a connection of its own.
    pub async fn witness_all(
        &self,
        what: Vec<ReadRequest>,
        at_once: usize,
    ) -> Result<Many, ReadError> {
        let pass = self.0.login.pass(&self.0.settings.address.host).await?;
        let (tell, told) = mpsc::channel(WAITING);
        let namespace = self.clone();
        let turns = Arc::new(Semaphore::new(at_once.max(1)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| ReadError::Unreachable(error.to_string()))?;
        let work = move || {
            LocalSet::new().block_on(&runtime, async {
                let mut tasks = JoinSet::new();
                for (number, what) in what.into_iter().enumerate() {
                    let (turns, tell) = (Arc::clone(&turns), tell.clone());
                    let witness = Witness {
                        namespace: namespace.clone(),
                        pass: pass.clone(),
                        next: None,
                        what,
                        number,
                        tell,
                    };
                    tasks.spawn_local(async move {
                        let _turn = turns.acquire().await;
                        witness.run().await;
                    });
                }
                tokio::select! {
                    () = tell.closed() => {}
                    () = async { while tasks.join_next().await.is_some() {} } => {}
                }
            });
            // What the client still does by itself is nobody's concern.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("witness".into()).spawn(work);
        thread.map_err(|error| ReadError::Unreachable(error.to_string()))?;
        Ok(Many::new(told, JoinSet::new()))
    }
}

/// How a client ended.
enum Ended {
    /// All was read, or nobody is there to take it.
    Done,
    /// Nothing came for a while.
    Silent,
    /// It said why.
    Failed(String),
}

/// A partition that is read by it.
struct Witness {
    namespace: NamespaceClient,
    pass: WitnessLogin,
    what: ReadRequest,
    /// The sequence number of the next event, once that is known.
    next: Option<i64>,
    number: usize,
    tell: mpsc::Sender<(usize, ReaderEvent)>,
}

impl Witness {
    async fn run(mut self) {
        let mut failures = 0;
        if let ReadFrom::Sequence(first) = self.what.start {
            self.next = Some(first);
        }
        let told = loop {
            match self.has_more().await {
                Ok(true) => {}
                Ok(false) => break ReaderEvent::Ended,
                Err(error) => break ReaderEvent::Failed(error),
            }
            let before = self.next;
            let why = match self.client().await {
                Ended::Done => break ReaderEvent::Ended,
                // Nothing need come to one that follows.
                Ended::Silent if self.what.until.is_none() => {
                    failures = 0;
                    continue;
                }
                Ended::Silent => "no event arrived, although there is one".to_owned(),
                Ended::Failed(why) => why,
            };
            failures = if self.next > before { 1 } else { failures + 1 };
            if failures >= ATTEMPTS {
                break ReaderEvent::Failed(refusal(&why, &self.what));
            }
            sleep(retry::delay(failures, None, rand::random())).await;
        };
        self.tell.send((self.number, told)).await.ok();
    }

    /// Whether there is something to read, or to wait for.
    async fn has_more(&self) -> Result<bool, ReadError> {
        let ReadRequest { hub, partition, start, until, .. } = &self.what;
        let Some(last) = until else { return Ok(true) };
        if self.next.is_some_and(|next| next > *last) {
            return Ok(false);
        }
        let found = self.namespace.ask_partition(hub, partition).await?;
        Ok(found.holds(*start, self.next))
    }

    /// Reads with one client, as long as that goes well.
    async fn client(&mut self) -> Ended {
        let failed =
            |error: azure_messaging_eventhubs::EventHubsError| Ended::Failed(error.to_string());
        let late = || Ended::Failed(format!("no answer within {SILENCE:?}"));
        let client = match timeout(SILENCE, self.open()).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return failed(error),
            Err(_) => return late(),
        };
        let start = self.next.map_or(self.what.start, ReadFrom::Sequence);
        let options = OpenReceiverOptions {
            start_position: Some(position(start)),
            prefetch: Some(PREFETCH),
            ..OpenReceiverOptions::default()
        };
        let receiver =
            client.open_receiver_on_partition(self.what.partition.clone(), Some(options));
        let receiver = match timeout(SILENCE, receiver).await {
            Ok(Ok(receiver)) => receiver,
            Ok(Err(error)) => return failed(error),
            Err(_) => return late(),
        };
        let mut stream = pin!(receiver.stream_events().ready_chunks(AT_A_TIME));
        let silence = if self.what.until.is_some() { SILENCE } else { QUIET };
        loop {
            let chunk = match timeout(silence, stream.next()).await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ended::Failed("the client has ended the stream".to_owned()),
                Err(_) => return Ended::Silent,
            };
            let mut events = Vec::with_capacity(chunk.len());
            let (mut over, mut wrong) = (false, None);
            for received in chunk {
                match received.map(|it| event::read(&it)) {
                    Ok(event) => over |= self.take(event, &mut events),
                    Err(error) => wrong = Some(error),
                }
            }
            if !events.is_empty() {
                let told = (self.number, ReaderEvent::Events(events));
                over |= self.tell.send(told).await.is_err();
            }
            match wrong {
                _ if over => return Ended::Done,
                Some(error) => return failed(error),
                None => {}
            }
        }
    }

    /// Keeps an event that was not seen before and is to be read. `true` after the last one.
    fn take(&mut self, event: HubEvent, events: &mut Vec<HubEvent>) -> bool {
        let sequence = event.sequence;
        let until = self.what.until;
        if self.next.is_some_and(|next| sequence < next) {
            return false;
        }
        if until.is_none_or(|last| sequence <= last) {
            self.next = Some(sequence + 1);
            events.push(event);
        }
        until.is_some_and(|last| sequence >= last)
    }

    async fn open(&self) -> Result<ConsumerClient, azure_messaging_eventhubs::EventHubsError> {
        let config::Namespace { address, way, .. } = &self.namespace.0.settings;
        let endpoint = way.endpoint.as_ref();
        let host = endpoint.map_or(&address.host, |endpoint| &endpoint.host);
        let port = endpoint.and_then(|endpoint| endpoint.port).unwrap_or(address.port);
        let scheme = if address.tls { "amqps" } else { "amqp" };
        let builder = ConsumerClient::builder()
            .with_consumer_group(self.what.group.clone())
            .with_custom_endpoint(format!("{scheme}://{host}:{port}"));
        match &self.pass {
            WitnessLogin::ConnectionString(string) => {
                builder.open_with_connection_string(string.expose(), Some(&self.what.hub)).await
            }
            WitnessLogin::Tokens(tokens) => {
                let tokens = Arc::clone(tokens);
                builder.open(&address.host, self.what.hub.clone(), tokens).await
            }
        }
    }
}

fn position(start: ReadFrom) -> StartPosition {
    let at = |location, inclusive| StartPosition { location, inclusive };
    match start {
        ReadFrom::Earliest => at(StartLocation::Earliest, false),
        ReadFrom::Sequence(first) => at(StartLocation::SequenceNumber(first), true),
        ReadFrom::Enqueued(from) => {
            let before = u64::try_from(from.saturating_sub(1)).unwrap_or(0);
            let before = std::time::UNIX_EPOCH + Duration::from_millis(before);
            at(StartLocation::EnqueuedTime(before), false)
        }
    }
}

fn refusal(why: &str, what: &ReadRequest) -> ReadError {
    let ReadRequest { hub, partition, .. } = what;
    let text = format!("`{hub}`, partition {partition}, by Microsoft's client: {why}");
    if why.to_ascii_lowercase().contains("unauthorized") {
        let right = "it needs the `Listen` right (Azure Event Hubs Data Receiver)";
        return ReadError::Unauthorized(format!("{text}; hint: {right}"));
    }
    ReadError::Unreachable(text)
}
