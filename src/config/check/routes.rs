//! What mappings, namespaces and dead-letter topics are to each other: nothing dangles, nothing is sent
//! twice, nothing goes round in circles.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::hint::{list, nearest, shown};
use crate::config::names::{HUB_NAMES, is_hub, is_template};
use crate::config::path::Path;
use crate::config::{Failure, Mapping, Policy, Topics};

use super::Check;
use super::eventhubs::Checked;

type Namespaces = BTreeMap<String, Checked>;
type Mappings = [(Path, Mapping)];

impl Check<'_> {
    pub(super) fn routes(&mut self, mappings: &Mappings, namespaces: &Namespaces, base: &Failure) {
        self.namespaces_exist(mappings, namespaces);
        self.namespaces_are_used(mappings, namespaces);
        self.hubs_can_exist(mappings);
        self.hubs_are_one_each(mappings);
        self.entity_paths_match(mappings, namespaces);
        self.nothing_is_sent_twice(mappings);
        self.dead_letters_have_a_topic(mappings, base);
        self.dead_letters_do_not_return(mappings);
    }

    fn namespaces_exist(&mut self, mappings: &Mappings, namespaces: &Namespaces) {
        for (at, mapping) in mappings {
            let at = at.key("namespace");
            if namespaces.contains_key(&mapping.namespace) || self.failed(&Path::top("eventhubs")) {
                continue;
            }
            let named = Path::top("eventhubs").key(&mapping.namespace);
            if self.failed(&at) || self.failed(&named) {
                continue;
            }
            let known = list(namespaces.keys().map(String::as_str));
            if self.layers.find(&at).is_none() {
                let why =
                    format!("`[eventhubs]` has no connection string of its own, only {known}");
                let hint = "add `namespace`, or a connection string under `[eventhubs]`";
                self.wrong(&at, "is missing", why, hint);
                continue;
            }
            let hint = match nearest(&mapping.namespace, namespaces.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "define it under `[eventhubs.NAME]`".to_owned(),
            };
            let said = format!("names {}, which is not defined", shown(&mapping.namespace));
            self.wrong(&at, said, format!("the namespaces are {known}"), hint);
        }
    }

    fn namespaces_are_used(&mut self, mappings: &Mappings, namespaces: &Namespaces) {
        // A mapping that is wrong itself may be the one that uses it, and so may one that misspells it.
        let dangles = |(_, mapping): &(Path, Mapping)| !namespaces.contains_key(&mapping.namespace);
        let whole = match self.layers.find(&Path::top("mappings")).map(|value| &value.kind) {
            Some(config::ValueKind::Array(items)) => {
                items.len() == mappings.len() && !mappings.iter().any(dangles)
            }
            _ => false,
        };
        for (name, namespace) in namespaces.iter().filter(|_| whole) {
            if mappings.iter().all(|(_, mapping)| mapping.namespace != *name) {
                self.wrong(
                    &namespace.at,
                    "is used by no mapping",
                    "a namespace without a mapping gets no events, which is probably a mistake",
                    format!("add `namespace = \"{name}\"` to a mapping, or remove it"),
                );
            }
        }
    }

    fn hubs_can_exist(&mut self, mappings: &Mappings) {
        let named = mappings.iter().flat_map(|(_, mapping)| match &mapping.topics {
            Topics::Named(topics) => topics.as_slice(),
            Topics::Pattern(_) => &[],
        });
        // What is named is read, so a pattern that matches it cannot pass it over.
        let named = named.collect::<BTreeSet<_>>();
        for (at, mapping, hub) in hubs(mappings).filter(|(.., hub)| is_template(hub)) {
            let taken = named.iter().filter(|topic| mapping.topics.takes(topic));
            for hub in taken.map(|topic| Mapping::expand(hub, topic)) {
                if !is_hub(&hub) {
                    self.wrong(
                        &at,
                        format!("gives `{hub}`, not a valid name of a hub"),
                        HUB_NAMES,
                        "write a mapping of its own, with a hub of another name, for this topic, and take it out of this one",
                    );
                }
            }
        }
    }

    /// Named topics whose hubs are made of their names, and differ by case alone.
    fn hubs_are_one_each(&mut self, mappings: &Mappings) {
        let mut first = BTreeMap::<(&str, String), &str>::new();
        for (at, mapping, hub) in hubs(mappings).filter(|(.., hub)| is_template(hub)) {
            let Topics::Named(topics) = &mapping.topics else { continue };
            for topic in topics {
                let hub = Mapping::expand(hub, topic).to_ascii_lowercase();
                let other = *first.entry((&mapping.namespace, hub)).or_insert(topic);
                if other != topic {
                    self.warn(
                        &at,
                        format!("sends `{other}` and `{topic}` to the same hub"),
                        "names of hubs are the same in upper and lower case",
                        "write a mapping with another hub for one of them, unless this is intended",
                    );
                }
            }
        }
    }

    fn entity_paths_match(&mut self, mappings: &Mappings, namespaces: &Namespaces) {
        for (at, mapping, hub) in hubs(mappings) {
            let namespace = namespaces.get(&mapping.namespace);
            let Some(only) =
                namespace.and_then(|namespace| namespace.settings.address.hub.as_ref())
            else {
                continue;
            };
            let others = match &mapping.topics {
                Topics::Named(topics) => topics
                    .iter()
                    .any(|topic| !Mapping::expand(hub, topic).eq_ignore_ascii_case(only)),
                Topics::Pattern(_) => !hub.eq_ignore_ascii_case(only),
            };
            if others {
                self.wrong(
                    &at,
                    format!("is `{hub}`, but the connection string is for one other hub"),
                    format!("the connection string of `{}` ends in an `EntityPath`", mapping.namespace),
                    format!(
                        "write `hub = \"{only}\"`, or leave `hub` out; for another hub use a connection string of the \
                         whole namespace, or define a namespace of its own for it"
                    ),
                );
            }
        }
    }

    fn nothing_is_sent_twice(&mut self, mappings: &Mappings) {
        for (later, (at, mapping)) in mappings.iter().enumerate() {
            for (earlier_at, earlier) in &mappings[..later] {
                let Some(topic) = common(earlier, mapping) else { continue };
                let line = self.layers.line(earlier_at).map(|line| format!(", line {line},"));
                self.wrong(
                    at,
                    format!("sends {topic} to a hub it already goes to"),
                    format!(
                        "`{earlier_at}`{} does so too: each record would be sent twice",
                        line.unwrap_or_default()
                    ),
                    "remove it from one of the two, or choose another hub",
                );
            }
        }
    }

    fn dead_letters_have_a_topic(&mut self, mappings: &Mappings, base: &Failure) {
        let key = Path::top("failure");
        for (at, mapping) in mappings {
            let at = at.key("failure");
            let own = |key: &str| self.layers.find(&at.key(key)).is_some();
            match (&mapping.failure.policy, &mapping.failure.dead_letter_topic) {
                (Policy::DeadLetter, None) => {
                    let at = if own("policy") { &at } else { &key };
                    let why = "with `dead_letter` a record that cannot be stored is written to a Kafka topic";
                    self.missing(
                        &at.key("dead_letter_topic"),
                        why,
                        "add `dead_letter_topic = \"…\"`",
                    );
                }
                (policy @ (Policy::Halt | Policy::Drop), Some(_)) if own("dead_letter_topic") => {
                    self.unused_topic(&at, *policy);
                }
                _ => {}
            }
        }
        let used = mappings.iter().any(|(_, mapping)| mapping.failure.policy == Policy::DeadLetter);
        if base.dead_letter_topic.is_some() && !used && !mappings.is_empty() {
            self.unused_topic(&key, base.policy);
        }
    }

    fn unused_topic(&mut self, failure: &Path, policy: Policy) {
        if self.failed(&failure.key("policy")) {
            return;
        }
        self.wrong(
            &failure.key("dead_letter_topic"),
            "is never written to",
            format!("the policy is `{policy}`"),
            "add `policy = \"dead_letter\"`, or remove the topic",
        );
    }

    /// A refused record that is written to a topic the bridge reads is refused again. That is well as long as
    /// the way ends somewhere.
    fn dead_letters_do_not_return(&mut self, mappings: &Mappings) {
        let next = |topic: &str| -> Vec<&str> {
            let taking = mappings.iter().filter(|(_, mapping)| mapping.topics.takes(topic));
            taking.filter_map(|(_, mapping)| dead_letter(mapping)).collect()
        };
        for (at, mapping) in mappings {
            let Some(topic) = dead_letter(mapping) else { continue };
            let (mut reached, mut ahead) = (BTreeSet::new(), vec![topic]);
            while let Some(topic) = ahead.pop() {
                if reached.insert(topic) {
                    ahead.extend(next(topic));
                }
            }
            if reached.iter().any(|topic| mapping.topics.takes(topic)) {
                let own = at.key("failure").key("dead_letter_topic");
                let at = match self.layers.find(&own) {
                    Some(_) => own,
                    None => Path::top("failure").key("dead_letter_topic"),
                };
                self.wrong(
                    &at,
                    format!("makes a loop: the bridge would read `{topic}` again"),
                    "a record that cannot be stored would be read from there, refused and written there \
                     again, for ever",
                    "choose a topic that no mapping reads, or give the mapping that reads it another policy",
                );
            }
        }
    }
}

/// The hubs of all mappings, each with where it is said.
fn hubs(mappings: &Mappings) -> impl Iterator<Item = (Path, &Mapping, &str)> {
    mappings.iter().flat_map(|(at, mapping)| {
        mapping.hubs().iter().enumerate().map(move |(index, hub)| {
            let at = match mapping.choice {
                Some(_) => at.key("hubs").index(index),
                None => at.key("hub"),
            };
            (at, mapping, hub.as_str())
        })
    })
}

fn dead_letter(mapping: &Mapping) -> Option<&str> {
    let topic = mapping.failure.dead_letter_topic.as_deref();
    topic.filter(|_| mapping.failure.policy == Policy::DeadLetter)
}

/// What both send to the same hub, if that can be known before topics are.
fn common(one: &Mapping, other: &Mapping) -> Option<String> {
    let hubs = |of: &Mapping, topic: &str| -> BTreeSet<String> {
        of.hubs().iter().map(|hub| Mapping::expand(hub, topic).to_ascii_lowercase()).collect()
    };
    let same_hub = |topic: &str| !hubs(one, topic).is_disjoint(&hubs(other, topic));
    if one.namespace != other.namespace {
        return None;
    }
    match (&one.topics, &other.topics) {
        (Topics::Pattern(a), Topics::Pattern(b)) => {
            let same = a.matching.as_str() == b.matching.as_str() && same_hub("{topic}");
            same.then(|| "the topics of its pattern".to_owned())
        }
        (Topics::Named(names), topics) | (topics, Topics::Named(names)) => names
            .iter()
            .find(|topic| topics.takes(topic) && same_hub(topic))
            .map(|topic| format!("`{topic}`")),
    }
}
