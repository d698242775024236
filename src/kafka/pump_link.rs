//! The pump, as the event thread tells it of partitions.

use std::sync::Arc;

use crate::kafka::{RebalanceListener, Silent};
#[cfg(test)]
use crate::record::{Commit, TopicPartition};

/// A pump that did not answer once is not asked again: it may take records of one assignment for those of the next.
pub(super) struct PumpLink {
    pump: Arc<dyn RebalanceListener>,
    silence: Option<Silent>,
}

impl PumpLink {
    pub(super) fn new(pump: Arc<dyn RebalanceListener>) -> Self {
        Self { pump, silence: None }
    }

    /// Of no pump.
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        struct Nobody;
        impl RebalanceListener for Nobody {
            fn assigned(&self, _: &[crate::kafka::Begun]) -> Result<(), Silent> {
                Ok(())
            }
            fn revoke(
                &self,
                _: &[TopicPartition],
            ) -> Result<Vec<(TopicPartition, Commit)>, Silent> {
                Ok(Vec::new())
            }
            fn lost(&self, _: &[TopicPartition]) -> Result<(), Silent> {
                Ok(())
            }
        }
        Self::new(Arc::new(Nobody))
    }

    /// Tells the pump something, or asks it.
    pub(super) fn ask<T: Default>(
        &mut self,
        ask: impl FnOnce(&dyn RebalanceListener) -> Result<T, Silent>,
    ) -> T {
        if self.silence.is_some() {
            return T::default();
        }
        ask(&*self.pump).unwrap_or_else(|silent| {
            self.silence = Some(silent);
            T::default()
        })
    }

    /// That the pump did not answer, if it did not. Then nothing may be read any more.
    pub(super) fn silence(&self) -> Option<Silent> {
        self.silence
    }
}
