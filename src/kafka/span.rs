//! What of a partition a replay reads. It stands in the metadata of each position that the replay commits, so that whoever goes
//! on reads as far as whoever began, and no further.

use std::fmt;

/// How a label says it.
const LABEL: &str = "replay=";

/// Offsets from one on, up to another and without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub from: i64,
    /// The end.
    pub to: i64,
}

impl Span {
    /// How many offsets there are.
    pub fn size(self) -> i64 {
        (self.to - self.from).max(0)
    }

    /// How many of them are below `position`.
    pub fn below(self, position: i64) -> i64 {
        (position.min(self.to) - self.from).max(0)
    }

    /// Reads a word of a label.
    pub(super) fn of_label(word: &str) -> Option<Self> {
        let (from, to) = word.strip_prefix(LABEL)?.split_once('-')?;
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<i64>().ok().filter(|_| digits)
        };
        Some(Self { from: number(from)?, to: number(to)? })
    }
}

impl fmt::Display for Span {
    /// As a word of a label.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{LABEL}{}-{}", self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_as_it_was_written_and_nothing_else_is() {
        let span = Span { from: 5, to: 900 };
        assert_eq!(span.to_string(), "replay=5-900");
        assert_eq!(Span::of_label("replay=5-900"), Some(span));
        for foreign in
            ["", "replay=", "replay=5", "replay=5-", "replay=-5-9", "replay=+5-9", "x=5-9"]
        {
            assert_eq!(Span::of_label(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn what_is_below_a_position_is_counted_within_the_span() {
        let span = Span { from: 10, to: 20 };
        assert_eq!(span.size(), 10);
        for (position, below) in [(0, 0), (10, 0), (15, 5), (20, 10), (99, 10)] {
            assert_eq!(span.below(position), below, "{position}");
        }
    }
}
