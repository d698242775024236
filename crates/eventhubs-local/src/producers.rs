//! Producers that number their events, so that a repeated delivery is stored once.
//!
//! A partition keeps the epoch and the last number of each producer. Numbers go up by one: a delivery whose numbers were
//! stored is accepted and not stored again, one that leaves numbers out is refused. A larger epoch takes over, a smaller one
//! is refused from then on. What the service does where its clients do not show it is an assumption, said in the README.
//! No clock, no locks.

use std::collections::HashMap;

use crate::condition::Condition;

/// Producers that a partition remembers; of more, the one that was not used for longest is forgotten.
const REMEMBERED: usize = 1_000;
/// Numbers are `0..=i32::MAX`; the first is behind the last.
const NUMBERS: u32 = 1 << 31;

/// What a sender asks for; the server decides what it leaves open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) id: Option<i64>,
    pub(crate) epoch: Option<i16>,
    pub(crate) last: Option<i32>,
}

/// What it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
    /// The number of the last event that is stored.
    pub(crate) last: i32,
}

/// The numbers of one delivery, which follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
    pub(crate) first: i32,
    pub(crate) last: i32,
}

/// What is to be done with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Store,
    /// All of it was stored before.
    Repeated,
}

#[derive(Debug, Clone, Copy)]
struct Producer {
    epoch: i16,
    last: i32,
    /// When it was used last, counted in uses.
    used: u64,
}

/// The producers of one partition.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    known: HashMap<i64, Producer>,
    newest: i64,
    uses: u64,
}

/// The number behind another.
pub(crate) fn next(number: i32) -> i32 {
    number.checked_add(1).unwrap_or(0)
}

/// How far one number is behind another.
fn distance(from: i32, to: i32) -> u32 {
    (to as u32).wrapping_sub(from as u32) % NUMBERS
}

impl Producers {
    /// A sender attaches.
    pub(crate) fn attach(&mut self, asked: Asked, now_ms: i64) -> Result<Told, Condition> {
        let id = asked.id.unwrap_or_else(|| self.new_id(now_ms));
        self.uses += 1;
        let new = Producer { epoch: i16::MIN, last: asked.last.unwrap_or(0), used: self.uses };
        let known = self.known.get(&id).copied();
        let known_epoch = known.map(|known| known.epoch);
        let epoch = asked.epoch.or(known_epoch).unwrap_or(0);
        if let Some(current) = known_epoch.filter(|current| epoch < *current) {
            return Err(stolen(id, epoch, current));
        }
        // What is stored counts, and not what a sender says of it.
        let producer = Producer { epoch, used: self.uses, ..known.unwrap_or(new) };
        self.known.insert(id, producer);
        self.forget();
        Ok(Told { id, epoch, last: producer.last })
    }

    /// A delivery is there.
    pub(crate) fn look_at(&mut self, numbers: &Numbers) -> Result<Verdict, Condition> {
        let Numbers { id, epoch, first, last } = *numbers;
        let Some(producer) = self.known.get_mut(&id) else {
            return Err(out_of_order(id, format!("The producer '{id}' is not known any more.")));
        };
        if epoch != producer.epoch {
            return Err(stolen(id, epoch, producer.epoch));
        }
        self.uses += 1;
        producer.used = self.uses;
        if first == next(producer.last) {
            return Ok(Verdict::Store);
        }
        // What is less than half of all numbers back was there before.
        let is_behind = |number| distance(number, producer.last) < NUMBERS / 2;
        if is_behind(first) && is_behind(last) {
            return Ok(Verdict::Repeated);
        }
        let text = format!(
            "The numbers '{first}' to '{last}' do not follow the last one, '{}'.",
            producer.last
        );
        Err(out_of_order(id, text))
    }

    /// The delivery is stored.
    pub(crate) fn stored(&mut self, numbers: &Numbers) {
        if let Some(producer) = self.known.get_mut(&numbers.id) {
            producer.last = numbers.last;
        }
    }

    /// Larger than any before, also of an earlier server; and small enough for clients whose numbers are doubles.
    fn new_id(&mut self, now_ms: i64) -> i64 {
        self.newest = (self.newest + 1).max(now_ms << 10);
        self.newest
    }

    fn forget(&mut self) {
        if self.known.len() > REMEMBERED
            && let Some(id) =
                self.known.iter().min_by_key(|(_, known)| known.used).map(|(id, _)| *id)
        {
            self.known.remove(&id);
        }
    }
}

fn stolen(id: i64, epoch: i16, current: i16) -> Condition {
    Condition::new(
        Condition::EPOCH_STOLEN,
        format!(
            "The producer '{id}' with a higher epoch of '{current}' exists. The one with epoch '{epoch}' cannot be used any \
             more."
        ),
    )
}

fn out_of_order(id: i64, text: String) -> Condition {
    Condition::new("com.microsoft:out-of-order-sequence", format!("{text} Producer: '{id}'."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn run(told: Told, first: i32, last: i32) -> Numbers {
        Numbers { id: told.id, epoch: told.epoch, first, last }
    }

    fn refused(verdict: Result<Verdict, Condition>) -> String {
        verdict.unwrap_err().name().to_owned()
    }

    fn store(producers: &mut Producers, numbers: Numbers) {
        assert_eq!(producers.look_at(&numbers), Ok(Verdict::Store));
        producers.stored(&numbers);
    }

    #[test]
    fn what_comes_twice_is_stored_once_and_nothing_is_left_out() {
        let mut producers = Producers::default();
        let told = producers.attach(Asked::default(), NOW).unwrap();
        assert_eq!((told.epoch, told.last), (0, 0));
        store(&mut producers, run(told, 1, 3));
        store(&mut producers, run(told, 4, 4));
        for (first, last) in [(1, 3), (4, 4), (2, 4), (0, 0)] {
            assert_eq!(producers.look_at(&run(told, first, last)), Ok(Verdict::Repeated));
        }
        for (first, last) in [(6, 6), (4, 5), (3, 9), (i32::MAX / 2 - 100, i32::MAX / 2 - 99)] {
            let verdict = producers.look_at(&run(told, first, last));
            assert_eq!(refused(verdict), "com.microsoft:out-of-order-sequence", "{first}");
        }
        store(&mut producers, run(told, 5, 5));
    }

    #[test]
    fn a_delivery_that_was_not_stored_may_come_again() {
        let mut producers = Producers::default();
        let told = producers.attach(Asked::default(), NOW).unwrap();
        assert_eq!(producers.look_at(&run(told, 1, 2)), Ok(Verdict::Store));
        assert_eq!(producers.look_at(&run(told, 1, 1)), Ok(Verdict::Store));
    }

    #[test]
    fn a_larger_epoch_takes_over_and_goes_on() {
        let mut producers = Producers::default();
        let old = producers.attach(Asked::default(), NOW).unwrap();
        store(&mut producers, run(old, 1, 9));
        let asked = Asked { id: Some(old.id), epoch: Some(1), last: Some(4) };
        let new = producers.attach(asked, NOW).unwrap();
        assert_eq!(new, Told { id: old.id, epoch: 1, last: 9 });
        let stolen = "com.microsoft:producer-epoch-stolen";
        assert_eq!(refused(producers.look_at(&run(old, 10, 10))), stolen);
        assert_eq!(refused(producers.look_at(&run(old, 1, 9))), stolen);
        let again = producers.attach(Asked { epoch: Some(0), ..asked }, NOW).unwrap_err();
        assert_eq!(again.name(), stolen);
        store(&mut producers, run(new, 10, 10));
        // The same epoch, and one that is left to the server, are the same producer.
        let same = Told { last: 10, ..new };
        assert_eq!(producers.attach(Asked { epoch: Some(1), ..asked }, NOW), Ok(same));
        assert_eq!(producers.attach(Asked { epoch: None, ..asked }, NOW), Ok(same));
    }

    #[test]
    fn numbers_begin_again_behind_the_last() {
        let mut producers = Producers::default();
        let asked = Asked { last: Some(i32::MAX - 2), ..Asked::default() };
        let told = producers.attach(asked, NOW).unwrap();
        store(&mut producers, run(told, i32::MAX - 1, 1));
        store(&mut producers, run(told, 2, 2));
        assert_eq!(producers.look_at(&run(told, i32::MAX - 1, 1)), Ok(Verdict::Repeated));
        assert_eq!(producers.look_at(&run(told, 0, 2)), Ok(Verdict::Repeated));
        let verdict = producers.look_at(&run(told, 4, 4));
        assert_eq!(refused(verdict), "com.microsoft:out-of-order-sequence");
    }

    #[test]
    fn ids_are_never_given_twice_and_the_oldest_producer_is_forgotten() {
        let mut producers = Producers::default();
        let first = producers.attach(Asked::default(), NOW).unwrap();
        let second = producers.attach(Asked::default(), NOW).unwrap();
        for _ in 0..REMEMBERED - 1 {
            // The clock may stand still.
            let told = producers.attach(Asked::default(), NOW).unwrap();
            assert!(told.id > second.id && told.id < 1 << 53);
            assert_eq!(producers.look_at(&run(first, 1, 1)), Ok(Verdict::Store), "it is in use");
        }
        assert_eq!(producers.known.len(), REMEMBERED);
        let verdict = producers.look_at(&run(second, 1, 1));
        assert_eq!(refused(verdict), "com.microsoft:out-of-order-sequence");
        // A producer that is forgotten says what it had, and is believed.
        let asked = Asked { id: Some(second.id), epoch: Some(3), last: Some(7) };
        let told = producers.attach(asked, NOW).unwrap();
        assert_eq!(told, Told { id: second.id, epoch: 3, last: 7 });
        let later = Producers::default().attach(Asked::default(), NOW + 1).unwrap();
        assert!(later.id > NOW << 10);
    }
}
