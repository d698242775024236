//! Where partitions end that are not read as far as they go.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::record::TopicPartition;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Bounds(Mutex<HashMap<TopicPartition, i64>>);

impl Bounds {
    fn lock(&self) -> MutexGuard<'_, HashMap<TopicPartition, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on `partition` ends there, or nowhere.
    pub(super) fn set(&self, partition: &TopicPartition, end: Option<i64>) {
        let mut bounds = self.lock();
        match end {
            Some(end) => bounds.insert(partition.clone(), end),
            None => bounds.remove(partition),
        };
    }

    pub(super) fn of(&self, partition: &TopicPartition) -> Option<i64> {
        self.lock().get(partition).copied()
    }
}
