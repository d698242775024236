//! What topics and hubs may be called, wherever a name comes from: a key, a pattern, an option.

use bridge_core::mapping::TOPIC;

/// Characters that the name of a hub may have.
pub(super) const LONGEST_HUB: usize = 256;

/// Why a name is none of a hub.
pub const HUB_NAMES: &str = "names of hubs are up to 256 letters, digits, `.`, `_` and `-`, and begin and end with a \
                             letter or digit";

/// Why a name is none of a topic.
pub const TOPIC_NAMES: &str = "names of topics are up to 249 letters, digits, `.`, `_` and `-`";

/// Whether Kafka could have a topic of this name.
pub fn is_topic(name: &str) -> bool {
    let usable = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=249).contains(&name.len()) && name != "." && name != ".." && name.chars().all(usable)
}

/// Whether Event Hubs could have a hub of this name.
pub fn is_hub(name: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let usable = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    name.len() <= LONGEST_HUB
        && name.chars().all(usable)
        && edge(name.chars().next())
        && edge(name.chars().next_back())
}

/// Whether `hub` depends on the topic.
pub(super) fn is_template(hub: &str) -> bool {
    hub.contains(TOPIC)
}
