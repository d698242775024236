//! What is held, and why: one list for log, probes and metrics.
//!
//! Whoever meets a trouble says so at every attempt, and says when it is over; several may say the same. The log hears of
//! it when it begins, each minute while it lasts, and when it ends. What cannot be reached is told by namespace, one line
//! for all its hubs; what is refused, by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the log hears again of what lasts.
const REMIND: Duration = Duration::from_mins(1);

/// Something that does not run while the rest does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// A hub cannot be reached, or refuses.
    Hub {
        /// Name of the namespace in the configuration.
        namespace: Arc<str>,
        /// The hub.
        hub: Arc<str>,
    },
    /// A topic that a mapping names does not exist.
    Topic(Arc<str>),
    /// A topic for dead letters does not exist.
    DeadLetters(Arc<str>),
    /// Some partitions of a topic have no place on their hub.
    Place {
        /// The topic.
        topic: Arc<str>,
        /// Name of the namespace in the configuration.
        namespace: Arc<str>,
        /// The hub.
        hub: Arc<str>,
    },
    /// A hub does not store what is sent to it, at least on some of its partitions.
    Delivery {
        /// Name of the namespace in the configuration.
        namespace: Arc<str>,
        /// The hub.
        hub: Arc<str>,
    },
    /// The token for a hub has ended, and there is no new one.
    Token {
        /// Name of the namespace in the configuration.
        namespace: Arc<str>,
        /// The hub.
        hub: Arc<str>,
    },
    /// A namespace throttles.
    Throttled(Arc<str>),
    /// A Kafka partition is not read.
    Partition {
        /// The topic.
        topic: Arc<str>,
        /// Its number.
        partition: i32,
    },
}

impl Trouble {
    /// Of a Kafka partition.
    pub fn partition(topic: &Arc<str>, partition: i32) -> Self {
        Self::Partition { topic: Arc::clone(topic), partition }
    }
}

/// Who speaks: a shard, or what looks for the whole process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reporter {
    Process,
    Shard(usize),
}

/// What one voice says of a trouble.
#[derive(Debug, Clone)]
pub(super) struct Stated {
    pub(super) detail: String,
    /// Asking again is of no use until somebody changes something.
    pub(super) refused: bool,
}

/// A trouble that lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastingTrouble {
    /// What it is.
    pub what: Trouble,
    /// Why.
    pub detail: String,
    /// Since when.
    pub since: Instant,
    /// Whether it lasts until somebody changes something.
    pub refused: bool,
}

#[derive(Debug)]
struct TroubleCase {
    since: Instant,
    words: BTreeMap<Reporter, Stated>,
}

/// What one line of the log is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum LogSubject {
    Namespace(Arc<str>),
    /// All hubs of a namespace that do not store what is sent.
    Delivery(Arc<str>),
    Own(Trouble),
}

/// A line that was said and is not over.
#[derive(Debug)]
struct LoggedLine {
    since: Instant,
    last: Instant,
    open: BTreeSet<Trouble>,
}

/// All troubles.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    cases: BTreeMap<Trouble, TroubleCase>,
    lines: BTreeMap<LogSubject, LoggedLine>,
    /// Hubs of which something was said, ever.
    hubs: BTreeSet<(Arc<str>, Arc<str>)>,
}

impl Troubles {
    /// `by` says how `what` stands; `None` when it runs.
    pub(super) fn tell(&mut self, by: Reporter, what: Trouble, word: Option<Stated>, now: Instant) {
        if let Trouble::Hub { namespace, hub } = &what {
            self.hubs.insert((Arc::clone(namespace), Arc::clone(hub)));
        }
        let before = self.line(&what);
        if let Some(word) = word {
            let case = self.cases.entry(what.clone());
            let case = case.or_insert_with(|| TroubleCase { since: now, words: BTreeMap::new() });
            case.words.insert(by, word);
        } else {
            let Some(case) = self.cases.get_mut(&what) else { return };
            case.words.remove(&by);
            if case.words.is_empty() {
                self.cases.remove(&what);
            }
        }
        let after = self.line(&what);
        if let Some(line) = before.filter(|line| after.as_ref() != Some(line)) {
            self.close(&line, &what, now);
        }
        if let Some(line) = after {
            self.open(line, &what, now);
        }
    }

    /// A voice is gone, and with it what it said.
    pub(super) fn silence(&mut self, by: Reporter, now: Instant) {
        self.retain(by, |_| false, now);
    }

    /// A voice says nothing any more of what is not to be kept.
    pub(super) fn retain(&mut self, by: Reporter, keep: impl Fn(&Trouble) -> bool, now: Instant) {
        let said = self.cases.iter().filter(|(_, case)| case.words.contains_key(&by));
        let said = said.map(|(what, _)| what.clone()).filter(|what| !keep(what));
        for what in said.collect::<Vec<_>>() {
            self.tell(by, what, None, now);
        }
    }

    /// Where the log tells of a trouble. The Kafka client tells of topics by itself, the pipeline of partitions.
    fn line(&self, what: &Trouble) -> Option<LogSubject> {
        let case = self.cases.get(what)?;
        match what {
            Trouble::Hub { namespace, .. } if !case.words.values().any(|word| word.refused) => {
                Some(LogSubject::Namespace(Arc::clone(namespace)))
            }
            Trouble::Delivery { namespace, .. } => {
                Some(LogSubject::Delivery(Arc::clone(namespace)))
            }
            Trouble::Partition { .. } => None,
            _ => Some(LogSubject::Own(what.clone())),
        }
    }

    fn open(&mut self, line: LogSubject, what: &Trouble, now: Instant) {
        let Some(detail) = self.detail(what) else { return };
        if let Some(said) = self.lines.get_mut(&line) {
            said.open.insert(what.clone());
            if now.saturating_duration_since(said.last) < REMIND {
                return;
            }
            said.last = now;
            let lasted = now.saturating_duration_since(said.since);
            say(&line, what, &detail, Some((lasted, said.open.len())));
        } else {
            say(&line, what, &detail, None);
            let open = BTreeSet::from([what.clone()]);
            self.lines.insert(line, LoggedLine { since: now, last: now, open });
        }
    }

    fn close(&mut self, line: &LogSubject, what: &Trouble, now: Instant) {
        let Some(said) = self.lines.get_mut(line) else { return };
        said.open.remove(what);
        if !said.open.is_empty() {
            return;
        }
        let lasted = now.saturating_duration_since(said.since);
        self.lines.remove(line);
        // What cannot be reached any more instead of refusing, or the other way, is not over.
        if !self.cases.contains_key(what) {
            over(line, lasted);
        }
    }

    fn detail(&self, what: &Trouble) -> Option<String> {
        let words = &self.cases.get(what)?.words;
        let word = words.values().find(|word| word.refused).or(words.values().next())?;
        Some(word.detail.clone())
    }

    /// Everything that is held.
    pub(super) fn held(&self) -> Vec<LastingTrouble> {
        let held = self.cases.iter().filter_map(|(what, case)| {
            let refused = case.words.values().any(|word| word.refused);
            Some(LastingTrouble {
                what: what.clone(),
                detail: self.detail(what)?,
                since: case.since,
                refused,
            })
        });
        held.collect()
    }

    /// Whether `hub` is in trouble.
    pub(super) fn holds(&self, namespace: &Arc<str>, hub: &Arc<str>) -> bool {
        let hub = Trouble::Hub { namespace: Arc::clone(namespace), hub: Arc::clone(hub) };
        self.cases.contains_key(&hub)
    }

    /// The hubs of which something was said, and whether they are in trouble.
    pub(super) fn hubs(&self) -> Vec<(Arc<str>, Arc<str>, bool)> {
        let hubs = self.hubs.iter();
        hubs.map(|(namespace, hub)| {
            (Arc::clone(namespace), Arc::clone(hub), self.holds(namespace, hub))
        })
        .collect()
    }

    /// The topics that are in trouble.
    pub(super) fn topics(&self) -> BTreeSet<Arc<str>> {
        let topics = self.cases.keys().filter_map(|what| match what {
            Trouble::Topic(topic) | Trouble::DeadLetters(topic) | Trouble::Place { topic, .. } => {
                Some(Arc::clone(topic))
            }
            _ => None,
        });
        topics.collect()
    }
}

/// `lasted` and how many are concerned, when it was said before.
fn say(line: &LogSubject, what: &Trouble, detail: &str, lasted: Option<(Duration, usize)>) {
    let for_ = lasted.map(|(lasted, _)| tracing::field::display(seconds(lasted)));
    let hubs = lasted.map(|(_, hubs)| hubs).filter(|hubs| *hubs > 1);
    match (line, what) {
        (LogSubject::Namespace(_), Trouble::Hub { namespace, hub }) => {
            tracing::warn!(
                name: "unreachable",
                %namespace, %hub, hubs, lasted = for_, detail,
                "cannot connect to event hubs, retrying; records for other namespaces continue"
            );
        }
        (_, Trouble::Delivery { namespace, hub }) => tracing::warn!(
            name: "not_accepting",
            %namespace, %hub, hubs, lasted = for_, detail,
            "event hubs does not accept events, retrying; records for other hubs continue"
        ),
        (_, Trouble::Token { namespace, hub }) => tracing::error!(
            name: "token_ended",
            %namespace, %hub, lasted = for_, detail, "a token has expired and cannot be renewed, retrying"
        ),
        (_, Trouble::Throttled(namespace)) => tracing::warn!(
            name: "throttled",
            %namespace, lasted = for_, detail,
            "throttled by event hubs: refused batches wait, and are sent again at the rate that the namespace accepts"
        ),
        // At first it may be all there is, and then nothing is tried again.
        (_, Trouble::Hub { namespace, hub }) if lasted.is_none() => tracing::error!(
            name: "hub_refused",
            %namespace, %hub, detail, "the hub is not usable: its mappings wait, all others continue"
        ),
        (_, Trouble::Hub { namespace, hub }) => tracing::error!(
            name: "hub_refused",
            %namespace, %hub, lasted = for_, detail,
            "the hub is still not usable: its mappings wait, all others continue; retrying"
        ),
        (_, Trouble::Place { topic, namespace, hub }) => tracing::error!(
            name: "no_place",
            %topic, %namespace, %hub, lasted = for_, detail,
            "some partitions of the topic have no partition of the hub to go to; the others continue"
        ),
        (_, Trouble::DeadLetters(topic)) => tracing::error!(
            name: "topic_missing",
            %topic, lasted = for_, detail, "a dead-letter topic is missing; retrying"
        ),
        (_, Trouble::Topic(topic)) => tracing::warn!(
            name: "topic_missing",
            %topic, lasted = for_, detail, "a topic is missing, retrying; the other topics are read"
        ),
        (_, Trouble::Partition { .. }) => {}
    }
}

fn over(line: &LogSubject, lasted: Duration) {
    let lasted = tracing::field::display(seconds(lasted));
    match line {
        LogSubject::Namespace(namespace) => {
            tracing::info!(name: "reachable", %namespace, lasted, "connected to event hubs again");
        }
        LogSubject::Delivery(namespace) => {
            tracing::info!(name: "accepting", %namespace, lasted, "event hubs accepts events again");
        }
        LogSubject::Own(Trouble::Token { namespace, hub }) => {
            tracing::info!(name: "token_renewed", %namespace, %hub, lasted, "a token was issued again");
        }
        LogSubject::Own(Trouble::Throttled(namespace)) => {
            tracing::info!(name: "throttle_ended", %namespace, lasted, "no longer throttled");
        }
        LogSubject::Own(Trouble::Hub { namespace, hub }) => {
            tracing::info!(name: "hub_accepted", %namespace, %hub, lasted, "the hub is usable again");
        }
        LogSubject::Own(Trouble::Place { topic, namespace, hub }) => {
            tracing::info!(name: "place_found", %topic, %namespace, %hub, lasted, "every partition of the topic has a partition of the hub again");
        }
        LogSubject::Own(Trouble::DeadLetters(topic)) => {
            tracing::info!(name: "topic_found", %topic, lasted, "the dead-letter topic exists now");
        }
        LogSubject::Own(Trouble::Topic(topic)) => {
            tracing::info!(name: "topic_found", %topic, lasted, "the topic exists now");
        }
        LogSubject::Own(Trouble::Partition { .. } | Trouble::Delivery { .. }) => {}
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(name: &str) -> Trouble {
        Trouble::Hub { namespace: "default".into(), hub: name.into() }
    }

    fn word(refused: bool) -> Stated {
        Stated { detail: "no".to_owned(), refused }
    }

    fn lines(ledger: &Troubles) -> Vec<(LogSubject, usize)> {
        ledger.lines.iter().map(|(line, said)| (line.clone(), said.open.len())).collect()
    }

    #[test]
    fn what_cannot_be_reached_is_one_line_for_all_its_hubs_and_what_refuses_one_each() {
        let (mut ledger, now) = (Troubles::default(), Instant::now());
        let namespace = LogSubject::Namespace("default".into());
        for name in ["a", "b", "c"] {
            ledger.tell(Reporter::Shard(0), hub(name), Some(word(false)), now);
        }
        assert_eq!(lines(&ledger), [(namespace.clone(), 3)]);
        ledger.tell(Reporter::Shard(0), hub("b"), Some(word(true)), now);
        assert_eq!(lines(&ledger), [(namespace.clone(), 2), (LogSubject::Own(hub("b")), 1)]);
        ledger.tell(Reporter::Shard(0), hub("a"), None, now);
        ledger.tell(Reporter::Shard(0), hub("b"), None, now);
        assert_eq!(lines(&ledger), [(namespace, 1)], "not over while one of them is not");
        ledger.tell(Reporter::Shard(0), hub("c"), None, now);
        assert_eq!(lines(&ledger), []);
    }

    #[test]
    fn what_lasts_is_said_again_after_a_minute_and_not_before() {
        let (mut ledger, began) = (Troubles::default(), Instant::now());
        let last = |ledger: &Troubles| ledger.lines.values().next().map(|said| said.last);
        for (after, said) in [(0, 0), (5, 0), (59, 0), (60, 60), (100, 60), (121, 121)] {
            let now = began + Duration::from_secs(after);
            ledger.tell(Reporter::Process, hub("a"), Some(word(false)), now);
            assert_eq!(last(&ledger), Some(began + Duration::from_secs(said)), "{after} s");
        }
    }
}
