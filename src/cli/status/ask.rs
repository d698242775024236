//! `GET /status` of several members at once.

use std::time::Duration;

use super::Member;
use crate::causes;
use crate::status::document::{Document, VERSION};

/// How long a member may take, in all.
const LIMIT: Duration = Duration::from_secs(5);
/// Bytes of an answer: some hundred times what a large estate says.
const LARGEST: usize = 256 << 20;

/// What each says, in the order of the addresses.
pub(super) async fn all(addresses: &[String]) -> Vec<Member> {
    // Nobody stands between an operator and a pod but what the cluster does itself.
    let client = reqwest::Client::builder().no_proxy().timeout(LIMIT).build();
    let mut asked = Vec::new();
    for address in addresses {
        let (address, client) = (address.clone(), client.as_ref().ok().cloned());
        asked.push(tokio::spawn(async move {
            let said = match client {
                Some(client) => one(&client, &address).await,
                None => Err("no HTTP client".to_owned()),
            };
            let (status, error) = match said {
                Ok(status) => (Some(status), None),
                Err(error) => (None, Some(error)),
            };
            Member { address, status, error }
        }));
    }
    let mut members = Vec::with_capacity(asked.len());
    for member in asked {
        members.push(member.await.expect("asking does not panic"));
    }
    members
}

async fn one(client: &reqwest::Client, address: &str) -> Result<Document, String> {
    let base = address.trim_end_matches('/');
    let scheme = if base.contains("://") { "" } else { "http://" };
    let whole = |error: reqwest::Error| causes::whole(&error.without_url());
    let mut answer = client.get(format!("{scheme}{base}/status")).send().await.map_err(whole)?;
    if !answer.status().is_success() {
        return Err(format!("HTTP {}; is it a bridge of this version?", answer.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(whole)? {
        if body.len() + chunk.len() > LARGEST {
            return Err("the answer has no end".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    let status: Document = serde_json::from_slice(&body)
        .map_err(|error| format!("the answer is not the status of a bridge: {error}"))?;
    match status.version {
        VERSION => Ok(status),
        other => Err(format!("version {other} of `/status`, and this program knows {VERSION}")),
    }
}
