//! How long the coordinator of the group has been away.
//!
//! When a session ends, librdkafka takes the partitions back, and so the pump hears that it is no member any more. From a member
//! without partitions there is nothing to take: it joins again by itself, and nothing is called before it is back. So
//! its absence is told here, from librdkafka's statistics. Where the brokers lead the group, librdkafka ends no session by itself, and goes
//! on reading what others may have by then: there it is told of every member.

use std::time::{Duration, Instant};

/// On top of the session timeout: statistics come every five seconds, and a heartbeat may have come after the last ones.
const MARGIN: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(super) struct Absence {
    session: Duration,
    /// Since when; `None` while it is there.
    since: Option<Instant>,
    told: Option<Duration>,
}

impl Absence {
    /// `session` is the session timeout of the member.
    pub(super) fn new(session: Duration) -> Self {
        Self { session, since: None, told: None }
    }

    /// Whether the coordinator is connected at `now`. Gives for how long it was not, once, when no session can have lasted so
    /// long.
    pub(super) fn heard(&mut self, connected: bool, now: Instant) -> Option<Duration> {
        if connected {
            (self.since, self.told) = (None, None);
            return None;
        }
        let away = now.saturating_duration_since(*self.since.get_or_insert(now));
        if self.told.is_some() || away <= self.session + MARGIN {
            return None;
        }
        self.told = Some(away);
        self.told
    }

    /// What was told, while it is not back.
    pub(super) fn told(&self) -> Option<Duration> {
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_and_only_when_no_session_lasts_so_long() {
        let (began, session) = (Instant::now(), Duration::from_secs(10));
        let mut absence = Absence::new(session);
        let mut hear = |seconds, connected| {
            absence
                .heard(connected, began + Duration::from_secs(seconds))
                .map(|away| away.as_secs())
        };
        assert_eq!([hear(0, true), hear(5, false), hear(15, false), hear(20, false)], [None; 4]);
        // It was there for a moment: another session may have begun.
        assert_eq!([hear(21, true), hear(25, false), hear(40, false)], [None; 3]);
        assert_eq!([hear(41, false), hear(46, false)], [Some(16), None]);
        assert_eq!([hear(50, true), hear(51, false), hear(67, false)], [None, None, Some(16)]);
        assert_eq!(absence.told(), Some(Duration::from_secs(16)));
        absence.heard(true, began);
        assert_eq!(absence.told(), None);
    }
}
