//! Mappings whose hub each record chooses, among those that the mapping names.
//!
//! Such a mapping forks: it has a route for each of its hubs, from the assignment of a partition on. So lanes and partitions are
//! known by name as those of any other mapping, and no record can make a hub. The routes of a fork are siblings. They stand side
//! by side, and the first of them stands for all until a record has chosen: that costs the same for two hubs and for a hundred.
//! How the name of a hub is made of a record is not known here.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::hubs::LaneRoute;
use crate::record::Record;

/// Why a record is refused whose hub is none of its mapping: a word.
pub const UNKNOWN_HUB: &str = "unknown_hub";

/// Which hub a record is for. It has no clock and does no I/O.
pub trait Choose: fmt::Debug + Send + Sync {
    /// The name of the hub for `record`, as the step of its mapping leaves it; the same record always has the same.
    fn hub(&self, record: &Record<'_>) -> Result<Vec<u8>, NoHub>;
}

/// Why no hub can be chosen: the failure policy says what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoHub {
    /// Why: a word.
    pub reason: &'static str,
    /// Why: what is wrong, without what is in the record.
    pub detail: String,
}

/// What a mapping says of it.
#[derive(Debug, Clone)]
pub struct Choice {
    /// As it is written in the configuration: what is written alike chooses alike.
    pub written: Arc<str>,
    /// How the name is made.
    pub by: Arc<dyn Choose>,
    /// The hubs, perhaps with `{topic}`; none of them twice.
    pub hubs: Vec<String>,
}

/// A route and its siblings.
#[derive(Debug, Clone)]
pub struct Fork(Arc<Siblings>);

#[derive(Debug)]
struct Siblings {
    /// The hub as the mapping says it.
    template: Arc<str>,
    by: Arc<dyn Choose>,
    places: HashMap<Box<[u8]>, usize>,
    /// How it is chosen, and the names in order: who has the same chooses the same, wherever the names stand.
    same: Box<str>,
}

impl Fork {
    /// Of a choice among `hubs`, in the order of their routes.
    pub(crate) fn of(template: Arc<str>, choice: &Choice, hubs: &[Arc<str>]) -> Self {
        let places = hubs.iter().enumerate().map(|(place, hub)| (hub.as_bytes().into(), place));
        let mut names: Vec<&str> = hubs.iter().map(AsRef::as_ref).collect();
        names.sort_unstable();
        Self(Arc::new(Siblings {
            template,
            by: Arc::clone(&choice.by),
            places: places.collect(),
            same: format!("{}\n{}", choice.written, names.join("\n")).into(),
        }))
    }

    /// Which of the siblings `record` goes by.
    pub(crate) fn choose(&self, record: &Record<'_>) -> Result<usize, NoHub> {
        let Siblings { template, by, places, .. } = &*self.0;
        let name = by.hub(record)?;
        places.get(&*name).copied().ok_or_else(|| NoHub {
            reason: UNKNOWN_HUB,
            detail: format!("`{template}` gives a name that is not in `hubs`"),
        })
    }

    /// How many siblings there are, itself among them.
    pub(crate) fn len(&self) -> usize {
        self.0.places.len()
    }

    /// The hub as the mapping says it.
    pub(crate) fn template(&self) -> &Arc<str> {
        &self.0.template
    }
}

impl PartialEq for Fork {
    /// Whether the same records go to the same hubs.
    fn eq(&self, other: &Self) -> bool {
        self.0.same == other.0.same
    }
}

impl Eq for Fork {}

/// A way of a record. While it is open it stands for all of its siblings: the record has still to choose among them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Branch {
    /// Index into the routes of the partition.
    pub(crate) route: usize,
    pub(crate) is_open: bool,
}

impl Branch {
    /// This one, whatever siblings it has.
    pub(crate) fn by(route: usize) -> Self {
        Self { route, is_open: false }
    }

    /// All that a record goes by. It takes no longer for many siblings than for two.
    pub(crate) fn all(routes: &[LaneRoute]) -> impl Iterator<Item = Self> + Clone {
        let first = (!routes.is_empty()).then_some(0);
        let next = |at: &usize| Some(at + routes[*at].to.span()).filter(|it| *it < routes.len());
        let open = |route: usize| Self { route, is_open: routes[route].to.fork.is_some() };
        std::iter::successors(first, next).map(open)
    }

    /// The route of `record`, once its step has left it as it is.
    pub(crate) fn choose(self, record: &Record<'_>, routes: &[LaneRoute]) -> Result<usize, NoHub> {
        match &routes[self.route].to.fork {
            Some(fork) if self.is_open => Ok(self.route + fork.choose(record)?),
            _ => Ok(self.route),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::action::{Action, Note};
    use crate::core::{Admitted, Core};
    use crate::mapping::{Mapping, Policy, Topics, sample};
    use crate::record::{Header, Position, TopicPartition};
    use crate::rehearse::{Rehearsed, rehearse};
    use crate::route::{RoundRobin, Router};
    use crate::step::{Draft, FetchedValues, Field, Shape, Step, StepOutcome};

    /// What was asked of steps and choices.
    #[derive(Debug, Default)]
    struct Asked {
        steps: AtomicUsize,
        choices: AtomicUsize,
    }

    /// The value is the tenant, which the step puts into a header and the choice looks for there.
    #[derive(Debug)]
    struct Tenant(Arc<Asked>);

    impl Shape for Tenant {
        fn apply<'r>(&self, record: &Record<'r>, _: &FetchedValues) -> StepOutcome<'r> {
            self.0.steps.fetch_add(1, Relaxed);
            let mut draft = Draft::of(record);
            match record.value {
                Some(b"none") => return StepOutcome::Filtered("field"),
                Some(b"bad") => {
                    return StepOutcome::Refused { reason: "unreadable", detail: String::new() };
                }
                _ => {}
            }
            let value = draft.value.clone();
            draft.headers.push(Field { name: b"tenant".into(), value });
            StepOutcome::Shaped(draft)
        }
    }

    impl Choose for Tenant {
        fn hub(&self, record: &Record<'_>) -> Result<Vec<u8>, NoHub> {
            self.0.choices.fetch_add(1, Relaxed);
            let [Header { name: b"tenant", value: Some(value) }] = record.headers else {
                return Err(NoHub { reason: "no_field", detail: "it has no tenant".to_owned() });
            };
            Ok([&b"tenant-"[..], value].concat())
        }
    }

    fn mapping(asked: &Arc<Asked>, hubs: usize) -> Mapping {
        let tenant = || Arc::new(Tenant(Arc::clone(asked)));
        let mut mapping = Mapping {
            topics: Topics::Named(vec!["orders".to_owned()]),
            hub: "tenant-{header:tenant}".to_owned(),
            step: Some(Step { written: "tenant".into(), shape: tenant() }),
            choice: Some(Choice {
                written: "tenant".into(),
                by: tenant(),
                hubs: (0..hubs).map(|hub| format!("tenant-{hub}")).collect(),
            }),
            ..sample()
        };
        mapping.failure.policy = Policy::DeadLetter;
        mapping.failure.dead_letter_topic = Some("dead".to_owned());
        mapping
    }

    fn record(offset: i64, value: &[u8]) -> Record<'_> {
        let (topic, partition, value) = ("orders", 0, Some(value));
        Record { topic, partition, offset, timestamp: None, key: None, value, headers: &[] }
    }

    #[test]
    fn a_record_is_shaped_once_chooses_once_and_is_counted_once_however_many_hubs_there_are() {
        let asked = Arc::default();
        let other = Mapping { hub: "copy".to_owned(), ..sample() };
        let router = Router::new(&[mapping(&asked, 100), other]);
        let (mut core, now) = (Core::new(Arc::new(router), 64 << 20), Instant::now());
        let place = TopicPartition::new("orders", 0);
        core.assign(&place, now);
        let names = (0..100).map(|hub| format!("tenant-{hub}")).chain(["copy".to_owned()]);
        for name in names {
            core.hub_known("default", &name, &["0".to_owned()], now);
        }
        drop(core.take_actions());
        for (offset, value) in (0..).zip([&b"7"[..], b"99", b"none", b"bad", b"100", b"\xff"]) {
            assert_eq!(core.admit(&record(offset, value), now), Admitted::Taken);
        }
        assert_eq!((asked.steps.load(Relaxed), asked.choices.load(Relaxed)), (6, 4));
        let letters = core.take_actions().into_iter().filter_map(|action| match action {
            Action::DeadLetter(letter) => {
                Some((letter.offset, letter.hub.to_string(), letter.reason))
            }
            Action::Tell(Note::Refused { detail, .. }) => {
                assert!(!detail.contains("100"), "{detail}");
                None
            }
            _ => None,
        });
        let hub = || "default/tenant-{header:tenant}".to_owned();
        let refused = |offset| (offset, hub(), UNKNOWN_HUB);
        assert_eq!(letters.collect::<Vec<_>>(), [(3, hub(), "unreadable"), refused(4), refused(5)]);
        let [filtered] = &core.take_filtered()[..] else { panic!() };
        assert_eq!(
            (&*filtered.mapping, filtered.records),
            ("orders → default/tenant-{header:tenant}", 1)
        );
        for id in 1..=3 {
            core.letter_done(id, Ok(()), now);
        }
        let later = now + Duration::from_secs(1);
        core.dispatch(later);
        let sent = core.take_actions().into_iter().filter_map(|action| match action {
            Action::Send { lane, .. } => Some(lane),
            _ => None,
        });
        let lanes = sent.collect::<Vec<_>>();
        let hubs = lanes.iter().map(|lane| core.hub_of(*lane).hub.to_string());
        let mut hubs = hubs.collect::<Vec<_>>();
        hubs.sort_unstable();
        assert_eq!(hubs, ["copy", "tenant-7", "tenant-99"], "the others have nothing to do");
        for lane in lanes {
            core.settled(lane, Ok(()), 0.5, later, 0);
        }
        assert_eq!(core.positions_to_commit(), [(place, Position(6).into())]);
    }

    #[test]
    fn a_rehearsal_tells_the_way_that_is_chosen() {
        let router = Router::new(&[mapping(&Arc::default(), 3)]);
        let routes = router.routes("orders");
        let told = |value: &[u8]| {
            let (turns, known) = (&mut RoundRobin::default(), &FetchedValues::default());
            let (way, became) =
                rehearse(&routes, &record(0, value), (Some(1), 1 << 20), turns, known);
            let word = match became {
                Rehearsed::Events(_) => "sent",
                Rehearsed::Filtered(reason) | Rehearsed::Refused { reason, .. } => reason,
                _ => panic!("{became:?}"),
            };
            (way.hub.to_string(), word)
        };
        assert_eq!(told(b"2"), ("tenant-2".to_owned(), "sent"));
        assert_eq!(
            [told(b"none").1, told(b"bad").1, told(b"3").1],
            ["field", "unreadable", UNKNOWN_HUB]
        );
    }

    #[test]
    fn the_names_of_hubs_may_hold_the_topic() {
        let mut mapping = mapping(&Arc::default(), 2);
        mapping.choice.as_mut().unwrap().hubs = vec!["{topic}-a".to_owned(), "b".to_owned()];
        mapping.topics = Topics::Named(vec!["orders".to_owned(), "returns".to_owned()]);
        let router = Router::new(&[mapping]);
        let hubs = |topic: &str| {
            router.routes(topic).iter().map(|it| it.hub.to_string()).collect::<Vec<_>>()
        };
        assert_eq!([hubs("orders"), hubs("returns")], [["orders-a", "b"], ["returns-a", "b"]]);
    }

    /// A hundred for each of a thousand partitions would be a hundred thousand.
    #[test]
    fn the_partitions_of_a_topic_share_their_routes() {
        let mapping = mapping(&Arc::default(), 100);
        let (now, until) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let mut core = Core::new(Arc::new(Router::new(std::slice::from_ref(&mapping))), 64 << 20);
        (0..3).for_each(|partition| core.assign(&TopicPartition::new("orders", partition), now));
        let one = |core: &Core| {
            let all = core.partitions.iter().map(|it| Arc::clone(&it.routes)).collect::<Vec<_>>();
            assert!(all.iter().all(|it| Arc::ptr_eq(it, &all[0])));
            all[0].iter().map(|it| it.to.mapping).collect::<Vec<_>>()
        };
        assert_eq!(one(&core), [0; 100]);
        let other = Mapping { topics: Topics::Named(vec!["other".to_owned()]), ..sample() };
        let mut turned = mapping.clone();
        turned.choice.as_mut().unwrap().hubs.reverse();
        core.reroute(Arc::new(Router::new(&[other, turned])), [].into(), until, now);
        assert_eq!(one(&core), [1; 100], "in another order, and under another number");
        let mut fewer = mapping;
        fewer.choice.as_mut().unwrap().hubs.truncate(50);
        core.reroute(Arc::new(Router::new(&[fewer])), [].into(), until, now);
        core.dispatch(now);
        core.finish_moves(now);
        assert_eq!(one(&core), [0; 50]);
    }

    /// A partition that goes away never went to a hub that a reload gave it, so nobody asks for that; another one is still to go there.
    #[test]
    fn a_hub_is_asked_for_again_when_shared_routes_lead_there() {
        let (now, until) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let router =
            |hub: &str| Arc::new(Router::new(&[Mapping { hub: hub.to_owned(), ..sample() }]));
        let mut core = Core::new(router("old"), 64 << 20);
        let names = [0, 1].map(|partition| TopicPartition::new("orders", partition));
        core.assign(&names[0], now);
        core.drain(1, &names[..1], until);
        core.reroute(router("new"), [].into(), until, now);
        core.finish_moves(now);
        let asked = |core: &mut Core| {
            let actions = core.take_actions().into_iter().filter_map(|action| match action {
                Action::ResolveHub(hub) => Some((hub.hub.to_string(), true)),
                Action::ForgetHub(hub) => Some((hub.hub.to_string(), false)),
                _ => None,
            });
            actions.collect::<Vec<_>>()
        };
        let is = |hub: &str, asked| (hub.to_owned(), asked);
        assert_eq!(asked(&mut core), [is("old", true), is("new", true), is("new", false)]);
        core.assign(&names[1], now);
        assert_eq!(asked(&mut core), [is("new", true)]);
    }
}
