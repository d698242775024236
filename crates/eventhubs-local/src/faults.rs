//! Failure on demand.
//!
//! A fault is a rule: where it applies, how often, and what it does. Rules are asked at four points: when a connection
//! is accepted, a token put, a link attached, and a delivery complete. Without rules that costs one atomic read.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::condition::{Condition, Outcome};
use crate::event::Event;
use crate::hub::lock;
use crate::registry::{Command, Registry};

/// Tells whether an event is to be refused.
type Predicate = Arc<dyn Fn(&Event) -> bool + Send + Sync>;

/// What happens to a delivery instead of storing and accepting it.
#[derive(Clone)]
pub(crate) enum DeliveryFault {
    Answer(Outcome),
    DropBeforeStore,
    DropAfterStore,
    ForgetAck,
    BlackHole,
    Detach(Condition),
    RejectIf(Predicate, Condition),
}

#[derive(Clone)]
enum Effect {
    Delivery(DeliveryFault),
    DelayAck(Duration),
    RefuseAttach(Condition),
    MaxMessageSize(u64),
    RefuseToken { status: i32, text: String },
    Silence,
}

struct Rule {
    id: u64,
    hub: Option<String>,
    partition: Option<u32>,
    left: Option<u64>,
    fired: Arc<AtomicU64>,
    effect: Effect,
}

impl Rule {
    /// Whether the rule is about that place. A rule for one partition says nothing of links to the whole hub.
    fn covers(&self, hub: &str, partition: Option<u32>) -> bool {
        self.hub.as_deref().is_none_or(|name| name.eq_ignore_ascii_case(hub))
            && (self.partition.is_none() || self.partition == partition)
    }

    fn fire(&mut self) {
        self.fired.fetch_add(1, Ordering::SeqCst);
        self.left = self.left.map(|left| left.saturating_sub(1));
    }
}

/// All rules in force, in the order they were made.
#[derive(Default)]
pub(crate) struct Book {
    next: AtomicU64,
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

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Rule>) -> T) -> T {
        let mut rules = lock(&self.rules);
        let result = change(&mut rules);
        rules.retain(|rule| rule.left != Some(0));
        self.armed.store(rules.len(), Ordering::Relaxed);
        result
    }

    /// Fires the first rule that covers the place and that `pick` wants.
    fn first<T>(
        &self,
        place: Option<(&str, Option<u32>)>,
        pick: impl Fn(&Effect) -> Option<T>,
    ) -> Option<T> {
        if self.is_quiet() {
            return None;
        }
        self.change(|rules| {
            rules.iter_mut().find_map(|rule| {
                let covered = place.is_none_or(|(hub, partition)| rule.covers(hub, partition));
                let picked = if covered { pick(&rule.effect) } else { None };
                if picked.is_some() {
                    rule.fire();
                }
                picked
            })
        })
    }

    /// What happens to a delivery; `events` is asked only by rules that look inside.
    pub(crate) fn delivery(
        &self,
        hub: &str,
        partition: u32,
        events: impl Fn() -> Vec<Event>,
    ) -> Option<DeliveryFault> {
        self.first(Some((hub, Some(partition))), |effect| match effect {
            Effect::Delivery(DeliveryFault::RejectIf(predicate, condition)) => {
                let refused = events().iter().any(|event| predicate(event));
                let answer = || Outcome::Rejected(Some(condition.clone()));
                refused.then(|| DeliveryFault::Answer(answer()))
            }
            Effect::Delivery(fault) => Some(fault.clone()),
            _ => None,
        })
    }

    pub(crate) fn ack_delay(&self, hub: &str, partition: u32) -> Option<Duration> {
        self.first(Some((hub, Some(partition))), |effect| match effect {
            Effect::DelayAck(delay) => Some(*delay),
            _ => None,
        })
    }

    pub(crate) fn attach(&self, hub: &str, partition: Option<u32>) -> Option<Condition> {
        self.first(Some((hub, partition)), |effect| match effect {
            Effect::RefuseAttach(condition) => Some(condition.clone()),
            _ => None,
        })
    }

    pub(crate) fn max_message_size(&self, hub: &str, partition: Option<u32>) -> Option<u64> {
        self.first(Some((hub, partition)), |effect| match effect {
            Effect::MaxMessageSize(size) => Some(*size),
            _ => None,
        })
    }

    pub(crate) fn token(&self, hub: &str) -> Option<(i32, String)> {
        self.first(Some((hub, None)), |effect| match effect {
            Effect::RefuseToken { status, text } => Some((*status, text.clone())),
            _ => None,
        })
    }

    pub(crate) fn silence(&self) -> bool {
        let pick = |effect: &Effect| matches!(effect, Effect::Silence).then_some(());
        self.first(None, pick).is_some()
    }
}

/// The faults of a server: make them, and clear them all.
#[derive(Debug, Clone, Copy)]
pub struct Faults<'a> {
    pub(crate) book: &'a Arc<Book>,
    pub(crate) registry: &'a Registry,
    pub(crate) namespace: &'a str,
}

impl<'a> Faults<'a> {
    /// Faults of every hub.
    pub fn everywhere(&self) -> Plan<'a> {
        Plan { faults: *self, hub: None, partition: None, times: None }
    }

    /// Faults of one hub.
    pub fn hub(&self, name: &str) -> Plan<'a> {
        Plan { hub: Some(name.to_owned()), ..self.everywhere() }
    }

    /// Ends all faults.
    pub fn clear(&self) {
        self.book.change(Vec::clear);
    }

    /// Closes every open connection with that condition.
    pub fn close_connections(&self, condition: impl Into<Condition>) {
        self.registry.broadcast(self.namespace, &Command::Close(condition.into()));
    }

    /// Cuts every open connection without a word.
    pub fn drop_connections(&self) {
        self.registry.broadcast(self.namespace, &Command::Drop);
    }

    /// From now on every open connection swallows what it is sent and answers nothing, heartbeats included.
    pub fn black_hole_connections(&self) {
        self.registry.broadcast(self.namespace, &Command::BlackHole);
    }

    /// Every open connection loses its tokens: links are detached as by expiry, and new ones need a fresh token.
    pub fn expire_tokens(&self) {
        self.registry.broadcast(self.namespace, &Command::ExpireTokens);
    }
}

/// Where and how often a fault applies. Finish it with what the fault does; it is in force at once.
#[derive(Debug, Clone)]
#[must_use = "a plan does nothing before it is told what the fault is"]
pub struct Plan<'a> {
    faults: Faults<'a>,
    hub: Option<String>,
    partition: Option<u32>,
    times: Option<u64>,
}

impl Plan<'_> {
    /// Only in that partition.
    pub fn partition(mut self, id: u32) -> Self {
        self.partition = Some(id);
        self
    }

    /// Only the next `count` times; otherwise until cleared.
    pub fn times(mut self, count: u64) -> Self {
        self.times = Some(count);
        self
    }

    /// Deliveries are answered `released` and not stored.
    pub fn released(self) -> Fault {
        self.answer(Outcome::Released)
    }

    /// Deliveries are answered `modified` and not stored.
    pub fn modified(self) -> Fault {
        self.answer(Outcome::Modified)
    }

    /// Deliveries are answered `rejected` with that error and not stored.
    pub fn rejected(self, condition: impl Into<Condition>) -> Fault {
        self.answer(Outcome::Rejected(Some(condition.into())))
    }

    /// Deliveries are answered `rejected` without any error and not stored.
    pub fn rejected_without_reason(self) -> Fault {
        self.answer(Outcome::Rejected(None))
    }

    /// Deliveries are refused as a throttled namespace does.
    pub fn server_busy(self) -> Fault {
        self.rejected(Condition::server_busy())
    }

    /// Deliveries that hold an event for which `wrong` is true are rejected as a whole with that error. Only those
    /// count as a time the fault happened.
    pub fn reject_if(
        self,
        wrong: impl Fn(&Event) -> bool + Send + Sync + 'static,
        condition: impl Into<Condition>,
    ) -> Fault {
        self.delivery(DeliveryFault::RejectIf(Arc::new(wrong), condition.into()))
    }

    /// Deliveries are stored and answered, the answer `delay` later. Other deliveries go on meanwhile.
    pub fn delay_ack(self, delay: Duration) -> Fault {
        self.add(Effect::DelayAck(delay))
    }

    /// The connection is cut before the delivery is stored.
    pub fn drop_before_store(self) -> Fault {
        self.delivery(DeliveryFault::DropBeforeStore)
    }

    /// The delivery is stored and the connection cut before the answer: the sender cannot know.
    pub fn drop_after_store(self) -> Fault {
        self.delivery(DeliveryFault::DropAfterStore)
    }

    /// The delivery is stored and never answered; the connection goes on.
    pub fn forget_ack(self) -> Fault {
        self.delivery(DeliveryFault::ForgetAck)
    }

    /// The delivery is not stored, and its connection is silent from then on, heartbeats included.
    pub fn black_hole(self) -> Fault {
        self.delivery(DeliveryFault::BlackHole)
    }

    /// The delivery is not stored, and its link is detached with that condition.
    pub fn detach(self, condition: impl Into<Condition>) -> Fault {
        self.delivery(DeliveryFault::Detach(condition.into()))
    }

    /// Links are refused with that condition. With a partition: only links to it.
    pub fn refuse_attach(self, condition: impl Into<Condition>) -> Fault {
        self.add(Effect::RefuseAttach(condition.into()))
    }

    /// New sender links announce and enforce this limit. With a partition: only links to it.
    pub fn max_message_size(self, bytes: u64) -> Fault {
        self.add(Effect::MaxMessageSize(bytes))
    }

    /// `put-token` is answered with that status, say 401 or 503.
    pub fn refuse_token(self, status: i32, text: impl Into<String>) -> Fault {
        self.add(Effect::RefuseToken { status, text: text.into() })
    }

    /// New connections are accepted and never answered. Hub and partition do not matter.
    pub fn silent_accept(self) -> Fault {
        self.add(Effect::Silence)
    }

    /// Detaches, once and now, every link there is in that place.
    pub fn detach_links(self, condition: impl Into<Condition>) {
        self.faults.registry.broadcast(
            self.faults.namespace,
            &Command::DetachLinks {
                hub: self.hub,
                partition: self.partition,
                condition: condition.into(),
            },
        );
    }

    fn answer(self, outcome: Outcome) -> Fault {
        self.delivery(DeliveryFault::Answer(outcome))
    }

    fn delivery(self, fault: DeliveryFault) -> Fault {
        self.add(Effect::Delivery(fault))
    }

    fn add(self, effect: Effect) -> Fault {
        let book = Arc::clone(self.faults.book);
        let fired = Arc::new(AtomicU64::new(0));
        let id = book.next.fetch_add(1, Ordering::Relaxed);
        let rule = Rule {
            id,
            hub: self.hub,
            partition: self.partition,
            left: self.times,
            fired: Arc::clone(&fired),
            effect,
        };
        book.change(|rules| rules.push(rule));
        Fault { id, fired, book }
    }
}

/// A fault in force. Dropping this changes nothing.
#[derive(Debug, Clone)]
pub struct Fault {
    id: u64,
    fired: Arc<AtomicU64>,
    book: Arc<Book>,
}

impl Fault {
    /// How often it has happened.
    pub fn fired(&self) -> u64 {
        self.fired.load(Ordering::SeqCst)
    }

    /// Ends it.
    pub fn clear(&self) {
        self.book.change(|rules| rules.retain(|rule| rule.id != self.id));
    }
}
