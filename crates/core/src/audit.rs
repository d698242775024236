//! The books, proven: every running sum and list against what it sums up and lists.

use std::collections::HashMap;

use crate::core::Core;
use crate::hold::HoldCause;
use crate::hubs::Berth;
use crate::offsets::Assignment;
use crate::partitions::{Intake, Partition};

impl Core {
    /// Panics when a book is wrong.
    pub(crate) fn audit(&self) {
        self.audit_scale();
        self.audit_out();
        self.audit_held();
        self.audit_turns();
    }

    /// Who takes turns waits in the line of its namespace, once, and has something to send.
    fn audit_turns(&self) {
        let mut lined = HashMap::new();
        for (number, namespace) in self.hubs.namespaces.iter().enumerate() {
            for lane in namespace.governor.line() {
                assert_eq!(lined.insert(lane, number), None, "lane {lane} waits for one turn");
            }
        }
        for (number, Berth { lane, seat, hub, .. }) in self.berths.iter().enumerate() {
            let namespace = self.hubs.all[*hub].namespace;
            assert_eq!(
                lined.remove(&number).is_some(),
                seat.waits(),
                "lane {number} is in the line"
            );
            let hurries = lane.is_in_a_hurry();
            assert!(!hurries || !self.drains.is_empty(), "lane {number} hurries for a drain");
            if seat.waits() {
                assert!(
                    self.hubs.namespaces[namespace].governor.governs(seat),
                    "only who was refused waits"
                );
                assert!(
                    lane.due().is_some() && !lane.is_in_a_hurry(),
                    "lane {number} has something to send"
                );
            }
        }
        assert!(lined.is_empty());
    }

    fn audit_scale(&self) {
        let mut by_hub = vec![0; self.hubs.all.len()];
        for (number, berth) in self.berths.iter().enumerate() {
            assert_eq!(berth.weighed, berth.lane.bytes(), "lane {number} is weighed");
            by_hub[berth.hub] += berth.weighed;
            let due = berth.lane.due().filter(|_| !berth.seat.waits());
            if self.once.parked(number) {
                let renewing = self.once.renewing().and_then(|stay| self.partitions.of(stay));
                assert!(berth.once && renewing.is_some(), "lane {number} waits for a commit");
                continue;
            }
            assert_eq!(self.due.of(number), due, "lane {number} is looked at in time");
            assert!(!berth.lane.is_empty() || berth.lane.due().is_none(), "nothing to do at rest");
        }
        for (hub, bytes) in by_hub.iter().enumerate() {
            assert_eq!(self.scale.held(hub), *bytes, "hub {hub} is weighed");
        }
        assert_eq!(self.scale.sum(), by_hub.iter().sum::<usize>());
    }

    /// What is out of a partition is in a lane or a letter, and of a halted one nothing later waits anywhere.
    fn audit_out(&self) {
        let mut out: HashMap<Assignment, usize> = HashMap::new();
        for berth in &self.berths {
            for ticket in berth.lane.tickets() {
                *out.entry(ticket.assignment()).or_default() += 1;
            }
            for ticket in berth.lane.waiting_tickets() {
                assert!(
                    self.partitions.wants(ticket),
                    "what is not wanted does not wait in a lane"
                );
            }
        }
        let mut letters: HashMap<Assignment, usize> = HashMap::new();
        for ticket in self.letters.values() {
            *letters.entry(ticket.assignment()).or_default() += 1;
            *out.entry(ticket.assignment()).or_default() += 1;
        }
        let mut entries = 0;
        for partition in self.partitions.iter() {
            let (name, stay) = (&partition.name, partition.assignment);
            assert_eq!(partition.out, out.get(&stay).copied().unwrap_or(0), "{name}: out");
            assert_eq!(
                partition.letters,
                letters.get(&stay).copied().unwrap_or(0),
                "{name}: letters"
            );
            entries += self.partitions.offsets.in_flight(stay);
            if !matches!(partition.intake, Intake::Halted(_)) {
                let held = partition.out + partition.again.len();
                assert_eq!(
                    held,
                    self.partitions.offsets.outstanding(stay),
                    "{name}: every ticket is somewhere"
                );
            }
        }
        assert_eq!(entries, self.partitions.offsets.entries(), "records in flight");
    }

    /// Who is held waits in one list, and who waits in a list is held.
    fn audit_held(&self) {
        let mut listed: HashMap<Assignment, usize> = HashMap::new();
        let lists = self.hubs.all.iter().flat_map(|hub| [&hub.for_share, &hub.for_place]);
        let lists = lists.chain(self.berths.iter().map(|berth| &berth.waiting));
        for stay in lists.chain([&self.for_common]).chain(self.missing.lists()).flatten() {
            *listed.entry(*stay).or_default() += 1;
        }
        let held = |partition: &&Partition| match &partition.intake {
            Intake::Held(held) => !matches!(
                held.why,
                HoldCause::Window
                    | HoldCause::Letters
                    | HoldCause::Paused
                    | HoldCause::Reload
                    | HoldCause::Unmapped
                    | HoldCause::Claim(_)
            ),
            _ => false,
        };
        let mut count = 0;
        for partition in self.partitions.iter().filter(held) {
            assert_eq!(
                listed.get(&partition.assignment),
                Some(&1),
                "{} waits once",
                partition.name
            );
            count += 1;
        }
        assert_eq!(listed.len(), count, "only who is held waits");
        for stay in self.missing.stays() {
            assert!(self.partitions.of(stay).is_some(), "a blob is remembered for who is here");
        }
        let bytes = self.missing.bytes();
        assert!(
            bytes <= self.scale.budget() / 4 || self.missing.blobs() == 1,
            "{bytes} bytes of blobs"
        );
    }
}
