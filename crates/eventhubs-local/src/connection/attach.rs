//! Which link a client may have: from an attach to what will serve it, or the reason to refuse.

use std::sync::Arc;

use amqp::performative::{Attach, Role, decode_terminus};
use amqp::sections::lookup;
use amqp::value::Value;

use super::Core;
use super::assembly::Assembly;
use super::ingest::{Ingest, Route};
use super::link::Kind;
use super::outlet::{self, Outlet};
use super::requests::{MAX_REQUEST, Node, Replies, Requests};
use crate::address::{self, Address};
use crate::auth::Right;
use crate::condition::Condition;
use crate::faults::Site;
use crate::filter;
use crate::hub::{Hub, now_ms};
use crate::numbers;
use crate::producers::Told;
use crate::readers::{Reader as EventReader, Seat};

const RUNTIME_METRICS: &str = "com.microsoft:enable-receiver-runtime-metric";
/// The settle mode in which a receiver wants its deliveries settled.
const SETTLED: u8 = 1;

/// A link that may be.
pub(super) struct Accepted {
    pub(super) kind: Kind,
    pub(super) entity: Option<String>,
    pub(super) max_message_size: u64,
    /// What a sender that numbers its events is told.
    pub(super) producer: Option<Told>,
}

/// The address of the node an attach is for: the target of a client's sender, the source of its receiver.
pub(super) fn address<'a>(attach: &Attach<'a>) -> Option<&'a str> {
    let node = match attach.role {
        Role::Sender => attach.target,
        Role::Receiver => attach.source,
    };
    decode_terminus(node?).ok()?.0
}

/// The hub and partition an attach is for, whether or not they are there.
pub(super) fn place(address: &str) -> (Option<String>, Option<u32>) {
    match Address::parse(address) {
        Address::Hub { hub } | Address::Publisher { hub, .. } => (Some(hub), None),
        Address::Partition { hub, partition } | Address::Reader { hub, partition, .. } => {
            (Some(hub), partition.parse().ok())
        }
        Address::Cbs | Address::Management | Address::Unknown(_) => (None, None),
    }
}

pub(super) fn accept(core: &mut Core, attach: &Attach<'_>) -> Result<Accepted, Condition> {
    let text = address(attach).ok_or_else(|| {
        Condition::new("amqp:invalid-field", "A link needs the address of a node.")
    })?;
    match (Address::parse(text), attach.role) {
        (Address::Cbs, role) => Ok(node(core, Node::Cbs, role, attach)),
        (Address::Management, role) => Ok(node(core, Node::Management, role, attach)),
        (Address::Hub { hub }, Role::Sender) => {
            sender(core, attach, text, &hub, |_| Ok(Route::Gateway))
        }
        (Address::Partition { hub, partition }, Role::Sender) => {
            sender(core, attach, text, &hub, |hub| {
                partition_id(hub, &partition).map(Route::Partition)
            })
        }
        (Address::Publisher { hub, publisher }, Role::Sender) => {
            let route = Route::Publisher(publisher.into());
            sender(core, attach, text, &hub, |_| Ok(route))
        }
        (Address::Reader { hub, group, partition }, Role::Receiver) => {
            receiver(core, attach, text, (&hub, &group, &partition))
        }
        (Address::Unknown(path), _) => Err(Condition::not_found(&path)),
        (_, _) => Err(Condition::new(
            "amqp:not-allowed",
            format!("The entity '{text}' cannot be used by a link in this direction."),
        )),
    }
}

fn node(core: &Core, node: Node, role: Role, attach: &Attach<'_>) -> Accepted {
    let kind = match role {
        Role::Sender => {
            let assembly = Assembly::new(MAX_REQUEST, &core.budget);
            let delivery_count = attach.initial_delivery_count.unwrap_or(0);
            Kind::Requests(Requests::new(node, assembly, delivery_count))
        }
        Role::Receiver => {
            let target = attach.target.and_then(|raw| decode_terminus(raw).ok()?.0);
            let settled = attach.snd_settle_mode == Some(SETTLED);
            Kind::Replies(Replies::new(node, target.map(str::to_owned), settled))
        }
    };
    Accepted { kind, entity: None, max_message_size: MAX_REQUEST, producer: None }
}

fn find<'a>(core: &'a Core, name: &str) -> Result<&'a Arc<Hub>, Condition> {
    core.namespace.hub(name).ok_or_else(|| Condition::not_found(name))
}

fn partition_id(hub: &Hub, text: &str) -> Result<u32, Condition> {
    let id = text.parse().ok().filter(|id| hub.find(*id).is_some());
    id.ok_or_else(Condition::invalid_partition)
}

/// The checks all entities share: a fault that refuses, a token that is missing.
fn admit(core: &Core, entity: &str, site: Site<'_>, right: Right) -> Result<(), Condition> {
    if let Some(condition) = core.namespace.faults.attach(site) {
        return Err(condition);
    }
    if !core.grants.allow(entity, right, now_ms()) {
        return Err(right.missing(&core.handle.resource(entity)));
    }
    Ok(())
}

fn site<'a>(core: &Core, attach: &Attach<'a>, hub: &'a Hub, partition: Option<u32>) -> Site<'a> {
    Site { connection: core.handle.id, link: Some(attach.name), hub: Some(hub.name()), partition }
}

fn sender(
    core: &Core,
    attach: &Attach<'_>,
    address: &str,
    hub: &str,
    route: impl FnOnce(&Hub) -> Result<Route, Condition>,
) -> Result<Accepted, Condition> {
    let hub = find(core, hub)?;
    let route = route(hub)?;
    let partition = if let Route::Partition(id) = route { Some(id) } else { None };
    let entity = address::path(address);
    let site = site(core, attach, hub, partition);
    admit(core, &entity, site, Right::Send)?;
    let shrunk = core.namespace.faults.max_message_size(site);
    let max_message_size = shrunk.unwrap_or(core.namespace.settings.max_message_size);
    let delivery_count = attach.initial_delivery_count.unwrap_or(0);
    let assembly = Assembly::new(max_message_size, &core.budget);
    let producer = producer(core, attach, hub, partition)?;
    let (name, of) = (attach.name.to_owned(), (route, producer));
    let ingest = Ingest::new(Arc::clone(hub), name, of, assembly, delivery_count);
    Ok(Accepted { kind: Kind::Ingest(ingest), entity: Some(entity), max_message_size, producer })
}

/// What a sender that wants to number its events is told. A server that does not have that is silent about it.
fn producer(
    core: &Core,
    attach: &Attach<'_>,
    hub: &Hub,
    partition: Option<u32>,
) -> Result<Option<Told>, Condition> {
    let asked = if core.namespace.settings.numbers { numbers::asked(attach)? } else { None };
    let Some(asked) = asked else { return Ok(None) };
    let partition = partition.ok_or_else(|| {
        let text = "An idempotent producer sends to one partition, and not to the hub.";
        Condition::new("amqp:not-allowed", text)
    })?;
    hub.partition(partition).produce(asked).map(Some)
}

fn receiver(
    core: &mut Core,
    attach: &Attach<'_>,
    address: &str,
    (hub, group, partition): (&str, &str, &str),
) -> Result<Accepted, Condition> {
    let hub = Arc::clone(find(core, hub)?);
    if !hub.has_group(group) {
        return Err(Condition::not_found(&format!("{}:consumergroup:{group}", hub.name())));
    }
    let partition = partition_id(&hub, partition)?;
    let entity = address::path(address);
    admit(core, &entity, site(core, attach, &hub, Some(partition)), Right::Listen)?;
    let filters = match attach.source {
        Some(source) => decode_terminus(source).map_err(|error| Condition::decode(&error))?.1,
        None => None,
    };
    let start = filter::start(filters)?;
    let reader = EventReader {
        id: core.next_reader(),
        name: property(attach, "com.microsoft:receiver-name")
            .or_else(|| property(attach, "com.microsoft.com:receiver-name"))
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_else(|| "nil".into()),
        epoch: property(attach, "com.microsoft:epoch").and_then(|epoch| epoch.as_i64()),
        connection: Arc::clone(&core.handle),
    };
    let seat = Seat::take(&hub, partition, group, reader)?;
    let cursor = hub.partition(partition).with_log(|log| log.resolve(start));
    let outlet = Outlet::new(outlet::Begin {
        hub,
        partition,
        seat,
        cursor,
        settled: attach.snd_settle_mode == Some(SETTLED),
        metrics: numbers::wants(attach, RUNTIME_METRICS),
    });
    Ok(Accepted {
        kind: Kind::Outlet(Box::new(outlet)),
        entity: Some(entity),
        max_message_size: core.namespace.settings.max_message_size,
        producer: None,
    })
}

fn property(attach: &Attach<'_>, name: &str) -> Option<Value> {
    lookup(attach.properties?, name)?.value().ok()
}
