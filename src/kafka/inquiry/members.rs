//! Who is in the group now.

use std::time::Duration;

use rdkafka::consumer::Consumer as _;

use crate::kafka::settings::ASSIGNOR;

use super::{Denied, Inquiry};

/// The members of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    /// How many there are.
    pub count: usize,
    /// How they share partitions, where that is not the way of a bridge.
    pub foreign: Option<String>,
}

impl Inquiry {
    /// The members of `group`, which need not exist. Blocks, no longer than `limit`.
    pub fn members(&self, group: &str, limit: Duration) -> Result<Members, Denied> {
        let answer = self.ask(limit, |slice| self.client.fetch_group_list(Some(group), slice))?;
        let found = answer.groups().iter().find(|found| found.name() == group);
        let count = found.map_or(0, |group| group.members().len());
        let foreign = found
            .filter(|_| count > 0)
            .map(|group| match group.protocol_type() {
                "consumer" => group.protocol(),
                kind => kind,
            })
            // Nothing is chosen while the group gathers.
            .filter(|way| !way.is_empty() && *way != ASSIGNOR);
        Ok(Members { count, foreign: foreign.map(str::to_owned) })
    }
}
