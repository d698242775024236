//! The kinds of faults there are, what each takes, and what it does. One row is all a kind needs.

use std::time::Duration;

use eventhubs_local::{Condition, Fault, Faults, Plan};
use serde_json::{Map, Value, json};

use super::answer::Problem;
use crate::units;

/// What a request says beside kind, scope and times.
#[derive(Debug, Default, Clone)]
pub(super) struct Parameters {
    condition: String,
    description: Option<String>,
    delay: Duration,
    bytes: u64,
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

/// What a fault is made of: a place, or the whole namespace.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) plan: Plan<'a>,
    pub(super) faults: Faults<'a>,
}

type Make = fn(Target<'_>, &Parameters) -> Made;

#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Parameters it cannot do without.
    needs: &'static [&'static str],
    what: &'static str,
    /// Whether it is about the connections of a namespace, whatever their hubs.
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
    local("released", &[], "deliveries are answered `released` and not stored", |to, _| {
        Made::Lasting(to.plan.released())
    }),
    local("modified", &[], "deliveries are answered `modified` and not stored", |to, _| {
        Made::Lasting(to.plan.modified())
    }),
    local(
        "rejected",
        CONDITION,
        "deliveries are answered `rejected` and not stored",
        |to, with| Made::Lasting(to.plan.rejected(with.condition())),
    ),
    local("rejected_without_reason", &[], "the same, without an error", |to, _| {
        Made::Lasting(to.plan.rejected_without_reason())
    }),
    local("server_busy", &[], "deliveries are refused as by a throttled namespace", |to, _| {
        Made::Lasting(to.plan.server_busy())
    }),
    local(
        "reject_message_id",
        &["message_id", "condition"],
        "deliveries that hold an event of that message-id are rejected as a whole",
        |to, with| {
            let wrong = with.message_id.clone();
            let fault = to.plan.reject_if(
                move |event| event.message_id() == Some(wrong.as_str()),
                with.condition(),
            );
            Made::Lasting(fault)
        },
    ),
    local("delay_ack", &["delay"], "deliveries are stored now and answered later", |to, with| {
        Made::Lasting(to.plan.delay_ack(with.delay))
    }),
    local("drop_before_store", &[], "the connection is cut, nothing is stored", |to, _| {
        Made::Lasting(to.plan.drop_before_store())
    }),
    local("drop_after_store", &[], "the delivery is stored and the connection cut", |to, _| {
        Made::Lasting(to.plan.drop_after_store())
    }),
    local("forget_ack", &[], "the delivery is stored and never answered", |to, _| {
        Made::Lasting(to.plan.forget_ack())
    }),
    local(
        "black_hole",
        &[],
        "nothing is stored, the connection is silent from then on",
        |to, _| Made::Lasting(to.plan.black_hole()),
    ),
    local("detach", CONDITION, "nothing is stored, the link is detached", |to, with| {
        Made::Lasting(to.plan.detach(with.condition()))
    }),
    local("refuse_attach", CONDITION, "links are refused", |to, with| {
        Made::Lasting(to.plan.refuse_attach(with.condition()))
    }),
    local(
        "max_message_size",
        &["bytes"],
        "new sender links announce and enforce less",
        |to, with| Made::Lasting(to.plan.max_message_size(with.bytes)),
    ),
    local(
        "refuse_token",
        &["status", "text"],
        "`put-token` is answered with that status",
        |to, with| Made::Lasting(to.plan.refuse_token(with.status, with.text.clone())),
    ),
    whole("silent_accept", &[], "new connections are accepted and never answered", |to, _| {
        Made::Lasting(to.plan.silent_accept())
    }),
    local("detach_links", CONDITION, "at once: the links there are go", |to, with| {
        to.plan.detach_links(with.condition());
        Made::Done
    }),
    whole("close_connections", CONDITION, "at once: open connections are closed", |to, with| {
        to.faults.close_connections(with.condition());
        Made::Done
    }),
    whole("drop_connections", &[], "at once: open connections are cut without a word", |to, _| {
        to.faults.drop_connections();
        Made::Done
    }),
    whole("black_hole_connections", &[], "at once: open connections fall silent", |to, _| {
        to.faults.black_hole_connections();
        Made::Done
    }),
    whole("expire_tokens", &[], "at once: open connections lose their tokens", |to, _| {
        to.faults.expire_tokens();
        Made::Done
    }),
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
        match key {
            "condition" => self.condition = text()?,
            "description" => self.description = Some(text()?),
            "text" => self.text = text()?,
            "message_id" => self.message_id = text()?,
            "delay" => self.delay = units::duration(&text()?)?,
            "bytes" => {
                self.bytes = match value.as_u64() {
                    Some(bytes) => bytes,
                    None => units::bytes(&text()?)?,
                }
            }
            "status" => {
                let status = value.as_i64().and_then(|it| i32::try_from(it).ok());
                self.status = status.ok_or("a number such as 401 or 503 is wanted")?;
            }
            _ => return Err("not known".into()),
        }
        Ok(())
    }
}
