//! What a process says, line by line, and when.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::{PATIENCE, lock, wait_for};

/// Lines that are kept: more than any test has, and a bound for what runs on and on.
const MOST: usize = 1 << 20;

/// A line, and when it came.
#[derive(Debug, Clone)]
pub struct Line {
    /// When it was read.
    pub at: Instant,
    /// Without its end.
    pub text: String,
}

/// The lines so far. A thread of its own reads them, to their end.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<Line>,
    has_ended: bool,
}

impl Log {
    /// Keeps all lines of `pipe`, each of which is shown to `look` as it comes.
    pub fn keep(pipe: impl Read + Send + 'static, look: impl Fn(&str) + Send + 'static) -> Self {
        let log = Self::default();
        let kept = log.clone();
        std::thread::spawn(move || {
            for text in BufReader::new(pipe).lines().map_while(Result::ok) {
                look(&text);
                let mut kept = lock(&kept.0);
                if kept.lines.len() == MOST {
                    kept.lines.pop_front();
                }
                kept.lines.push_back(Line { at: Instant::now(), text });
            }
            lock(&kept.0).has_ended = true;
        });
        log
    }

    /// Whether the last line was said.
    pub fn has_ended(&self) -> bool {
        lock(&self.0).has_ended
    }

    /// The lines that hold all of `words`, as far as they have come.
    pub fn lines(&self, words: &[&str]) -> Vec<Line> {
        Self::with(&lock(&self.0), words).cloned().collect()
    }

    /// All of it, once it has ended.
    #[track_caller]
    pub fn whole(&self) -> String {
        wait_for("the log ends", PATIENCE, || self.has_ended().then_some(()));
        self.text()
    }

    /// What it says so far.
    pub fn text(&self) -> String {
        self.tail(usize::MAX).join("\n")
    }

    /// The last `count` lines.
    pub fn tail(&self, count: usize) -> Vec<String> {
        let kept = lock(&self.0);
        let from = kept.lines.len().saturating_sub(count);
        kept.lines.range(from..).map(|line| line.text.clone()).collect()
    }

    /// Waits until a line holds all of `words`, and gives the first; panics when the log ends without one.
    #[track_caller]
    pub fn wait(&self, words: &[&str], patience: Duration) -> Line {
        wait_for(&format!("the log says {words:?}"), patience, || {
            let kept = lock(&self.0);
            let found = Self::with(&kept, words).next().cloned();
            assert!(found.is_some() || !kept.has_ended, "the log never says {words:?}");
            found
        })
    }

    /// What stands at `address` in the first line with these words, in a log of text or of JSON.
    pub fn address(&self, words: &str) -> Option<SocketAddr> {
        let (kept, words) = (lock(&self.0), [words]);
        let line = Self::with(&kept, &words).next()?;
        let (_, after) = line.text.split_once("address")?;
        after.trim_start_matches(['=', '"', ':']).split([' ', '"']).next()?.parse().ok()
    }

    fn with<'a>(kept: &'a Kept, words: &'a [&str]) -> impl Iterator<Item = &'a Line> {
        kept.lines.iter().filter(|line| words.iter().all(|word| line.text.contains(word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(text: &'static str) -> Log {
        let log = Log::keep(text.as_bytes(), |_| ());
        log.whole();
        log
    }

    #[test]
    fn the_address_is_found_in_text_and_in_json() {
        let (text, json) = (
            "INFO joined address=127.0.0.1:1\nINFO bridge: pages are served address=127.0.0.1:39041 more=1",
            r#"{"level":"INFO","message":"pages are served","address":"127.0.0.1:39041"}"#,
        );
        let address = Some("127.0.0.1:39041".parse().unwrap());
        assert_eq!([log(text), log(json)].map(|it| it.address("pages are served")), [address; 2]);
        assert_eq!(log(text).address("pages are gone"), None);
    }

    #[test]
    fn lines_are_found_by_their_words_and_by_their_place() {
        let log = log("one and\ntwo and\nthree");
        assert_eq!(log.tail(2), ["two and", "three"]);
        let found = log.lines(&["o", "and"]).into_iter().map(|line| line.text);
        assert_eq!(found.collect::<Vec<_>>(), ["one and", "two and"]);
        assert_eq!(log.wait(&["two"], PATIENCE).text, "two and");
        assert!(std::panic::catch_unwind(|| log.wait(&["four"], PATIENCE)).is_err());
    }
}
