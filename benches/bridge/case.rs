//! The cases: three shapes of keys, two speeds of acknowledgement, three ways to the hub, records of other sizes, a topic that
//! is compressed, and mappings that do something with their records; and the records they are made of.

use std::time::Duration;

use stage::Out;

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

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON.
    Plain,
    /// JSON, and the producer compresses it.
    Zstd,
    /// With [`SCHEMA`], in the frame of Confluent's serializers.
    Avro,
}

/// Schema 1 of the registry.
pub(crate) const SCHEMA: &str = r#"{"type": "record", "name": "Order", "fields": [
    {"name": "order", "type": "long"}, {"name": "note", "type": "string"}]}"#;

/// What is in a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) keys: Keys,
    /// Bytes of a value.
    pub(crate) size: usize,
    pub(crate) form: Form,
}

impl Load {
    /// As most cases have it.
    pub(crate) fn usual(keys: Keys) -> Self {
        Self { keys, size: VALUE, form: Form::Plain }
    }

    pub(crate) fn topic(self) -> String {
        let form = match self.form {
            Form::Plain => "",
            Form::Zstd => "-zstd",
            Form::Avro => "-avro",
        };
        format!("bench-{}-{}{form}", self.keys.name().replace(' ', "-"), self.size)
    }

    /// As many bytes as `usual` records of the usual size, but not more than twice as many records.
    pub(crate) fn records(self, usual: usize) -> usize {
        (usual * VALUE / self.size).min(2 * usual)
    }

    /// What the producer is told.
    pub(crate) fn settings(self) -> Vec<(&'static str, &'static str)> {
        let usual = [("linger.ms", "50"), ("batch.size", "65536")];
        let zstd = (self.form == Form::Zstd).then_some(("compression.type", "zstd"));
        usual.into_iter().chain(zstd).collect()
    }

    fn value(self, number: usize) -> Vec<u8> {
        let letter = b'a' + (number % 26) as u8;
        if self.form == Form::Avro {
            let mut value = vec![0, 0, 0, 0, 1];
            long(number as i64, &mut value);
            let note = self.size - value.len() - 2;
            long(note as i64, &mut value);
            value.resize(value.len() + note, letter);
            return value;
        }
        let mut value = format!("{{\"order\":{number},\"note\":\"").into_bytes();
        if self.form == Form::Zstd {
            // A quarter is as good as random, so that it compresses about as JSON does: 4 to 1.
            jumble(number as u64, self.size / 4, &mut value);
        }
        value.resize(self.size - 2, letter);
        value.extend_from_slice(b"\"}");
        value
    }

    /// Record `number`: a key and two headers.
    pub(crate) fn record(self, number: usize) -> Out {
        let record = Out::value(self.value(number))
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

/// A number as Avro writes it: zigzag, seven bits a byte.
fn long(number: i64, out: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
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

/// What the mapping does with its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    None,
    Header,
    Expression,
    Decode,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Header => ", filter by header",
            Self::Expression => ", expression",
            Self::Decode => ", Avro to JSON",
        }
    }

    /// Its keys in the mapping. Every record passes.
    pub(crate) fn keys(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Header => "select.header = { source = \"orders-service\" }\n",
            Self::Expression => "select.expression = \"value.order >= 0\"\n",
            Self::Decode => "value.decode = \"confluent\"\n",
        }
    }
}

/// What is sent, a speed of acknowledgement, a way to the hub, and what is done before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) load: Load,
    pub(crate) ack: Duration,
    pub(crate) way: Way,
    pub(crate) step: Step,
}

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        let speeds = [Duration::ZERO, Duration::from_millis(10)];
        let of = |ack| {
            Keys::ALL.map(|keys| {
                let load = Load::usual(keys);
                Self { load, ack, way: Way::Plain, step: Step::None }
            })
        };
        let mut cases: Vec<_> = speeds.into_iter().flat_map(of).collect();
        // What is around the bytes does not depend on their keys, nor does what their number costs: one shape is enough.
        let usual = Load::usual(Keys::Many);
        let many = Self { load: usual, ack: Duration::ZERO, way: Way::Plain, step: Step::None };
        cases.extend([Way::Tls, Way::WebSocket].map(|way| Self { way, ..many }));
        let others = SIZES.map(|size| Load { size, ..usual });
        let others = others.into_iter().chain([Load { form: Form::Zstd, ..usual }]);
        cases.extend(others.map(|load| Self { load, ..many }));
        cases.extend([Step::Header, Step::Expression].map(|step| Self { step, ..many }));
        let avro = Load { form: Form::Avro, ..usual };
        cases.push(Self { load: avro, step: Step::Decode, ..many });
        cases
    }

    pub(crate) fn name(self) -> String {
        let Load { keys, size, form } = self.load;
        let speed = if self.ack.is_zero() { "at once".into() } else { format!("{:?}", self.ack) };
        let size = match size {
            VALUE => String::new(),
            100 => ", 100 B".to_owned(),
            size => format!(", {} KB", size / 1000),
        };
        let packed = if form == Form::Zstd { ", zstd" } else { "" };
        let (way, step) = (self.way.name(), self.step.name());
        format!("{}, {speed}{way}{size}{packed}{step}", keys.name())
    }

    pub(crate) fn topic(self) -> String {
        self.load.topic()
    }

    /// The same, with nothing done to its records and nothing around its bytes: the floors are measured beside that.
    pub(crate) fn twin(self) -> Self {
        let load = match self.step {
            Step::None => self.load,
            _ => Load { form: Form::Plain, ..self.load },
        };
        Self { load, way: Way::Plain, step: Step::None, ..self }
    }
}
