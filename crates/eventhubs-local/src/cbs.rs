//! `$cbs`: clients put tokens here before they use an entity.

use crate::address;
use crate::auth::Grants;
use crate::condition::Condition;
use crate::hub::now_ms;
use crate::namespace::Namespace;
use crate::request::{Reply, Request};

pub(crate) fn answer(namespace: &Namespace, grants: &mut Grants, request: &Request) -> Reply {
    let bad = |text: &'static str| Reply::refused(400, &Condition::new("amqp:invalid-field", text));
    if request.text("operation") != Some("put-token") {
        return bad("The operation is not supported.");
    }
    let (Some(audience), Some(token)) = (request.text("name"), &request.body) else {
        return bad("A token and the name of its audience are needed.");
    };
    let path = address::path(audience);
    let hub = path.split('/').next().unwrap_or_default();
    if let Some((status, text)) = namespace.faults.token(hub) {
        return Reply::refused(status, &Condition::unauthorized(text));
    }
    if !hub.is_empty() && !hub.starts_with('$') && namespace.hub(hub).is_none() {
        return Reply::refused(404, &Condition::not_found(hub));
    }
    let kind = request.text("type").unwrap_or_default();
    let granted = namespace
        .keys
        .check(kind, token, now_ms())
        .and_then(|scope| grants.put(audience, &scope).map_err(str::to_owned));
    match granted {
        Ok(()) => Reply::accepted(),
        Err(text) => Reply::refused(401, &Condition::unauthorized(text)),
    }
}
