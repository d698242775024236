//! `GET /status` of several members at once.

use super::MemberAnswer;
use crate::admin::AdminClient;
use crate::status::document::{Document, VERSION};

/// What each says, in the order of the addresses.
pub(super) async fn all(addresses: &[String]) -> Vec<MemberAnswer> {
    let ask = |address: &String| {
        let client = AdminClient::Remote(address.clone(), None);
        tokio::spawn(async move { one(&client).await })
    };
    let asked = addresses.iter().map(ask).collect::<Vec<_>>();
    let mut members = Vec::with_capacity(asked.len());
    for (asked, address) in asked.into_iter().zip(addresses) {
        let (status, error) = match asked.await.expect("asking does not panic") {
            Ok(status) => (Some(status), None),
            Err(error) => (None, Some(error)),
        };
        members.push(MemberAnswer { address: address.clone(), status, error });
    }
    members
}

/// How one bridge stands.
pub(in crate::cli) async fn one(client: &AdminClient) -> Result<Document, String> {
    let reply = client.send("GET", "/status").await?;
    if reply.status != 200 {
        return Err(format!("HTTP {}; does a bridge of this version run there?", reply.status));
    }
    let status: Document = serde_json::from_slice(&reply.body)
        .map_err(|error| format!("the answer is not the status of a bridge: {error}"))?;
    match status.version {
        VERSION => Ok(status),
        other => Err(format!(
            "the answer has version {other} of `/status`, and this program reads version {VERSION}"
        )),
    }
}
