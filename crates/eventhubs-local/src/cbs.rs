//! `$cbs`: clients put tokens here before they use an entity.

use crate::address;
use crate::auth::{Grants, NotGranted};
use crate::condition::Condition;
use crate::faults::Site;
use crate::hub::now_ms;
use crate::namespace::Namespace;
use crate::request::{Reply, Request};

pub(crate) fn answer(
    namespace: &Namespace,
    connection: u64,
    grants: &mut Grants,
    request: &Request,
) -> Reply {
    let bad = |text: &'static str| Reply::refused(400, &Condition::new("amqp:invalid-field", text));
    if request.text("operation") != Some("put-token") {
        return bad("The operation is not supported.");
    }
    let (Some(audience), Some(token)) = (request.text("name"), &request.body) else {
        return bad("A token and the name of its audience are needed.");
    };
    let path = address::path(audience);
    let hub = path.split('/').next().unwrap_or_default();
    let partition = address::partition(&path);
    let site = Site { connection, hub: Some(hub), partition, link: None };
    if let Some((status, condition)) = namespace.faults.token(site) {
        return Reply::refused(status, &condition);
    }
    if !hub.is_empty() && !hub.starts_with('$') && namespace.hub(hub).is_none() {
        return Reply::refused(404, &Condition::not_found(hub));
    }
    let now = now_ms();
    let granted =
        namespace.keys.check(token, now).map_err(NotGranted::Disbelieved).and_then(|scope| {
            match namespace.faults.token_life(site) {
                Some(life) => grants.put_until(audience, scope, now + life.as_millis() as i64),
                None => grants.put(audience, scope),
            }
        });
    match granted {
        Ok(()) => Reply::accepted(),
        Err(NotGranted::Disbelieved(why)) => {
            Reply::refused(401, &Condition::new("com.microsoft:auth-failed", why.to_string()))
        }
        Err(NotGranted::TooMany) => {
            let text = "There are too many tokens on the connection.";
            Reply::refused(403, &Condition::new("amqp:resource-limit-exceeded", text))
        }
    }
}
