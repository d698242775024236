//! Microsoft's Rust client, for the tests that use it in this process.
//!
//! The client (0.16, on fe2o3-amqp 0.16.2) now and then closes its own connection or waits for ever when a server
//! answers quickly; so each scenario has a time limit and a few attempts, on a fresh server each. An assertion that
//! fails is final.

use std::time::Duration;

use azure_messaging_eventhubs::{ConsumerClient, EventHubsError, ProducerClient};
use eventhubs_local::{Builder, Server};

const LIMIT: Duration = Duration::from_secs(15);
const ATTEMPTS: usize = 4;

pub(super) type Outcome = Result<(), EventHubsError>;

/// Runs a scenario until the client itself gets through.
pub(super) async fn with_client(scenario: impl AsyncFn(&Server) -> Outcome) {
    with_client_of(|server| server, scenario).await;
}

/// The same, on a server that has more than the hub `orders`.
pub(super) async fn with_client_of(
    settings: impl Fn(Builder) -> Builder,
    scenario: impl AsyncFn(&Server) -> Outcome,
) {
    let mut failures = Vec::new();
    for _ in 0..ATTEMPTS {
        let server = settings(Server::builder().hub("orders", 4)).start().unwrap();
        match tokio::time::timeout(LIMIT, scenario(&server)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => failures.push(error.to_string()),
            Err(_) => failures.push("timed out".to_owned()),
        }
    }
    panic!("the client failed every time: {failures:?}");
}

pub(super) async fn producer(server: &Server) -> Result<ProducerClient, EventHubsError> {
    ProducerClient::builder()
        .with_custom_endpoint(format!("amqp://{}", server.addr()))
        .open_with_connection_string(&server.connection_string(), Some("orders"))
        .await
}

pub(super) async fn consumer(server: &Server) -> Result<ConsumerClient, EventHubsError> {
    ConsumerClient::builder()
        .with_custom_endpoint(format!("amqp://{}", server.addr()))
        .open_with_connection_string(&server.connection_string(), Some("orders"))
        .await
}
