//! The cases: three shapes of keys, two speeds of acknowledgement, three ways to the hub, and the records they are made of.

use std::time::Duration;

use crate::support::Out;

/// Kafka partitions, and partitions of the hub.
pub(crate) const PARTITIONS: i32 = 8;
/// Bytes of a value.
const VALUE: usize = 1000;
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

    pub(crate) fn topic(self) -> &'static str {
        match self {
            Self::Few => "bench-10-keys",
            Self::Many => "bench-100k-keys",
            Self::None => "bench-no-keys",
        }
    }

    pub(crate) fn name(self) -> &'static str {
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

/// A shape of keys, a speed of acknowledgement, a way to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) keys: Keys,
    pub(crate) ack: Duration,
    pub(crate) way: Way,
}

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        let speeds = [Duration::ZERO, Duration::from_millis(10)];
        let of = |ack| Keys::ALL.map(|keys| Self { keys, ack, way: Way::Plain });
        let mut cases: Vec<_> = speeds.into_iter().flat_map(of).collect();
        // What is around the bytes does not depend on their keys: one shape is enough.
        let many = Self { keys: Keys::Many, ack: Duration::ZERO, way: Way::Plain };
        cases.extend([Way::Tls, Way::WebSocket].map(|way| Self { way, ..many }));
        cases
    }

    pub(crate) fn name(self) -> String {
        let speed = if self.ack.is_zero() { "at once".into() } else { format!("{:?}", self.ack) };
        format!("{}, {speed}{}", self.keys.name(), self.way.name())
    }
}

/// Record `number` of a topic: 1000 bytes, a key and two headers.
pub(crate) fn record(keys: Keys, number: usize) -> Out {
    let mut value = format!("{{\"order\":{number},\"note\":\"").into_bytes();
    value.resize(VALUE - 2, b'a' + (number % 26) as u8);
    value.extend_from_slice(b"\"}");
    let record = Out::value(value)
        .header("source", Some(b"orders-service"))
        .header("trace", Some(format!("{number:016x}").as_bytes()));
    match keys.count() {
        // A fixed jumble, so that neighbours have different keys.
        Some(count) => record.key(format!("customer-{}", number.wrapping_mul(7919) % count)),
        // As producers without keys do: runs, the same number of records everywhere.
        None => record.to((number / RUN) as i32 % PARTITIONS),
    }
}
