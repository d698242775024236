//! How far it is, in a folder: what is to be compared, as it was fixed at the first start, what was read of it, and which runs hold that.
//!
//! It is written after each run, whole or not at all. So whoever is killed goes on after the last run, and nothing is counted twice.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::readback::{HubPlace, ReadHub};

/// The file, in the folder of the runs.
const FILE: &str = "verify.json";

/// Offsets of a Kafka partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KafkaRange {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// The first that is to be read, and behind the last.
    pub(super) from: i64,
    pub(super) to: i64,
    /// Whether what stood before was asked for, and is not there any more.
    pub(super) trimmed: bool,
    /// The first that was not read.
    pub(super) next: i64,
    /// Whether nothing of it was compared before the range.
    #[serde(default)]
    pub(super) fresh: bool,
    /// What tells the topic from another of its name, where Kafka says so.
    #[serde(default)]
    pub(super) topic_id: Option<String>,
}

/// A partition of a hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HubRange {
    pub(super) id: String,
    /// The sequence number of the last event to read.
    pub(super) until: i64,
    /// The first one that was not read, once some were.
    pub(super) next: Option<i64>,
    /// When the oldest event was stored that is there, where older ones are gone.
    pub(super) trimmed: Option<i64>,
    pub(super) done: bool,
}

/// A hub, and whether all of it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HubState {
    pub(super) namespace: String,
    pub(super) hub: String,
    pub(super) lanes: Vec<HubRange>,
    /// Who has read it.
    pub(super) by: String,
}

/// A topic and where its records go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct TopicHub {
    pub(super) topic: String,
    /// The place of the hub among the hubs.
    pub(super) hub: usize,
    /// The property by which an event says that it was replayed.
    pub(super) replayed: String,
    /// Whether each event is to be there once, whatever fails.
    #[serde(default)]
    pub(super) once: bool,
}

/// A partition of a dead-letter topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LetterBox {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// The first that was not read.
    pub(super) next: i64,
}

impl LetterBox {
    pub(super) fn is(&self, topic: &str, partition: i32) -> bool {
        self.topic == topic && self.partition == partition
    }
}

/// How far it is in following a bridge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Live {
    /// The number of the round, from 1.
    pub(super) round: u64,
    /// Whether its ranges are fixed, and not compared yet.
    pub(super) open: bool,
    /// When it was asked what is committed, in milliseconds since the Unix epoch.
    pub(super) asked: i64,
    /// The same of the last round that was compared.
    pub(super) settled: Option<i64>,
    /// Partitions of which nothing is committed.
    pub(super) uncommitted: usize,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct VerifyState {
    /// What was asked: another question needs another folder.
    pub(super) question: String,
    /// From when on events are read, in milliseconds since the Unix epoch; `None`: all that are there.
    pub(super) since: Option<i64>,
    pub(super) sources: Vec<KafkaRange>,
    pub(super) hubs: Vec<HubState>,
    pub(super) ways: Vec<TopicHub>,
    pub(super) letters_read: bool,
    #[serde(default)]
    pub(super) letters: Vec<LetterBox>,
    /// Only of one that follows a bridge.
    #[serde(default)]
    pub(super) live: Option<Live>,
    pub(super) runs: Vec<String>,
    pub(super) counts: EntryCounts,
}

impl HubState {
    /// What is to be read of a hub.
    pub(super) fn of(hub: &ReadHub, lanes: Vec<HubRange>) -> Self {
        let HubPlace { namespace, hub: name } = hub.place().clone();
        Self { namespace, hub: name, lanes, by: hub.by.as_str().to_owned() }
    }
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct EntryCounts {
    pub(super) records: u64,
    pub(super) events: u64,
    /// Events of topics or senders that are not compared.
    pub(super) others: u64,
    /// Seconds that reading took, by what was read.
    pub(super) seconds: BTreeMap<String, f64>,
}

impl VerifyState {
    /// Nothing was read yet.
    pub(super) fn new(question: String) -> Self {
        Self {
            question,
            since: None,
            sources: Vec::new(),
            hubs: Vec::new(),
            ways: Vec::new(),
            letters_read: false,
            letters: Vec::new(),
            live: None,
            runs: Vec::new(),
            counts: EntryCounts::default(),
        }
    }

    /// What stands in `folder`, if something does.
    pub(super) fn load(folder: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read(folder.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let state = serde_json::from_slice(&text);
        state.map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    pub(super) fn save(&self, folder: &Path) -> io::Result<()> {
        let part = folder.join(format!("{FILE}.part"));
        let text = serde_json::to_vec(self).expect("its maps have names");
        fs::write(&part, text)?;
        fs::File::open(&part)?.sync_data()?;
        fs::rename(part, folder.join(FILE))
    }

    /// The hubs, by their numbers.
    pub(super) fn places(&self) -> Vec<HubPlace> {
        let place =
            |it: &HubState| HubPlace { namespace: it.namespace.clone(), hub: it.hub.clone() };
        self.hubs.iter().map(place).collect()
    }

    /// The number of the way of `topic` to a hub.
    pub(super) fn way(&self, topic: &str, hub: usize) -> Option<u32> {
        let place = self.ways.iter().position(|way| way.hub == hub && way.topic == topic)?;
        u32::try_from(place).ok()
    }
}
