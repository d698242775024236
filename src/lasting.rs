//! Trouble that lasts, of one cause and with many things that wait for its end: it is told when it begins, once a minute, and when it
//! is over.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often it is told again.
const REMIND: Duration = Duration::from_mins(1);

/// See the module. `K` names what waits.
#[derive(Debug)]
pub struct Lasting<K>(Mutex<Option<OpenTrouble<K>>>);

#[derive(Debug)]
struct OpenTrouble<K> {
    since: Instant,
    told: Instant,
    waiting: HashSet<K>,
}

/// What is to be told.
#[derive(Debug, PartialEq, Eq)]
pub struct LastingReport {
    /// How much waits.
    pub waiting: usize,
    /// For how long, unless it begins now.
    pub lasted: Option<Lasted>,
}

/// A time, in seconds with one decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lasted(Duration);

impl fmt::Display for Lasted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s", self.0.as_secs_f64())
    }
}

impl<K> Default for Lasting<K> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<K: Hash + Eq> Lasting<K> {
    fn trouble(&self) -> MutexGuard<'_, Option<OpenTrouble<K>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `what` waits, too. Gives what is to be told, if it is time for that.
    pub fn holds_up(&self, what: K, now: Instant) -> Option<LastingReport> {
        let mut trouble = self.trouble();
        let is_new = trouble.is_none();
        let new = || OpenTrouble { since: now, told: now, waiting: HashSet::new() };
        let trouble = trouble.get_or_insert_with(new);
        trouble.waiting.insert(what);
        if !is_new && now.saturating_duration_since(trouble.told) < REMIND {
            return None;
        }
        trouble.told = now;
        let lasted = Lasted(now.saturating_duration_since(trouble.since));
        Some(LastingReport { waiting: trouble.waiting.len(), lasted: (!is_new).then_some(lasted) })
    }

    /// `what` does not wait any more. If nothing does, it is over, and lasted for so long.
    pub fn releases(&self, what: &K, now: Instant) -> Option<Lasted> {
        let mut trouble = self.trouble();
        let lasts = trouble.as_mut()?;
        lasts.waiting.remove(what);
        if !lasts.waiting.is_empty() {
            return None;
        }
        let lasted = now.saturating_duration_since(lasts.since);
        *trouble = None;
        Some(Lasted(lasted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_at_its_begin_each_minute_and_at_its_end() {
        let (lasting, begin) = (Lasting::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        let lasted = |seconds| Lasted(Duration::from_secs(seconds));
        assert_eq!(lasting.releases(&1, at(0)), None, "there is none");
        assert_eq!(lasting.holds_up(1, at(0)), Some(LastingReport { waiting: 1, lasted: None }));
        assert_eq!(lasting.holds_up(2, at(1)), None);
        assert_eq!(lasting.holds_up(2, at(59)), None);
        let told = LastingReport { waiting: 2, lasted: Some(lasted(60)) };
        assert_eq!(lasting.holds_up(1, at(60)), Some(told));
        assert_eq!(lasting.holds_up(1, at(61)), None);
        assert_eq!(lasting.releases(&3, at(62)), None, "it did not wait");
        assert_eq!(lasting.releases(&1, at(62)), None, "another one waits");
        assert_eq!(lasting.releases(&2, at(63)), Some(lasted(63)));
        assert_eq!(lasting.holds_up(1, at(64)), Some(LastingReport { waiting: 1, lasted: None }));
        assert_eq!(lasted(63).to_string(), "63.0 s");
    }
}
