//! The traces that records belong to, gathered by batch: a span of the send can link what it carries.
//!
//! Only sampled contexts count, and of those the part that is followed: by the trace's own number, as OpenTelemetry's consistent
//! probability sampling has it, so that a trace is followed everywhere or nowhere. Nothing is gathered unless somebody follows.

/// Contexts of a batch that are kept; what a backend shows of a span is less.
pub const MOST: usize = 128;
/// Bits of a trace's number that are random.
const RANDOM: u32 = 56;
/// Of the flags: the trace is recorded.
const SAMPLED: u8 = 1;
/// The least that is allocated.
const FIRST: usize = 4;
/// What one costs: itself, and its copy for who sends the batch.
const ENTRY: usize = 2 * size_of::<(u32, TraceContext)>();

/// A span of somebody else, as W3C Trace Context tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// Number of the trace.
    pub trace: [u8; 16],
    /// Number of the span.
    pub span: [u8; 8],
    /// Flags, of which the lowest bit says that the trace is recorded.
    pub flags: u8,
}

/// Where the events of a batch come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    /// Their contexts, in the order of the events; a run of equal ones is one.
    pub contexts: Vec<TraceContext>,
    /// Contexts that were not kept, at most.
    pub dropped: u32,
    /// Events in the batch.
    pub events: usize,
}

/// Which traces are followed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Followed {
    #[default]
    None,
    /// Those whose number is not below.
    From(u64),
}

impl Followed {
    /// This part of all traces, 0.0 to 1.0.
    pub(crate) fn part(ratio: f64) -> Self {
        let all = 1_u64 << RANDOM;
        let left_out = ((1.0 - ratio.clamp(0.0, 1.0)) * all as f64) as u64;
        if left_out >= all { Self::None } else { Self::From(left_out) }
    }

    pub(crate) fn is_none(self) -> bool {
        matches!(self, Self::None)
    }

    pub(crate) fn takes(self, context: &TraceContext) -> bool {
        let Self::From(least) = self else { return false };
        let number = u128::from_be_bytes(context.trace) & ((1 << RANDOM) - 1);
        let number = number as u64;
        context.flags & SAMPLED != 0 && number >= least
    }
}

/// Contexts with the number of their event, ascending.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    kept: Vec<(u32, TraceContext)>,
    dropped: u32,
}

impl Gathered {
    /// Bytes of memory.
    pub(crate) fn held(&self) -> usize {
        self.kept.capacity() * ENTRY
    }

    /// Bytes that another context takes beyond that.
    pub(crate) fn memory_for_one(&self) -> usize {
        (self.capacity_for_one() - self.kept.capacity()) * ENTRY
    }

    fn capacity_for_one(&self) -> usize {
        let has = self.kept.capacity();
        if self.kept.len() < has || has >= MOST { has } else { (has * 2).clamp(FIRST, MOST) }
    }

    /// Keeps the context of the event of this number, the last one.
    pub(crate) fn push(&mut self, event: usize, context: TraceContext) {
        let is_full = self.kept.len() >= MOST;
        match self.kept.last_mut() {
            // One span has made many records.
            Some((last, known)) if *known == context => *last = event as u32,
            _ if is_full => self.dropped = self.dropped.saturating_add(1),
            _ => {
                let capacity = self.capacity_for_one();
                self.kept.reserve_exact(capacity - self.kept.len());
                self.kept.push((event as u32, context));
            }
        }
    }

    /// Events were taken out, and the others moved up: `stays` says of each, in order, whether it is left.
    pub(crate) fn purge(&mut self, stays: impl Iterator<Item = bool>) {
        if self.kept.is_empty() {
            return;
        }
        let mut next = 0;
        let places: Vec<Option<u32>> = stays
            .map(|stays| {
                stays.then(|| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        self.kept.retain_mut(|(event, _)| {
            let place = places.get(*event as usize).copied().flatten();
            *event = place.unwrap_or_default();
            place.is_some()
        });
    }

    /// The contexts of events from `middle` on, which begin to be counted anew.
    pub(crate) fn split_off(&mut self, middle: usize) -> Self {
        let at = self.kept.partition_point(|(event, _)| (*event as usize) < middle);
        let mut kept = self.kept.split_off(at);
        for (event, _) in &mut kept {
            *event -= middle as u32;
        }
        // Those behind the last one that is kept.
        Self { kept, dropped: std::mem::take(&mut self.dropped) }
    }

    /// For who sends the `events` of the batch; `None` if none of them has a context.
    pub(crate) fn origins(&self, events: usize) -> Option<Origins> {
        let contexts: Vec<_> = self.kept.iter().map(|(_, context)| *context).collect();
        (!contexts.is_empty()).then_some(Origins { contexts, dropped: self.dropped, events })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn context(number: u64) -> TraceContext {
        let mut trace = [9; 16];
        trace[8..].copy_from_slice(&number.to_be_bytes());
        TraceContext { trace, span: [7; 8], flags: 1 }
    }

    #[test]
    fn a_trace_is_followed_whole_or_not_at_all() {
        let takes = |ratio, context: &TraceContext| Followed::part(ratio).takes(context);
        let (low, high) = (context(0), context(u64::MAX));
        assert!(takes(1.0, &low) && takes(1.0, &high));
        assert!(!takes(0.0, &high) && Followed::part(0.0).is_none());
        assert!(takes(0.000_001, &high) && !takes(0.999, &low));
        assert!(!takes(1.0, &TraceContext { flags: 0, ..high }), "its producer does not record it");
        assert!(takes(1.0, &TraceContext { flags: 3, ..high }), "other flags mean other things");
        let followed = (0..1000_u64).map(|n| context(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let followed = followed.filter(|it| takes(0.25, it)).count();
        assert!((200..300).contains(&followed), "{followed}");
    }

    proptest! {
        #[test]
        fn contexts_stay_with_their_events_and_within_their_bound(
            numbers in prop::collection::vec(prop::option::of(0..6_u64), 1..400),
            middle in 0..400_usize, drop_every in 2..5_usize,
        ) {
            let mut gathered = Gathered::default();
            // What is kept: a run of equal contexts is one, at its last event.
            let (mut expected, mut dropped) = (Vec::<(usize, u64)>::new(), 0);
            for (event, number) in numbers.iter().enumerate() {
                let Some(number) = *number else { continue };
                let before = gathered.held();
                let memory = gathered.memory_for_one();
                gathered.push(event, context(number));
                prop_assert!(gathered.held() <= before + memory && gathered.held() <= MOST * ENTRY);
                let is_full = expected.len() == MOST;
                match expected.last_mut() {
                    Some((last, known)) if *known == number => *last = event,
                    _ if is_full => dropped += 1,
                    _ => expected.push((event, number)),
                }
            }
            let now = |it: &Gathered| -> Vec<_> {
                it.kept.iter().map(|(event, context)| (*event as usize, *context)).collect()
            };
            let of = |it: &[(usize, u64)]| -> Vec<_> {
                it.iter().map(|(event, number)| (*event, context(*number))).collect()
            };
            prop_assert_eq!(now(&gathered), of(&expected));
            prop_assert_eq!(gathered.dropped, dropped);
            let origins = gathered.origins(numbers.len());
            prop_assert_eq!(origins.map_or(0, |it| it.contexts.len()), expected.len());

            let stays = |event: usize| !event.is_multiple_of(drop_every);
            gathered.purge((0..numbers.len()).map(stays));
            let place = |event: usize| (0..event).filter(|it| stays(*it)).count();
            expected.retain(|(event, _)| stays(*event));
            for (event, _) in &mut expected {
                *event = place(*event);
            }
            prop_assert_eq!(now(&gathered), of(&expected));

            let back = gathered.split_off(middle);
            let (front, behind): (Vec<_>, Vec<_>) =
                expected.into_iter().partition(|(event, _)| *event < middle);
            let behind: Vec<_> =
                behind.into_iter().map(|(event, number)| (event - middle, number)).collect();
            prop_assert_eq!(now(&gathered), of(&front));
            prop_assert_eq!(now(&back), of(&behind));
            prop_assert_eq!((gathered.dropped, back.dropped), (0, dropped));
        }
    }
}
