//! One namespace that throttles: the lanes it refused take turns, at a rate that is learned.
//!
//! Nobody is governed until a lane is refused as throttled, and then only it; or its whole hub, when a second lane of that
//! is refused. So a partition or a hub that refuses costs its neighbours nothing, while a namespace that has too much to do
//! soon has refused everybody. Who is due waits in one line, and each goes with one batch.
//!
//! The pace is found as TCP finds it:
//! * *steady*: it begins with what the hub took in the last seconds, and a refusal cuts it to a little less than what was
//!   taken. While somebody waits it grows, each second by more than the last. One that has waited for three seconds with
//!   nobody refused doubles it eight times a second, and one that has for four leaves;
//! * *probing*, when nothing is taken any more: one batch a second;
//! * *seeking*, from the first that is taken then: doubled eight times a second, until something is refused.
//!
//! So whatever was before, everybody's first batch leaves within five seconds of the end of the trouble.
//!
//! A batch weighs its bytes, and at least [`EVENT`] for each event: a throughput unit is 1 MB or 1000 events a second.
//! After [`QUIET`] without a refusal it is over, and everybody is free.
//!
//! Pure, as all of the core: who asks at [`Governor::deadline`] sees what one sees who asks all the time.

mod spell;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use spell::{Count, Spell, SpellPhase, Turn};

/// What an event weighs at least.
const EVENT: usize = 1_000;
/// So long after the last refusal it is over.
const QUIET: Duration = Duration::from_secs(20);
/// What a hub took longer ago tells nothing.
const RECENT: Duration = Duration::from_secs(3);

/// What a batch weighs.
pub(crate) fn weight(bytes: usize, events: usize) -> f64 {
    bytes.max(events * EVENT) as f64
}

/// The last refusal of a lane.
#[derive(Debug, Clone, Copy)]
struct LastRefusal {
    /// The number of the spell.
    spell: u64,
    at: Instant,
    /// How many batches had been taken and refused in the spell.
    count: Count,
}

/// What the governor of its namespace knows of a lane.
#[derive(Debug)]
pub(crate) struct GovernedLane {
    /// Its hub.
    hub: usize,
    /// When its last batch left.
    left: Option<Instant>,
    refused: Option<LastRefusal>,
    /// Whether a batch of it was taken since.
    taken: bool,
    /// Its place in the line.
    turn: Option<Turn>,
}

impl GovernedLane {
    /// Of a lane to a hub, that nothing is known of.
    pub(crate) fn new(hub: usize) -> Self {
        Self { hub, left: None, refused: None, taken: false, turn: None }
    }

    /// Whether a batch of it has left, ever.
    pub(crate) fn has_sent(&self) -> bool {
        self.left.is_some()
    }

    /// Whether it waits for its turn.
    pub(crate) fn waits(&self) -> bool {
        self.turn.is_some()
    }

    /// It was called, or everybody is free.
    pub(crate) fn called(&mut self) {
        self.turn = None;
    }
}

/// What a hub has taken in this second and the last.
#[derive(Debug)]
struct HubTally {
    since: Instant,
    last: f64,
    now: f64,
}

impl HubTally {
    fn new(now: Instant) -> Self {
        Self { since: now, last: 0.0, now: 0.0 }
    }

    fn add(&mut self, weight: f64, now: Instant) {
        let second = Duration::from_secs(1);
        let passed = now.saturating_duration_since(self.since);
        if passed >= second {
            self.last = if passed < 2 * second { self.now } else { 0.0 };
            self.now = 0.0;
            self.since = if passed < 2 * second { self.since + second } else { now };
        }
        self.now += weight;
    }

    /// Weight a second; none when that is long ago.
    fn rate(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.since);
        if passed > RECENT { 0.0 } else { (self.last + self.now) / (1.0 + passed.as_secs_f64()) }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Governor {
    /// How often the namespace has begun to throttle.
    number: u64,
    /// What each hub takes, throttled or not.
    tallies: BTreeMap<usize, HubTally>,
    spell: Option<Spell>,
}

impl Governor {
    /// Whether a lane takes turns: it was refused, or two lanes of its hub were.
    pub(crate) fn governs(&self, seat: &GovernedLane) -> bool {
        let Some(spell) = &self.spell else { return false };
        self.refusal(seat).is_some() || spell.lanes.get(&seat.hub).is_some_and(|lanes| *lanes > 1)
    }

    /// The last refusal of a lane in this spell.
    fn refusal(&self, seat: &GovernedLane) -> Option<LastRefusal> {
        seat.refused.filter(|refused| self.spell.is_some() && refused.spell == self.number)
    }

    /// A batch of a lane leaves, called or not.
    pub(crate) fn left(&mut self, seat: &mut GovernedLane, weight: f64, now: Instant) {
        seat.left = Some(now);
        if self.governs(seat)
            && let Some(spell) = &mut self.spell
        {
            spell.left(weight, now);
        }
    }

    /// A batch of a lane was taken.
    pub(crate) fn taken(&mut self, seat: &mut GovernedLane, weight: f64, now: Instant) {
        seat.taken = true;
        self.tallies.entry(seat.hub).or_insert_with(|| HubTally::new(now)).add(weight, now);
        if self.governs(seat)
            && let Some(spell) = &mut self.spell
        {
            spell.taken(weight, now);
        }
    }

    /// A batch of a lane was refused as throttled. Gives whether that is the first of a spell.
    pub(crate) fn refused(&mut self, seat: &mut GovernedLane, now: Instant) -> bool {
        let began = self.spell.is_none();
        let before = self.refusal(seat);
        if began {
            self.number += 1;
        }
        let spell = self.spell.get_or_insert_with(|| Spell::new(now));
        spell.advance(now);
        spell.refused = now;
        spell.count.1 += 1;
        if before.is_none() {
            let lanes = spell.lanes.entry(seat.hub).or_default();
            *lanes += 1;
            if *lanes == 1 {
                let tally = self.tallies.get(&seat.hub).map_or(0.0, |tally| tally.rate(now));
                spell.joins(tally, now);
            }
        }
        // What left before the last cut ran into the same wall. And a lane that is refused in a row, while more is taken than
        // refused, tells of itself or of its hub, but not of the namespace.
        let old = seat.left.is_some_and(|left| left <= spell.cut);
        let alone = before.filter(|_| !seat.taken).is_some_and(|LastRefusal { count, .. }| {
            spell.count.0 - count.0 > spell.count.1 - count.1
        });
        if !began && !old && !alone {
            spell.cut(now);
        }
        seat.refused = Some(LastRefusal { spell: self.number, at: now, count: spell.count });
        seat.taken = false;
        began
    }

    /// A lane that takes turns is due. One that was refused has waited since then. While everything is refused, those that
    /// were not go first.
    pub(crate) fn wait(&mut self, lane: usize, seat: &mut GovernedLane, now: Instant) {
        let refused = self.refusal(seat).filter(|_| !seat.taken);
        let Some(spell) = &mut self.spell else { return };
        spell.advance(now);
        let behind = refused.is_some() || spell.pace != SpellPhase::Probing;
        let turn = (behind, refused.map_or(now, |refused| refused.at), lane);
        spell.line.insert(turn);
        seat.turn = Some(turn);
    }

    /// A lane that waits has nothing to send any more, or need not wait.
    pub(crate) fn leave_line(&mut self, seat: &mut GovernedLane) {
        if let (Some(spell), Some(turn)) = (&mut self.spell, seat.turn.take()) {
            spell.line.remove(&turn);
        }
    }

    /// The lane whose turn it is, out of the line.
    pub(crate) fn call(&mut self, now: Instant) -> Option<usize> {
        let spell = self.spell.as_mut().filter(|spell| !spell.line.is_empty())?;
        spell.advance(now);
        if now < spell.opens() {
            return None;
        }
        spell.line.pop_first().map(|(_, _, lane)| lane)
    }

    /// When [`Governor::call`] wants to be asked; `None` while nobody waits.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let spell = self.spell.as_ref().filter(|spell| !spell.line.is_empty())?;
        Some(spell.deadline())
    }

    /// Those that wait, when it is over: they are free, as everybody.
    pub(crate) fn ends(&mut self, now: Instant) -> Option<Vec<usize>> {
        let over = |spell: &mut Spell| now.saturating_duration_since(spell.refused) >= QUIET;
        let spell = self.spell.take_if(over)?;
        Some(spell.line.into_iter().map(|(_, _, lane)| lane).collect())
    }

    /// Weight a second that is let through, none while everything is refused; and how many lanes wait.
    pub(crate) fn standing(&self) -> Option<(u64, usize)> {
        let spell = self.spell.as_ref()?;
        let rate = if spell.pace == SpellPhase::Probing { 0.0 } else { spell.rate };
        Some((rate as u64, spell.line.len()))
    }

    /// Who waits, in order.
    #[cfg(test)]
    pub(crate) fn line(&self) -> Vec<usize> {
        self.spell.iter().flat_map(|it| it.line.iter().map(|(_, _, lane)| *lane)).collect()
    }
}

#[cfg(test)]
mod tests;
