//! How a namespace is found to be again, from its first refusal to the last.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How often the rate is looked at.
const BEAT: Duration = Duration::from_millis(125);
/// The pause between two tries while everything is refused.
const PROBE: Duration = Duration::from_secs(1);
/// The pause after a refusal. It doubles with each in a row.
const PAUSE: Duration = Duration::from_millis(50);
/// So many in a row, and the rate says nothing any more.
const ROW: u32 = 5;
/// What is left of the rate after a refusal.
const CUT: f64 = 0.85;
/// By how much the rate grows in a second, for each second that somebody has waited since the last cut.
const GROWTH: f64 = 0.02;
/// Nobody waits for longer without a try whether there is more.
const PATIENCE: Duration = Duration::from_secs(3);
/// Nobody waits for its turn for longer while nobody is refused. A lane that was refused waits about as long by itself.
const ASKED: Duration = Duration::from_secs(4);
/// So much may leave at once after a pause: in seconds of the rate.
const BURST: f64 = 0.1;
/// What was taken is remembered for about this long, in seconds in which somebody sent or waited.
const MEMORY: f64 = 4.0;
/// Bounds of the rate.
const RATES: (f64, f64) = (1_000.0, 1e12);

/// Batches of a spell that were taken, and that were refused.
pub(super) type Count = (u64, u64);

/// A place in the line: whether others go first, since when it waits, and the lane.
pub(super) type Turn = (bool, Instant, usize);

/// From the first refusal to the end.
#[derive(Debug)]
pub(super) struct Spell {
    pub(super) pace: SpellPhase,
    /// Weight a second.
    pub(super) rate: f64,
    /// What may leave; below zero, what has left too early.
    credit: f64,
    /// Up to when the credit is reckoned.
    reckoned: Instant,
    /// When the present beat began.
    pub(super) beat: Instant,
    /// Whether a batch left in it.
    busy: bool,
    /// What was taken, and in how many seconds, the past fading.
    taken: (f64, f64),
    pub(super) count: Count,
    /// When a batch last left.
    left: Option<Instant>,
    /// When it was last refused, and when that last told something.
    pub(super) refused: Instant,
    pub(super) cut: Instant,
    /// How long somebody has waited since.
    awaited: Duration,
    /// How many in a row did.
    row: u32,
    /// Nothing leaves before.
    pause: Instant,
    /// How many lanes of a hub were refused.
    pub(super) lanes: BTreeMap<usize, usize>,
    /// Who waits.
    pub(super) line: BTreeSet<Turn>,
}

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpellPhase {
    Probing,
    Seeking,
    Steady,
}

impl Spell {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            pace: SpellPhase::Probing,
            rate: RATES.0,
            credit: 0.0,
            reckoned: now,
            beat: now,
            busy: false,
            taken: (0.0, 0.0),
            count: (0, 0),
            left: None,
            refused: now,
            cut: now,
            awaited: Duration::ZERO,
            row: ROW,
            pause: now,
            lanes: BTreeMap::new(),
            line: BTreeSet::new(),
        }
    }

    /// A hub is refused for the first time, which took so much in a second.
    pub(super) fn joins(&mut self, tally: f64, now: Instant) {
        if tally > 0.0 {
            if self.pace == SpellPhase::Probing {
                (self.pace, self.rate, self.row) = (SpellPhase::Steady, 0.0, 1);
                self.pause = now + PAUSE;
            }
            self.rate = (self.rate + tally * CUT).clamp(RATES.0, RATES.1);
            let seconds = self.taken.1.max(1.0);
            self.taken = (self.taken.0 + tally * seconds, seconds);
        }
    }

    /// Time has passed.
    pub(super) fn advance(&mut self, now: Instant) {
        loop {
            let end = self.beat + BEAT;
            if end > now {
                return self.reckon(now);
            }
            self.reckon(end);
            let waits = !self.line.is_empty();
            // Who was refused a moment ago would send.
            let wanted = waits || end <= self.refused + ASKED;
            if wanted || self.busy {
                let (seconds, fades) = (BEAT.as_secs_f64(), 1.0 - BEAT.as_secs_f64() / MEMORY);
                self.taken = (self.taken.0 * fades, self.taken.1 * fades + seconds);
            }
            self.busy = false;
            self.beat = end;
            if waits {
                self.grow();
            } else if !wanted {
                // Nothing happens in whole beats in which nobody would send.
                let beats = now.saturating_duration_since(end).as_nanos() / BEAT.as_nanos();
                self.beat += BEAT * u32::try_from(beats).unwrap_or(u32::MAX);
            }
        }
    }

    fn reckon(&mut self, until: Instant) {
        let passed = until.saturating_duration_since(self.reckoned).as_secs_f64();
        self.credit = (self.credit + self.rate * passed).min(self.rate * BURST);
        self.reckoned = self.reckoned.max(until);
    }

    /// Somebody waited in the beat that has ended.
    fn grow(&mut self) {
        self.awaited += BEAT;
        let calm = self.beat.saturating_duration_since(self.cut);
        let impatient = |(_, since, _): &Turn| *since + PATIENCE <= self.beat;
        let overdue = calm >= PATIENCE && self.line.first().is_some_and(impatient);
        let factor = match self.pace {
            SpellPhase::Probing => 1.0,
            SpellPhase::Steady if !overdue => {
                1.0 + GROWTH * self.awaited.as_secs_f64() * BEAT.as_secs_f64()
            }
            SpellPhase::Seeking | SpellPhase::Steady => 2.0,
        };
        self.rate = (self.rate * factor).min(RATES.1);
    }

    /// When the next may leave, at this rate.
    pub(super) fn opens(&self) -> Instant {
        if self.pace == SpellPhase::Probing {
            return self.left.map_or(self.reckoned, |left| left + PROBE);
        }
        // To the microsecond below: at that moment it is open.
        let wait = Duration::from_micros((-self.credit / self.rate * 1e6) as u64);
        let head = self.line.first().map_or(self.cut, |(_, since, _)| *since);
        let at_last = head.max(self.cut) + ASKED;
        (self.reckoned + wait).min(at_last).max(self.pause)
    }

    /// When it is to be looked whether the next may leave: the rate may have grown with the beat.
    pub(super) fn deadline(&self) -> Instant {
        let beat = (self.pace != SpellPhase::Probing).then_some(self.beat + BEAT);
        beat.map_or(self.opens(), |beat| self.opens().min(beat))
    }

    pub(super) fn left(&mut self, weight: f64, now: Instant) {
        self.advance(now);
        self.busy = true;
        self.left = Some(now);
        // What leaves uncalled, in a drain, makes no longer debt than a second.
        self.credit = (self.credit - weight).max(-weight.max(self.rate));
    }

    pub(super) fn taken(&mut self, weight: f64, now: Instant) {
        self.advance(now);
        self.count.0 += 1;
        self.row = 0;
        self.pause = now;
        if self.pace == SpellPhase::Probing {
            self.pace = SpellPhase::Seeking;
            self.rate = (2.0 * weight).clamp(RATES.0, RATES.1);
            self.credit = 0.0;
            self.taken = (0.0, 0.0);
        }
        self.taken.0 += weight;
    }

    /// A refusal that tells of the namespace.
    pub(super) fn cut(&mut self, now: Instant) {
        self.cut = now;
        self.awaited = Duration::ZERO;
        self.row = (self.row + 1).min(ROW);
        if self.row == ROW {
            self.pace = SpellPhase::Probing;
        } else {
            self.pause = now + PAUSE * (1 << (self.row - 1));
            let (weight, seconds) = self.taken;
            let learned = self.rate.min(weight / seconds.max(1.0));
            self.pace = SpellPhase::Steady;
            self.rate = (learned * CUT).max(RATES.0);
            self.credit = self.credit.min(0.0);
        }
    }
}
