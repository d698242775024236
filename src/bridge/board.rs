//! What a look has found so far, and what follows from it for each way a record may go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::{Config, Partitioning, Topics};
use crate::route::{Misfit, Route, Router, named_topics};

/// Namespace and hub.
pub(super) type Name = (Arc<str>, Arc<str>);

/// One way of records: of a topic that is named, or of all that a pattern matches.
#[derive(Debug, Clone)]
pub(super) struct BoardRoute {
    pub(super) namespace: Arc<str>,
    /// Where the configuration names it.
    pub(super) hub: Option<Arc<str>>,
    /// As it is, where the topic is named.
    pub(super) route: Option<(Arc<str>, Route)>,
}

impl BoardRoute {
    /// All ways of `config`.
    pub(super) fn all(config: &Config) -> Vec<Self> {
        let router = Router::new(&config.mappings);
        let topics = named_topics(&config.mappings).collect::<BTreeSet<_>>();
        let named = topics.into_iter().flat_map(|topic| {
            router.routes(topic).into_iter().map(move |route| Self {
                namespace: Arc::clone(&route.namespace),
                hub: Some(Arc::clone(&route.hub)),
                route: Some((topic.into(), route)),
            })
        });
        let patterns = config.mappings.iter().filter(|it| matches!(it.topics, Topics::Pattern(_)));
        let patterns = patterns.flat_map(|mapping| {
            mapping.hubs().iter().map(|hub| Self {
                namespace: mapping.namespace.as_str().into(),
                hub: (!hub.contains("{topic}")).then(|| hub.as_str().into()),
                route: None,
            })
        });
        named.chain(patterns).collect()
    }

    /// Its hub, where the configuration names it.
    pub(super) fn name(&self) -> Option<Name> {
        Some((Arc::clone(&self.namespace), Arc::clone(self.hub.as_ref()?)))
    }

    /// Whether each Kafka partition needs a place of its own: topic and route.
    pub(super) fn particular(&self) -> Option<&(Arc<str>, Route)> {
        let needs = |p: Partitioning| matches!(p, Partitioning::Mirror | Partitioning::Fixed(_));
        self.route.as_ref().filter(|(_, route)| needs(route.partitioning))
    }

    /// Why some of the `partitions` of its topic have no place on a hub of `count`.
    pub(super) fn misfit(&self, partitions: i32, count: usize) -> Option<String> {
        let (topic, route) = self.particular()?;
        let misfit = route.fits(partitions - 1, count).err()?;
        Some(format!("topic `{topic}`: {misfit}; hint: {}", Misfit::HINT))
    }
}

/// What is known of a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HubAnswer {
    /// It has so many partitions, and lets us send.
    Found(usize),
    /// It may be there later.
    Unreachable,
    /// Somebody must act.
    Refused(String),
}

/// What is known of the topics.
#[derive(Debug, Clone, Default)]
pub(super) enum ClusterState {
    #[default]
    Unasked,
    /// Kafka did not answer the last time.
    Unknown,
    /// It refuses us, again and again.
    Refused(String),
    /// The partitions of each topic there is.
    Topics(BTreeMap<String, i32>),
}

#[derive(Debug, Default)]
struct BoardState {
    hubs: BTreeMap<Name, HubAnswer>,
    cluster: ClusterState,
}

/// See the module. Written by those who ask, read by who starts.
#[derive(Debug)]
pub(super) struct Board {
    ways: Vec<BoardRoute>,
    state: Mutex<BoardState>,
}

/// How one way stands.
enum RouteState {
    Asked,
    Waits,
    Refused(String),
    Runs,
}

/// How all of them stand.
#[derive(Debug, Default)]
pub(super) struct BoardSummary {
    /// Ways that run.
    pub(super) running: usize,
    /// Ways of which nothing is known yet.
    pub(super) asked: usize,
    /// Ways that may run later.
    pub(super) waiting: usize,
    /// What stands against the others, each thing once.
    pub(super) refused: BTreeSet<String>,
}

impl BoardSummary {
    /// Nothing runs, and nothing will until somebody acts: why.
    pub(super) fn hopeless(&self) -> Option<String> {
        let none = self.running + self.asked + self.waiting == 0;
        none.then(|| self.refusals()).flatten()
    }

    /// What is refused, in one line.
    pub(super) fn refusals(&self) -> Option<String> {
        let first = self.refused.first()?;
        Some(match self.refused.len() {
            1 => first.clone(),
            all => format!("{first}; and {} more, each named above", all - 1),
        })
    }
}

impl Board {
    pub(super) fn new(ways: Vec<BoardRoute>) -> Self {
        Self { ways, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, BoardState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ways(&self) -> &[BoardRoute] {
        &self.ways
    }

    pub(super) fn hub(&self, name: &Name, answer: HubAnswer) {
        self.state().hubs.insert(name.clone(), answer);
    }

    pub(super) fn cluster(&self, cluster: ClusterState) {
        self.state().cluster = cluster;
    }

    /// Whether the topics that need a place of their own on this hub have it: `None` while some are not known.
    pub(super) fn has_room(&self, name: &Name) -> Option<bool> {
        let state = self.state();
        let on_it = self.ways.iter().filter(|way| way.name().as_ref() == Some(name));
        let mut standings =
            on_it.filter(|way| way.particular().is_some()).map(|way| standing(way, &state));
        let known = |standing: RouteState| match standing {
            RouteState::Runs => Some(true),
            RouteState::Refused(_) => Some(false),
            RouteState::Asked | RouteState::Waits => None,
        };
        standings.try_fold(true, |all, standing| Some(all & known(standing)?))
    }

    /// How it stands now.
    pub(super) fn verdict(&self) -> BoardSummary {
        let (state, mut verdict) = (self.state(), BoardSummary::default());
        for way in &self.ways {
            match standing(way, &state) {
                RouteState::Asked => verdict.asked += 1,
                RouteState::Waits => verdict.waiting += 1,
                RouteState::Runs => verdict.running += 1,
                RouteState::Refused(why) => drop(verdict.refused.insert(why)),
            }
        }
        if let ClusterState::Refused(why) = &state.cluster {
            verdict.refused.insert(format!("kafka refused the bridge: {why}"));
        }
        verdict
    }
}

fn standing(way: &BoardRoute, state: &BoardState) -> RouteState {
    // Topics of a pattern are not known yet and are looked at when they come.
    let Some(name) = way.name() else { return RouteState::Runs };
    let count = match state.hubs.get(&name) {
        None => return RouteState::Asked,
        Some(HubAnswer::Unreachable) => return RouteState::Waits,
        Some(HubAnswer::Refused(why)) => return RouteState::Refused(why.clone()),
        Some(HubAnswer::Found(count)) => *count,
    };
    let Some((topic, _)) = way.particular() else { return RouteState::Runs };
    match &state.cluster {
        ClusterState::Unasked => RouteState::Asked,
        ClusterState::Unknown | ClusterState::Refused(_) => RouteState::Waits,
        ClusterState::Topics(topics) => match topics.get(&**topic) {
            None => RouteState::Waits,
            Some(partitions) => {
                way.misfit(*partitions, count).map_or(RouteState::Runs, RouteState::Refused)
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Mapping, Pattern};

    /// `orders` to a hub of that name, and what `more` makes of it.
    fn board(more: impl FnOnce(&mut Vec<Mapping>)) -> Board {
        Board::new(BoardRoute::all(&config::sample(|config| more(&mut config.mappings))))
    }

    fn name(hub: &str) -> Name {
        ("default".into(), hub.into())
    }

    fn second(mappings: &mut Vec<Mapping>) {
        let mut other = mappings[0].clone();
        other.topics = Topics::Named(vec!["returns".to_owned()]);
        "returns".clone_into(&mut other.hub);
        mappings.push(other);
    }

    #[test]
    fn nothing_is_hopeless_while_something_may_run() {
        let board = board(second);
        let first = board.ways()[0].name().unwrap();
        assert!(board.verdict().hopeless().is_none(), "nothing was asked");
        board.hub(&first, HubAnswer::Refused("no such hub".to_owned()));
        assert!(board.verdict().hopeless().is_none(), "one was not asked");
        board.hub(&name("returns"), HubAnswer::Unreachable);
        assert!(board.verdict().hopeless().is_none(), "one may come");
        board.hub(&name("returns"), HubAnswer::Found(1));
        assert_eq!((board.verdict().running, board.verdict().refused.len()), (1, 1));
        board.hub(&name("returns"), HubAnswer::Refused("not authorized".to_owned()));
        let why = board.verdict().hopeless().unwrap();
        assert!(why.starts_with("no such hub; and 1 more"), "{why}");
    }

    #[test]
    fn a_mirror_runs_once_its_topic_is_known_to_have_its_place() {
        let board = board(|mappings| mappings[0].partitioning = Partitioning::Mirror);
        let hub = board.ways()[0].name().unwrap();
        let (topic, _) = board.ways()[0].route.clone().unwrap();
        let topics = |partitions| ClusterState::Topics([(topic.to_string(), partitions)].into());
        board.hub(&hub, HubAnswer::Found(2));
        assert_eq!(board.verdict().asked, 1);
        board.cluster(ClusterState::Topics(BTreeMap::new()));
        assert_eq!(board.verdict().waiting, 1, "the topic may come");
        assert_eq!(board.has_room(&hub), None);
        board.cluster(topics(3));
        assert_eq!(board.has_room(&hub), Some(false));
        let why = board.verdict().hopeless().unwrap();
        assert!(why.contains("kafka partition 2 has no mirror") && why.contains("hint:"), "{why}");
        board.hub(&hub, HubAnswer::Found(3));
        assert_eq!(board.verdict().running, 1);
        assert_eq!(board.has_room(&hub), Some(true));
    }

    #[test]
    fn a_hub_by_the_name_of_its_topic_is_not_known_before_the_topic() {
        let board = board(|mappings| {
            mappings[0].topics = Topics::Pattern(Pattern::new("shop.+").unwrap());
            "{topic}".clone_into(&mut mappings[0].hub);
        });
        assert_eq!(board.verdict().running, 1);
    }
}
