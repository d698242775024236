//! Until when lanes may send of which each event is to be stored once.

use std::time::Instant;

use tokio::sync::watch;
use tokio::time::sleep_until;

/// The end that knows.
#[derive(Debug)]
pub struct Lessor(watch::Sender<Option<Instant>>);

/// The end that asks.
#[derive(Debug, Clone)]
pub struct Lease(watch::Receiver<Option<Instant>>);

impl Default for Lessor {
    /// Nothing may be sent yet.
    fn default() -> Self {
        Self(watch::channel(None).0)
    }
}

impl Lessor {
    /// From now on it lasts until then; without, it is over.
    pub fn lasts(&self, until: Option<Instant>) {
        self.0.send_replace(until);
    }

    /// For a lane.
    pub fn lease(&self) -> Lease {
        Lease(self.0.subscribe())
    }
}

impl Lease {
    /// Whether it is not over.
    pub(super) fn lasts(&self) -> bool {
        self.0.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Ends when it is over.
    pub(super) async fn over(&mut self) {
        loop {
            let until = *self.0.borrow_and_update();
            let Some(until) = until.filter(|until| Instant::now() < *until) else { return };
            tokio::select! {
                () = sleep_until(until.into()) => {}
                renewed = self.0.changed() => if renewed.is_err() { return },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_is_over_when_it_is_not_renewed_or_ended() {
        let (lessor, hour) = (Lessor::default(), Duration::from_secs(3600));
        let mut lease = lessor.lease();
        assert!(!lease.lasts());
        lease.over().await;
        lessor.lasts(Some(Instant::now() + hour));
        assert!(lease.lasts());
        let mut waits = Box::pin(lease.over());
        assert!(futures::poll!(&mut waits).is_pending());
        lessor.lasts(Some(Instant::now() + 2 * hour));
        assert!(futures::poll!(&mut waits).is_pending());
        lessor.lasts(None);
        waits.await;
    }
}
