//! The cases: three shapes of keys, two speeds of acknowledgement, three ways to the hub, records of other sizes and a topic
//! that is compressed; and the records they are made of.

use std::time::Duration;

use crate::support::Out;

/// Kafka partitions, and partitions of the hub.
pub(crate) const PARTITIONS: i32 = 8;
/// Bytes of a value, unless a case says otherwise.
pub(crate) const VALUE: usize = 1000;
/// The other sizes.
const SIZES: [usize; 3] = [100, 10_000, 200_000];
/// Records without a key that go to one Kafka partition before the next.
const RUN: usize = 50;

/// How records are keyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    Few,
    Many,
    None,
}

impl Keys {
    pub(crate) const ALL: [Self; 3] = [Self::Few, Self::Many, Self::None];

    fn name(self) -> &'static str {
        match self {
            Self::Few => "10 keys",
            Self::Many => "100k keys",
            Self::None => "no key",
        }
    }

    fn count(self) -> Option<usize> {
        match self {
            Self::Few => Some(10),
            Self::Many => Some(100_000),
            Self::None => None,
        }
    }
}

/// What is in a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) keys: Keys,
    /// Bytes of a value.
    pub(crate) size: usize,
    /// Whether the producer compressed it.
    pub(crate) zstd: bool,
}

impl Load {
    fn usual(keys: Keys) -> Self {
        Self { keys, size: VALUE, zstd: false }
    }

    pub(crate) fn topic(self) -> String {
        let packed = if self.zstd { "-zstd" } else { "" };
        format!("bench-{}-{}{packed}", self.keys.name().replace(' ', "-"), self.size)
    }

    /// As many bytes as `usual` records of the usual size, but not more than twice as many records.
    pub(crate) fn records(self, usual: usize) -> usize {
        (usual * VALUE / self.size).min(2 * usual)
    }

    /// What the producer is told.
    pub(crate) fn settings(self) -> Vec<(&'static str, &'static str)> {
        let usual = [("linger.ms", "50"), ("batch.size", "65536")];
        usual.into_iter().chain(self.zstd.then_some(("compression.type", "zstd"))).collect()
    }

    /// Record `number`: a key and two headers.
    pub(crate) fn record(self, number: usize) -> Out {
        let mut value = format!("{{\"order\":{number},\"note\":\"").into_bytes();
        if self.zstd {
            // A quarter is as good as random, so that it compresses about as JSON does: 4 to 1.
            jumble(number as u64, self.size / 4, &mut value);
        }
        value.resize(self.size - 2, b'a' + (number % 26) as u8);
        value.extend_from_slice(b"\"}");
        let record = Out::value(value)
            .header("source", Some(b"orders-service"))
            .header("trace", Some(format!("{number:016x}").as_bytes()));
        match self.keys.count() {
            // A fixed jumble, so that neighbours have different keys.
            Some(count) => record.key(format!("customer-{}", number.wrapping_mul(7919) % count)),
            // As producers without keys do: runs, the same number of records everywhere.
            None => record.to((number / RUN) as i32 % PARTITIONS),
        }
    }
}

/// So many letters and digits that follow from `seed` and from nothing else (xorshift).
fn jumble(seed: u64, count: usize, out: &mut Vec<u8>) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    out.extend((0..count).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        LETTERS[(state >> 58) as usize]
    }));
}

/// What AMQP travels in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Plain,
    Tls,
    /// With TLS, as on port 443.
    WebSocket,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Tls => ", TLS",
            Self::WebSocket => ", WebSocket",
        }
    }
}

/// What is sent, a speed of acknowledgement, a way to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) load: Load,
    pub(crate) ack: Duration,
    pub(crate) way: Way,
}

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        let speeds = [Duration::ZERO, Duration::from_millis(10)];
        let of = |ack| Keys::ALL.map(|keys| Self { load: Load::usual(keys), ack, way: Way::Plain });
        let mut cases: Vec<_> = speeds.into_iter().flat_map(of).collect();
        // What is around the bytes does not depend on their keys, nor does what their number costs: one shape is enough.
        let usual = Load::usual(Keys::Many);
        let many = Self { load: usual, ack: Duration::ZERO, way: Way::Plain };
        cases.extend([Way::Tls, Way::WebSocket].map(|way| Self { way, ..many }));
        let others = SIZES.map(|size| Load { size, ..usual });
        let others = others.into_iter().chain([Load { zstd: true, ..usual }]);
        cases.extend(others.map(|load| Self { load, ..many }));
        cases
    }

    pub(crate) fn name(self) -> String {
        let Load { keys, size, zstd } = self.load;
        let speed = if self.ack.is_zero() { "at once".into() } else { format!("{:?}", self.ack) };
        let size = match size {
            VALUE => String::new(),
            100 => ", 100 B".to_owned(),
            size => format!(", {} KB", size / 1000),
        };
        let packed = if zstd { ", zstd" } else { "" };
        format!("{}, {speed}{}{size}{packed}", keys.name(), self.way.name())
    }

    pub(crate) fn topic(self) -> String {
        self.load.topic()
    }
}
