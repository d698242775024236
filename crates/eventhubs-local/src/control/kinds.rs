//! The kinds of faults there are, what each takes, and what it does. One row is all a kind needs.

use std::time::Duration;

use eventhubs_local::{Condition, Fault, Plan};
use serde_json::{Map, Value, json};

use super::answer::Problem;
use crate::units;

/// What a request says beside kind, scope and times.
#[derive(Debug, Default, Clone)]
pub(super) struct Parameters {
    condition: String,
    description: Option<String>,
    delay: Duration,
    life: Duration,
    bytes: u64,
    bytes_per_second: u64,
    events_per_second: u64,
    units: u64,
    status: i32,
    text: String,
    message_id: String,
}

impl Parameters {
    fn condition(&self) -> Condition {
        let description = self.description.clone();
        let text = description.unwrap_or_else(|| "asked for over the control port".into());
        Condition::new(self.condition.clone(), text)
    }
}

/// What came of a request.
#[derive(Debug)]
pub(super) enum Made {
    /// It goes on until it is used up or ended.
    Lasting(Fault),
    /// It has happened.
    Done,
}

type Make = fn(Plan<'_>, &Parameters) -> Made;

#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Parameters it cannot do without.
    needs: &'static [&'static str],
    what: &'static str,
    /// Whether it is about connections, whatever their hubs and links.
    pub(super) whole: bool,
    pub(super) make: Make,
}

const CONDITION: &[&str] = &["condition"];

const fn local(
    name: &'static str,
    needs: &'static [&'static str],
    what: &'static str,
    make: Make,
) -> Kind {
    Kind { name, needs, what, whole: false, make }
}

const fn whole(
    name: &'static str,
    needs: &'static [&'static str],
    what: &'static str,
    make: Make,
) -> Kind {
    Kind { name, needs, what, whole: true, make }
}

pub(super) const KINDS: &[Kind] = &[
    local("released", &[], "deliveries are answered `released` and not stored", |plan, _| {
        Made::Lasting(plan.released())
    }),
    local("modified", &[], "deliveries are answered `modified` and not stored", |plan, _| {
        Made::Lasting(plan.modified())
    }),
    local(
        "rejected",
        CONDITION,
        "deliveries are answered `rejected` and not stored",
        |plan, with| Made::Lasting(plan.rejected(with.condition())),
    ),
    local("rejected_without_reason", &[], "the same, without an error", |plan, _| {
        Made::Lasting(plan.rejected_without_reason())
    }),
    local("server_busy", &[], "deliveries are refused as by a throttled namespace", |plan, _| {
        Made::Lasting(plan.server_busy())
    }),
    local(
        "reject_message_id",
        &["message_id", "condition"],
        "deliveries that hold an event with this message-id are rejected as a whole",
        |plan, with| {
            let wrong = with.message_id.clone();
            let fault = plan.reject_if(
                move |event| event.message_id() == Some(wrong.as_str()),
                with.condition(),
            );
            Made::Lasting(fault)
        },
    ),
    local("delay_ack", &["delay"], "deliveries are stored now and answered later", |plan, with| {
        Made::Lasting(plan.delay_ack(with.delay))
    }),
    local("latency", &["delay"], "all answers for the place are delayed", |plan, with| {
        Made::Lasting(plan.latency(with.delay))
    }),
    local("silent", &[], "no delivery to the place is stored or answered", |plan, _| {
        Made::Lasting(plan.silent())
    }),
    local("missing", &[], "the place behaves like a deleted hub", |plan, _| {
        Made::Lasting(plan.missing())
    }),
    local("drop_before_store", &[], "the connection is cut, nothing is stored", |plan, _| {
        Made::Lasting(plan.drop_before_store())
    }),
    local(
        "late",
        &[],
        "the connection is cut, and the delivery arrives before the next one",
        |plan, _| Made::Lasting(plan.late()),
    ),
    local("drop_after_store", &[], "the delivery is stored and the connection cut", |plan, _| {
        Made::Lasting(plan.drop_after_store())
    }),
    local("forget_ack", &[], "the delivery is stored and never answered", |plan, _| {
        Made::Lasting(plan.forget_ack())
    }),
    local(
        "black_hole",
        &[],
        "nothing is stored, the connection is silent from then on",
        |plan, _| Made::Lasting(plan.black_hole()),
    ),
    local("detach", CONDITION, "nothing is stored, the link is detached", |plan, with| {
        Made::Lasting(plan.detach(with.condition()))
    }),
    local("refuse_attach", CONDITION, "links are refused", |plan, with| {
        Made::Lasting(plan.refuse_attach(with.condition()))
    }),
    local(
        "max_message_size",
        &["bytes"],
        "new sender links announce and enforce less",
        |plan, with| Made::Lasting(plan.max_message_size(with.bytes)),
    ),
    local(
        "refuse_token",
        &["status", "text"],
        "`put-token` is answered with this status",
        |plan, with| Made::Lasting(plan.refuse_token(with.status, with.text.clone())),
    ),
    whole("silent_accept", &[], "new connections are accepted and never answered", |plan, _| {
        Made::Lasting(plan.silent_accept())
    }),
    local("detach_links", CONDITION, "at once: the existing links are detached", |plan, with| {
        plan.detach_links(with.condition());
        Made::Done
    }),
    local("close_connections", CONDITION, "at once: open connections are closed", |plan, with| {
        plan.close_connections(with.condition());
        Made::Done
    }),
    local(
        "drop_connections",
        &[],
        "at once: open connections are cut without a close",
        |plan, _| {
            plan.drop_connections();
            Made::Done
        },
    ),
    local("black_hole_connections", &[], "at once: open connections fall silent", |plan, _| {
        plan.black_hole_connections();
        Made::Done
    }),
    local("expire_tokens", &[], "at once: open connections lose their tokens", |plan, _| {
        plan.expire_tokens();
        Made::Done
    }),
    local("corrupt_frame", &[], "at once: a frame that cannot be decoded", |plan, _| {
        plan.corrupt_frame();
        Made::Done
    }),
    local(
        "corrupt_ack",
        &[],
        "stored, and answered with a frame that cannot be decoded",
        |plan, _| Made::Lasting(plan.corrupt_ack()),
    ),
    local(
        "throttle",
        &["bytes_per_second", "events_per_second"],
        "deliveries beyond this rate are refused as by a throttled namespace",
        |plan, with| Made::Lasting(plan.throttle(with.bytes_per_second, with.events_per_second)),
    ),
    local(
        "throughput_units",
        &["units"],
        "the same, 1 MB and 1000 events a second each",
        |plan, with| Made::Lasting(plan.throughput_units(with.units)),
    ),
    local("short_tokens", &["life"], "tokens are valid for this long only", |plan, with| {
        Made::Lasting(plan.short_tokens(with.life))
    }),
    local(
        "refuse_read",
        &["status", "condition"],
        "`$management` answers with this status",
        |plan, with| Made::Lasting(plan.refuse_read(with.status, with.condition())),
    ),
    whole(
        "slow_reads",
        &["bytes_per_second"],
        "the server reads no faster than this",
        |plan, with| Made::Lasting(plan.slow_reads(with.bytes_per_second)),
    ),
];

/// The kind of that name, or those there are.
pub(super) fn find(name: &str) -> Result<&'static Kind, Problem> {
    KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| {
        Problem::knowing(format!("no kind `{name}`"), KINDS.iter().map(|kind| kind.name))
    })
}

impl Kind {
    /// Takes what the kind needs, and nothing else.
    pub(super) fn parameters(&self, given: &Map<String, Value>) -> Result<Parameters, Problem> {
        let mut known = self.needs.to_vec();
        if known.contains(&"condition") {
            known.push("description");
        }
        if let Some(strange) = given.keys().find(|key| !known.contains(&key.as_str())) {
            let fields = ["kind", "scope", "times"].into_iter().chain(known);
            let error = format!("`{}` has no field `{strange}`", self.name);
            return Err(Problem::knowing(error, fields));
        }
        if let Some(missing) = self.needs.iter().find(|need| !given.contains_key(**need)) {
            let error = format!("`{}` needs `{missing}`", self.name);
            return Err(Problem::knowing(error, self.needs.iter().copied()));
        }
        let mut parameters = Parameters::default();
        for (key, value) in given {
            parameters
                .set(key, value)
                .map_err(|error| Problem::new(format!("`{key}`: {error}")))?;
        }
        Ok(parameters)
    }

    pub(super) fn describe(&self) -> Value {
        json!({"kind": self.name, "needs": self.needs, "what": self.what})
    }
}

impl Parameters {
    fn set(&mut self, key: &str, value: &Value) -> Result<(), String> {
        let text = || {
            let text = value.as_str().filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or_else(|| "a text is wanted".to_owned())
        };
        let number = || value.as_u64().ok_or_else(|| "a number is wanted".to_owned());
        let size = || number().or_else(|_| units::bytes(&text()?));
        match key {
            "condition" => self.condition = text()?,
            "description" => self.description = Some(text()?),
            "text" => self.text = text()?,
            "message_id" => self.message_id = text()?,
            "delay" => self.delay = units::duration(&text()?)?,
            "life" => self.life = units::duration(&text()?)?,
            "bytes" => self.bytes = size()?,
            "bytes_per_second" => self.bytes_per_second = size()?,
            "events_per_second" => self.events_per_second = number()?,
            "units" => self.units = number()?,
            "status" => {
                let status = value.as_i64().and_then(|it| i32::try_from(it).ok());
                self.status = status.ok_or("a number such as 401 or 503 is wanted")?;
            }
            _ => return Err("not known".into()),
        }
        Ok(())
    }
}
