//! Which letters are meant. Pure.

use std::str::FromStr;

use crate::config::Start;
use crate::group::{PositionTarget, Selection};
use crate::kafka::Opened;

/// A moment, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub i64);

impl FromStr for Time {
    type Err = &'static str;

    /// As `offsets set --to` reads it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<PositionTarget>() {
            Ok(PositionTarget::Start(Start::At(time))) => Ok(Self(time)),
            _ => Err(
                "write a date such as 2026-01-31 (its midnight, UTC), or a time with its zone such as \
                 2026-01-31T08:00:00Z",
            ),
        }
    }
}

/// What a letter has to be like. What is empty takes all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Topics that the records came from, or partitions of them.
    pub sources: Vec<Selection>,
    /// Reasons.
    pub reasons: Vec<String>,
    /// The time of the record is this, or later.
    pub from: Option<Time>,
    /// It is before this.
    pub to: Option<Time>,
}

impl Filter {
    /// Whether it is one of these.
    pub fn takes(&self, letter: &Opened<'_>) -> bool {
        let origin = &letter.origin;
        Selection::any(&self.sources, origin.topic, origin.partition)
            && (self.reasons.is_empty() || self.reasons.iter().any(|it| it == origin.reason))
            && self.is_in_time(letter.record.timestamp)
    }

    /// A record without a time is of no time.
    fn is_in_time(&self, time: Option<i64>) -> bool {
        if self.from.is_none() && self.to.is_none() {
            return true;
        }
        let Some(time) = time.map(Time) else { return false };
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters::counts::tests::opened;

    #[test]
    fn everything_that_is_said_has_to_hold() {
        let filter = |change: &dyn Fn(&mut Filter)| {
            let mut filter = Filter::default();
            change(&mut filter);
            // Of `orders/3`, `too_large`, at 1000.
            filter.takes(&opened("orders", 3, "too_large", Some(1000)))
        };
        let sources = |text: &str| vec![text.parse::<Selection>().unwrap()];
        assert!(filter(&|_| {}));
        for (text, takes) in
            [("orders", true), ("orders:3", true), ("orders:2", false), ("o", false)]
        {
            assert_eq!(filter(&|it| it.sources = sources(text)), takes, "{text}");
        }
        assert!(filter(&|it| it.reasons = vec!["refused".to_owned(), "too_large".to_owned()]));
        assert!(!filter(&|it| it.reasons = vec!["refused".to_owned()]));
        assert!(filter(&|it| it.from = Some(Time(1000))));
        assert!(!filter(&|it| it.from = Some(Time(1001))));
        assert!(filter(&|it| it.to = Some(Time(1001))));
        assert!(!filter(&|it| it.to = Some(Time(1000))));
        assert!(!filter(&|it| (it.from, it.sources) = (Some(Time(0)), sources("payments"))));
        let timeless = opened("orders", 3, "too_large", None);
        assert!(Filter::default().takes(&timeless));
        assert!(!Filter { from: Some(Time(0)), ..Filter::default() }.takes(&timeless));
    }

    #[test]
    fn a_time_has_a_zone_or_is_a_date() {
        assert_eq!("1970-01-02".parse(), Ok(Time(86_400_000)));
        assert_eq!("1970-01-01T01:00:00+01:00".parse(), Ok(Time(0)));
        for wrong in ["", "latest", "900", "-1", "2026-01-31T08:00:00"] {
            assert!(wrong.parse::<Time>().is_err(), "{wrong}");
        }
    }
}
