//! A hostile producer: any record, against steps that ask for all there is to ask for. The fuzz targets play the same.

use std::sync::{Arc, LazyLock};

use bridge_core::record::{Header, Record};
use bridge_core::step::{Draft, FetchedValues, Shape, StepOutcome};
use bridge_schema::frame::{Counts, Width};
use bridge_schema::{Form, Framing, Kind, Schema, SchemaId, Source};
use bridge_shape::{
    Asked, CloudEvents, Decode, Decoder, Deletes, Envelope, Expression, Fetched, Fields, HashKey,
    Headers, Key, Make, Mode, Path, Pattern, Select, Template, To, Tombstones, reference,
};

/// What no error may say, wherever a record holds it.
pub(crate) const SECRET: &str = "hush";
/// What a value may become where it is decoded.
const LIMIT: usize = 10_000;
/// A byte and a comma may become a hash in quotes; what is said beside is of the configuration.
const GROWTH: usize = 40;
const BESIDE: usize = 4 * LIMIT;

const AVRO: &str = r#"{"type": "record", "name": "A", "fields": [
    {"name": "a", "type": ["null", "string", "long", {"type": "array", "items": "A"}]},
    {"name": "h", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "m", "type": {"type": "map", "values": ["null", "double"]}}]}"#;
const PROTOBUF: &str = r#"syntax = "proto3"; import "google/protobuf/struct.proto";
    message A { string a = 1; repeated A l = 2; map<string, bytes> m = 3; google.protobuf.Value h = 4; }"#;

/// A record, and which of the steps it meets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Play {
    pub(crate) step: usize,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// Names that something asks for.
pub(crate) const NAMES: &[&str] = &[
    "type",
    "content-type",
    "contentType",
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "spring_json_header_types",
    "__value_schema_id",
    "cloudEvents:id",
];

impl Play {
    /// Any bytes are one.
    #[allow(dead_code, reason = "only the fuzz targets have bytes")]
    pub(crate) fn of(mut bytes: &[u8]) -> Option<Self> {
        let mut next = || -> Option<u8> {
            let (first, rest) = bytes.split_first()?;
            bytes = rest;
            Some(*first)
        };
        let (step, key, count) = (next()?, next()?, next()? % 6);
        let lengths: Option<Vec<_>> = (0..count).map(|_| Some((next()?, next()?))).collect();
        // Half of all lengths are of nothing at all.
        let mut part = |length: u8| -> Option<Option<Vec<u8>>> {
            if length >= 128 {
                return Some(None);
            }
            let (taken, rest) = bytes.split_at_checked(length.into())?;
            bytes = rest;
            Some(Some(taken.to_vec()))
        };
        let key = part(key)?;
        let headers = lengths?.into_iter().map(|(name, value)| {
            let name = NAMES.get(usize::from(name)).unwrap_or(&"other");
            Some((name.as_bytes().to_vec(), part(value)?))
        });
        let headers = headers.collect::<Option<_>>()?;
        let value = (!bytes.is_empty()).then(|| bytes.to_vec());
        Some(Self { step: step.into(), key, value, headers })
    }

    fn size(&self) -> usize {
        let len = |it: &Option<Vec<u8>>| it.as_ref().map_or(0, Vec::len);
        let headers = self.headers.iter().map(|(name, value)| name.len() + len(value));
        len(&self.key) + len(&self.value) + headers.sum::<usize>()
    }

    /// What becomes of it is the same each time, within bounds, and tells nobody what is in it.
    pub(crate) fn meet(&self, asked: &Asked) {
        let headers = self.headers.iter();
        let headers: Vec<_> =
            headers.map(|(name, value)| Header { name, value: value.as_deref() }).collect();
        let record = Record {
            topic: "orders",
            partition: 3,
            offset: 42,
            timestamp: Some(1_767_225_600_000),
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &headers,
        };
        let outcome = asked.apply(&record, &KNOWN);
        match &outcome {
            StepOutcome::Shaped(draft) => {
                let (size, bound) = (weight(draft), GROWTH * self.size() + BESIDE);
                assert!(size <= bound, "{size} bytes of {} by {asked:?}", self.size());
            }
            StepOutcome::Refused { detail, .. } => {
                assert!(detail.len() <= BESIDE, "{detail}");
                assert!(!detail.contains(SECRET), "{detail}");
            }
            _ => {}
        }
        let again = asked.apply(&record, &KNOWN);
        assert!(is_same(&outcome, &again), "{outcome:?} and then {again:?}");
    }

    /// It meets the step that it names.
    pub(crate) fn run(&self) {
        self.meet(&STEPS[self.step % STEPS.len()]);
    }
}

/// A record meets any expression.
pub(crate) fn express(expression: &str, play: &Play) {
    let Ok(expression) = Expression::compile(expression) else { return };
    let select = Select { expression: Some(expression), ..Select::default() };
    play.meet(&Asked { select, ..Asked::default() });
}

fn is_same(one: &StepOutcome<'_>, other: &StepOutcome<'_>) -> bool {
    match (one, other) {
        (StepOutcome::Shaped(one), StepOutcome::Shaped(other)) => one == other,
        _ => format!("{one:?}") == format!("{other:?}"),
    }
}

fn weight(draft: &Draft<'_>) -> usize {
    let parts = [&draft.key, &draft.value].into_iter().flatten().map(|it| it.len());
    let headers = draft.headers.iter();
    let headers = headers.map(|it| it.name.len() + it.value.as_ref().map_or(0, |it| it.len()));
    parts.chain(headers).sum()
}

static KNOWN: LazyLock<FetchedValues> = LazyLock::new(|| {
    let mut known = FetchedValues::default();
    let texts = [(Kind::Avro, AVRO), (Kind::Protobuf, PROTOBUF), (Kind::Json, "{}")];
    for (id, (kind, text)) in (1..).zip(texts) {
        let source = Source { kind, text: text.to_owned(), references: Vec::new() };
        let schema: Fetched = Ok(Schema::compile(&source).expect("a schema"));
        let schema = Arc::new(schema);
        known.put(reference(0, SchemaId::Id(id)), schema.clone());
        known.put(reference(0, SchemaId::GlobalId(id.into())), schema);
    }
    let none: Fetched = Err("none that can be used".to_owned());
    known.put(reference(0, SchemaId::Id(4)), Arc::new(none));
    known
});

static STEPS: LazyLock<Vec<Asked>> = LazyLock::new(steps);

fn path(text: &str) -> Path {
    Path::parse(text).expect("a path")
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).expect("a pattern")
}

fn template(text: &str) -> Template {
    Template::parse(text, |_| None).expect("a template")
}

fn decoder(framing: Framing, to: To) -> Decoder {
    Decoder { registry: 0, name: "main".into(), framing, to }
}

fn select() -> Select {
    let expression =
        "headers.type.contains('a') || value.l.exists(x, x.a == key) && value.m.all(k, k != value)";
    Select {
        header: vec![("type".into(), pattern("(a|aa)*b?"))],
        key: Some(pattern(".*")),
        tombstones: Tombstones::Keep,
        field: vec![(path("a"), pattern("[^b]*")), (path("l[0]"), pattern(".*"))],
        expression: Some(Expression::compile(expression).expect("an expression")),
    }
}

fn fields() -> Fields {
    Fields {
        remove: vec![path("a.b"), path("l[*].x")],
        mask: vec![path("m"), path("l[*].a")],
        hash: Some((HashKey::new(b"0123456789abcdef"), vec![path("h"), path("s[*]")])),
    }
}

fn headers() -> Headers {
    Headers {
        spring: true,
        keep: Vec::new(),
        drop: vec![pattern("o.*")],
        rename: vec![("type".into(), "kind".into()), ("kind".into(), "type".into())],
        add: vec![("all".into(), template("{key}/{header:type}/{field:m}"))],
    }
}

fn key() -> Key {
    Key {
        from: Some(template("{field:h}{timestamp}")),
        hash: Some(HashKey::new(b"0123456789abcdef")),
    }
}

fn cloud_events(mode: Option<Mode>, makes: bool) -> CloudEvents {
    let make = makes.then(|| Make {
        source: template("/{topic}"),
        kind: template("{header:type}"),
        id: template("{partition}/{offset}"),
        subject: Some(template("{key}")),
    });
    CloudEvents { mode, make }
}

fn steps() -> Vec<Asked> {
    let none = Asked::default;
    let form = Form { limit: LIMIT, ..Form::default() };
    let apicurio = Framing::Apicurio { width: Width::Eight, counts: Counts::Global };
    let json = || Some(decoder(Framing::Confluent, To::Json(form)));
    let confluent = || Decode { key: json(), value: json() };
    let avro = Decode { key: None, value: Some(decoder(apicurio, To::Avro)) };
    let debezium = |deletes| Some(Envelope::Debezium(deletes));
    vec![
        Asked { select: select(), ..none() },
        Asked { fields: fields(), ..none() },
        Asked { fields: fields(), key: key(), headers: headers(), ..none() },
        Asked { decode: confluent(), ..none() },
        Asked { decode: avro, ..none() },
        Asked { open_key: true, open_value: Some(Envelope::Connect), ..none() },
        Asked { open_value: debezium(Deletes::Tombstone), fields: fields(), ..none() },
        Asked { open_value: debezium(Deletes::Drop), headers: headers(), ..none() },
        Asked { cloud_events: Some(cloud_events(None, true)), ..none() },
        Asked { cloud_events: Some(cloud_events(Some(Mode::Binary), false)), ..none() },
        Asked { cloud_events: Some(cloud_events(Some(Mode::Structured), true)), ..none() },
        Asked {
            decode: confluent(),
            open_value: debezium(Deletes::Tombstone),
            fields: fields(),
            key: key(),
            headers: headers(),
            cloud_events: Some(cloud_events(Some(Mode::Structured), true)),
            ..none()
        },
    ]
}
