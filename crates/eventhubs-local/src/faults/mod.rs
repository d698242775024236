//! Failure on demand.
//!
//! A fault is a rule: where it applies, how often, and what it does. Rules are asked when a connection is accepted or
//! read, a token put, a link attached, a property read, and a delivery complete. Without rules that costs one atomic
//! read. What is to happen at once is told to the connections instead.

mod book;
mod rate;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use amqp::frame::{self, Kind};
use amqp::write;
pub(crate) use book::{Book, DeliveryFault, Region, Site};

use book::{Effect, Rule};
use rate::Rate;

use crate::condition::{Condition, Outcome};
use crate::event::Event;
use crate::registry::{Order, Registry};

/// What a throughput unit lets in each second.
const UNIT: (u64, u64) = (1_000_000, 1_000);

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
        Plan { faults: *self, region: Region::default(), times: None }
    }

    /// Faults of one hub.
    pub fn hub(&self, name: &str) -> Plan<'a> {
        let mut plan = self.everywhere();
        plan.region.hub = Some(name.to_owned());
        plan
    }

    /// Faults of one connection, by the number `Server::connections` shows.
    pub fn connection(&self, id: u64) -> Plan<'a> {
        self.everywhere().connection(id)
    }

    /// Ends all faults.
    pub fn clear(&self) {
        self.book.change(Vec::clear);
    }

    /// Closes every open connection with that condition.
    pub fn close_connections(&self, condition: impl Into<Condition>) {
        self.everywhere().close_connections(condition);
    }

    /// Cuts every open connection without a word.
    pub fn drop_connections(&self) {
        self.everywhere().drop_connections();
    }

    /// From now on every open connection swallows what it is sent and answers nothing, heartbeats included.
    pub fn black_hole_connections(&self) {
        self.everywhere().black_hole_connections();
    }

    /// Every open connection loses its tokens: links are detached as by expiry, and new ones need a fresh token.
    pub fn expire_tokens(&self) {
        self.everywhere().expire_tokens();
    }
}

/// Where and how often a fault applies. Finish it with what the fault does; it is in force at once.
#[derive(Debug, Clone)]
#[must_use = "a plan does nothing before its fault is set"]
pub struct Plan<'a> {
    faults: Faults<'a>,
    region: Region,
    times: Option<u64>,
}

/// Where, and how often.
impl Plan<'_> {
    /// Only in that partition.
    pub fn partition(mut self, id: u32) -> Self {
        self.region.partition = Some(id);
        self
    }

    /// Only on the connection with that number.
    pub fn connection(mut self, id: u64) -> Self {
        self.region.connection = Some(id);
        self
    }

    /// Only on links of that name.
    pub fn link(mut self, name: impl Into<String>) -> Self {
        self.region.link = Some(name.into());
        self
    }

    /// Only the next `count` times; otherwise until cleared.
    pub fn times(mut self, count: u64) -> Self {
        self.times = Some(count);
        self
    }
}

/// What happens to deliveries.
impl Plan<'_> {
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

    /// Deliveries beyond that rate, over all the fault's places together, are refused as a throttled namespace does. A
    /// second's worth may come at once. Only what is refused counts as a time the fault happened.
    pub fn throttle(self, bytes_per_second: u64, events_per_second: u64) -> Fault {
        self.add(Effect::Throttle(Rate::new(bytes_per_second, events_per_second)))
    }

    /// The same with the limits of that many throughput units: 1 MB and 1000 events a second each.
    pub fn throughput_units(self, units: u64) -> Fault {
        self.throttle(UNIT.0 * units, UNIT.1 * units)
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

    /// The connection is cut, and the network still has the delivery: it arrives just before the next one to its partition.
    pub fn late(self) -> Fault {
        self.delivery(DeliveryFault::Late)
    }

    /// The delivery is stored and never answered; the connection goes on.
    pub fn forget_ack(self) -> Fault {
        self.delivery(DeliveryFault::ForgetAck)
    }

    /// The delivery is stored and answered with a frame that cannot be decoded.
    pub fn corrupt_ack(self) -> Fault {
        self.delivery(DeliveryFault::CorruptAck)
    }

    /// The delivery is not stored, and its connection is silent from then on, heartbeats included.
    pub fn black_hole(self) -> Fault {
        self.delivery(DeliveryFault::BlackHole)
    }

    /// The delivery is not stored, and its link is detached with that condition.
    pub fn detach(self, condition: impl Into<Condition>) -> Fault {
        self.delivery(DeliveryFault::Detach(condition.into()))
    }

    fn answer(self, outcome: Outcome) -> Fault {
        self.delivery(DeliveryFault::Answer(outcome))
    }

    fn delivery(self, fault: DeliveryFault) -> Fault {
        self.add(Effect::Delivery(fault))
    }
}

/// What happens to links, tokens and connections that come.
impl Plan<'_> {
    /// Links are refused with that condition. With a partition: only links to it.
    pub fn refuse_attach(self, condition: impl Into<Condition>) -> Fault {
        self.add(Effect::RefuseAttach(condition.into()))
    }

    /// New sender links announce and enforce this limit. With a partition: only links to it.
    pub fn max_message_size(self, bytes: u64) -> Fault {
        self.add(Effect::MaxMessageSize(bytes))
    }

    /// Everything that is said of the place comes that much later: tokens, reads, links, answers. What is asked in the meantime
    /// does not wait for it. Without hub, partition or link: everything that is said on the connections.
    pub fn latency(self, delay: Duration) -> Fault {
        let line = !self.region.is_of_links();
        self.add(Effect::Latency { delay, line })
    }

    /// Nothing is said of the place: tokens, reads, links and detaches are not answered, deliveries neither stored nor
    /// answered. The connection goes on.
    pub fn silent(self) -> Fault {
        self.add(Effect::Mute)
    }

    /// The place is as a hub that was deleted: its links are detached at once with `amqp:not-found`, and links, tokens and
    /// reads are refused with it. What is stored stays, for the end of the fault.
    pub fn missing(self) -> Fault {
        let condition = Condition::not_found(self.region.hub.as_deref().unwrap_or_default());
        let now = self.clone();
        let fault = self.add(Effect::Missing);
        now.detach_links(condition);
        fault
    }

    /// `put-token` is answered with this status, say 401 or 503. With a partition: only for an audience that names it.
    pub fn refuse_token(self, status: i32, text: impl Into<String>) -> Fault {
        self.add(Effect::RefuseToken { status, text: text.into() })
    }

    /// A token that is put counts for that long and no longer; then its links go as by expiry, unless it was renewed.
    /// That connection's links need a token from then on.
    pub fn short_tokens(self, life: Duration) -> Fault {
        self.add(Effect::ShortToken(life))
    }

    /// Reads of properties over `$management` are answered with that status, say 503, and condition. With a partition:
    /// only reads of it.
    pub fn refuse_read(self, status: i32, condition: impl Into<Condition>) -> Fault {
        self.add(Effect::RefuseRead { status, condition: condition.into() })
    }

    /// The server reads no more than that from a connection, old or new, so that its sender is held up by TCP alone.
    /// Only a number of connection restricts it, and it does not count how often it happened.
    pub fn slow_reads(self, bytes_per_second: u64) -> Fault {
        self.add(Effect::SlowReads(bytes_per_second.max(1)))
    }

    /// New connections are accepted and never answered. Hub, partition and link do not matter.
    pub fn silent_accept(mut self) -> Fault {
        self.region = Region { connection: self.region.connection, ..Region::default() };
        self.add(Effect::Silence)
    }

    fn add(self, effect: Effect) -> Fault {
        let book = Arc::clone(self.faults.book);
        let fired = Arc::new(AtomicU64::new(0));
        let id = book.next.fetch_add(1, Ordering::Relaxed);
        let rule =
            Rule { id, region: self.region, left: self.times, fired: Arc::clone(&fired), effect };
        book.change(|rules| rules.push(rule));
        Fault { id, fired, book }
    }
}

/// What happens once and now, to the connections there are. With a hub, partition or link: to connections that have
/// such a link.
impl Plan<'_> {
    /// Detaches every link there is in that place.
    pub fn detach_links(self, condition: impl Into<Condition>) {
        self.order(&Order::DetachLinks(condition.into()));
    }

    /// Closes the connections with that condition.
    pub fn close_connections(self, condition: impl Into<Condition>) {
        self.order(&Order::Close(condition.into()));
    }

    /// Cuts the connections without a word.
    pub fn drop_connections(self) {
        self.order(&Order::Drop);
    }

    /// From now on the connections swallow what they are sent and answer nothing, heartbeats included.
    pub fn black_hole_connections(self) {
        self.order(&Order::BlackHole);
    }

    /// The connections lose their tokens: links are detached as by expiry, and new ones need a fresh token.
    pub fn expire_tokens(self) {
        self.order(&Order::ExpireTokens);
    }

    /// Sends each of the connections a frame that cannot be decoded, and goes on.
    pub fn corrupt_frame(self) {
        self.order(&Order::CorruptFrame);
    }

    fn order(self, order: &Order) {
        self.faults.registry.order(self.faults.namespace, &self.region, order);
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

/// A frame of the right size whose body is nothing: a disposition with a list that claims more than there is.
pub(crate) fn garbage(out: &mut Vec<u8>, channel: u16) {
    frame::write(out, Kind::Amqp, channel, |out| {
        write::descriptor(out, 0x15);
        out.extend_from_slice(&[0xc0, 0xff, 0xff, 0x00, 0x3f]);
    });
}
