//! Which flow of MirrorMaker's driver is meant.

use super::given::GivenKeys;
use super::{ImportError, Remark};

/// Whether these are the brokers of a namespace.
pub(super) fn is_event_hubs(servers: &str) -> bool {
    servers.contains(".servicebus.")
}

/// The flow, as `source->target`; keys of others are named.
pub(super) fn choose(
    given: &mut GivenKeys,
    wanted: Option<&str>,
    notes: &mut Vec<Remark>,
) -> Result<String, ImportError> {
    let name = one(enabled(given), given, wanted)?;
    let own = format!("{name}.");
    let others = given.take_all(|key| key.contains("->") && !key.starts_with(&own));
    if !others.is_empty() {
        notes.push(Remark::new(others.join(", "), "belongs to another flow"));
    }
    given.take(&format!("{name}.enabled"));
    Ok(name)
}

fn enabled(given: &mut GivenKeys) -> Vec<String> {
    let clusters = given.take("clusters").unwrap_or_default();
    let names = || clusters.split(',').map(str::trim);
    let flows = names().flat_map(|source| names().map(move |target| format!("{source}->{target}")));
    // As Java reads a truth.
    let on = |flow: &String| {
        let said = given.get(&format!("{flow}.enabled"));
        said.is_some_and(|on| on.trim().eq_ignore_ascii_case("true"))
    };
    flows.filter(on).collect()
}

fn one(flows: Vec<String>, given: &GivenKeys, wanted: Option<&str>) -> Result<String, ImportError> {
    if flows.is_empty() {
        let text = "no flow is enabled: no `source->target.enabled` is `true`".to_owned();
        return Err(ImportError::Unknown(text));
    }
    if let Some(wanted) = wanted {
        return match flows.iter().find(|flow| *flow == wanted) {
            Some(flow) => Ok(flow.clone()),
            None => Err(ImportError::NoFlow { wanted: wanted.to_owned(), enabled: flows }),
        };
    }
    // A cluster is often mirrored both ways.
    let is_to_hubs = |flow: &&String| {
        let (source, target) = flow.split_once("->").expect("a flow has an arrow");
        let is = |cluster: &str| {
            given.get(&format!("{cluster}.bootstrap.servers")).is_some_and(is_event_hubs)
        };
        is(target) && !is(source)
    };
    let to_hubs = flows.iter().filter(is_to_hubs).cloned().collect::<Vec<_>>();
    match (to_hubs.as_slice(), flows.as_slice()) {
        ([one], _) | ([], [one]) => Ok(one.clone()),
        ([], _) => Err(ImportError::Several(flows)),
        _ => Err(ImportError::Several(to_hubs)),
    }
}
