//! A group as its coordinator knows it: what it is doing, and who is in it. Of both kinds: groups that members lead, and
//! groups that the brokers lead (KIP-848).

/// What a group is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its members read.
    Stable,
    /// Partitions are being shared out.
    Rebalancing,
    /// Nobody is in it; its positions are kept.
    Empty,
    /// Kafka knows no such group.
    Absent,
    /// Kafka says something else.
    Unknown,
}

impl State {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Rebalancing => "rebalancing",
            Self::Empty => "empty",
            Self::Absent => "absent",
            Self::Unknown => "unknown",
        }
    }
}

/// A group, and who is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What it is doing.
    pub state: State,
    /// Who is in it.
    pub members: Vec<Member>,
}

/// Somebody in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// As the coordinator named it.
    pub id: String,
    /// As its client names itself.
    pub client: String,
    /// Where it connects from.
    pub host: String,
    /// `group.instance.id`, if it is a static member.
    pub instance: Option<String>,
    /// How many partitions it has.
    pub partitions: usize,
}

impl Group {
    /// Whether nobody is in it, so that anybody may set its positions.
    pub fn is_idle(&self) -> bool {
        self.members.is_empty() && matches!(self.state, State::Empty | State::Absent)
    }
}
