//! The rules in force, and what they answer when they are asked.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::rate::Rate;
use crate::condition::{Condition, Outcome};
use crate::event::Event;
use crate::hub::lock;

const NOT_FOUND: i32 = 404;

/// Tells whether an event is to be refused.
pub(super) type Predicate = Arc<dyn Fn(&Event) -> bool + Send + Sync>;

/// What happens to a delivery instead of storing and accepting it.
#[derive(Clone)]
pub(crate) enum DeliveryFault {
    Answer(Outcome),
    DropBeforeStore,
    DropAfterStore,
    /// Given up by its connection, and there before the next one.
    Late,
    ForgetAck,
    BlackHole,
    /// Neither stored nor answered; the connection goes on.
    Ignore,
    Detach(Condition),
    RejectIf(Predicate, Condition),
    /// Stored, and answered with a frame that cannot be decoded.
    CorruptAck,
}

#[derive(Clone)]
pub(super) enum Effect {
    Delivery(DeliveryFault),
    Throttle(Rate),
    DelayAck(Duration),
    RefuseAttach(Condition),
    MaxMessageSize(u64),
    RefuseToken {
        status: i32,
        text: String,
    },
    ShortToken(Duration),
    RefuseRead {
        status: i32,
        condition: Condition,
    },
    SlowReads(u64),
    Silence,
    /// All that is said of the place comes later. `line`: all that is said on the connection.
    Latency {
        delay: Duration,
        line: bool,
    },
    /// Nothing is said of the place.
    Mute,
    /// The place is not there.
    Missing,
}

/// Where something happens.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Site<'a> {
    pub(crate) connection: u64,
    pub(crate) link: Option<&'a str>,
    pub(crate) hub: Option<&'a str>,
    pub(crate) partition: Option<u32>,
}

/// A set of places: each part that is given must be so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Region {
    pub(crate) connection: Option<u64>,
    pub(crate) link: Option<String>,
    pub(crate) hub: Option<String>,
    pub(crate) partition: Option<u32>,
}

impl Region {
    /// Whether it has that place. A region of one partition has no links to the whole hub.
    pub(crate) fn has(&self, site: Site<'_>) -> bool {
        let hub = |name: &String| site.hub.is_some_and(|hub| hub.eq_ignore_ascii_case(name));
        self.connection.is_none_or(|connection| connection == site.connection)
            && self.link.as_deref().is_none_or(|name| site.link == Some(name))
            && self.hub.as_ref().is_none_or(hub)
            && (self.partition.is_none() || self.partition == site.partition)
    }

    /// Whether it is about links, and not about connections alone.
    pub(crate) fn is_of_links(&self) -> bool {
        self.link.is_some() || self.hub.is_some() || self.partition.is_some()
    }
}

pub(super) struct Rule {
    pub(super) id: u64,
    pub(super) region: Region,
    pub(super) left: Option<u64>,
    pub(super) fired: Arc<AtomicU64>,
    pub(super) effect: Effect,
}

impl Rule {
    fn fire(&mut self) {
        self.fired.fetch_add(1, Ordering::SeqCst);
        self.left = self.left.map(|left| left.saturating_sub(1));
    }
}

/// All rules in force, in the order they were made.
#[derive(Default)]
pub(crate) struct Book {
    pub(super) next: AtomicU64,
    armed: AtomicUsize,
    rules: Mutex<Vec<Rule>>,
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book").field("armed", &self.armed).finish_non_exhaustive()
    }
}

impl Book {
    fn is_quiet(&self) -> bool {
        self.armed.load(Ordering::Relaxed) == 0
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Vec<Rule>) -> T) -> T {
        let mut rules = lock(&self.rules);
        let result = change(&mut rules);
        rules.retain(|rule| rule.left != Some(0));
        self.armed.store(rules.len(), Ordering::Relaxed);
        result
    }

    /// Fires the first rule that has the place and that `pick` wants.
    fn first<T>(&self, site: Site<'_>, pick: impl Fn(&mut Effect) -> Option<T>) -> Option<T> {
        if self.is_quiet() {
            return None;
        }
        self.change(|rules| {
            rules.iter_mut().filter(|rule| rule.region.has(site)).find_map(|rule| {
                let picked = pick(&mut rule.effect);
                if picked.is_some() {
                    rule.fire();
                }
                picked
            })
        })
    }

    /// What happens to a delivery of that size; `events` is asked only by rules that look inside.
    pub(crate) fn delivery(
        &self,
        site: Site<'_>,
        (bytes, count): (usize, usize),
        events: impl Fn() -> Vec<Event>,
    ) -> Option<DeliveryFault> {
        self.first(site, |effect| match effect {
            Effect::Delivery(DeliveryFault::RejectIf(predicate, condition)) => {
                let refused = events().iter().any(|event| predicate(event));
                let answer = || Outcome::Rejected(Some(condition.clone()));
                refused.then(|| DeliveryFault::Answer(answer()))
            }
            Effect::Delivery(fault) => Some(fault.clone()),
            Effect::Mute => Some(DeliveryFault::Ignore),
            Effect::Missing => Some(DeliveryFault::Detach(missing(site))),
            Effect::Throttle(rate) => {
                let busy = !rate.take(bytes, count, Instant::now());
                let answer = || Outcome::Rejected(Some(Condition::server_busy()));
                busy.then(|| DeliveryFault::Answer(answer()))
            }
            _ => None,
        })
    }

    pub(crate) fn ack_delay(&self, site: Site<'_>) -> Option<Duration> {
        self.first(site, |effect| match effect {
            Effect::DelayAck(delay) | Effect::Latency { delay, line: false } => Some(*delay),
            _ => None,
        })
    }

    /// How much later anything else is said of the place.
    pub(crate) fn latency(&self, site: Site<'_>) -> Option<Duration> {
        self.first(site, |effect| match effect {
            Effect::Latency { delay, line: false } => Some(*delay),
            _ => None,
        })
    }

    /// Whether nothing is said of the place.
    pub(crate) fn is_mute(&self, site: Site<'_>) -> bool {
        self.first(site, |effect| matches!(effect, Effect::Mute).then_some(())).is_some()
    }

    pub(crate) fn attach(&self, site: Site<'_>) -> Option<Condition> {
        self.first(site, |effect| match effect {
            Effect::RefuseAttach(condition) => Some(condition.clone()),
            Effect::Missing => Some(missing(site)),
            _ => None,
        })
    }

    pub(crate) fn max_message_size(&self, site: Site<'_>) -> Option<u64> {
        self.first(site, |effect| match effect {
            Effect::MaxMessageSize(size) => Some(*size),
            _ => None,
        })
    }

    pub(crate) fn token(&self, site: Site<'_>) -> Option<(i32, Condition)> {
        self.first(site, |effect| match effect {
            Effect::RefuseToken { status, text } => {
                Some((*status, Condition::unauthorized(text.clone())))
            }
            Effect::Missing => Some((NOT_FOUND, missing(site))),
            _ => None,
        })
    }

    /// How long a token that is put now counts, whatever it says.
    pub(crate) fn token_life(&self, site: Site<'_>) -> Option<Duration> {
        self.first(site, |effect| match effect {
            Effect::ShortToken(life) => Some(*life),
            _ => None,
        })
    }

    pub(crate) fn read(&self, site: Site<'_>) -> Option<(i32, Condition)> {
        self.first(site, |effect| match effect {
            Effect::RefuseRead { status, condition } => Some((*status, condition.clone())),
            Effect::Missing => Some((NOT_FOUND, missing(site))),
            _ => None,
        })
    }

    pub(crate) fn silence(&self, connection: u64) -> bool {
        let site = Site { connection, ..Site::default() };
        let pick = |effect: &mut Effect| matches!(effect, Effect::Silence).then_some(());
        self.first(site, pick).is_some()
    }

    /// Bytes a second the server reads of a connection, when that is limited.
    pub(crate) fn reading_rate(&self, connection: u64) -> Option<u64> {
        self.of_connection(connection, |effect| match effect {
            Effect::SlowReads(rate) => Some(*rate),
            _ => None,
        })
    }

    /// How much later everything leaves that is said on a connection.
    pub(crate) fn line_latency(&self, connection: u64) -> Option<Duration> {
        self.of_connection(connection, |effect| match effect {
            Effect::Latency { delay, line: true } => Some(*delay),
            _ => None,
        })
    }

    /// What is in force for a connection as a whole. Asked all the time, it counts no time it happened.
    fn of_connection<T>(&self, connection: u64, pick: impl Fn(&Effect) -> Option<T>) -> Option<T> {
        if self.is_quiet() {
            return None;
        }
        let site = Site { connection, ..Site::default() };
        let rules = lock(&self.rules);
        rules.iter().filter(|rule| rule.region.has(site)).find_map(|rule| pick(&rule.effect))
    }
}

/// What the service says of a hub that is not there.
fn missing(site: Site<'_>) -> Condition {
    Condition::not_found(site.hub.unwrap_or_default())
}
