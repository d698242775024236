//! Why there is no answer, by what the caller must do.

use std::fmt;

use crate::kafka::{ClientError, Denied, Group, Shut};
use crate::record::TopicPartition;

use super::members::{NAMED, member};

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Ask for something else.
    Usage,
    /// Let the bridge in, or bring Kafka back.
    Denied,
    /// Stop the members of the group.
    Alive,
}

impl ErrorKind {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Denied => "denied",
            Self::Alive => "alive",
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandError {
    /// By what the caller must do.
    pub kind: ErrorKind,
    /// What is wrong.
    pub what: String,
    /// The way out.
    pub hint: Option<String>,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl CommandError {
    pub(crate) fn usage(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Usage, what: what.into(), hint: Some(hint.into()) }
    }

    /// `doing` is what was refused; a reason of Kafka's may end in a hint of its own.
    pub(crate) fn denied(doing: &str, why: &impl fmt::Display, hint: &str) -> Self {
        let why = why.to_string();
        let (why, hint) = why.rsplit_once("; hint: ").unwrap_or((&why, hint));
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        Self { kind: ErrorKind::Denied, what: format!("{doing}: {why}"), hint }
    }

    pub(crate) fn no_entry(brokers: &str, shut: &Shut) -> Self {
        let hint = match shut {
            Shut::Start(ClientError::Setting { .. }) => "correct it in the configuration",
            _ => {
                "run `check --connect` with the same configuration: it tests each broker, and names the step that fails"
            }
        };
        Self::denied(&format!("cannot ask kafka at `{brokers}`"), shut, hint)
    }

    pub(crate) fn no_partition(topic: &str, number: i32, partitions: i32) -> Self {
        let what = format!("topic `{topic}` has no partition {number}");
        Self::usage(what, format!("it has {partitions}: 0 to {}", partitions - 1))
    }

    /// An offset was named where several partitions are meant.
    pub(crate) fn offset_of_many(partitions: usize) -> Self {
        let what = format!("an offset needs exactly one partition, and {partitions} are selected");
        Self::usage(what, "name one, such as `--topic orders:3`")
    }

    /// Kafka does not say where its log begins and ends.
    pub(crate) fn no_log(place: &TopicPartition) -> Self {
        let why = "cannot read the offsets of its log";
        let hint = "check that it has a leader, and try again";
        Self::denied(&format!("partition `{place}`"), &why, hint)
    }

    pub(crate) fn of_group(group: &str, denied: &Denied) -> Self {
        let doing = format!("cannot read group `{group}`");
        let hint =
            format!("grant the operation `Describe` on the group `{group}`, and on its topics");
        Self::denied(&doing, denied, if matches!(denied, Denied::Refused(_)) { &hint } else { "" })
    }

    /// The names of its members say whom to stop.
    pub(super) fn alive(name: &str, group: &Group) -> Self {
        let mut who = group.members.iter().take(NAMED).map(member);
        let who = who.by_ref().collect::<Vec<_>>().join("; ");
        let more = match group.members.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let what = match who.is_empty() {
            true => format!(
                "group `{name}` is {}, so its positions cannot be set",
                group.state.as_str()
            ),
            false => {
                format!("group `{name}` has members, so its positions cannot be set: {who}{more}")
            }
        };
        let hint = "stop every bridge of the group first; a killed member leaves when its session times out \
                    (`session.timeout.ms`, 45 s)";
        Self { kind: ErrorKind::Alive, what, hint: Some(hint.to_owned()) }
    }
}

/// The first `most` of these names, and how many more.
pub(crate) fn some(all: &[String], most: usize) -> String {
    let named = all.iter().take(most).map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(most) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
