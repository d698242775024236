//! Faults over HTTP: made, listed, ended.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use eventhubs_local::{Fault, Faults, Plan};
use serde_json::{Map, Value, json};

use super::Control;
use super::answer::{self, Problem};
use super::kinds::{self, Made};

/// Faults that are remembered; those that are used up make room.
const MAX_FAULTS: usize = 1_000;
const SCOPE: [&str; 5] = ["namespace", "hub", "partition", "connection", "link"];

/// The faults that were made here.
#[derive(Debug, Default)]
pub(super) struct Table {
    last: u64,
    faults: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    kind: &'static str,
    scope: Scope,
    times: Option<u64>,
    fault: Fault,
}

impl Entry {
    fn in_force(&self) -> bool {
        self.times.is_none_or(|times| self.fault.fired() < times)
    }

    fn describe(&self, id: u64) -> Value {
        json!({
            "id": id,
            "kind": self.kind,
            "scope": self.scope.describe(),
            "times": self.times,
            "fired": self.fault.fired(),
            "in_force": self.in_force(),
        })
    }
}

impl Table {
    pub(super) fn in_force(&self) -> usize {
        self.faults.values().filter(|entry| entry.in_force()).count()
    }

    fn has_room(&mut self) -> bool {
        if self.faults.len() >= MAX_FAULTS {
            self.faults.retain(|_, entry| entry.in_force());
        }
        self.faults.len() < MAX_FAULTS
    }
}

/// Where a fault applies.
#[derive(Debug, Default)]
struct Scope {
    namespace: Option<String>,
    hub: Option<String>,
    partition: Option<u32>,
    connection: Option<u64>,
    link: Option<String>,
}

impl Scope {
    fn read(scope: Option<Value>) -> Result<Self, Problem> {
        let scope = match scope {
            None => return Ok(Self::default()),
            Some(Value::Object(scope)) => scope,
            Some(_) => return Err(Problem::knowing("`scope` is an object", SCOPE)),
        };
        let mut read = Self::default();
        for (key, value) in scope {
            let text = value.as_str().map(str::to_owned);
            let wanted = |what: &str| Problem::new(format!("`scope.{key}`: {what} is wanted"));
            match key.as_str() {
                "namespace" => read.namespace = Some(text.ok_or_else(|| wanted("a name"))?),
                "hub" => read.hub = Some(text.ok_or_else(|| wanted("a name"))?),
                "link" => read.link = Some(text.ok_or_else(|| wanted("a name"))?),
                "connection" => {
                    read.connection = Some(value.as_u64().ok_or_else(|| wanted("a number"))?);
                }
                "partition" => {
                    let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
                    read.partition = Some(id.ok_or_else(|| wanted("a number"))?);
                }
                _ => return Err(Problem::knowing(format!("`scope` has no field `{key}`"), SCOPE)),
            }
        }
        if read.partition.is_some() && read.hub.is_none() {
            return Err(Problem::new("`scope.partition` needs `scope.hub`"));
        }
        Ok(read)
    }

    fn plan<'a>(&self, faults: &Faults<'a>) -> Plan<'a> {
        let mut plan = match &self.hub {
            Some(hub) => faults.hub(hub),
            None => faults.everywhere(),
        };
        if let Some(id) = self.partition {
            plan = plan.partition(id);
        }
        if let Some(id) = self.connection {
            plan = plan.connection(id);
        }
        if let Some(name) = &self.link {
            plan = plan.link(name);
        }
        plan
    }

    fn describe(&self) -> Value {
        let mut scope = Map::new();
        for (key, name) in
            [("namespace", &self.namespace), ("hub", &self.hub), ("link", &self.link)]
        {
            scope.extend(name.as_ref().map(|name| (key.to_owned(), json!(name))));
        }
        scope.extend(self.partition.map(|id| ("partition".to_owned(), json!(id))));
        scope.extend(self.connection.map(|id| ("connection".to_owned(), json!(id))));
        scope.into()
    }
}

impl Control {
    pub(super) fn lock_faults(&self) -> MutexGuard<'_, Table> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self, body: &[u8]) -> Result<Response, Problem> {
        let example = "an object such as {\"kind\": \"server_busy\", \"scope\": {\"hub\": \"orders\"}, \"times\": 3}";
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| Problem::new(format!("not JSON: {error}; wanted is {example}")))?;
        let Value::Object(mut given) = body else {
            return Err(Problem::new(format!("wanted is {example}")));
        };
        let Some(Value::String(kind)) = given.remove("kind") else {
            let known = kinds::KINDS.iter().map(|kind| kind.name);
            return Err(Problem::knowing("`kind` is missing", known));
        };
        let kind = kinds::find(&kind)?;
        let scope = Scope::read(given.remove("scope"))?;
        let times = match given.remove("times") {
            None | Some(Value::Null) => None,
            Some(times) => Some(
                times
                    .as_u64()
                    .filter(|times| *times > 0)
                    .ok_or_else(|| Problem::new("`times`: a number from 1 is wanted"))?,
            ),
        };
        let parameters = kind.parameters(&given)?;
        let namespace = answer::namespace(&self.server, scope.namespace.as_deref())?;
        let faults = namespace.faults();
        if kind.whole && (scope.hub.is_some() || scope.link.is_some()) {
            let error = format!("`{}` is about whole connections", kind.name);
            return Err(Problem::knowing(error, ["namespace", "connection"]));
        }
        if let Some(hub) = &scope.hub {
            answer::check_place(namespace, hub, scope.partition)?;
        }
        let mut plan = scope.plan(&faults);
        if let Some(times) = times {
            plan = plan.times(times);
        }
        let mut table = self.lock_faults();
        if !table.has_room() {
            return Err(Problem::new(format!("{MAX_FAULTS} faults are active: end some of them")));
        }
        match (kind.make)(plan, &parameters) {
            Made::Done => Ok(answer::json(StatusCode::OK, &json!({"done": kind.name}))),
            Made::Lasting(fault) => {
                table.last += 1;
                let id = table.last;
                let entry = Entry { kind: kind.name, scope, times, fault };
                let made = answer::json(StatusCode::CREATED, &entry.describe(id));
                table.faults.insert(id, entry);
                Ok(made)
            }
        }
    }
}

pub(super) async fn make(State(control): State<Arc<Control>>, body: Bytes) -> Response {
    control.make(&body).unwrap_or_else(IntoResponse::into_response)
}

pub(super) async fn list(State(control): State<Arc<Control>>) -> Response {
    let table = control.lock_faults();
    let faults: Vec<_> = table.faults.iter().map(|(id, entry)| entry.describe(*id)).collect();
    answer::json(StatusCode::OK, &faults)
}

pub(super) async fn kinds() -> Response {
    let kinds: Vec<_> = kinds::KINDS.iter().map(kinds::Kind::describe).collect();
    answer::json(StatusCode::OK, &kinds)
}

pub(super) async fn clear(State(control): State<Arc<Control>>) -> Response {
    let ended = std::mem::take(&mut control.lock_faults().faults);
    for entry in ended.values() {
        entry.fault.clear();
    }
    answer::json(StatusCode::OK, &json!({"ended": ended.len()}))
}

pub(super) async fn end(State(control): State<Arc<Control>>, Path(id): Path<String>) -> Response {
    let mut table = control.lock_faults();
    let ended = id.parse().ok().and_then(|id| Some((id, table.faults.remove(&id)?)));
    let Some((id, entry)) = ended else {
        let known: Vec<_> = table.faults.keys().map(u64::to_string).collect();
        let body = json!({"error": format!("no fault `{id}`"), "known": known});
        return answer::json(StatusCode::NOT_FOUND, &body);
    };
    entry.fault.clear();
    answer::json(StatusCode::OK, &entry.describe(id))
}
