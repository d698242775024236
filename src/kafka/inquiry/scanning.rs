//! Parts of partitions, read from one end to the other by a consumer that is no member of any group.
//!
//! What is held of them is what one fetch brings, however much they hold. There is no limit to how long it takes, only to how long
//! nothing may come. A partition that cannot be read on is named; the others are read.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::{Delivered, FetchError, HeaderBuffer, Queue};
use crate::record::{Record, TopicPartition};

use super::diagnosis::{Diagnosis, is_no};
use super::{Denied, Inquiry, POLL};

/// What a broker may answer of one partition, and at a time, unless its first batch is larger. What is compressed takes many times that once it is
/// unpacked, and the client unpacks all of an answer.
const PARTITION: &str = "65536";
const ANSWER: &str = "262144";

/// The offsets of a partition from `from` on and below `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The partition.
    pub partition: TopicPartition,
    /// The first.
    pub from: i64,
    /// Behind the last.
    pub to: i64,
}

impl Stretch {
    /// How many offsets it has.
    pub fn len(&self) -> i64 {
        (self.to - self.from).max(0)
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A partition that was not read to the end of its stretch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// From where on.
    pub rest: Stretch,
    /// Why.
    pub why: String,
}

/// Takes a record, and how many offsets are behind in all stretches; may end it all.
pub type EachRecord<'a> = &'a mut dyn FnMut(&Record<'_>, i64) -> ControlFlow<()>;

impl Inquiry {
    /// Reads the records of `stretches`: those of a partition in their order, partitions in any. Blocks until all is read, `each` has
    /// enough, or nothing came for `idle`.
    pub fn scan(
        &self,
        stretches: Vec<Stretch>,
        idle: Duration,
        each: EachRecord<'_>,
    ) -> Result<Vec<Unread>, Denied> {
        let unanswered = |error: KafkaError| Denied::Unanswered(error.to_string());
        let client = self.scanner().map_err(unanswered)?;
        let mut scan = Scan::begin(&client, stretches).map_err(unanswered)?;
        let unread = scan.run(idle, each);
        drop(client.unassign());
        unread
    }

    fn scanner(&self) -> KafkaResult<Arc<BaseConsumer<Diagnosis>>> {
        let mut settings = self.settings.clone();
        settings.set("fetch.message.max.bytes", PARTITION).set("fetch.max.bytes", ANSWER);
        settings.set("message.max.bytes", ANSWER);
        settings.set("queued.max.messages.kbytes", "4096");
        // What was deleted meanwhile need not be read.
        settings.set("auto.offset.reset", "earliest");
        self.another(&settings)
    }
}

struct Scan<'a> {
    client: &'a Arc<BaseConsumer<Diagnosis>>,
    queue: Queue,
    /// What is still to be read.
    open: HashMap<TopicPartition, Stretch>,
    /// Offsets that are behind.
    done: i64,
    unread: Vec<Unread>,
}

impl<'a> Scan<'a> {
    fn begin(
        client: &'a Arc<BaseConsumer<Diagnosis>>,
        stretches: Vec<Stretch>,
    ) -> KafkaResult<Self> {
        let queue = Queue::new(client, None);
        let some = stretches.into_iter().filter(|stretch| !stretch.is_empty());
        let open = some.map(|it| (it.partition.clone(), it)).collect::<HashMap<_, _>>();
        let mut list = TopicPartitionList::with_capacity(open.len());
        for Stretch { partition, from, .. } in open.values() {
            let at = Offset::Offset(*from);
            list.add_partition_offset(&partition.topic, partition.partition, at)?;
        }
        let inlet = queue.inlet();
        let forward = || {
            for partition in open.keys() {
                inlet.forward(partition);
            }
        };
        forward();
        client.assign(&list)?;
        // Assigning may end the forwarding.
        forward();
        Ok(Self { client, queue, open, done: 0, unread: Vec::new() })
    }

    fn run(&mut self, idle: Duration, each: EachRecord<'_>) -> Result<Vec<Unread>, Denied> {
        let (mut headers, mut moved) = (HeaderBuffer::new(), Instant::now());
        while !self.open.is_empty() && moved.elapsed() < idle {
            // Serves what the client has to say; records do not come this way.
            drop(self.client.poll(Duration::ZERO));
            match self.queue.poll(POLL) {
                Some(Delivered::Record(fetched)) => {
                    let record = fetched.record(&mut headers);
                    let place = TopicPartition::new(record.topic, record.partition);
                    if !self.reached(&place, record.offset) {
                        continue;
                    }
                    moved = Instant::now();
                    let ends = each(&record, self.done);
                    self.behind(&place, record.offset + 1);
                    if ends.is_break() {
                        return Ok(std::mem::take(&mut self.unread));
                    }
                }
                Some(Delivered::Error(error)) if self.heard(&error)? => moved = Instant::now(),
                _ => {}
            }
        }
        let reason = self.client.context().reason();
        let why = reason.unwrap_or_else(|| format!("no record arrived within {idle:.1?}"));
        let rest = self.open.drain().map(|(_, rest)| Unread { rest, why: why.clone() });
        self.unread.extend(rest);
        self.unread.sort_by(|one, other| one.rest.partition.cmp(&other.rest.partition));
        Ok(std::mem::take(&mut self.unread))
    }

    /// Whether a record is one that is to be read, and was not.
    fn reached(&mut self, place: &TopicPartition, offset: i64) -> bool {
        let Some(Stretch { from, to, .. }) = self.open.get(place) else { return false };
        if offset >= *to {
            let to = *to;
            self.behind(place, to);
            return false;
        }
        offset >= *from
    }

    /// Everything below `offset` is read.
    fn behind(&mut self, place: &TopicPartition, offset: i64) {
        let Some(stretch) = self.open.get_mut(place) else { return };
        let next = offset.clamp(stretch.from, stretch.to);
        self.done += next - stretch.from;
        stretch.from = next;
        if stretch.is_empty() {
            self.close(place);
        }
    }

    fn close(&mut self, place: &TopicPartition) -> Option<Stretch> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(&place.topic, place.partition);
        // At worst it is fetched on, and passed over.
        drop(self.client.pause(&list));
        self.open.remove(place)
    }

    /// Whether it gets on by that.
    fn heard(&mut self, error: &FetchError) -> Result<bool, Denied> {
        let FetchError { partition: Some(place), offset, detail, code } = error else {
            return Ok(false);
        };
        match *code {
            // The end is told once; what is behind a lower one is still to come.
            RDKafkaErrorCode::PartitionEOF => {
                self.behind(place, offset.unwrap_or(i64::MAX));
                Ok(true)
            }
            code if is_no(code) => Err(Denied::Refused(format!("topic `{}`: {code}", place.topic))),
            _ if error.needs_restart() => {
                if let Some(rest) = self.close(place) {
                    self.unread.push(Unread { rest, why: detail.clone() });
                }
                Ok(true)
            }
            // The client tries again.
            _ => Ok(false),
        }
    }
}
