//! Partitions whose next record has no room: held by the Kafka client until there is some.
//!
//! A record is placed whole, at all its hubs, or given back: nothing waits in memory. Its partition is held at it, and
//! fetched again from it. So what one hub, lane or partition cannot take costs the others nothing, and costs the one that
//! waits a fetch. The client's prefetch of that partition is thrown away, so a partition is resumed when there is room to
//! spare, not with the first byte.

use std::time::{Duration, Instant};

use crate::action::{Action, Note};
use crate::claim::CLAIM;
use crate::core::Core;
use crate::hubs::Hub;
use crate::labels::HoldReason;
use crate::offsets::Assignment;
use crate::partitions::{GivenBack, HeldPartition, Intake};
use crate::record::{Position, TopicPartition};
use crate::scale::HubNumber;
use crate::step::Reference;

/// Nothing is said of a partition that waits for less: so do those of a hub that is merely busy.
const SAID_AFTER: Duration = Duration::from_secs(1);
/// The same of a hub that was asked for its partitions and has not failed to answer: at the start of a large estate that
/// takes its time.
const UNKNOWN_SAID_AFTER: Duration = Duration::from_secs(3);
/// What a resumed partition is expected to bring at once: two fetches of it, of which each byte weighs about twice.
const FETCH: usize = 1 << 20;

/// What a partition waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HoldCause {
    /// The partitions of a hub are not known, or about to change.
    Unknown(HubNumber),
    /// The hub has no place for it: too few partitions.
    NoPlace(HubNumber, String),
    /// The hub holds its share of the memory.
    Share(HubNumber),
    /// A lane takes nothing more.
    Lane(usize),
    /// Something has to be fetched that the record cannot be shaped without, or stored that its event refers to.
    Missing(Reference),
    /// Too many records behind one that is not settled.
    Window,
    /// Too many dead letters that are not written.
    Letters,
    /// Somebody has paused a mapping of it.
    Paused,
    /// Its mappings are others from now on.
    Reload,
    /// No mapping takes its topic any more.
    Unmapped,
    /// It is not known yet which of its events were sent before.
    Claim(Assignment),
}

impl Core {
    /// The record at `from`, which was `written` then, has no room: its partition waits there.
    pub(crate) fn hold(
        &mut self,
        slot: usize,
        why: HoldCause,
        from: Position,
        written: Option<i64>,
        now: Instant,
    ) {
        let reason = self.reason(&why, now);
        let Some(partition) = self.partitions.get_mut(slot) else { return };
        let (name, stay) = (partition.name.clone(), partition.assignment);
        let since = partition.given_back.map_or(now, |before| before.since);
        partition.given_back = Some(GivenBack { since, written });
        partition.intake =
            Intake::Held(HeldPartition { why: why.clone(), reason, since: now, said: false });
        if let Some(list) = self.waiting_for(&why) {
            list.push(stay);
        }
        self.act(Action::Hold(name.clone(), from));
        self.tell(Note::Held { partition: name, reason, held: true });
    }

    /// The list of those that wait for the same; none for what a partition waits for by itself.
    fn waiting_for(&mut self, why: &HoldCause) -> Option<&mut Vec<Assignment>> {
        match why {
            HoldCause::Unknown(hub) | HoldCause::NoPlace(hub, _) => {
                Some(&mut self.hubs.all[*hub].for_place)
            }
            // No answer of the hub itself would wake it.
            HoldCause::Share(hub) if self.scale.held(*hub) == 0 => Some(&mut self.for_common),
            HoldCause::Share(hub) => Some(&mut self.hubs.all[*hub].for_share),
            HoldCause::Lane(lane) => Some(&mut self.berths[*lane].waiting),
            HoldCause::Missing(reference) => self.missing.waiting(reference),
            HoldCause::Window
            | HoldCause::Letters
            | HoldCause::Paused
            | HoldCause::Reload
            | HoldCause::Unmapped
            | HoldCause::Claim(_) => None,
        }
    }

    /// The metric label.
    fn reason(&self, why: &HoldCause, now: Instant) -> HoldReason {
        match why {
            HoldCause::Unknown(_) => HoldReason::HubUnavailable,
            HoldCause::Lane(lane) if self.berths[*lane].lane.is_stalled(now) => {
                HoldReason::HubUnavailable
            }
            HoldCause::Lane(_) | HoldCause::Share(_) => HoldReason::HubSlow,
            HoldCause::NoPlace(..) => HoldReason::NoPartition,
            HoldCause::Missing(reference) if reference.sort == CLAIM => HoldReason::ClaimCheck,
            HoldCause::Missing(_) => HoldReason::Schema,
            HoldCause::Window => HoldReason::InFlight,
            HoldCause::Letters => HoldReason::DeadLetters,
            HoldCause::Paused => HoldReason::Paused,
            HoldCause::Reload | HoldCause::Unmapped => HoldReason::Reload,
            HoldCause::Claim(_) => HoldReason::Lookup,
        }
    }

    /// What it waits for, in words.
    pub(crate) fn describe(&self, why: &HoldCause, now: Instant) -> String {
        let hub = |hub: HubNumber| &self.hubs.all[hub].name;
        match why {
            HoldCause::Unknown(number) => {
                let Hub { next_ids, trouble, .. } = &self.hubs.all[*number];
                let because = match (next_ids, trouble) {
                    (Some(_), _) => {
                        "its partitions have changed, and events in flight are delivered first"
                    }
                    (None, Some(trouble)) => trouble,
                    (None, None) => "its partitions are not known yet",
                };
                format!("hub `{}`: {because}", hub(*number))
            }
            HoldCause::NoPlace(number, detail) => {
                format!("hub `{}`: {detail}; hint: {}", hub(*number), crate::route::Misfit::HINT)
            }
            HoldCause::Share(number) => {
                format!(
                    "hub `{}` accepts events too slowly, and its share of `limits.memory` is used",
                    hub(*number)
                )
            }
            HoldCause::Lane(lane) => {
                let berth = &self.berths[*lane];
                if self.once.parked(*lane) {
                    return "Kafka accepts no commit, so this member may have lost its partitions"
                        .to_owned();
                }
                let what = match berth.lane.is_stalled(now) {
                    true => "does not accept events",
                    false => "accepts events too slowly",
                };
                format!("partition {} of hub `{}` {what}", berth.id, hub(berth.hub))
            }
            HoldCause::Missing(reference) => self.missing.describe(reference),
            HoldCause::Window => {
                "too many records were read after one that is not acknowledged".to_owned()
            }
            HoldCause::Letters => "too many dead letters wait to be written".to_owned(),
            HoldCause::Paused => "a mapping of its topic is paused".to_owned(),
            HoldCause::Reload => {
                "its mappings have changed, and records already read are delivered first".to_owned()
            }
            HoldCause::Unmapped => "no mapping reads its topic any more".to_owned(),
            HoldCause::Claim(stay) => self.describe_claim(*stay, now),
        }
    }

    /// Its next record may come.
    pub(crate) fn resume(&mut self, stay: Assignment) {
        let slot = stay.slot();
        let Some(partition) = self.partitions.get_mut(slot) else { return };
        if partition.assignment != stay || !matches!(partition.intake, Intake::Held(_)) {
            return;
        }
        let name = partition.name.clone();
        let Intake::Held(held) = std::mem::replace(&mut partition.intake, Intake::Flowing) else {
            return;
        };
        self.act(Action::Resume(name.clone()));
        self.tell_free(name, &held);
    }

    fn tell_free(&mut self, name: TopicPartition, held: &HeldPartition) {
        self.tell(Note::Held { partition: name.clone(), reason: held.reason, held: false });
        if held.said {
            self.tell(Note::Flows { partition: name });
        }
    }

    /// A partition waits no more for what it waits for, because it is about to be held elsewhere.
    pub(crate) fn end_hold(&mut self, slot: usize) {
        let Some(partition) = self.partitions.get_mut(slot) else { return };
        let (name, stay) = (partition.name.clone(), partition.assignment);
        if let Intake::Held(held) = &partition.intake {
            let held = held.clone();
            partition.intake = Intake::Flowing;
            self.forget_held(stay, &held);
            self.tell_free(name, &held);
        }
    }

    /// The partition of a stay leaves the list it waits in: it drains, has halted, or is gone.
    pub(crate) fn forget_held(&mut self, stay: Assignment, held: &HeldPartition) {
        let others = |waiting: &Assignment| *waiting != stay;
        if let Some(list) = self.waiting_for(&held.why) {
            list.retain(others);
        }
        if let HoldCause::Missing(reference) = &held.why {
            self.missing.forget_unwanted(reference);
        }
        if let HoldCause::Share(hub) = held.why {
            // The hub may have held nothing then and something now.
            self.for_common.retain(others);
            self.hubs.all[hub].for_share.retain(others);
        }
    }

    /// A lane has moved, or holds less: whoever waits for it or for its hub may go on.
    pub(crate) fn wake(&mut self, lane: usize, now: Instant) {
        let berth = &mut self.berths[lane];
        let hub = berth.hub;
        if !berth.waiting.is_empty() && berth.lane.has_room_again(now) {
            for stay in std::mem::take(&mut berth.waiting) {
                self.resume(stay);
            }
        }
        self.wake_share(hub);
    }

    fn wake_share(&mut self, hub: HubNumber) {
        if !self.hubs.all[hub].for_share.is_empty() {
            let waiting = &mut self.hubs.all[hub].for_share;
            let worth = match self.scale.held(hub) {
                0 => usize::MAX,
                _ => self.scale.room_again(hub).div_ceil(FETCH),
            };
            let woken: Vec<_> = waiting.drain(..worth.min(waiting.len())).collect();
            for stay in woken {
                self.resume(stay);
            }
        }
        for stay in std::mem::take(&mut self.for_common) {
            self.resume(stay);
        }
    }

    /// The partitions of a hub are known, or are others.
    pub(crate) fn wake_places(&mut self, hub: HubNumber) {
        for stay in std::mem::take(&mut self.hubs.all[hub].for_place) {
            self.resume(stay);
        }
    }

    /// Something of a partition was settled: it may have waited for that.
    pub(crate) fn wake_itself(&mut self, slot: usize) {
        let Some(partition) = self.partitions.get(slot) else { return };
        let Intake::Held(held) = &partition.intake else { return };
        let may = match held.why {
            HoldCause::Window => self.window_is_open(partition, 2),
            HoldCause::Letters => partition.letters <= crate::core::MAX_LETTERS / 2,
            _ => return,
        };
        let stay = partition.assignment;
        if may {
            self.resume(stay);
        }
    }

    /// Says what has waited for long enough to be worth a word.
    pub(crate) fn say_held(&mut self, now: Instant) {
        let mut said = Vec::new();
        let (partitions, _) = self.partitions.all_mut();
        for partition in partitions {
            let Intake::Held(held) = &mut partition.intake else { continue };
            let after = match held.why {
                // It was asked for, and `/status` tells the others.
                HoldCause::Paused | HoldCause::Unmapped => continue,
                HoldCause::Unknown(hub) if self.hubs.all[hub].is_awaited() => UNKNOWN_SAID_AFTER,
                _ => SAID_AFTER,
            };
            if !held.said && now.saturating_duration_since(held.since) >= after {
                held.said = true;
                said.push((partition.name.clone(), held.why.clone()));
            }
        }
        for (partition, why) in said {
            let detail = self.describe(&why, now);
            self.tell(Note::Waits { partition, detail });
        }
    }
}
