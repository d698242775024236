//! A hub that is open: its partitions, how far each reaches, and who reads it.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::eventhubs::reader::{Many, ReadError, ReadFrom, ReadRequest};
use crate::eventhubs::{ConnectError, NamespaceClient, PartitionProperties};
use crate::group::CommandError;
use crate::metrics::Metrics;

use super::HubPlace;

/// Partitions that are read, or asked for, at a time.
const AT_ONCE: usize = 32;
/// Partitions that Microsoft's client reads at a time: each has a connection of its own.
const CONNECTIONS: usize = 8;

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Microsoft's own client.
    Microsoft,
    /// The bridge's own reader; why not the other.
    Bridge(&'static str),
}

impl By {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Microsoft => "microsoft",
            Self::Bridge(_) => "bridge",
        }
    }
}

impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Microsoft => f.write_str("read by Microsoft's own client"),
            Self::Bridge(why) => write!(f, "read by the bridge's own reader: {why}"),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct ReadHub {
    namespace: NamespaceClient,
    place: HubPlace,
    group: String,
    /// Its partitions by their ids, in the service's order, and how far each reached when it was opened.
    pub partitions: Vec<(String, PartitionProperties)>,
    /// Who reads it.
    pub by: By,
}

impl ReadHub {
    /// Opens it. `own` has the bridge's own reader read where Microsoft's client could. No answer may take longer than `limit`.
    pub async fn open(
        config: &Config,
        place: HubPlace,
        group: &str,
        own: bool,
        limit: Duration,
    ) -> Result<Self, CommandError> {
        let Some(settings) = config.eventhubs.get(&place.namespace) else {
            let what = format!("there is no namespace `{}`", place.namespace);
            return Err(CommandError::usage(what, "name one of `[eventhubs]`"));
        };
        let mut settings = settings.clone();
        settings.connect_timeout = settings.connect_timeout.min(limit);
        let metrics = Arc::new(Metrics::default());
        let (name, runtime) = (&place.namespace, Handle::current());
        let namespace = NamespaceClient::new(name, &settings, 0, runtime, metrics, None);
        let refused =
            |error: ConnectError| CommandError::denied(&format!("hub `{place}`"), &error, "");
        let found = namespace.hub(&place.hub).await.map_err(refused)?;
        let mut partitions = Vec::with_capacity(found.partition_ids.len());
        for ids in found.partition_ids.chunks(AT_ONCE) {
            let mut asked = JoinSet::new();
            for (number, id) in ids.iter().enumerate() {
                let (namespace, hub, id) = (namespace.clone(), place.hub.clone(), id.clone());
                asked.spawn(async move { (number, namespace.partition(&hub, &id).await, id) });
            }
            let mut told = asked.join_all().await;
            told.sort_by_key(|(number, _, _)| *number);
            for (_, found, id) in told {
                partitions.push((id, found.map_err(refused)?));
            }
        }
        let by = match namespace.without_witness() {
            _ if own => By::Bridge("as asked for"),
            Some(why) => By::Bridge(why),
            None => By::Microsoft,
        };
        Ok(Self { namespace, place, group: group.to_owned(), partitions, by })
    }

    /// What it is called.
    pub fn place(&self) -> &HubPlace {
        &self.place
    }

    /// A partition to be read from `start` to what was there when the hub was opened, or on and on.
    pub fn reading(&self, number: usize, start: ReadFrom, follow: bool) -> ReadRequest {
        let (partition, found) = &self.partitions[number];
        ReadRequest {
            hub: self.place.hub.clone(),
            group: self.group.clone(),
            partition: partition.clone(),
            start,
            // Nothing is waited for where nothing is.
            until: (!follow).then_some(if found.is_empty { -1 } else { found.last_sequence }),
        }
    }

    /// Reads, with a bound on how many at a time. What follows is read all at once: none of it ends.
    pub async fn read(&mut self, what: Vec<ReadRequest>) -> Result<Many, ReadError> {
        let follows = what.iter().any(|reading| reading.until.is_none());
        if follows && what.len() > AT_ONCE && self.by == By::Microsoft {
            self.by = By::Bridge("Microsoft's client would open a connection for each partition");
        }
        let at_once = |most| if follows { what.len() } else { most };
        match self.by {
            By::Microsoft => {
                let at_once = at_once(CONNECTIONS);
                self.namespace.witness_all(what, at_once).await
            }
            By::Bridge(_) => {
                let at_once = at_once(AT_ONCE);
                Ok(self.namespace.read_all(what, at_once))
            }
        }
    }

    /// When the oldest event of a partition was stored, in milliseconds since the Unix epoch, where older ones are gone.
    pub async fn oldest(&self, number: usize) -> Result<Option<i64>, CommandError> {
        let (id, found) = &self.partitions[number];
        if found.is_empty || found.first_sequence <= 0 {
            return Ok(None);
        }
        let mut reader = self.namespace.reader(self.reading(number, ReadFrom::Earliest, false));
        let events = reader.events().await;
        let events = events.map_err(|error| failure(&self.place, id, &error))?;
        Ok(events.first().map(|event| event.enqueued_ms))
    }

    /// Bytes of the largest event it takes, where we may send to it and it says so.
    pub async fn takes(&self) -> Option<u64> {
        self.namespace.may_send(&self.place.hub).await.ok()
    }

    /// Lets the service know that nobody reads any more.
    pub async fn leave(self) {
        self.namespace.leave().await;
    }
}

/// Why a partition of `place` cannot be read any further.
pub fn failure(place: &HubPlace, partition: &str, error: &ReadError) -> CommandError {
    CommandError::denied(&format!("hub `{place}`, partition {partition}"), error, "")
}
