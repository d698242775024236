//! The signs of life of a shard's threads, each given by the thread itself.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A thread of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thread {
    /// Takes records and decides.
    Pump,
    /// Serves the Kafka client. It is silent while a revoke drains, which the limit allows for.
    Events,
    /// Talks to Event Hubs.
    Amqp,
    /// Writes dead letters.
    Letters,
}

impl Thread {
    const ALL: [Self; 4] = [Self::Pump, Self::Events, Self::Amqp, Self::Letters];

    fn name(self) -> &'static str {
        match self {
            Self::Pump => "pump",
            Self::Events => "event",
            Self::Amqp => "amqp",
            Self::Letters => "dead letter",
        }
    }
}

/// In place of a beat: the thread is not there (yet, or any more).
const NEVER: u64 = u64::MAX;

/// When each thread last gave a sign of life. What has not begun is not silent; the first beat of any begins the pump and
/// the event thread, which no shard is without.
#[derive(Debug)]
pub(super) struct Beats {
    began: Instant,
    /// Milliseconds since `began`.
    last: [AtomicU64; 4],
}

impl Beats {
    pub(super) fn new(began: Instant) -> Self {
        Self { began, last: [const { AtomicU64::new(NEVER) }; 4] }
    }

    pub(super) fn beat(&self, thread: Thread) {
        let now = self.began.elapsed().as_millis() as u64;
        self.last[thread as usize].store(now, Relaxed);
        for other in [Thread::Pump, Thread::Events] {
            // Fails when that one has begun, as it nearly always has.
            self.last[other as usize].compare_exchange(NEVER, now, Relaxed, Relaxed).ok();
        }
    }

    pub(super) fn forget(&self) {
        self.last.iter().for_each(|beat| beat.store(NEVER, Relaxed));
    }

    /// Those that are silent for longer than `limit`, and for how long.
    pub(super) fn silent(
        &self,
        now: Instant,
        limit: Duration,
    ) -> impl Iterator<Item = (&'static str, Duration)> {
        Thread::ALL.into_iter().filter_map(move |thread| {
            let last = self.last[thread as usize].load(Relaxed);
            let last = (last != NEVER).then(|| self.began + Duration::from_millis(last))?;
            let silent = now.saturating_duration_since(last);
            (silent > limit).then_some((thread.name(), silent))
        })
    }
}
