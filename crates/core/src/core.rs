//! The decisions of a shard: where each record goes, what is sent when, what an answer settles, what may be committed.
//!
//! Records, answers and time come in as arguments, and what is to be done comes out as [`Action`]s. One shard has one core
//! and one thread that owns it, so there are no locks and no order of events but the one it was told.
//!
//! What always holds:
//! * a record is tracked before anything else, so the position cannot pass it;
//! * the events of a Kafka partition enter a lane in Kafka order, and a lane sends in order;
//! * a ticket is settled only by `accepted`, by a finished dead letter, or by an explicit drop;
//! * a record is placed whole or given back, and what is held is on the scale: `audit` proves the books in the tests.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::action::{Action, Note};
use crate::drain::Drain;
use crate::due::Due;
use crate::encode::Layout;
use crate::filtered::Filtered;
use crate::hold::HoldCause;
use crate::hubs::{Berth, Hubs, LaneRoute};
use crate::labels::LetGo;
use crate::mapping::Events;
use crate::missing::Missings;
use crate::offsets::{Assignment, ENTRY, Ticket};
use crate::once::{self, OnceBooks};
use crate::partitions::{Intake, Partition, Partitions};
use crate::pause::is_paused;
use crate::record::{Position, Read, Record, TopicPartition};
use crate::route::{self, Router};
use crate::scale::{HubNumber, Scale};
use crate::step::FetchedValues;
use crate::trace::Followed;

/// A partition with so many dead letters on their way takes nothing more.
pub(crate) const MAX_LETTERS: usize = 64;
/// What a dead letter on its way costs.
const LETTER: usize = 256;
/// Records of one partition behind one that is not settled, at most: what comes twice after a crash.
const WINDOW: usize = 100_000;
/// Their bytes, at most.
const WINDOW_BYTES: usize = 64 << 20;
/// A partition may always have so many in flight.
const LEAST_WINDOW: usize = 256;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// It is taken care of; the next one may come.
    Taken,
    /// It is given back: its partition is held at it, and it will come again.
    Held,
    /// Its partition is not assigned, as far as the core was told.
    Unknown,
}

/// See the module.
#[derive(Debug)]
pub struct Core {
    pub(crate) router: Arc<Router>,
    pub(crate) partitions: Partitions,
    pub(crate) hubs: Hubs,
    /// By the number of the lane.
    pub(crate) berths: Vec<Berth>,
    pub(crate) due: Due,
    pub(crate) scale: Scale,
    /// How long what is admitted has waited for others already.
    pub(crate) gathered: Duration,
    /// When a batch was opened that others share their time with.
    pub(crate) tick: Option<Instant>,
    /// Partitions that wait for the common half of the memory, while their hub holds nothing.
    pub(crate) for_common: Vec<Assignment>,
    /// What steps need to know, and was fetched.
    pub(crate) known: FetchedValues,
    /// What is known of events that may have been sent before.
    pub(crate) once: OnceBooks,
    /// What has to be fetched, and who waits for it.
    pub(crate) missing: Missings,
    /// Records that were filtered, since somebody last asked.
    pub(crate) filtered: Vec<Filtered>,
    pub(crate) drains: Vec<Drain>,
    /// Mappings that are paused.
    pub(crate) paused: BTreeSet<usize>,
    /// Partitions whose ways are about to be exchanged.
    pub(crate) moving: Vec<Assignment>,
    /// Hubs are to be forgotten to which nothing goes any more.
    pub(crate) sweeps: bool,
    pub(crate) letters: HashMap<u64, Ticket>,
    /// Traces that are followed: a batch names those that its records belong to.
    pub(crate) followed: Followed,
    next_letter: u64,
    layouts: HashMap<Events, Arc<Layout>>,
    actions: Vec<Action>,
}

impl Core {
    /// A core with nothing assigned, which may hold `budget` bytes.
    pub fn new(router: Arc<Router>, budget: usize) -> Self {
        Self {
            router,
            partitions: Partitions::default(),
            hubs: Hubs::default(),
            berths: Vec::new(),
            due: Due::default(),
            scale: Scale::new(budget),
            gathered: Duration::ZERO,
            tick: None,
            for_common: Vec::new(),
            known: FetchedValues::default(),
            once: OnceBooks::default(),
            missing: Missings::default(),
            filtered: Vec::new(),
            drains: Vec::new(),
            paused: BTreeSet::new(),
            moving: Vec::new(),
            sweeps: false,
            letters: HashMap::new(),
            followed: Followed::default(),
            next_letter: 0,
            layouts: HashMap::new(),
            actions: Vec::new(),
        }
    }

    /// From now on, batches tell where their events come from: of this part of the sampled traces, 0.0 to 1.0.
    pub fn follow(&mut self, ratio: f64) {
        self.followed = Followed::part(ratio);
    }

    /// What is to be done since this was last asked.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    pub(crate) fn tell(&mut self, note: Note) {
        self.actions.push(Action::Tell(note));
    }

    /// A partition will be read from now on, of which nothing beyond its position was sent before.
    pub fn assign(&mut self, name: &TopicPartition, now: Instant) {
        self.assign_after(name, None, now);
    }

    /// The same where events beyond its position may have been sent since then, as the commit says that it begins with.
    pub fn assign_after(&mut self, name: &TopicPartition, sent_since: Option<i64>, now: Instant) {
        if let Some(slot) = self.partitions.find(&name.topic, name.partition) {
            self.release(&[slot], now);
        }
        let routes = match self.partitions.routes_of(&name.topic) {
            Some(routes) => routes,
            None => self.routes(&name.topic, now),
        };
        let paused = is_paused(&self.paused, &routes).then_some(now);
        self.begin(name, routes, paused, sent_since, now);
    }

    /// Begins a stay of a partition, which has none.
    pub(crate) fn begin(
        &mut self,
        name: &TopicPartition,
        routes: Arc<[LaneRoute]>,
        paused: Option<Instant>,
        sent_since: Option<i64>,
        now: Instant,
    ) {
        for route in &*routes {
            self.scale.uses(route.hub, true);
            // They may be those of a partition that never went there, and nobody asks for the hub any more.
            self.watch(route.hub);
        }
        let once = once::stay(&routes, sent_since);
        self.partitions.assign(name, routes, paused, once, now);
        self.tell(Note::Assigned(name.clone()));
    }

    /// Where the records of a topic go.
    fn routes(&mut self, topic: &str, now: Instant) -> Arc<[LaneRoute]> {
        let routes = self.router.routes(topic);
        routes.into_iter().map(|route| self.route(route, now)).collect()
    }

    pub(crate) fn route(&mut self, route: route::Route, now: Instant) -> LaneRoute {
        let outlet = self.hubs.of(&route, &mut self.scale);
        let number = self.hubs.outlets[outlet].hub;
        self.watch(number);
        self.open_lanes(outlet, now);
        let layout = self
            .layouts
            .entry(route.events.clone())
            .or_insert_with(|| Arc::new(Layout::new(&route.events)))
            .clone();
        LaneRoute { to: route, outlet, hub: number, layout }
    }

    /// The partitions of a hub have to be known.
    fn watch(&mut self, number: HubNumber) {
        let hub = &mut self.hubs.all[number];
        if !std::mem::replace(&mut hub.watched, true) {
            let name = hub.name.clone();
            self.act(Action::ResolveHub(name));
        }
    }

    /// Ends the stay of partitions: what is not sent is dropped, what is in flight settles nothing any more.
    pub(crate) fn release(&mut self, slots: &[usize], now: Instant) {
        let mut gone = Vec::with_capacity(slots.len());
        for slot in slots {
            let Some(partition) = self.partitions.release(*slot) else { continue };
            if let Intake::Held(held) = &partition.intake {
                self.forget_held(partition.assignment, held);
            }
            self.missing.placed(partition.assignment);
            for route in &*partition.routes {
                self.scale.uses(route.hub, false);
            }
            gone.push(partition);
        }
        self.purge(gone.iter().filter(|partition| partition.out > 0), now);
        self.forget_questions();
        self.renew_elsewhere();
        let partitions = &self.partitions;
        self.letters.retain(|_, ticket| partitions.of(ticket.assignment()).is_some());
        for Partition { name, .. } in gone {
            self.tell(Note::Removed(name));
        }
    }

    /// These partitions were taken away: nothing of them is sent or committed any more.
    pub fn lose(&mut self, names: &[TopicPartition], now: Instant) {
        let mut slots = Vec::with_capacity(names.len());
        for name in names {
            let Some(slot) = self.partitions.find(&name.topic, name.partition) else { continue };
            slots.push(slot);
            let events = self.partitions.get(slot).map_or(0, |partition| partition.out);
            self.tell(Note::LetGo { partition: name.clone(), reason: LetGo::Lost, events });
        }
        self.end_lease();
        self.release(&slots, now);
    }

    /// What is admitted from now on has waited for others for so long already, and may wait that much less.
    pub fn gathered(&mut self, time: Duration) {
        self.gathered = time;
    }

    /// Takes one record.
    pub fn admit(&mut self, record: &Record<'_>, now: Instant) -> Admitted {
        self.admit_read(&Read::of(record), record, now)
    }

    /// Takes one record that was read there.
    pub fn admit_read(&mut self, at: &Read<'_>, record: &Record<'_>, now: Instant) -> Admitted {
        let Some(slot) = self.partitions.find(at.topic, at.partition) else {
            return Admitted::Unknown;
        };
        let Some(partition) = self.partitions.get(slot) else { return Admitted::Unknown };
        if !matches!(partition.intake, Intake::Flowing) {
            return Admitted::Taken;
        }
        if !partition.again.is_empty() {
            self.pass_expired(slot, at.offset);
        }
        let Some(partition) = self.partitions.get(slot) else { return Admitted::Unknown };
        let again = partition.again.routes(at.offset).next().is_some();
        if !again && self.partitions.offsets.has_seen(partition.assignment, at.offset) {
            return Admitted::Taken;
        }
        let (routes, assignment) = (Arc::clone(&partition.routes), partition.assignment);
        let placed = if partition.paused.is_some() {
            Err(HoldCause::Paused)
        } else if partition.letters >= MAX_LETTERS {
            Err(HoldCause::Letters)
        } else if again {
            // It is in the window already.
            self.place_again(slot, at, record, &routes, now)
        } else if partition.next.is_some() {
            Err(HoldCause::Reload)
        } else if routes.is_empty() {
            Err(HoldCause::Unmapped)
        } else if !self.window_is_open(partition, 1) {
            Err(HoldCause::Window)
        } else if !self.is_cleared(slot, Position(at.offset)) {
            Err(HoldCause::Claim(assignment))
        } else {
            self.place(slot, at, record, &routes, now)
        };
        match placed {
            Ok(()) => Admitted::Taken,
            Err(why) => {
                self.hold(slot, why, Position(at.offset), record.timestamp, now);
                Admitted::Held
            }
        }
    }

    /// Whether a partition may have more records in flight: its window, over `part` of it.
    ///
    /// All together may take an eighth of the budget, of which each may have as much as it leaves.
    pub(crate) fn window_is_open(&self, partition: &Partition, part: usize) -> bool {
        let offsets = &self.partitions.offsets;
        let free = (self.scale.budget() / 8 / ENTRY).saturating_sub(offsets.entries());
        let records = free.clamp(LEAST_WINDOW, WINDOW) / part;
        offsets.in_flight(partition.assignment) < records
            && offsets.in_flight_bytes(partition.assignment) < WINDOW_BYTES / part
    }

    /// The name of the hub of a lane.
    pub(crate) fn hub_of(&self, lane: usize) -> crate::hubs::HubName {
        self.hubs.all[self.berths[lane].hub].name.clone()
    }

    /// A lane has changed: it is weighed, and looked at when it is due.
    pub(crate) fn touch(&mut self, number: usize) {
        let berth = &mut self.berths[number];
        let bytes = berth.lane.bytes();
        if bytes != berth.weighed {
            self.scale.weigh(berth.hub, berth.weighed, bytes);
            berth.weighed = bytes;
        }
        self.line_up(number);
    }

    /// Whether another record may be taken.
    pub fn has_room(&self) -> bool {
        !self.scale.is_alone() || self.scale.has_room()
    }

    pub(crate) fn new_letter(&mut self) -> u64 {
        self.next_letter += 1;
        self.next_letter
    }

    /// Bytes held on behalf of records: lanes, blobs, letters, and what is known of records in flight.
    pub fn bytes(&self) -> usize {
        let books = self.letters.len() * LETTER + self.partitions.offsets.entries() * ENTRY;
        self.scale.sum() + self.missing.bytes() + books
    }

    /// When [`Core::dispatch`] or a drain wants to be looked at again, whatever else happens.
    pub fn deadline(&self) -> Option<Instant> {
        let turns = self.hubs.namespaces.iter().filter_map(|it| it.governor.deadline());
        self.due
            .first()
            .into_iter()
            .chain(self.drains.iter().map(Drain::deadline))
            .chain(turns)
            .chain(self.moves_end())
            .chain(self.waits_end())
            .min()
    }
}
