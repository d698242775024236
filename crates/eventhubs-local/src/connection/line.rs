//! The line to the client: what is said leaves at once, or, on a long line, later. Nothing on it waits for anything else
//! than its time, and nothing overtakes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What may be on its way; beyond it the connection waits as for a client that does not read.
const MOST: usize = 16 * 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Line {
    /// What may leave now, and how much of it has left.
    leaving: Vec<u8>,
    left: usize,
    /// What leaves later, and when.
    on_the_way: VecDeque<(Instant, Vec<u8>)>,
    held: usize,
}

impl Line {
    /// Takes from `out` what there is room for.
    pub(super) fn load(&mut self, out: &mut Vec<u8>, latency: Option<Duration>, now: Instant) {
        if !out.is_empty() {
            match (latency, self.on_the_way.back()) {
                (None, None) if self.leaving.is_empty() => std::mem::swap(&mut self.leaving, out),
                (None, None) => {}
                (_, last) if self.held < MOST => {
                    let at = now + latency.unwrap_or_default();
                    // A line that became shorter lets nothing overtake.
                    let at = last.map_or(at, |(last, _)| at.max(*last));
                    self.held += out.len();
                    self.on_the_way.push_back((at, std::mem::take(out)));
                }
                _ => {}
            }
        }
        while let Some((_, bytes)) = self.on_the_way.pop_front_if(|(at, _)| *at <= now) {
            self.held -= bytes.len();
            if self.leaving.is_empty() {
                self.leaving = bytes;
            } else {
                self.leaving.extend_from_slice(&bytes);
            }
        }
    }

    /// What may leave now.
    pub(super) fn ready(&self) -> &[u8] {
        &self.leaving[self.left..]
    }

    /// That much of it has left.
    pub(super) fn gone(&mut self, count: usize) {
        self.left += count;
        if self.left == self.leaving.len() {
            self.leaving.clear();
            self.left = 0;
        }
    }

    /// When the next may leave that cannot now.
    pub(super) fn next(&self) -> Option<Instant> {
        self.on_the_way.front().map(|(at, _)| *at)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.leaving.is_empty() && self.on_the_way.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_leaves_after_its_own_time_and_none_overtakes() {
        let (mut line, begun) = (Line::default(), Instant::now());
        let ms = |ms| begun + Duration::from_millis(ms);
        let long = Some(Duration::from_millis(20));
        let say = |line: &mut Line, text: &str, latency, at| {
            let mut out = text.as_bytes().to_vec();
            line.load(&mut out, latency, at);
            String::from_utf8(line.ready().to_vec()).unwrap()
        };
        assert_eq!(say(&mut line, "a", long, ms(0)), "");
        assert_eq!(say(&mut line, "b", long, ms(5)), "");
        // The line is short from now on.
        assert_eq!(say(&mut line, "c", None, ms(6)), "");
        assert_eq!(line.next(), Some(ms(20)));
        assert_eq!(say(&mut line, "", None, ms(20)), "a");
        assert_eq!(say(&mut line, "", None, ms(25)), "abc");
        line.gone(3);
        assert!(line.is_empty());
        assert_eq!(say(&mut line, "d", None, ms(26)), "d");
    }

    #[test]
    fn what_cannot_leave_yet_stays_where_it_is_counted() {
        let (mut line, now) = (Line::default(), Instant::now());
        let mut out = b"first".to_vec();
        line.load(&mut out, None, now);
        out.extend_from_slice(b"second");
        line.load(&mut out, None, now);
        assert_eq!((line.ready(), &out[..]), (&b"first"[..], &b"second"[..]));
        line.gone(5);
        line.load(&mut out, None, now);
        assert_eq!((line.ready(), &out[..]), (&b"second"[..], &b""[..]));
    }
}
