//! `hub` and `hubs` of a mapping: where its records go, or among which hubs each of them chooses.

use std::sync::Arc;

use bridge_core::fork::Choice;
use bridge_shape::{Headers, NoTemplate, Path as Place, Template};

use crate::config::hint::shown;
use crate::config::names::{HUB_NAMES, LONGEST_HUB, is_hub, is_template};
use crate::config::path::Path;
use crate::config::{Mapping, Topics, raw};

use super::Check;
use super::eventhubs::Checked;

/// Hubs that a mapping may choose among.
const MOST: usize = 100;
/// What stands in braces.
const PLACES: &str = "there are `{topic}`, `{env:NAME}`, and for a hub that each record chooses `{header:NAME}`, `{field:PATH}` and `{key}`";

/// A hub as it is written, and what becomes of it.
pub(super) struct HubTemplate {
    written: String,
    template: Template,
}

impl Check<'_> {
    /// What `hub` says, or the connection string of the namespace.
    pub(super) fn hub(
        &mut self,
        at: &Path,
        given: &raw::Mapping,
        namespace: Option<&Checked>,
    ) -> Option<HubTemplate> {
        let at = at.key("hub");
        let hub = match (&given.hub, namespace) {
            (None, Some(its)) if self.failed(&at) || !its.known => return None,
            // A connection string for one hub has said which.
            (None, Some(its)) if its.settings.address.hub.is_some() => {
                its.settings.address.hub.clone()
            }
            (hub, _) => hub.clone(),
        };
        let why = "a mapping must say which hub its events go to";
        if hub.is_none() {
            self.missing(
                &at,
                why,
                "add `hub = \"orders\"`, or `hub = \"{topic}\"` for the topic's name; or use a connection string that ends in `EntityPath=…`",
            );
        }
        let written = self.text(&at, hub.as_ref(), why)?;
        let layers = self.layers;
        match Template::parse(&written, |name| layers.variable(name).map(str::to_owned)) {
            Ok(template) => self.names_hubs(&at, HubTemplate { written, template }),
            Err(why) => {
                let hint = match &why {
                    NoTemplate::Unset(name) => format!("set the variable `{name}`"),
                    _ => "write `{topic}` where the name of the topic belongs".to_owned(),
                };
                self.wrong(&at, format!("cannot be filled in: {why}"), PLACES, hint);
                None
            }
        }
    }

    /// Whether what comes of it can be the name of a hub.
    fn names_hubs(&mut self, at: &Path, hub: HubTemplate) -> Option<HubTemplate> {
        if let Some(place) = hub.template.reads_place() {
            let hint = "write `{topic}` where the name of the topic belongs";
            self.wrong(
                at,
                format!("uses `{place}`, which is not available for the name of a hub"),
                PLACES,
                hint,
            );
            return None;
        }
        let fixed = hub.template.of_topic();
        let is_right = match &fixed {
            // A brace of its own is in no name.
            _ if hub.written.contains("{{") || hub.written.contains("}}") => false,
            Some(hub) => is_hub(&Mapping::expand(hub, "topic")),
            None => hub.written.len() <= LONGEST_HUB,
        };
        if !is_right {
            self.wrong(
                at,
                format!("is {}, not a valid name of a hub", shown(&hub.written)),
                HUB_NAMES,
                "give the name of the hub alone, without its namespace",
            );
        }
        is_right.then_some(hub)
    }

    /// Where the records of a mapping go: its hub, and the choice, where it is one.
    pub(super) fn hubs(
        &mut self,
        at: &Path,
        HubTemplate { written, template }: HubTemplate,
        given: Option<&Vec<String>>,
        topics: Option<&Topics>,
    ) -> Option<(String, Option<Choice>)> {
        let list = at.key("hubs");
        match (template.of_topic(), given) {
            (Some(hub), None) => (!self.failed(&list)).then_some((hub, None)),
            (Some(_), Some(_)) => {
                let why = "`hub` is the same one for all records of a topic";
                let hint = "write `hub` with `{header:NAME}`, `{field:PATH}` or `{key}`, or remove the key";
                self.wrong(&list, "is never used", why, hint);
                None
            }
            (None, None) => {
                if !self.failed(&list) {
                    let said = format!("is {}, but `hubs` is missing", shown(&written));
                    let why = "a record can only choose among the hubs of that list";
                    let hint =
                        "add `hubs = [\"…\", \"…\"]` with every hub that it may give, 100 at most";
                    self.wrong(&at.key("hub"), said, why, hint);
                }
                None
            }
            (None, Some(hubs)) => {
                let right = self.can_be_chosen(&list, hubs, &template, topics);
                let choice = || Choice {
                    written: format!("{template:?}").into(),
                    by: Arc::new(template),
                    hubs: hubs.clone(),
                };
                right.then(|| (written, Some(choice())))
            }
        }
    }

    fn can_be_chosen(
        &mut self,
        at: &Path,
        hubs: &[String],
        template: &Template,
        topics: Option<&Topics>,
    ) -> bool {
        if hubs.is_empty() {
            let why = "a record can only choose among the hubs of this list";
            self.wrong(at, "is empty", why, "list every hub that `hub` may give");
            return false;
        }
        if hubs.len() > MOST {
            let why = "100 at most: each is asked for its partitions and has its share of `limits.memory`";
            let hint = "write several mappings, each with a part of the hubs and a `select` for it";
            self.wrong(at, format!("names {} hubs", hubs.len()), why, hint);
            return false;
        }
        let named = match topics {
            Some(Topics::Named(names)) => names.iter().map(|name| Some(name.as_str())).collect(),
            Some(Topics::Pattern(_)) | None => vec![None],
        };
        let mut right = true;
        for (index, hub) in hubs.iter().enumerate() {
            let at = at.index(index);
            let before = &hubs[..index];
            if !is_hub(&Mapping::expand(hub, "topic")) {
                let hint = "write the name itself; only `{topic}` may stand in braces here";
                self.wrong(
                    &at,
                    format!("is {}, not a valid name of a hub", shown(hub)),
                    HUB_NAMES,
                    hint,
                );
            } else if before.iter().any(|it| named.iter().any(|topic| is_one(it, hub, *topic))) {
                let why = "names of hubs are the same in upper and lower case";
                let said = format!("names {} a second time", shown(hub));
                self.wrong(&at, said, why, "remove it");
            } else if !named.iter().any(|topic| {
                template.may_give(&Mapping::expand(hub, topic.unwrap_or("topic")), *topic)
            }) {
                let said = format!("is {}, which `hub` never gives", shown(hub));
                let why = "a hub that cannot be chosen is probably a mistake";
                self.wrong(&at, said, why, "write the name as `hub` gives it, or remove it");
            } else {
                continue;
            }
            right = false;
        }
        right
    }

    /// A hub is chosen once all else is done: what it is chosen by must still be there.
    pub(super) fn choice_is_there(
        &mut self,
        at: &Path,
        hub: &HubTemplate,
        gone: &[Place],
        headers: Option<&Headers>,
    ) {
        let at = at.key("hub");
        self.reads_nothing_removed(&at, &hub.template, gone);
        let lost = hub.template.headers().find(|name| headers.is_some_and(|it| it.is_gone(name)));
        if let Some(name) = lost {
            let said = format!("reads the header `{name}`, which is removed before");
            let why = "the hub is chosen after `[mappings.headers]` is applied";
            self.wrong(&at, said, why, "keep the header, or choose the hub by another one");
        }
    }
}

/// Whether both are one hub for a topic.
fn is_one(one: &str, other: &str, topic: Option<&str>) -> bool {
    match topic {
        Some(topic) if is_template(one) || is_template(other) => {
            Mapping::expand(one, topic).eq_ignore_ascii_case(&Mapping::expand(other, topic))
        }
        _ => one.eq_ignore_ascii_case(other),
    }
}
