//! The registries of schemas, each address alone: the client would hide one that is dead.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::{Config, Registry};
use crate::registry::{Client, RegistryError};

use super::deadline::Deadline;
use super::report::{Finding, Outcome, StepResult, Steps, Subject};

type Asked = (usize, Duration, Result<(), RegistryError>);

/// What was found of each registry, in the order of their names.
pub(super) async fn all(config: &Config, deadline: Deadline) -> Vec<Finding> {
    let mut found = Vec::new();
    for registry in &config.registries {
        let limit = deadline.share();
        let mut tasks = JoinSet::new();
        for (place, address) in registry.addresses.iter().enumerate() {
            let one = Registry { addresses: vec![address.clone()], ..registry.clone() };
            tasks.spawn(async move { ask(place, &one, limit).await });
        }
        let mut asked = tasks.join_all().await;
        asked.sort_by_key(|(place, ..)| *place);
        found.extend(findings(registry, asked));
    }
    found
}

async fn ask(place: usize, registry: &Registry, limit: Duration) -> Asked {
    let begun = Instant::now();
    let answer = timeout(limit, Client::new(registry).reach()).await;
    let silence = |_| {
        let detail = format!("{}: no answer within {limit:.1?}", registry.addresses[0]);
        Err(RegistryError::Later { detail, after: None })
    };
    (place, begun.elapsed(), answer.unwrap_or_else(silence))
}

/// One address is enough for the bridge.
fn findings(registry: &Registry, asked: Vec<Asked>) -> Vec<Finding> {
    let some_answers = asked.iter().any(|(.., answer)| answer.is_ok());
    let subject = Subject::Registry(registry.name.clone());
    let mut steps = Steps::new(subject, vec!["ask"; asked.len()]);
    for (place, took, answer) in asked {
        let said = match answer {
            Ok(()) => StepResult::ok(format!("{} answers", registry.addresses[place])),
            Err(failure) => {
                let worst = match failure {
                    RegistryError::Unauthorized(_) => Outcome::Refused,
                    _ => Outcome::Failed,
                };
                let outcome = if some_answers { Outcome::Warning } else { worst };
                StepResult::new(outcome, failure.to_string()).hint(hint(&failure))
            }
        };
        steps.after(took, said);
    }
    steps.end()
}

fn hint(failure: &RegistryError) -> &'static str {
    match failure {
        RegistryError::Unauthorized(_) => {
            "check the password, the token or the headers, and that this user may read schemas and subjects"
        }
        RegistryError::Unknown(_) | RegistryError::Unusable(_) => {
            "give the URL of Confluent's API; with Apicurio it ends in `/apis/ccompat/v7`"
        }
        RegistryError::Later { .. } => {
            "check the address, `ca_file`, and that firewalls and network policies allow connections from here"
        }
    }
}
