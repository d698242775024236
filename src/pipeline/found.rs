//! What hubs have said of themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The partitions of hubs as they were answered last, for whoever asks next.
#[derive(Debug, Clone, Default)]
pub struct KnownHubs(Arc<Mutex<Answers>>);

type Answers = HashMap<(Arc<str>, Arc<str>), (HubPartitions, Instant)>;

/// What a hub says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubPartitions {
    /// Its partitions, in its order.
    pub partition_ids: Vec<String>,
    /// The largest batch its links take, if one was attached to see.
    pub limit: Option<u64>,
}

impl KnownHubs {
    fn all(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The partitions of a hub that lets us send, if they were answered no longer than `age` ago.
    pub fn get(
        &self,
        namespace: &Arc<str>,
        hub: &Arc<str>,
        age: Duration,
    ) -> Option<HubPartitions> {
        let all = self.all();
        let (answer, answered) = all.get(&(Arc::clone(namespace), Arc::clone(hub)))?;
        (answered.elapsed() <= age).then(|| answer.clone())
    }

    /// Notes an answer; `None` when what was known is not so any more.
    pub fn set(&self, namespace: &Arc<str>, hub: &Arc<str>, answer: Option<&HubPartitions>) {
        let key = (Arc::clone(namespace), Arc::clone(hub));
        match answer {
            Some(answer) => drop(self.all().insert(key, (answer.clone(), Instant::now()))),
            None => drop(self.all().remove(&key)),
        }
    }
}
