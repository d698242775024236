//! One scale: everything a shard holds on behalf of records, weighed on one running sum, and who may hold how much of it.
//!
//! Half of the budget belongs to the hubs in use in equal parts. The other half is common: a hub may take of it as much as
//! it leaves, so that one hub in trouble gets half of it, two a third each, and something is always left to the living.
//! So the budget can never be taken by hubs that stand, however many. A hub that is alone may take everything.

/// A hub, by its number.
pub(crate) type HubNumber = usize;

/// See the module.
#[derive(Debug)]
pub(crate) struct Scale {
    budget: usize,
    /// Bytes held, by hub.
    held: Vec<usize>,
    /// Partitions that feed a hub.
    users: Vec<usize>,
    /// Hubs with users.
    in_use: usize,
    /// Bytes held, all told.
    sum: usize,
    /// Bytes held of the common half.
    common: usize,
}

impl Scale {
    pub(crate) fn new(budget: usize) -> Self {
        Self { budget, held: Vec::new(), users: Vec::new(), in_use: 0, sum: 0, common: 0 }
    }

    pub(crate) fn add_hub(&mut self) -> HubNumber {
        self.held.push(0);
        self.users.push(0);
        self.held.len() - 1
    }

    /// A partition feeds a hub from now on, or does so no longer.
    pub(crate) fn uses(&mut self, hub: HubNumber, more: bool) {
        let before = self.users[hub];
        self.users[hub] = if more { before + 1 } else { before - 1 };
        if before == 0 || self.users[hub] == 0 {
            self.in_use = if more { self.in_use + 1 } else { self.in_use - 1 };
            self.common = self.held.iter().map(|held| held.saturating_sub(self.own())).sum();
        }
    }

    /// Whether a partition feeds the hub.
    pub(crate) fn is_used(&self, hub: HubNumber) -> bool {
        self.users[hub] > 0
    }

    /// What belongs to a hub alone.
    fn own(&self) -> usize {
        self.budget / 2 / self.in_use.max(1)
    }

    /// What a hub holds has changed.
    pub(crate) fn weigh(&mut self, hub: HubNumber, before: usize, after: usize) {
        let own = self.own();
        let held = &mut self.held[hub];
        self.common -= held.saturating_sub(own);
        *held = *held - before + after;
        self.common += held.saturating_sub(own);
        self.sum = self.sum - before + after;
    }

    pub(crate) fn held(&self, hub: HubNumber) -> usize {
        self.held[hub]
    }

    pub(crate) fn sum(&self) -> usize {
        self.sum
    }

    pub(crate) fn budget(&self) -> usize {
        self.budget
    }

    /// Whether nobody has to be protected from a hub that holds much.
    pub(crate) fn is_alone(&self) -> bool {
        self.in_use <= 1
    }

    /// Whether `hub` may hold `bytes` more.
    pub(crate) fn admits(&self, hub: HubNumber, bytes: usize) -> bool {
        if self.is_alone() {
            // Bounded by the intake, which ends with the budget.
            return true;
        }
        let (own, wanted) = (self.own(), self.held[hub] + bytes);
        let free = (self.budget / 2).saturating_sub(self.common);
        // What fits nowhere else goes when nobody else uses the common half: any record goes at some time.
        wanted <= own || wanted - own <= free || (self.held[hub] == 0 && self.common == 0)
    }

    /// Bytes that a hub which had no room has again, some to spare.
    pub(crate) fn room_again(&self, hub: HubNumber) -> usize {
        if self.is_alone() {
            return self.budget;
        }
        let free = (self.budget / 2).saturating_sub(self.common);
        self.own().midpoint(free).saturating_sub(self.held[hub])
    }

    /// Whether anything more may be held at all.
    pub(crate) fn has_room(&self) -> bool {
        self.sum < self.budget
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BUDGET: usize = 32 << 20;

    fn scale(hubs: usize) -> Scale {
        let mut scale = Scale::new(BUDGET);
        for _ in 0..hubs {
            let hub = scale.add_hub();
            scale.uses(hub, true);
        }
        scale
    }

    /// Gives `hub` as much as it may have.
    fn fill(scale: &mut Scale, hub: usize, bytes: usize) {
        while scale.has_room() && scale.admits(hub, bytes) {
            let held = scale.held(hub);
            scale.weigh(hub, held, held + bytes);
        }
    }

    #[test]
    fn a_hub_alone_may_take_everything_and_one_of_two_a_half() {
        let mut alone = scale(1);
        fill(&mut alone, 0, 1024);
        assert!(!alone.has_room());
        let mut two = scale(2);
        fill(&mut two, 0, 1024);
        assert_eq!(two.held(0), BUDGET / 2);
        assert!(two.admits(1, BUDGET / 4));
        assert!(!two.admits(0, 1024), "and no more, however long it stands");
    }

    #[test]
    fn what_comes_back_is_used_again_only_when_it_is_worth_it() {
        let mut two = scale(2);
        fill(&mut two, 0, 1024);
        assert_eq!(two.room_again(0), 0);
        let held = two.held(0);
        two.weigh(0, held, 0);
        assert!(two.room_again(0) > BUDGET / 4);
    }

    proptest! {
        #[test]
        fn however_many_hubs_stand_the_living_have_room(
            hubs in 2..300usize, order in prop::collection::vec(any::<prop::sample::Index>(), 1..300), bytes in 1..40_000usize,
        ) {
            let mut scale = scale(hubs);
            let living = hubs - 1;
            for hub in order {
                fill(&mut scale, hub.index(living), bytes);
            }
            prop_assert!(scale.has_room(), "{} of {BUDGET}", scale.sum());
            prop_assert!(scale.admits(living, BUDGET / 2 / hubs), "its own part");
            let sum: usize = (0..hubs).map(|hub| scale.held(hub)).sum();
            prop_assert_eq!(scale.sum(), sum);
        }

        #[test]
        fn the_common_half_is_counted_right(
            changes in prop::collection::vec((0..9usize, 0..BUDGET, any::<bool>()), 1..200),
        ) {
            let mut scale = scale(9);
            for (hub, bytes, user) in changes {
                let held = scale.held(hub);
                scale.weigh(hub, held, bytes / 9);
                if user || scale.users[hub] > 0 {
                    scale.uses(hub, user);
                }
                let own = scale.own();
                let common: usize = (0..9).map(|hub| scale.held(hub).saturating_sub(own)).sum();
                prop_assert_eq!(scale.common, common);
            }
        }
    }
}
