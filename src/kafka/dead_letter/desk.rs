//! The thread that writes letters: a line for each target, one letter of each under way.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::added::{self, Added, Headers};
use super::reader::Reader;
use super::writer::Writer;
use super::{DeadLetter, LetterError, OnDone, Waiting, WriteFailure};
use crate::config::{self, Holds};
use crate::health::{ShardHealth, Thread as Beating};
use crate::kafka::{Logins, inquiry};
use crate::metrics::Metrics;
use crate::record::{Record, TopicPartition};
use crate::repeats::Repeats;
use crate::retry;

/// How soon the thread notices that it has to stop.
const NOTICE: Duration = Duration::from_millis(200);
/// Longer than `message.timeout.ms`, after which the client itself gives an answer.
const ANSWER: Duration = Duration::from_secs(40);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long all attempts may fail before the clients are made anew: librdkafka can lose its way to Kafka for good
/// ([`native::add_brokers`](crate::kafka::native::add_brokers)).
const RENEWED: Duration = Duration::from_mins(1);
/// How often a refusal that an operator could still lift is taken for passing.
const PATIENCE: u32 = 12;
/// How long the limit of a topic may be asked for, and how long the answer counts.
const LIMIT: Duration = Duration::from_secs(5);
const LIMIT_KEPT: Duration = Duration::from_mins(1);
/// More targets at a time whose letters are shortened are told one by one.
const TARGETS: usize = 64;

/// What the thread owns.
pub(super) struct Desk {
    pub(super) kafka: config::Kafka,
    pub(super) access: Logins,
    pub(super) inbox: Receiver<DeadLetter>,
    pub(super) waiting: Arc<Waiting>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: Option<ShardHealth>,
    pub(super) on_done: OnDone,
    pub(super) clients: Option<(Reader, Writer)>,
    /// Since when no letter could be written with them, though one was tried.
    pub(super) failing: Option<Instant>,
    pub(super) lines: HashMap<Arc<str>, Line>,
    /// What targets that took a record for too large take, when they were asked.
    pub(super) limits: HashMap<Arc<str>, (Instant, Option<u64>)>,
    /// Targets whose letters lack something.
    pub(super) shortened: Repeats<Arc<str>, TARGETS>,
}

/// The letters to one target; the first is the one that is tried.
pub(super) struct Line {
    letters: VecDeque<DeadLetter>,
    /// When the first is tried (again).
    at: Instant,
    /// How often a letter was tried in vain.
    attempts: u32,
    refusals: u32,
    /// What goes along with the first.
    added: Added,
    /// Bytes its record takes.
    bytes: u64,
    /// The number of the attempt that waits for its answer, and how long it does.
    out: Option<(usize, Instant)>,
}

/// What becomes of the first letter.
enum Verdict {
    /// It is written, or never will be.
    Done(Result<(), Lost>),
    /// It is tried again at once, with less beside the record.
    Less(Added),
    /// It is tried again later.
    Later(String),
}

/// Why a letter will never be written.
enum Lost {
    Gone,
    TooLarge,
    Refused(String, &'static str),
}

impl Line {
    fn new() -> Self {
        Self {
            letters: VecDeque::new(),
            at: Instant::now(),
            attempts: 0,
            refusals: 0,
            added: Added::All,
            bytes: 0,
            out: None,
        }
    }

    /// What an attempt leads to.
    fn judge(&mut self, attempt: Result<(), WriteFailure>) -> Verdict {
        let failure = match attempt {
            Ok(()) => return Verdict::Done(Ok(())),
            Err(failure) => failure,
        };
        match failure {
            WriteFailure::Gone => Verdict::Done(Err(Lost::Gone)),
            WriteFailure::Last(why, hint) => Verdict::Done(Err(Lost::Refused(why, hint))),
            WriteFailure::TooLarge => {
                let less = self.letters.front().and_then(|letter| self.added.less(letter.holds));
                less.map_or(Verdict::Done(Err(Lost::TooLarge)), Verdict::Less)
            }
            WriteFailure::Refused(why, hint) if self.refusals >= PATIENCE => {
                Verdict::Done(Err(Lost::Refused(why, hint)))
            }
            WriteFailure::Refused(why, _) => {
                self.refusals += 1;
                Verdict::Later(why)
            }
            WriteFailure::Passing(why) => Verdict::Later(why),
        }
    }

    /// The first letter is done with: the next one begins anew.
    fn advance(&mut self) -> Option<DeadLetter> {
        let letters = std::mem::take(&mut self.letters);
        *self = Self { letters, ..Self::new() };
        self.letters.pop_front()
    }
}

impl Desk {
    pub(super) fn run(mut self) {
        while !self.stopped() && self.receive() {
            self.write();
            self.hear();
        }
    }

    /// Asked at every turn of every wait, so this is also the sign of life.
    fn stopped(&self) -> bool {
        is_stopped(&self.stop, self.health.as_ref())
    }

    /// Takes what has come, and waits for it when there is nothing else to do. False when nothing can come any more.
    fn receive(&mut self) -> bool {
        let mut wait = NOTICE;
        for line in self.lines.values() {
            // An answer is waited for where it comes.
            let next = if line.out.is_some() {
                Duration::ZERO
            } else {
                line.at.saturating_duration_since(Instant::now())
            };
            wait = wait.min(next);
        }
        match self.inbox.recv_timeout(wait) {
            Ok(letter) => self.queue(letter),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        while let Ok(letter) = self.inbox.try_recv() {
            self.queue(letter);
        }
        true
    }

    fn queue(&mut self, letter: DeadLetter) {
        let line = self.lines.entry(Arc::clone(&letter.target)).or_insert_with(Line::new);
        line.letters.push_back(letter);
    }

    /// Tries the first letter of each line that is due.
    fn write(&mut self) {
        let now = Instant::now();
        let due = self.lines.iter().filter(|(_, line)| line.out.is_none() && line.at <= now);
        let due = due.filter_map(|(_, line)| line.letters.front()).cloned().collect::<Vec<_>>();
        for letter in due {
            if self.stopped() {
                return;
            }
            match self.attempt(&letter) {
                Ok(number) => {
                    if let Some(line) = self.lines.get_mut(&letter.target) {
                        line.out = Some((number, Instant::now() + ANSWER));
                    }
                }
                Err(failure) => self.conclude(&letter.target, Err(failure)),
            }
        }
    }

    /// Reads the record of a letter and hands it to the producer. Gives the number of the attempt.
    fn attempt(&mut self, letter: &DeadLetter) -> Result<usize, WriteFailure> {
        let stale = self.failing.is_some_and(|since| since.elapsed() > RENEWED);
        if stale || self.clients.as_ref().is_none_or(|(_, writer)| writer.is_broken()) {
            let clients = Reader::new(&self.kafka, &self.access)
                .and_then(|reader| Ok((reader, Writer::new(&self.kafka, &self.access)?)))
                .map_err(|error| WriteFailure::Passing(error.to_string()))?;
            self.clients = Some(clients);
            self.failing = None;
            // Nobody answers for what the one before had.
            self.lines.values_mut().for_each(|line| line.out = None);
        }
        let (reader, writer) = self.clients.as_mut().expect("just connected");
        let stopped = || is_stopped(&self.stop, self.health.as_ref());
        let mut fetched = match letter.holds {
            Holds::Record => Some(reader.read(&letter.source, letter.offset, &stopped)?),
            Holds::Place => None,
        };
        let record = match &mut fetched {
            Some((fetched, headers)) => fetched.record(headers),
            None => empty(&letter.source, letter.offset),
        };
        let line = self.lines.get_mut(&letter.target).expect("it holds this letter");
        line.bytes = added::bytes(&record);
        writer.write(&letter.target, &record, &Headers::of(letter).list(line.added))
    }

    /// Waits a moment for answers, if any are to come.
    fn hear(&mut self) {
        let Some((_, writer)) = &mut self.clients else { return };
        if self.lines.values().all(|line| line.out.is_none()) {
            return;
        }
        let mut reports = writer.poll();
        let (now, broken) = (Instant::now(), writer.is_broken());
        let mut heard = Vec::new();
        for (target, line) in &self.lines {
            let Some((number, deadline)) = line.out else { continue };
            let no_answer = || Err(WriteFailure::Passing("no answer from kafka".to_owned()));
            let over = broken || now >= deadline;
            let answer = reports.remove(&number).or_else(|| over.then(no_answer));
            heard.extend(answer.map(|answer| (Arc::clone(target), answer)));
        }
        for (target, answer) in heard {
            self.conclude(&target, answer);
        }
    }

    /// The first letter of a line was tried.
    fn conclude(&mut self, target: &Arc<str>, attempt: Result<(), WriteFailure>) {
        if matches!(attempt, Err(WriteFailure::Passing(_))) {
            self.failing.get_or_insert_with(Instant::now);
        } else {
            self.failing = None;
        }
        let Some(line) = self.lines.get_mut(target) else { return };
        line.out = None;
        match line.judge(attempt) {
            Verdict::Done(result) => self.done(target, result),
            Verdict::Less(added) => (line.added, line.at) = (added, Instant::now()),
            Verdict::Later(reason) => {
                line.attempts += 1;
                let pause = retry::doubled(FIRST_PAUSE, LONGEST_PAUSE, line.attempts);
                line.at = Instant::now() + pause;
                self.metrics.kafka_error("DeadLetter");
                if let Some(letter) = line.letters.front() {
                    tracing::warn!(
                        name: "dead_letter_waits",
                        record = %letter.source, offset = letter.offset, target = &*letter.target, reason,
                        "a dead letter cannot be written yet; retrying in {pause:?}"
                    );
                }
            }
        }
    }

    /// The first letter of a line is written, or never will be.
    fn done(&mut self, target: &Arc<str>, result: Result<(), Lost>) {
        let Some(line) = self.lines.get_mut(target) else { return };
        let (added, bytes) = (line.added, line.bytes);
        let done = line.advance();
        if line.letters.is_empty() {
            self.lines.remove(target);
        }
        let Some(letter) = done else { return };
        self.waiting.leave(target);
        if result.is_ok() && added != Added::All {
            self.say_shortened(&letter, added);
        }
        let result = result.map_err(|lost| match lost {
            Lost::Gone => LetterError::Gone,
            Lost::TooLarge => LetterError::TooLarge {
                target: Arc::clone(target),
                bytes,
                limit: self.limit(target),
            },
            Lost::Refused(why, hint) => {
                LetterError::Refused { target: Arc::clone(target), why, hint }
            }
        });
        (self.on_done)(letter, result);
    }

    fn say_shortened(&mut self, letter: &DeadLetter, added: Added) {
        let Some(unsaid) = self.shortened.may_say(&letter.target, Instant::now()) else { return };
        tracing::warn!(
            record = %letter.source, offset = letter.offset, target = &*letter.target, left_out = added.without(),
            before = (unsaid > 0).then_some(unsaid),
            "a dead letter was written without some of its headers, because its topic limits the size"
        );
    }

    /// `max.message.bytes` of a target.
    fn limit(&mut self, target: &Arc<str>) -> Option<u64> {
        let known = self.limits.get(target).filter(|(at, _)| at.elapsed() < LIMIT_KEPT);
        if let Some((_, limit)) = known {
            return *limit;
        }
        let limit = inquiry::limit(&self.kafka, &self.access, target, LIMIT);
        self.limits.insert(Arc::clone(target), (Instant::now(), limit));
        limit
    }
}

/// A record of which nothing is told but its place.
fn empty(source: &TopicPartition, offset: i64) -> Record<'_> {
    let (key, value, timestamp, headers) = (None, None, None, &[][..]);
    let TopicPartition { topic, partition } = source;
    Record { topic, partition: *partition, offset, timestamp, key, value, headers }
}

fn is_stopped(stop: &AtomicBool, health: Option<&ShardHealth>) -> bool {
    if let Some(health) = health {
        health.beat(Beating::Letters);
    }
    stop.load(Ordering::Acquire)
}
