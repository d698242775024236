//! What a log would say again and again: it is said when it begins, then at most once a minute, and what went unsaid is counted.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// How often the same is said.
const REPEAT: Duration = Duration::from_mins(1);

/// What was said lately, by kind. More kinds than `KINDS` are not counted, but said each time.
#[derive(Debug)]
pub struct Repeats<K, const KINDS: usize>(HashMap<K, LastLogged>);

#[derive(Debug)]
struct LastLogged {
    last: Instant,
    unsaid: u64,
}

impl<K, const KINDS: usize> Default for Repeats<K, KINDS> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq, const KINDS: usize> Repeats<K, KINDS> {
    /// How many repetitions of `what` went unsaid, if it is time to say it (again).
    pub fn may_say<Q>(&mut self, what: &Q, now: Instant) -> Option<u64>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(said) = self.0.get_mut(what) {
            if now.saturating_duration_since(said.last) < REPEAT {
                said.unsaid += 1;
                return None;
            }
            said.last = now;
            return Some(std::mem::take(&mut said.unsaid));
        }
        if self.0.len() >= KINDS {
            self.0.retain(|_, said| {
                said.unsaid > 0 || now.saturating_duration_since(said.last) < REPEAT
            });
        }
        if self.0.len() < KINDS {
            self.0.insert(what.to_owned(), LastLogged { last: now, unsaid: 0 });
        }
        Some(0)
    }

    /// What went unsaid and how often, where the minute is over; everywhere when there is no `now`. It counts as said.
    pub fn overdue(&mut self, now: Option<Instant>) -> Vec<(K, u64)> {
        let over = |said: &LastLogged| {
            now.is_none_or(|now| now.saturating_duration_since(said.last) >= REPEAT)
        };
        let ended = self.0.extract_if(|_, said| over(said));
        ended.map(|(what, said)| (what, said.unsaid)).filter(|(_, unsaid)| *unsaid > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_minute_is_said_and_the_rest_is_counted() {
        let (mut repeats, began) = (Repeats::<String, 2>::default(), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(repeats.may_say("a", at(0)), Some(0));
        assert_eq!(repeats.may_say("a", at(1)), None);
        assert_eq!(repeats.may_say("b", at(1)), Some(0), "another kind");
        assert_eq!(repeats.may_say("a", at(59)), None);
        assert_eq!(repeats.may_say("c", at(2)), Some(0), "too many kinds to count");
        assert_eq!(repeats.may_say("c", at(2)), Some(0));
        assert_eq!(repeats.may_say("a", at(60)), Some(2));
        assert_eq!(repeats.may_say("c", at(61)), Some(0));
        assert_eq!(repeats.may_say("c", at(62)), None, "`b` has made room");
    }

    #[test]
    fn what_went_unsaid_is_told_in_the_end() {
        let (mut repeats, began) = (Repeats::<String, 9>::default(), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        for (what, times) in [("a", 1), ("b", 4)] {
            for _ in 0..times {
                repeats.may_say(what, at(0));
            }
        }
        assert_eq!(repeats.overdue(Some(at(59))), []);
        assert_eq!(repeats.overdue(Some(at(60))), [("b".to_owned(), 3)]);
        assert_eq!(repeats.overdue(Some(at(60))), []);
        assert_eq!(repeats.may_say("b", at(60)), Some(0), "a new minute begins");
        assert_eq!(repeats.may_say("b", at(61)), None);
        assert_eq!(repeats.overdue(None), [("b".to_owned(), 1)]);
    }
}
