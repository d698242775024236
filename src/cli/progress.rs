//! How far something that takes long has come: a bar on standard error, with what is done of what there is, the rate, and the time that is left.
//!
//! It is for somebody who looks on: drawn on a terminal and nowhere else, and never beside output for programs, since `docker run -t` and the like put
//! both on one terminal. It is wiped when it ends, so what a command says is the same with it and without. Whatever else goes to standard error
//! meanwhile has to be written by [`Progress::aside`] or as [`MakeWriter`], which take the bar away for that long.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::time::{Duration, Instant};

use indicatif::style::ProgressTracker;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use jiff::SignedDuration;
use tracing_subscriber::fmt::MakeWriter;

use super::status::lasted;

/// How often it is drawn while nothing happens: the time that is left grows then.
const TICK: Duration = Duration::from_millis(500);
/// More than that is no forecast.
const LONGEST: Duration = Duration::from_hours(1000);
/// The bar has what the rest leaves of the line.
const LINE: &str = "{prefix} {wide_bar} {pos}/{len} {msg}{pace}";
/// As in the tables.
const BAR: &str = "━╸─";

/// A bar, once [`Progress::begin`] was called; clones are the same bar.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    bar: ProgressBar,
    is_drawn: bool,
}

impl Progress {
    /// Of a command; `for_people` is false when what it writes is for programs.
    pub(super) fn of(for_people: bool) -> Self {
        // A terminal without a cursor to move would show each bar on a line of its own.
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let is_drawn = for_people && !is_dumb && io::stderr().is_terminal();
        Self { bar: ProgressBar::hidden(), is_drawn }
    }

    /// Draws the bar: `what` is being done, to `total` of `unit`.
    pub(super) fn begin(&self, what: &str, unit: &'static str, total: u64) {
        if !self.is_drawn {
            return;
        }
        let style = ProgressStyle::with_template(LINE).expect("a constant, and tests draw it");
        self.bar.set_style(style.progress_chars(BAR).with_key("pace", ProgressRate));
        self.bar.set_prefix(what.to_owned());
        self.bar.set_message(unit);
        self.bar.set_length(total);
        // The rate is that from here on.
        self.bar.reset();
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
        self.bar.enable_steady_tick(TICK);
    }

    /// So much is done.
    pub(super) fn at(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// Wipes it; so does the drop of the last clone.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    /// Writes something else, whole lines, to standard error.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        // Whoever panics in the middle of a drawing holds its lock.
        if std::thread::panicking() { write() } else { self.bar.suspend(write) }
    }
}

/// How fast it goes, and when it is over; nothing where nothing goes on.
#[derive(Debug, Clone, Copy)]
struct ProgressRate;

impl ProgressTracker for ProgressRate {
    fn clone_box(&self) -> Box<dyn ProgressTracker> {
        Box::new(*self)
    }

    fn tick(&mut self, _: &ProgressState, _: Instant) {}

    fn reset(&mut self, _: &ProgressState, _: Instant) {}

    fn write(&self, state: &ProgressState, line: &mut dyn fmt::Write) {
        let rate = state.per_sec();
        if !rate.is_normal() {
            return;
        }
        let left = state.len().unwrap_or_default().saturating_sub(state.pos()) as f64 / rate;
        let digits = usize::from(rate < 10.0);
        // A `String` takes everything.
        write!(line, ", {rate:.digits$}/s").ok();
        if left < LONGEST.as_secs_f64() {
            let left = SignedDuration::from_secs(left.ceil() as i64);
            write!(line, ", {} left", lasted(left)).ok();
        }
    }
}

/// Lines of the log. Each comes in one piece.
#[derive(Debug)]
pub(super) struct Aside<'a>(&'a Progress);

impl Write for Aside<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.aside(|| io::stderr().write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.aside(|| io::stderr().write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Progress {
    type Writer = Aside<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Aside(self)
    }
}
