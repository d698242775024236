//! Where a script is played: topics that are written all the time, hubs, and a crew that has to bring them over.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use eventhubs_local::{Fault, Server};
use stage::audit::{Audit, Auditor};
use stage::records::{Pour, large_record, record};
use stage::{Kafka, Out, PATIENCE, Settings, Supply, rest, unique, wait_for};

use crate::crew::{Crew, Kit, SESSION};
use crate::fault::Trouble;
use crate::refused;
use crate::script::{Script, Step};
use crate::trades::{Book, Trades};
use crate::verdict::{Account, Verdict};

/// Hubs and their partitions.
pub(crate) const HUBS: [(&str, u32); 5] =
    [("keyed", 4), ("copy", 2), ("shop", 3), ("mirror", 8), ("robin", 3)];
/// Topics that may grow, by the end of their name, and the partitions they begin with.
pub(crate) const GROWING: [(&str, i32); 2] = [("keyed", 4), ("mirror", 3)];
/// The most partitions any topic gets.
const MOST: i32 = 8;
/// Between two looks of an audit: there are many.
const LOOK: Duration = Duration::from_millis(60);
/// Makes the record of a place.
type Make = fn(i32, i64) -> Out;
/// Topics that are poured, by the end of their name: what is poured, into how many partitions, and how much between two
/// pauses.
const POURED: [(&str, Make, i32, i64); 4] = [
    ("keyed", record, GROWING[0].1, 24),
    // Enough to fill the memory of a member when the hubs are away.
    ("mirror", large_record, GROWING[1].1, 9),
    ("robin", record, 3, 15),
    ("shop.a", record, 2, 20),
];
const PAUSE: Duration = Duration::from_millis(40);
/// How mappings say that nothing may come twice, and in what time a member is out.
const ONCE: &str = "delivery = 'effectively_once'";
const TERMS: &str = "effectively_once = { lease = '2s', late = '2s', clock_skew = '1s' }\nkafka.commit_interval = '1s'";

/// A script being played.
pub(crate) struct Play<'a> {
    pub(crate) kafka: &'a Kafka,
    topics: [String; 5],
    pours: Vec<Pour>,
    trades: Option<Trades>,
    server: Server,
    pub(crate) crew: Crew,
    pub(crate) audits: Vec<(&'static str, Audit)>,
    pub(crate) letters: String,
    faults: HashMap<usize, Fault>,
    /// The Kafka node that is down or frozen.
    node: Option<usize>,
    hubs_away: bool,
}

impl<'a> Play<'a> {
    /// Plays a script to its end; panics, and says how to repeat it, when something is not as it must be.
    #[track_caller]
    pub(crate) fn perform(kafka: &'a Kafka, script: &Script) -> Verdict {
        let mut account = Account::open(script);
        let mut play = Self::new(kafka, script);
        let verdict = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for step in &script.steps {
                account.enter(step);
                play.step(step);
            }
            account.say("all is well from now on");
            let ends = play.finish(script.last);
            Verdict::of(&mut play, script, &ends)
        }));
        verdict.unwrap_or_else(|panic| {
            account.fail(&play.crew);
            std::panic::resume_unwind(panic)
        })
    }

    fn new(kafka: &'a Kafka, script: &Script) -> Self {
        let server = HUBS.iter().fold(Server::builder(), |server, (hub, n)| server.hub(*hub, *n));
        let server = server.start().expect("a free port");
        let (name, group) = (unique(&format!("soak-{}", script.seed)), unique("g"));
        let letters = format!("{name}-letters");
        refused::begin(kafka, &server, &letters);
        let [a, b, c, d] = POURED.map(|(end, ..)| format!("{name}.{end}"));
        let topics = [a, b, c, d, format!("{name}.shop.b")];
        let pour = |(topic, (_, make, partitions, count)): (&String, _)| {
            let mut supply = Supply::of(make, kafka, topic, partitions);
            supply.write(50);
            supply.pour_slowly(count, PAUSE)
        };
        let pours = topics.iter().zip(POURED).map(pour).collect();
        kafka.create_topic(&topics[4], 2);
        let trades = Trades::begin(kafka, &topics[4], 2, script.seed);
        let settings = Settings::new(kafka, &group, &server).with(&format!(
            "[kafka.client]
            'session.timeout.ms' = {}
            'heartbeat.interval.ms' = 1000
            [eventhubs]
            connect_timeout = '3s'
            [[mappings]]
            topic = '{name}.keyed'
            hub = 'keyed'
            [[mappings]]
            topic = '{name}.keyed'
            hub = 'copy'
            partitioning = 'fixed:1'
            failure = {{ policy = 'dead_letter', dead_letter_topic = '{letters}' }}
            [[mappings]]
            topic = '{name}.mirror'
            hub = 'mirror'
            partitioning = 'mirror'
            [[mappings]]
            topic = '{name}.robin'
            hub = 'robin'
            partitioning = 'round_robin'
            [[mappings]]
            topic_pattern = '{name}\\.shop\\..+'
            hub = 'shop'",
            SESSION.as_millis()
        ));
        let settings = if script.once { settings.each_mapping(ONCE).with(TERMS) } else { settings };
        let audits = audits(kafka, script, &topics, &group, &server, &trades.book);
        let (crew, faults) = (Crew::new(settings), HashMap::new());
        let (trades, node, hubs_away) = (Some(trades), None, false);
        Self {
            kafka,
            topics,
            pours,
            trades,
            server,
            crew,
            audits,
            letters,
            faults,
            node,
            hubs_away,
        }
    }

    #[track_caller]
    fn step(&mut self, step: &Step) {
        match step {
            Step::Start(member, kit) => assert_eq!(self.crew.start(kit), *member),
            Step::Stop(member) => self.crew.stop(*member),
            Step::Kill(member) => self.crew.kill(*member),
            Step::Freeze(member) => self.crew.freeze(*member),
            Step::Outlast(member) => {
                self.wait("its session ends", |play| play.crew.is_outlasted(*member).then_some(()));
            }
            Step::Thaw(member) => self.crew.thaw(*member),
            Step::Reload(member, change) => self.crew.reload(*member, change),
            Step::NodeKill(node) => self.lose_node(*node, Kafka::kill),
            Step::NodeStop(node) => self.lose_node(*node, Kafka::stop),
            Step::NodeFreeze(node) => self.lose_node(*node, Kafka::freeze),
            Step::NodeReturn(_) => self.return_node(),
            Step::Begin(number, trouble) => self.begin(*number, trouble),
            Step::End(number) => {
                if let Some(fault) = self.faults.remove(number) {
                    fault.clear();
                }
            }
            Step::HubsStop => {
                self.server.stop();
                self.hubs_away = true;
            }
            Step::HubsStart => self.return_hubs(),
            Step::Grow(which, partitions) => self.grow(*which, *partitions),
            Step::Arrive(count) => {
                let enough = self.arrived() + count;
                self.wait_arrived(enough, |_| true);
            }
            Step::Written(count) => {
                let enough = self.written() + count;
                self.wait("more records are written", |play| {
                    (play.written() >= enough).then_some(())
                });
            }
        }
    }

    fn begin(&mut self, number: usize, trouble: &Trouble) {
        let fault = trouble.begin(&self.server);
        self.faults.extend(fault.map(|fault| (number, fault)));
    }

    fn lose_node(&mut self, node: usize, how: fn(&Kafka, usize)) {
        how(self.kafka, node);
        self.node = Some(node);
    }

    fn return_node(&mut self) {
        if let Some(node) = self.node.take() {
            self.kafka.revive(node);
        }
    }

    fn return_hubs(&mut self) {
        self.server.restart().expect("its port is free");
        self.hubs_away = false;
    }

    fn grow(&mut self, which: usize, partitions: usize) {
        let topic = &self.topics[which];
        self.kafka.add_partitions(topic, partitions);
        self.kafka.wait_partitions(topic, partitions as i32);
        self.pours[which].grow(partitions);
    }

    /// Records that are in the hubs, each counted once a hub.
    #[track_caller]
    fn arrived(&self) -> u64 {
        self.audits.iter().map(|(_, audit)| audit.seen()).sum()
    }

    fn written(&self) -> u64 {
        self.pours.iter().map(Pour::written).sum::<u64>()
            + self.trades.as_ref().map_or(0, Trades::written)
    }

    /// Waits for a condition, as long as members do what they were told and the audits find nothing.
    #[track_caller]
    fn wait<T>(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> Option<T>) -> T {
        wait_for(what, PATIENCE, || {
            self.crew.look();
            self.arrived();
            condition(self)
        })
    }

    /// All is well again, the writing ends, and new members bring over what is left. Gives the ends of all topics.
    #[track_caller]
    fn finish(&mut self, members: usize) -> Vec<Vec<i64>> {
        for (_, fault) in self.faults.drain() {
            fault.clear();
        }
        if self.hubs_away {
            self.return_hubs();
        }
        self.return_node();
        self.crew.thaw_all();
        let old = self.crew.running();
        let last = (0..members).map(|_| self.crew.start(&Kit::default())).collect::<Vec<_>>();
        for member in old {
            self.crew.stop(member);
        }
        let mut totals = Vec::new();
        let mut ends = Vec::new();
        for pour in self.pours.drain(..) {
            let supply = pour.stop();
            totals.push(supply.total());
            ends.push(supply.ends().to_vec());
        }
        let trades = self.trades.take().expect("it ends once");
        totals.push(trades.stop().count());
        self.crew.wait_gone();
        self.wait_all(&totals, refused::count(&ends[0]));
        // Not before: the end of a transaction is written after it has been promised.
        ends.push((0..2).map(|at| self.kafka.watermarks(&self.topics[4], at).1).collect());
        for member in last {
            self.crew.stop(member);
        }
        self.crew.wait_gone();
        ends
    }

    /// Waits until everything is in the hubs and committed.
    #[track_caller]
    fn wait_all(&mut self, totals: &[u64], refused: u64) {
        let wanted = AUDITED.map(|(topic, _)| totals[topic]).iter().sum::<u64>() - refused;
        let open = |(_, audit): &(&str, Audit)| !audit.uncommitted().is_empty();
        self.wait_arrived(wanted, |play| !play.audits.iter().any(open));
    }

    /// Waits until so many records have arrived, and then for `also`. A script may be as slow as it wants to be, but no
    /// minute may pass without progress.
    #[track_caller]
    fn wait_arrived(&mut self, wanted: u64, also: impl Fn(&Self) -> bool) {
        let (mut best, mut since) = (self.arrived(), Instant::now());
        loop {
            self.crew.look();
            let arrived = self.arrived();
            if arrived >= wanted && also(self) {
                return;
            }
            if arrived > best {
                (best, since) = (arrived, Instant::now());
            }
            assert!(since.elapsed() < PATIENCE, "more arrives: {arrived} of {wanted}");
            rest(LOOK);
        }
    }
}

/// Topics, by their place, and the hubs they go to.
pub(crate) const AUDITED: [(usize, &str); 6] =
    [(0, "keyed"), (0, "copy"), (1, "mirror"), (2, "robin"), (3, "shop"), (4, "shop")];

fn audits(
    kafka: &Kafka,
    script: &Script,
    topics: &[String; 5],
    group: &str,
    server: &Server,
    book: &Book,
) -> Vec<(&'static str, Audit)> {
    let begin = |(topic, hub): (usize, &'static str)| {
        let partitions = if topic == 4 { 2 } else { MOST };
        let mut auditor = Auditor::of(&topics[topic], partitions).every(LOOK);
        if hub == "robin" || script.has_zombies() {
            auditor = auditor.patient();
        }
        if hub == refused::HUB {
            auditor = auditor.excuse(refused::is_bad);
        }
        if topic == 1 {
            auditor = auditor.written(large_record);
        }
        if topic == 4 {
            let (records, holes) = (book.clone(), book.clone());
            auditor = auditor.written(move |partition, at| records.record(partition, at));
            auditor = auditor.holes(move |place| holes.is_hole(place));
        }
        (hub, auditor.begin(kafka, group, &server.hub(hub)))
    };
    AUDITED.map(begin).into_iter().collect()
}
