//! What is to happen, decided by a seed before anything does.
//!
//! A seed first says which kinds of things may happen at all, so that some scripts are orderly, and some do one thing
//! over and over. Then each round does up to three things and waits.

use std::fmt;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::crew::{Change, Kit};
use crate::fault::Trouble;
use crate::play::{GROWING, HUBS};

/// Members at most, of those that are not leaving.
const CREW: usize = 4;
const NODES: usize = 3;
/// What a growing topic may have.
const PARTITIONS: usize = 8;

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Start(usize, Kit),
    /// SIGTERM; its end is not waited for.
    Stop(usize),
    Kill(usize),
    Freeze(usize),
    /// Until the group must have given its partitions to others.
    Outlast(usize),
    Thaw(usize),
    /// It is told to reload, and does so when it comes to it.
    Reload(usize, Change),
    NodeKill(usize),
    NodeStop(usize),
    NodeFreeze(usize),
    /// Whatever it was that befell it.
    NodeReturn(usize),
    Begin(usize, Trouble),
    End(usize),
    HubsStop,
    HubsStart,
    Grow(usize, usize),
    /// So many records more must arrive.
    Arrive(u64),
    /// Nothing can arrive: so many more are written.
    Written(u64),
}

/// The kinds of things that may happen.
#[expect(clippy::struct_excessive_bools, reason = "each is a die that was cast")]
#[derive(Debug, Clone, Copy)]
struct Theme {
    stop: bool,
    kill: bool,
    freeze: bool,
    nodes: bool,
    soft: bool,
    hard: bool,
    outage: bool,
    grow: bool,
}

/// A seed and what it makes happen.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) rounds: usize,
    of_kills: bool,
    pub(crate) steps: Vec<Step>,
    /// Members that bring everything to its end, once all is well.
    pub(crate) last: usize,
    /// Whether nothing may come twice.
    pub(crate) once: bool,
    theme: Theme,
}

impl Script {
    pub(crate) fn new(seed: u64, rounds: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let orderly = rng.random_bool(0.15);
        let mut may = |chance| rng.random_bool(chance);
        let theme = Theme {
            stop: may(0.8),
            soft: may(0.8),
            grow: may(0.3),
            kill: may(0.5) && !orderly,
            freeze: may(0.4) && !orderly,
            nodes: may(0.4) && !orderly,
            hard: may(0.6) && !orderly,
            outage: may(0.3) && !orderly,
        };
        let last = rng.random_range(1..=2);
        let mut author = Author::new(rng, StdRng::seed_from_u64(!seed), theme);
        author.start();
        for _ in 0..rounds {
            author.round();
        }
        let of_kills = false;
        Self { seed, rounds, of_kills, steps: author.steps, last, once: false, theme }
    }

    /// Members of static names that die one after the other, so many times: now and then one leaves, one sleeps past its session, and
    /// answers are lost.
    pub(crate) fn of_kills(seed: u64, kills: usize) -> Self {
        let theme = Theme {
            stop: true,
            kill: true,
            freeze: true,
            hard: true,
            nodes: false,
            soft: false,
            outage: false,
            grow: false,
        };
        let mut author =
            Author::new(StdRng::seed_from_u64(seed), StdRng::seed_from_u64(!seed), theme);
        (1..CREW).for_each(|_| author.start_fixed());
        (0..kills).for_each(|_| author.kill());
        let (rounds, steps) = (kills, author.steps);
        Self { seed, rounds, of_kills: true, steps, last: 2, once: false, theme }
    }

    /// The same, where `once` says whether nothing may come twice.
    pub(crate) fn delivered(self, once: bool) -> Self {
        Self { once, ..self }
    }

    /// The variables that repeat it.
    pub(crate) fn again(&self) -> String {
        let Self { seed, rounds, of_kills, once, .. } = self;
        let once = if *once { "SOAK_ONCE=1 " } else { "" };
        let long = if *of_kills { "SOAK_KILLS" } else { "SOAK_ROUNDS" };
        format!("{once}SOAK_SEED={seed} {long}={rounds}")
    }

    /// Nothing happens that could make anything come twice.
    pub(crate) fn is_orderly(&self) -> bool {
        let Theme { kill, freeze, nodes, hard, outage, .. } = self.theme;
        !(kill || freeze || nodes || hard || outage)
    }

    /// A member wakes up and does not know yet that its partitions are another's.
    pub(crate) fn has_zombies(&self) -> bool {
        self.theme.freeze
    }
}

/// Writes a script, and knows how things stand in it.
struct Author {
    rng: StdRng,
    /// For reloads alone, so that a seed means what it meant before there were any.
    reloads: StdRng,
    theme: Theme,
    steps: Vec<Step>,
    members: usize,
    running: Vec<usize>,
    frozen: Vec<usize>,
    /// The Kafka node that is away, and whether it is frozen.
    node: Option<(usize, bool)>,
    hubs_away: bool,
    troubles: Vec<(usize, Trouble)>,
    trouble_count: usize,
    partitions: [usize; GROWING.len()],
}

impl Author {
    fn new(rng: StdRng, reloads: StdRng, theme: Theme) -> Self {
        Self {
            rng,
            reloads,
            theme,
            steps: Vec::new(),
            members: 0,
            running: Vec::new(),
            frozen: Vec::new(),
            node: None,
            hubs_away: false,
            troubles: Vec::new(),
            trouble_count: 0,
            partitions: GROWING.map(|(_, partitions)| partitions as usize),
        }
    }

    fn round(&mut self) {
        for _ in 0..self.rng.random_range(1..=3) {
            self.act();
            self.reload();
        }
        let blocked = self.running.is_empty()
            || self.hubs_away
            || self.troubles.iter().any(|(_, trouble)| trouble.blocks());
        self.steps.push(match blocked {
            true => Step::Written(self.rng.random_range(500..3_000)),
            false => Step::Arrive([20, 200, 1_000, 3_000][self.rng.random_range(0..4)]),
        });
    }

    fn act(&mut self) {
        let Theme { stop, kill, freeze, nodes, soft, hard, outage, grow } = self.theme;
        match self.rng.random_range(0..20) {
            0..4 => self.start(),
            4 | 5 if stop => self.leave(Step::Stop),
            6 | 7 if kill => self.leave(Step::Kill),
            8 | 9 if freeze => self.freeze(),
            10 | 11 if nodes => self.node(),
            12..15 if soft => self.trouble(Trouble::soft),
            15 | 16 if hard => self.trouble(Trouble::hard),
            17 if outage => self.outage(),
            18 if grow => self.grow(),
            _ => self.mend(),
        }
    }

    fn reload(&mut self) {
        if self.reloads.random_bool(0.6)
            && let Some(member) = self.running.choose(&mut self.reloads)
        {
            self.steps.push(Step::Reload(*member, Change::new(&mut self.reloads)));
        }
    }

    fn start(&mut self) {
        if self.running.len() + self.frozen.len() >= CREW {
            return self.mend();
        }
        let kit = Kit::new(&mut self.rng);
        self.enlist(kit);
    }

    fn enlist(&mut self, kit: Kit) {
        self.steps.push(Step::Start(self.members, kit));
        self.running.push(self.members);
        self.members += 1;
    }

    fn start_fixed(&mut self) {
        let kit = Kit::new(&mut self.rng).fixed();
        self.enlist(kit);
    }

    /// One dies and another takes its name, after something else or nothing.
    fn kill(&mut self) {
        match self.rng.random_range(0..10) {
            0 => {
                self.leave(Step::Stop);
                self.start_fixed();
            }
            1 => self.freeze(),
            2 | 3 => self.trouble(Trouble::hard),
            _ => {}
        }
        self.steps.push(Step::Arrive([20, 200, 1_000, 3_000][self.rng.random_range(0..4)]));
        self.leave(Step::Kill);
        self.start_fixed();
    }

    fn leave(&mut self, how: fn(usize) -> Step) {
        let Some(member) = self.take_running() else { return self.start() };
        self.steps.push(how(member));
    }

    fn take_running(&mut self) -> Option<usize> {
        let at = (0..self.running.len()).collect::<Vec<_>>();
        at.choose(&mut self.rng).map(|at| self.running.swap_remove(*at))
    }

    fn freeze(&mut self) {
        if let Some(member) = self.frozen.pop() {
            if !self.running.is_empty() && self.rng.random_bool(0.7) {
                self.steps.push(Step::Outlast(member));
            }
            self.steps.push(Step::Thaw(member));
            self.running.push(member);
        } else if let Some(member) = self.take_running() {
            self.steps.push(Step::Freeze(member));
            self.frozen.push(member);
            if self.running.is_empty() {
                self.start();
            }
        }
    }

    fn node(&mut self) {
        let how = [Step::NodeKill, Step::NodeStop, Step::NodeFreeze][self.rng.random_range(0..3)];
        let step = if let Some((node, _)) = self.node.take() {
            Step::NodeReturn(node)
        } else {
            let node = self.rng.random_range(1..=NODES);
            let step = how(node);
            self.node = Some((node, matches!(step, Step::NodeFreeze(_))));
            step
        };
        self.steps.push(step);
    }

    fn trouble(&mut self, make: fn(&mut StdRng, Option<&'static str>) -> Trouble) {
        let hub = match self.rng.random_bool(0.6) {
            true => HUBS.choose(&mut self.rng).map(|(hub, _)| *hub),
            false => None,
        };
        let trouble = make(&mut self.rng, hub);
        let number = self.trouble_count;
        self.trouble_count += 1;
        self.steps.push(Step::Begin(number, trouble.clone()));
        if trouble.lasts() {
            self.troubles.push((number, trouble));
        }
        if self.troubles.len() > 2 {
            self.mend();
        }
    }

    fn outage(&mut self) {
        self.steps.push(match self.hubs_away {
            true => Step::HubsStart,
            false => Step::HubsStop,
        });
        self.hubs_away = !self.hubs_away;
    }

    fn grow(&mut self) {
        // It may be the controller that is frozen, and it is asked but once.
        if let Some((_, true)) = self.node {
            return;
        }
        let which = self.rng.random_range(0..GROWING.len());
        if self.partitions[which] < PARTITIONS {
            self.partitions[which] += self.rng.random_range(1..=2);
            self.partitions[which] = self.partitions[which].min(PARTITIONS);
            self.steps.push(Step::Grow(which, self.partitions[which]));
        }
    }

    /// Something gets better, if anything is bad.
    fn mend(&mut self) {
        if self.hubs_away {
            self.outage();
        } else if !self.troubles.is_empty() {
            let (number, _) = self.troubles.remove(0);
            self.steps.push(Step::End(number));
        } else if self.node.is_some() {
            self.node();
        } else if !self.frozen.is_empty() {
            self.freeze();
        } else if self.running.is_empty() {
            self.start();
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(member, kit) => write!(f, "start member {member}: {kit}"),
            Self::Stop(member) => write!(f, "stop member {member}"),
            Self::Kill(member) => write!(f, "kill member {member}"),
            Self::Freeze(member) => write!(f, "freeze member {member}"),
            Self::Outlast(member) => {
                write!(f, "until the session of member {member} is over")
            }
            Self::Thaw(member) => write!(f, "thaw member {member}"),
            Self::Reload(member, change) => write!(f, "reload member {member}: {change}"),
            Self::NodeKill(node) => write!(f, "kill kafka node {node}"),
            Self::NodeStop(node) => write!(f, "stop kafka node {node}"),
            Self::NodeFreeze(node) => write!(f, "freeze kafka node {node}"),
            Self::NodeReturn(node) => write!(f, "kafka node {node} returns"),
            Self::Begin(number, trouble) => write!(f, "fault {number}: {trouble}"),
            Self::End(number) => write!(f, "end of fault {number}"),
            Self::HubsStop => write!(f, "event hubs goes away"),
            Self::HubsStart => write!(f, "event hubs comes back"),
            Self::Grow(topic, partitions) => {
                write!(f, "`{}` grows to {partitions} partitions", GROWING[*topic].0)
            }
            Self::Arrive(count) => write!(f, "until {count} more records have arrived"),
            Self::Written(count) => write!(f, "until {count} more records are written"),
        }
    }
}
