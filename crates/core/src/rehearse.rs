//! What a way makes of one record, for people who want to see it before anything is sent.

use crate::claim::Claim;
use crate::encode::{self, Layout};
use crate::fork::NoHub;
use crate::mapping::{Policy, TooLarge};
use crate::parts::Split;
use crate::record::Record;
use crate::route::{Misfit, RoundRobin, Route};
use crate::step::{FetchedValues, Missing, Shaped};
use crate::typed::WrongType;

/// What would become of a record.
#[derive(Debug)]
pub enum Rehearsed {
    /// This event; or these, of which each has a part of its value.
    Events(Vec<RehearsedEvent>),
    /// None: its mapping filters it, by this word.
    Filtered(&'static str),
    /// None: the failure policy says what happens.
    Refused {
        /// Why: a word.
        reason: &'static str,
        /// Why: what is wrong.
        detail: String,
    },
    /// The hub has no place for it as it is, and its partition waits for one.
    NoPlace(Misfit),
    /// This is needed first.
    Missing(Missing),
}

/// An event that would be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RehearsedEvent {
    /// The encoded message.
    pub message: Vec<u8>,
    /// What it takes in a batch of its own: what a link's limit is compared with.
    pub size: usize,
    /// Number of the hub partition, where that can be known.
    pub partition: Option<usize>,
}

/// What becomes of `record` by one mapping, of which these are all ways, on hubs with so many partitions, if that is known, whose links
/// take so many bytes. Tells also the way that it goes, of several; the first while it has not chosen.
pub fn rehearse<'w>(
    ways: &'w [Route],
    record: &Record<'_>,
    (partitions, limit): (Option<usize>, usize),
    turns: &mut RoundRobin,
    known: &FetchedValues,
) -> (&'w Route, Rehearsed) {
    let first = &ways[0];
    let shaped = match Shaped::by(first.step.as_ref(), record, known) {
        Ok(Shaped::Filtered(reason)) => return (first, Rehearsed::Filtered(reason)),
        Ok(Shaped::Refused(reason, detail)) => {
            return (first, Rehearsed::Refused { reason, detail });
        }
        Ok(shaped) => shaped,
        Err(missing) => return (first, Rehearsed::Missing(missing)),
    };
    let headers = shaped.lend();
    let record = shaped.record(record, &headers);
    let chosen = first.fork.as_ref().map_or(Ok(0), |fork| fork.choose(&record));
    match chosen {
        Ok(chosen) => (&ways[chosen], ways[chosen].rehearse(&record, (partitions, limit), turns)),
        Err(NoHub { reason, detail }) => (first, Rehearsed::Refused { reason, detail }),
    }
}

impl Route {
    /// What becomes of `record` as its step leaves it.
    fn rehearse(
        &self,
        record: &Record<'_>,
        (partitions, limit): (Option<usize>, usize),
        turns: &mut RoundRobin,
    ) -> Rehearsed {
        let layout = Layout::new(&self.events);
        let plan = match encode::EventPlan::new(record, &layout) {
            Ok(plan) => plan,
            Err(wrong) => {
                let detail = wrong.to_string();
                return Rehearsed::Refused { reason: WrongType::REASON, detail };
            }
        };
        let key = plan.partition_key();
        let chosen = partitions.map(|count| self.choose(record.partition, key, count, turns));
        let partition = match chosen.transpose() {
            Ok(partition) => partition,
            Err(misfit) if self.failure.policy == Policy::Halt => {
                return Rehearsed::NoPlace(misfit);
            }
            Err(misfit) => {
                let detail = misfit.to_string();
                return Rehearsed::Refused { reason: Misfit::REASON, detail };
            }
        };
        let event = |plan: &encode::EventPlan<'_>| {
            let key = plan.partition_key().filter(|_| self.is_by_key());
            let size = plan.weight() + encode::envelope_size(key);
            RehearsedEvent { message: plan.message(), size, partition }
        };
        let whole = event(&plan);
        if whole.size <= limit {
            return Rehearsed::Events(vec![whole]);
        }
        let (reason, detail) = encode::too_large(whole.size, limit);
        match self.large(record, &layout, (limit, detail), event) {
            Ok(events) => Rehearsed::Events(events),
            Err(detail) => Rehearsed::Refused { reason, detail },
        }
    }

    /// What becomes of one that is too large, for which that is the detail.
    fn large(
        &self,
        record: &Record<'_>,
        layout: &Layout,
        (limit, detail): (usize, String),
        event: impl Fn(&encode::EventPlan<'_>) -> RehearsedEvent,
    ) -> Result<Vec<RehearsedEvent>, String> {
        let too_large = &self.failure.too_large;
        match too_large {
            TooLarge::Policy => Err(detail),
            TooLarge::ClaimCheck(_) => {
                let claim = Claim::of(record, too_large);
                let event = claim.and_then(|claim| claim.event(record, layout, event).ok());
                event.filter(|event| event.size <= limit).map(|it| vec![it]).ok_or(detail)
            }
            TooLarge::Split => {
                let split = Split::of(record, layout, self.is_by_key(), limit);
                let split = split.map_err(|because| format!("{detail}; {because}"))?;
                let mut events = Vec::new();
                let pushed = split.events(record, layout, |plan| events.push(event(plan)));
                pushed.map(|()| events).map_err(|wrong| wrong.to_string())
            }
        }
    }
}
