//! Where refused records go: whether it is there, and takes what may have to go there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::{Config, Policy};
use crate::kafka::{Denied, Inquiry, Limit, Topic};
use crate::route::Route;

use super::deadline::Deadline;
use super::question;
use super::report::{Finding, Outcome, StepResult, Steps, Subject};

/// What is asked of a topic for dead letters.
const PLAN: [&str; 2] = ["dead letters", "size"];

/// The topics for dead letters, each with those whose records may go there.
#[derive(Debug, Default)]
pub(super) struct Letters(BTreeMap<String, BTreeSet<String>>);

impl Letters {
    pub(super) fn of(config: &Config, routes: &[(String, Route)]) -> Self {
        let mut all = BTreeMap::<String, BTreeSet<String>>::new();
        let failures = config.mappings.iter().map(|mapping| &mapping.failure);
        let used = failures.filter(|failure| failure.policy == Policy::DeadLetter);
        for target in used.filter_map(|failure| failure.dead_letter_topic.clone()) {
            all.entry(target).or_default();
        }
        for (topic, route) in
            routes.iter().filter(|(_, it)| it.failure.policy == Policy::DeadLetter)
        {
            let target = route.failure.dead_letter_topic.as_ref();
            if let Some(sources) = target.and_then(|target| all.get_mut(target)) {
                sources.insert(topic.clone());
            }
        }
        Self(all)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// All of it skipped.
    pub(super) fn not_asked(&self) -> Vec<Steps> {
        self.names().map(|name| steps(name)).collect()
    }

    /// What is known of them; `sizes` is what was asked of all topics.
    pub(super) async fn judge(
        &self,
        inquiry: &Arc<Inquiry>,
        existing: &BTreeMap<String, Topic>,
        sizes: &Result<BTreeMap<String, Result<Limit, Denied>>, Denied>,
        deadline: Deadline,
    ) -> Vec<Finding> {
        let limit = |name: &str| match sizes {
            Ok(sizes) => sizes.get(name).cloned(),
            Err(denied) => Some(Err(denied.clone())),
        };
        let mut findings = Vec::new();
        for (name, sources) in &self.0 {
            let mut steps = steps(name);
            if let Some(topic) = existing.get(name) {
                steps.took(StepResult::ok(format!(
                    "partitions: {}; writing is not tested",
                    topic.partitions
                )));
                let sources = sources.iter().filter_map(|source| {
                    limit(source)?.ok().map(|limit| (source.as_str(), limit.bytes))
                });
                steps.took(match limit(name) {
                    Some(Ok(limit)) => against(name, limit, &sources.collect::<Vec<_>>()),
                    Some(Err(denied)) => question::untold(&denied),
                    None => question::untold(&Denied::Unanswered("not tested".to_owned())),
                });
            } else {
                question::absent(&mut steps, inquiry, name, deadline).await;
            }
            findings.extend(steps.end());
        }
        findings
    }
}

fn steps(name: &str) -> Steps {
    Steps::new(Subject::Topic(name.to_owned()), PLAN.to_vec())
}

/// What a topic takes, against what those that may send to it take. What the bridge adds does not count: it is left out where
/// there is no room.
fn against(name: &str, limit: Limit, sources: &[(&str, u64)]) -> StepResult {
    let size = question::size(limit);
    let mut larger: Vec<_> = sources.iter().filter(|(_, bytes)| *bytes > limit.bytes).collect();
    larger.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let Some((source, bytes)) = larger.first() else { return StepResult::ok(size) };
    let who = match larger.len() - 1 {
        0 => format!("`{source}` accepts larger records"),
        1 => format!("`{source}` and another topic accept larger records"),
        others => format!("`{source}` and {others} other topics accept larger records"),
    };
    StepResult::new(
        Outcome::Warning,
        format!(
            "{size}; {who}, up to {bytes} bytes: a refused one cannot become a dead letter, and stops (halts) its partition"
        ),
    )
    .hint(format!("raise `max.message.bytes` of `{name}` to {bytes} or more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_takes_what_those_that_send_to_it_take() {
        let limit = Limit { bytes: 1_048_588, is_default: true };
        let said = against("dead", limit, &[("src", 1_048_588), ("small", 1)]);
        assert_eq!((said.outcome, said.hint), (Outcome::Ok, None));
        let said = against("dead", limit, &[("a", 2 << 20), ("b", 10 << 20), ("c", 1)]);
        assert_eq!(said.outcome, Outcome::Warning);
        for word in ["1048588", "`b`", "10485760", "another topic"] {
            assert!(said.detail.contains(word), "{}", said.detail);
        }
        assert!(said.hint.is_some_and(|hint| hint.contains("`dead` to 10485760")));
    }
}
