//! The batches under way on a connection, and how it empties before it is cut.
//!
//! Once it is being left no batch sets out on it any more. A link at rest does not count: it has nothing to lose.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

#[derive(Clone)]
pub(super) struct Traffic(Arc<watch::Sender<TrafficState>>);

#[derive(Default)]
struct TrafficState {
    under_way: usize,
    /// Since when it is being left, if it is.
    left: Option<Instant>,
}

/// A batch that is under way, until this is dropped.
pub(super) struct UnderWay(Traffic);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.send_modify(|state| state.under_way -= 1);
    }
}

impl Default for Traffic {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(TrafficState::default())))
    }
}

impl Traffic {
    /// One more batch, unless the connection is being left.
    pub(super) fn set_out(&self) -> Option<UnderWay> {
        let mut may = false;
        self.0.send_if_modified(|state| {
            may = state.left.is_none();
            state.under_way += usize::from(may);
            false
        });
        may.then(|| UnderWay(self.clone()))
    }

    pub(super) fn is_being_left(&self) -> bool {
        self.0.borrow().left.is_some()
    }

    /// Waits until no batch is under way any more, at most until `limit` has passed since the first who asked for it.
    pub(super) async fn leave(&self, limit: Duration) {
        let mut since = Instant::now();
        self.0.send_modify(|state| since = *state.left.get_or_insert(since));
        let mut state = self.0.subscribe();
        drop(timeout_at(since + limit, state.wait_for(|state| state.under_way == 0)).await);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// Nothing here takes longer, unless it hangs.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn who_leaves_waits_for_what_is_under_way_and_nothing_else_sets_out() {
        let traffic = Traffic::default();
        let (first, second) = (traffic.set_out(), traffic.set_out());
        let other = traffic.clone();
        let leaving = tokio::spawn(async move { other.leave(100 * PATIENCE).await });
        while !traffic.is_being_left() {
            tokio::task::yield_now().await;
        }
        assert!(traffic.set_out().is_none());
        drop(first);
        tokio::task::yield_now().await;
        assert!(!leaving.is_finished(), "one is still under way");
        drop(second);
        timeout(PATIENCE, leaving).await.expect("nothing is under way").unwrap();
    }

    #[tokio::test]
    async fn nobody_waits_for_what_never_ends() {
        let traffic = Traffic::default();
        let stuck = traffic.set_out();
        let limit = Duration::from_millis(10);
        timeout(PATIENCE, traffic.leave(limit)).await.expect("the limit is kept");
        assert!(stuck.is_some());
    }
}
