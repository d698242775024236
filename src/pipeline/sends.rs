//! Sends under way whose batches carry traces: each becomes a span when it is answered.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bridge_core::HubName;
use bridge_core::trace::Origins;

use crate::config::Namespace;
use crate::eventhubs::{SendError, Target};
use crate::otlp::{Destination, SendSpan, Spans};

/// See the module. While nobody follows traces, nothing is kept.
pub(super) struct Sends {
    spans: Option<Spans>,
    /// Hosts of namespaces.
    hosts: HashMap<String, Arc<str>>,
    /// By the number of the lane.
    lanes: Vec<Arc<Destination>>,
    /// By lane, of which each has one in flight at most.
    under_way: HashMap<usize, Begun>,
}

struct Begun {
    wall: SystemTime,
    at: Instant,
    origins: Origins,
}

impl Sends {
    pub(super) fn new(spans: Option<Spans>, namespaces: &BTreeMap<String, Namespace>) -> Self {
        let host =
            |(name, it): (&String, &Namespace)| (name.clone(), it.address.host.as_str().into());
        let hosts = namespaces.iter().map(host).collect();
        Self { spans, hosts, lanes: Vec::new(), under_way: HashMap::new() }
    }

    /// There is a lane more.
    pub(super) fn opened(&mut self, name: &HubName, target: &Target) {
        if self.spans.is_none() {
            return;
        }
        let host = self.hosts.get(&*name.namespace);
        let host = host.map_or_else(|| Arc::clone(&name.namespace), Arc::clone);
        let partition = match target {
            Target::Partition(id) => Some(id.as_str().into()),
            Target::Gateway { .. } => None,
        };
        self.lanes.push(Arc::new(Destination { host, hub: Arc::clone(&name.hub), partition }));
    }

    /// A batch leaves, of which this is told.
    pub(super) fn left(&mut self, lane: usize, origins: Option<Origins>) {
        if let Some(origins) = origins {
            let begun = Begun { wall: SystemTime::now(), at: Instant::now(), origins };
            self.under_way.insert(lane, begun);
        }
    }

    /// It is answered.
    pub(super) fn ended(&mut self, lane: usize, result: &Result<(), SendError>) {
        let Some(spans) = &self.spans else { return };
        let Some(Begun { wall, at, origins }) = self.under_way.remove(&lane) else { return };
        let Some(destination) = self.lanes.get(lane).map(Arc::clone) else { return };
        let error = result.as_ref().err().map(|error| (kind(error), error.to_string()));
        spans.tell(SendSpan { destination, began: wall, took: at.elapsed(), origins, error });
    }
}

/// A word for an error, of which there are few.
fn kind(error: &SendError) -> String {
    match error {
        SendError::Retry { cause, .. } => cause.as_str().to_owned(),
        SendError::TooLarge { .. } => "too_large".to_owned(),
        SendError::Refused { condition, .. } => condition.clone(),
    }
}
