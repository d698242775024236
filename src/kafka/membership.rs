//! What the group has given this member, and what of it is read. The event thread's.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::kafka::start::Doubt;
use crate::record::{Position, TopicPartition};
use crate::retry;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Whether this is a member, and its partitions.
#[derive(Debug, Default)]
pub(super) struct Membership {
    /// Whether the group ever gave this member an assignment, be it empty.
    pub(super) joined: bool,
    /// Whether it has one, be it empty.
    pub(super) in_session: bool,
    /// Assigned to librdkafka and to the pump, and from which position on, as far as that is a number.
    pub(super) read: HashMap<TopicPartition, Option<Position>>,
    /// Whether something was assigned since this was last unset.
    pub(super) is_new: bool,
    /// Ours by the group's word, and not read yet.
    pub(super) waiting: HashMap<TopicPartition, Wait>,
    /// Those that wait because their position is gone.
    pub(super) held: HashMap<TopicPartition, Instant>,
    /// When the group last took everything because the session had ended.
    pub(super) lost: Option<Instant>,
    /// How often a partition had to be restarted lately, and when last, for the pauses.
    pub(super) restarts: HashMap<TopicPartition, (u32, Instant)>,
}

#[derive(Debug)]
pub(super) struct Wait {
    pub(super) attempts: u32,
    pub(super) until: Instant,
    pub(super) doubt: Option<Doubt>,
}

impl Membership {
    /// Whether `partition` is read.
    pub(super) fn reads(&self, partition: &TopicPartition) -> bool {
        self.read.contains_key(partition)
    }

    /// Those of `partitions` that are read.
    pub(super) fn read_of<'a>(
        &self,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
    ) -> Vec<TopicPartition> {
        partitions.into_iter().filter(|partition| self.reads(partition)).cloned().collect()
    }

    /// Everything that is read.
    pub(super) fn all_read(&self) -> Vec<TopicPartition> {
        self.read.keys().cloned().collect()
    }

    /// Where `partition` was begun to be read, if it is read; that may not be known.
    #[expect(clippy::option_option, reason = "what is not read has no start that could be unknown")]
    pub(super) fn start(&self, partition: &TopicPartition) -> Option<Option<Position>> {
        self.read.get(partition).copied()
    }

    /// Partitions that are read from a position that is not known.
    pub(super) fn without_start(&self) -> Vec<TopicPartition> {
        let unknown = self.read.iter().filter(|(_, start)| start.is_none());
        unknown.map(|(partition, _)| partition.clone()).collect()
    }

    /// These were begun at their first record, which stands here.
    pub(super) fn begin_at(&mut self, starts: &[(TopicPartition, Position)]) {
        for (partition, start) in starts {
            if let Some(unknown @ None) = self.read.get_mut(partition) {
                *unknown = Some(*start);
            }
        }
    }

    /// Whether the group has given this member nothing, as far as is known.
    pub(super) fn is_empty(&self) -> bool {
        self.read.is_empty() && self.waiting.is_empty()
    }

    /// Whether the session with the group ended, no longer ago than `time`.
    pub(super) fn lost_within(&self, time: Duration) -> bool {
        self.lost.is_some_and(|lost| lost.elapsed() <= time)
    }

    /// Whether this is a member that reads nothing, as far as is known.
    pub(super) fn is_idle_member(&self) -> bool {
        self.in_session && self.is_empty()
    }

    /// The group has taken this member in.
    pub(super) fn join(&mut self) {
        (self.joined, self.in_session) = (true, true);
    }

    /// The session with the group has ended.
    pub(super) fn session_ended(&mut self) {
        self.in_session = false;
        self.lost = Some(Instant::now());
    }

    /// Whether this member never had a partition.
    pub(super) fn is_untouched(&self) -> bool {
        !self.joined
    }

    pub(super) fn wait(&mut self, partition: TopicPartition, attempts: u32, doubt: Option<Doubt>) {
        let pause = retry::doubled(FIRST_PAUSE, LONGEST_PAUSE, attempts + 1);
        let until = Instant::now() + pause;
        self.waiting.insert(partition, Wait { attempts: attempts + 1, until, doubt });
    }

    /// Takes out what has waited long enough.
    pub(super) fn due(&mut self, now: Instant) -> HashMap<TopicPartition, Wait> {
        self.waiting.extract_if(|_, wait| wait.until <= now).collect()
    }
}
