//! Where positions shall go, and what that makes of each partition. Pure.

use std::fmt;
use std::str::FromStr;

use crate::config::Start;
use crate::kafka::{Case, Standing};

/// Where positions shall go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionTarget {
    /// As `kafka.start`: the first record, the end, or the first record at or after a time.
    Start(Start),
    /// This offset.
    Offset(i64),
    /// So many offsets on, or back.
    Shift(i64),
}

impl FromStr for PositionTarget {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "write `earliest`, `latest`, an offset, +N, -N, a date such as 2026-01-31 (its midnight, UTC), or a \
                     time with its zone such as 2026-01-31T08:00:00Z";
        let text = text.trim();
        if let Some(start) = Start::of(text) {
            return Ok(Self::Start(start));
        }
        let digits = text.trim_start_matches(['+', '-']);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = text.parse::<i64>().map_err(|_| wrong)?;
            let shift = text.starts_with(['+', '-']);
            return Ok(if shift { Self::Shift(number) } else { Self::Offset(number) });
        }
        Start::of(&format!("{text}T00:00:00Z")).map(Self::Start).ok_or(wrong)
    }
}

impl fmt::Display for PositionTarget {
    /// As it is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(Start::Earliest) => f.write_str("earliest"),
            Self::Start(Start::Latest) => f.write_str("latest"),
            Self::Start(Start::At(millis)) => match jiff::Timestamp::from_millisecond(*millis) {
                Ok(time) => time.fmt(f),
                Err(_) => millis.fmt(f),
            },
            Self::Offset(offset) => offset.fmt(f),
            Self::Shift(by) => write!(f, "{by:+}"),
        }
    }
}

/// What becomes of the position of one partition.
#[derive(Debug, Clone)]
pub struct PositionChange {
    /// How it stands.
    pub standing: Standing,
    /// The first offset of the log, and its end.
    pub log: (i64, i64),
    /// Where its position goes.
    pub after: i64,
    /// Where it should have gone, which the log does not hold.
    pub clamped: Option<i64>,
}

impl PositionChange {
    /// `found` is the offset of the target's time, where it is one. `None` when it is not known what the log holds, or where a shift
    /// would begin.
    pub(super) fn new(
        standing: Standing,
        target: PositionTarget,
        found: Option<i64>,
    ) -> Option<Self> {
        let log @ (first, end) = standing.log?;
        let wanted = match target {
            PositionTarget::Start(Start::Earliest) => first,
            PositionTarget::Start(Start::Latest) => end,
            PositionTarget::Start(Start::At(_)) => found?,
            PositionTarget::Offset(offset) => offset,
            PositionTarget::Shift(by) => base(&standing)?.saturating_add(by),
        };
        let after = wanted.clamp(first, end);
        Some(Self { standing, log, after, clamped: (after != wanted).then_some(wanted) })
    }

    /// Offsets that come again, or are passed over if below 0; against where a bridge would go on now.
    pub fn again(&self) -> i64 {
        self.standing.next.unwrap_or(self.log.0) - self.after
    }

    /// Whether a bridge goes on elsewhere, or at all.
    pub fn is_one(&self) -> bool {
        self.standing.case != Case::Good || self.standing.committed != Some(self.after)
    }
}

/// From where a shift counts: what is committed where that is a position in the log, otherwise where a bridge would go on.
fn base(standing: &Standing) -> Option<i64> {
    match (standing.case, standing.committed) {
        (Case::Good | Case::Held | Case::Gone, Some(committed)) => Some(committed),
        (Case::Unknown, _) => None,
        _ => standing.next,
    }
}
