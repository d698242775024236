//! The shapes of an estate, and the records that go through it.

use stage::Out;

/// Bytes of a value.
const VALUE: usize = 1000;
/// Records that go to one topic before the next.
const RUN: usize = 10;
const KEYS: usize = 100_000;

/// So many hubs, each with its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) hubs: usize,
    /// Partitions of each hub.
    pub(crate) lanes: usize,
    /// Partitions of each topic.
    pub(crate) partitions: usize,
}

impl Shape {
    /// What the others are compared with.
    pub(crate) const YARDSTICK: Self = Self { hubs: 1, lanes: 8, partitions: 8 };

    pub(crate) const ESTATES: [Self; 3] = [
        Self { hubs: 10, lanes: 32, partitions: 5 },
        Self { hubs: 100, lanes: 16, partitions: 5 },
        Self { hubs: 200, lanes: 32, partitions: 5 },
    ];

    pub(crate) fn name(self) -> String {
        let hubs = if self.hubs == 1 { "hub" } else { "hubs" };
        format!("{} {hubs} × {}", self.hubs, self.lanes)
    }

    /// Hub partitions in all.
    pub(crate) fn all_lanes(self) -> usize {
        self.hubs * self.lanes
    }

    /// The name of a topic, and of its hub.
    pub(crate) fn topic(self, number: usize) -> String {
        format!("scale-{}x{}-{number}", self.hubs, self.lanes)
    }

    /// What all its topics match.
    pub(crate) fn pattern(self) -> String {
        format!("scale-{}x{}-[0-9]+", self.hubs, self.lanes)
    }

    /// Topic and record `number` of a load: runs, so that batches of Kafka are as large as those of a busy producer.
    pub(crate) fn load(self, number: usize) -> (usize, Out) {
        (number / RUN % self.hubs, record(number))
    }

    /// Topic and record `number` of a trickle: every topic in turn, every partition of it in turn.
    pub(crate) fn trickle(self, number: usize) -> (usize, Out) {
        let partition = number / self.hubs % self.partitions;
        (number % self.hubs, record(number).to(partition as i32))
    }
}

/// 1000 bytes, a key and two headers; neighbours have different keys.
fn record(number: usize) -> Out {
    let mut value = format!("{{\"order\":{number},\"note\":\"").into_bytes();
    value.resize(VALUE - 2, b'a' + (number % 26) as u8);
    value.extend_from_slice(b"\"}");
    Out::value(value)
        .key(format!("customer-{}", number.wrapping_mul(7919) % KEYS))
        .header("source", Some(b"orders-service"))
        .header("trace", Some(format!("{number:016x}").as_bytes()))
}
