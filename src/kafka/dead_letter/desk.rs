//! The thread that writes letters: a line for each target, one letter of each under way.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::reader::Reader;
use super::writer::Writer;
use super::{Failure, Letter, LetterError, OnDone, Waiting};
use crate::config;
use crate::health::{ShardHealth, Thread as Beating};
use crate::kafka::Access;
use crate::metrics::Metrics;
use crate::record::Header;

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

/// What the thread owns.
pub(super) struct Desk {
    pub(super) kafka: config::Kafka,
    pub(super) access: Access,
    pub(super) inbox: Receiver<Letter>,
    pub(super) waiting: Arc<Waiting>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: Option<ShardHealth>,
    pub(super) on_done: OnDone,
    pub(super) clients: Option<(Reader, Writer)>,
    /// Since when no letter could be written with them, though one was tried.
    pub(super) failing: Option<Instant>,
    pub(super) lines: HashMap<Arc<str>, Line>,
}

/// The letters to one target; the first is the one that is tried.
pub(super) struct Line {
    letters: VecDeque<Letter>,
    /// When the first is tried (again).
    at: Instant,
    pause: Duration,
    refusals: u32,
    /// The number of the attempt that waits for its answer, and how long it does.
    out: Option<(usize, Instant)>,
}

impl Line {
    fn new() -> Self {
        let (letters, at) = (VecDeque::new(), Instant::now());
        Self { letters, at, pause: FIRST_PAUSE, refusals: 0, out: None }
    }

    /// What becomes of the first letter: the answer to it, or why it is tried again.
    fn judge(&mut self, attempt: Result<(), Failure>) -> Result<Result<(), LetterError>, String> {
        match attempt {
            Ok(()) => Ok(Ok(())),
            Err(Failure::Final(error)) => Ok(Err(error)),
            Err(Failure::Refused(reason)) if self.refusals >= PATIENCE => {
                Ok(Err(LetterError::Refused(reason)))
            }
            Err(Failure::Refused(reason)) => {
                self.refusals += 1;
                Err(reason)
            }
            Err(Failure::Passing(reason)) => Err(reason),
        }
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

    fn queue(&mut self, letter: Letter) {
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
    fn attempt(&mut self, letter: &Letter) -> Result<usize, Failure> {
        let stale = self.failing.is_some_and(|since| since.elapsed() > RENEWED);
        if stale || self.clients.as_ref().is_none_or(|(_, writer)| writer.is_broken()) {
            let clients = Reader::new(&self.kafka, &self.access)
                .and_then(|reader| Ok((reader, Writer::new(&self.kafka, &self.access)?)))
                .map_err(|error| Failure::Passing(error.to_string()))?;
            self.clients = Some(clients);
            self.failing = None;
            // Nobody answers for what the one before had.
            self.lines.values_mut().for_each(|line| line.out = None);
        }
        let (reader, writer) = self.clients.as_mut().expect("just connected");
        let stopped = || is_stopped(&self.stop, self.health.as_ref());
        let (fetched, headers) = reader.read(&letter.source, letter.offset, &stopped)?;
        let partition = letter.source.partition.to_string();
        let offset = letter.offset.to_string();
        let extra = [
            ("bridge_reason", letter.reason),
            ("bridge_detail", &letter.detail),
            ("bridge_topic", &letter.source.topic),
            ("bridge_partition", &partition),
            ("bridge_offset", &offset),
        ]
        .map(|(name, value)| Header { name: name.as_bytes(), value: Some(value.as_bytes()) });
        writer.write(&letter.target, &fetched.record(headers), &extra)
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
            let no_answer = || Err(Failure::Passing("no answer from kafka".to_owned()));
            let over = broken || now >= deadline;
            let answer = reports.remove(&number).or_else(|| over.then(no_answer));
            heard.extend(answer.map(|answer| (Arc::clone(target), answer)));
        }
        for (target, answer) in heard {
            self.conclude(&target, answer);
        }
    }

    /// The first letter of a line was tried.
    fn conclude(&mut self, target: &Arc<str>, attempt: Result<(), Failure>) {
        if matches!(attempt, Err(Failure::Passing(_))) {
            self.failing.get_or_insert_with(Instant::now);
        } else {
            self.failing = None;
        }
        let Some(line) = self.lines.get_mut(target) else { return };
        line.out = None;
        match line.judge(attempt) {
            Ok(answer) => {
                (line.at, line.pause, line.refusals) = (Instant::now(), FIRST_PAUSE, 0);
                let done = line.letters.pop_front();
                if line.letters.is_empty() {
                    self.lines.remove(target);
                }
                if let Some(letter) = done {
                    self.waiting.leave(target);
                    (self.on_done)(letter, answer);
                }
            }
            Err(reason) => {
                let pause = line.pause;
                line.at = Instant::now() + pause;
                line.pause = (pause * 2).min(LONGEST_PAUSE);
                self.metrics.kafka_error("DeadLetter");
                if let Some(letter) = line.letters.front() {
                    tracing::warn!(
                        record = %letter.source, offset = letter.offset, target = &*letter.target, reason,
                        "a dead letter can not be written yet; trying again in {pause:?}"
                    );
                }
            }
        }
    }
}

fn is_stopped(stop: &AtomicBool, health: Option<&ShardHealth>) -> bool {
    if let Some(health) = health {
        health.beat(Beating::Letters);
    }
    stop.load(Ordering::Acquire)
}
