//! Reading back: the events of one partition of a hub, from a position or a time on, in order and each once.
//!
//! A reader keeps its place by sequence number. A link or a connection that is lost is made anew and reading goes on after
//! the last event, a bounded number of times in a row. How much is under way is bounded in bytes, and who reads sets the
//! pace. Everything goes the way the lanes go: the same connections, the same way in; a reader needs the `Listen` right.
//!
//! A service lets five readers at a time read a partition for a consumer group.

mod event;
mod feed;
mod many;
pub(super) mod witness;

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::retry;

use super::namespace::NamespaceClient;
use super::outcome::Fault;
use super::{Cause, PartitionProperties};

pub use event::{EventBody, HubEvent, Property};
pub use many::{Many, ReaderEvent};

use feed::Feed;

/// Attempts in a row without an event, before a reader gives up.
const ATTEMPTS: u32 = 8;
/// A refusal may be that of a token that has just ended; a second one in a row is none.
const REFUSALS: u32 = 2;
/// A link that lived for so long was a good one.
const GOOD: Duration = Duration::from_secs(60);
/// Nothing is heard for so long before it is asked whether there is something; of a reader that follows.
const QUIET: Duration = Duration::from_secs(30);
/// Events that are given at a time.
const AT_A_TIME: usize = 256;

/// The consumer group that every hub has.
pub const DEFAULT_GROUP: &str = "$Default";

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRequest {
    /// The hub.
    pub hub: String,
    /// The consumer group, as [`DEFAULT_GROUP`].
    pub group: String,
    /// The partition, by its id.
    pub partition: String,
    /// Where to begin.
    pub start: ReadFrom,
    /// The sequence number of the last event to read; `None`: go on with what is stored later.
    pub until: Option<i64>,
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFrom {
    /// With the oldest event that is there.
    Earliest,
    /// With the event of this sequence number, or the next one that is still there.
    Sequence(i64),
    /// With the first event that was stored at this time (milliseconds since the Unix epoch) or later.
    Enqueued(i64),
}

impl ReadFrom {
    /// The expression that the service understands.
    fn selector(self) -> String {
        match self {
            Self::Earliest => "amqp.annotation.x-opt-offset > '-1'".to_owned(),
            Self::Sequence(first) => format!("amqp.annotation.x-opt-sequence-number >= '{first}'"),
            // Official clients ask for what is later than a time, and for nothing else.
            Self::Enqueued(from) => {
                format!("amqp.annotation.x-opt-enqueued-time > '{}'", from.saturating_sub(1))
            }
        }
    }
}

/// Why reading ended before its end, by what the caller must do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Try again: the namespace cannot be reached, is busy, or in trouble. The reader has tried for a while.
    #[error("{0}")]
    Unreachable(String),
    /// The right to read is missing; says what to do.
    #[error("not authorized: {0}")]
    Unauthorized(String),
    /// There is no such hub, consumer group or partition.
    #[error("not found: {0}")]
    NotFound(String),
    /// Others read the partition for this consumer group: five, or one that bears no others. Take another group, or wait.
    #[error("too many readers: {0}; hint: choose another consumer group")]
    Occupied(String),
    /// What was to be read is not there any more: the hub was made anew.
    #[error("no longer there: {0}")]
    Gone(String),
    /// What came is no event.
    #[error("unreadable: {0}")]
    Unreadable(String),
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        let says = |condition: &str| fault.detail.starts_with(condition);
        match fault.cause {
            Cause::Unauthorized => Self::Unauthorized(fault.detail),
            Cause::NotFound => Self::NotFound(fault.detail),
            _ if says("com.microsoft:argument") || says("amqp:invalid-field") => {
                Self::NotFound(fault.detail)
            }
            _ if says("amqp:link:stolen") || says("amqp:resource-limit-exceeded") => {
                Self::Occupied(fault.detail)
            }
            _ => Self::Unreachable(fault.detail),
        }
    }
}

/// A reader of one partition.
#[derive(Debug)]
pub struct PartitionReader {
    namespace: NamespaceClient,
    what: ReadRequest,
    /// The sequence number of the next event, once that is known.
    next: Option<i64>,
    feed: Option<Feed>,
    failures: u32,
    over: bool,
}

impl NamespaceClient {
    /// Attaches a link that could read a partition of `hub` for `group`, and detaches it again. Nothing is read: it would begin behind
    /// the last event.
    pub async fn may_read(&self, hub: &str, group: &str, partition: &str) -> Result<(), ReadError> {
        let path = path(hub, group, partition);
        let mut refusals = 0;
        loop {
            match Box::pin(Feed::attach(self, &path, "amqp.annotation.x-opt-offset > '@latest'"))
                .await
            {
                Ok(_feed) => return Ok(()),
                // Where there is a second key, it is its turn now.
                Err(fault) if fault.cause == Cause::Unauthorized && refusals + 1 < REFUSALS => {
                    refusals += 1;
                }
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    /// A reader; nothing is attached before it is asked for events.
    pub fn reader(&self, what: ReadRequest) -> PartitionReader {
        let next = match what.start {
            ReadFrom::Sequence(first) => Some(first),
            ReadFrom::Earliest | ReadFrom::Enqueued(_) => None,
        };
        let namespace = self.clone();
        PartitionReader { namespace, what, next, feed: None, failures: 0, over: false }
    }
}

/// Where a partition is read for a consumer group.
fn path(hub: &str, group: &str, partition: &str) -> String {
    format!("{hub}/ConsumerGroups/{group}/Partitions/{partition}")
}

impl PartitionReader {
    /// The next events, in order: at least one, and none when all was read. A reader without an end waits for them. Nothing
    /// is lost when the call is given up and made again; after an error, reading goes on where it was.
    pub async fn events(&mut self) -> Result<Vec<HubEvent>, ReadError> {
        if self.next.is_none() && self.feed.is_none() {
            self.look_ahead().await?;
        }
        loop {
            if self.over || self.what.until.is_some_and(|last| self.next > Some(last)) {
                self.over = true;
                self.feed = None;
                return Ok(Vec::new());
            }
            let patience = self.patience();
            let Some(feed) = &mut self.feed else {
                self.attach().await?;
                continue;
            };
            match timeout(patience, feed.take(AT_A_TIME)).await {
                Ok(Ok(messages)) => {
                    let events = self.wanted(messages)?;
                    if !events.is_empty() {
                        return Ok(events);
                    }
                }
                Ok(Err(fault)) => self.failed(fault).await?,
                Err(_) => self.silent().await?,
            }
        }
    }

    fn patience(&self) -> Duration {
        let limit = self.namespace.0.settings.connect_timeout;
        if self.what.until.is_some() { limit } else { QUIET.max(limit) }
    }

    /// The events of `messages` that were not seen before and are to be read.
    fn wanted(&mut self, messages: Vec<bytes::Bytes>) -> Result<Vec<HubEvent>, ReadError> {
        let mut events = Vec::with_capacity(messages.len());
        for message in messages {
            let event = match HubEvent::decode(&message) {
                Ok(event) => event,
                // What came before it is given first; then it comes again.
                Err(_) if !events.is_empty() => {
                    self.feed = None;
                    break;
                }
                Err(why) => {
                    self.feed = None;
                    let ReadRequest { hub, partition, .. } = &self.what;
                    let after = self.next.map_or(String::new(), |next| format!(" from {next} on"));
                    let text = format!("`{hub}`, partition {partition}{after}: {why}");
                    return Err(ReadError::Unreadable(text));
                }
            };
            if self.next.is_some_and(|next| event.sequence < next) {
                continue;
            }
            if self.what.until.is_some_and(|last| event.sequence > last) {
                self.over = true;
                break;
            }
            self.next = Some(event.sequence + 1);
            events.push(event);
        }
        self.failures = 0;
        Ok(events)
    }

    /// Finds out whether there is anything to read, where that cannot be told from the numbers.
    async fn look_ahead(&mut self) -> Result<(), ReadError> {
        if self.what.until.is_none() {
            return Ok(());
        }
        loop {
            match self.properties().await {
                Ok(found) => {
                    self.over = !found.holds(self.what.start, self.next);
                    return Ok(());
                }
                Err(fault) => self.failed(fault).await?,
            }
        }
    }

    async fn properties(&self) -> Result<PartitionProperties, Fault> {
        self.namespace.ask_partition(&self.what.hub, &self.what.partition).await
    }

    async fn attach(&mut self) -> Result<(), ReadError> {
        let start = self.next.map_or(self.what.start, ReadFrom::Sequence);
        let ReadRequest { hub, group, partition, .. } = &self.what;
        let path = path(hub, group, partition);
        match Box::pin(Feed::attach(&self.namespace, &path, &start.selector())).await {
            Ok(feed) => self.feed = Some(feed),
            Err(fault) => self.failed(fault).await?,
        }
        Ok(())
    }

    /// Nothing came for a while: there is nothing, or the link is dead.
    async fn silent(&mut self) -> Result<(), ReadError> {
        let found = match self.properties().await {
            Ok(found) => found,
            Err(fault) => return self.failed(fault).await,
        };
        let ReadRequest { hub, partition, until, start, .. } = &self.what;
        if found.holds(*start, self.next) {
            let detail = format!(
                "no event of `{hub}`, partition {partition}, within {:?}, though there is one",
                self.patience()
            );
            return self
                .failed(Fault { connection: false, ..Fault::new(Cause::Link, detail) })
                .await;
        }
        match until {
            // It was there, and retention has taken it.
            Some(last) if found.last_sequence >= *last => self.over = true,
            Some(last) => {
                return Err(ReadError::Gone(format!(
                    "`{hub}`, partition {partition}, should be read up to {last}, but ends at {}",
                    found.last_sequence
                )));
            }
            None => {}
        }
        Ok(())
    }

    /// Waits for the next attempt; or gives up.
    async fn failed(&mut self, fault: Fault) -> Result<(), ReadError> {
        let feed = self.feed.take();
        if feed.is_some_and(|feed| feed.since.elapsed() >= GOOD) {
            self.failures = 0;
        }
        self.failures += 1;
        let most = match (&fault.cause, fault.detail.starts_with("amqp:link:stolen")) {
            (Cause::NotFound, _) | (_, true) => 1,
            (Cause::Unauthorized, _) => REFUSALS,
            _ => ATTEMPTS,
        };
        let pause = retry::delay(self.failures, fault.after, rand::random());
        let why = ReadError::from(fault);
        let for_good = matches!(why, ReadError::NotFound(_));
        if self.failures >= most || for_good {
            self.failures = 0;
            return Err(why);
        }
        tracing::debug!(hub = self.what.hub, partition = self.what.partition, %why, ?pause, "reading failed, retrying after a pause");
        sleep(pause).await;
        Ok(())
    }
}

impl PartitionProperties {
    /// Whether there is an event at `next`, or from `start` on, or later.
    fn holds(&self, start: ReadFrom, next: Option<i64>) -> bool {
        !self.is_empty
            && match (next, start) {
                (Some(next), _) | (None, ReadFrom::Sequence(next)) => self.last_sequence >= next,
                (None, ReadFrom::Earliest) => true,
                (None, ReadFrom::Enqueued(from)) => self.last_enqueued_ms >= from,
            }
    }
}
