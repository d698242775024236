//! Microsoft's own Rust client over TLS and over WebSocket, trusting the generated authority as its users do: by
//! `SSL_CERT_FILE`.
//!
//! The variable is read by the process, so each test runs itself again as a child that has it.

use std::pin::pin;
use std::process::Command;
use std::time::Duration;

use azure_messaging_eventhubs::models::AmqpTransport;
use azure_messaging_eventhubs::{
    ConsumerClient, EventHubsError, OpenReceiverOptions, ProducerClient, SendEventOptions,
    StartLocation, StartPosition,
};
use eventhubs_local::{Server, Tls};
use futures::StreamExt;

const ENDPOINT: &str = "EVENTHUBS_LOCAL_TEST_ENDPOINT";
const STRING: &str = "EVENTHUBS_LOCAL_TEST_STRING";
/// The client now and then closes its own connection or waits for ever; an assertion that fails is final.
const LIMIT: Duration = Duration::from_secs(15);
const ATTEMPTS: usize = 4;

/// Runs the test of that name in a child that trusts the server, until the client gets through.
fn with_trust(name: &str, scheme: &str) {
    let tls = Tls::generate(&["localhost"]).unwrap();
    let file = format!("eventhubs-local-{name}-{}.pem", std::process::id());
    let ca = std::env::temp_dir().join(file);
    std::fs::write(&ca, tls.ca_pem().unwrap()).unwrap();
    let mut failures = Vec::new();
    let passed = (0..ATTEMPTS).any(|_| {
        let key = ("RootManageSharedAccessKey", "secret");
        let server = Server::builder().hub("orders", 4).key(key.0, key.1).tls(tls.clone());
        let server = server.start().unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("rust_client::secured::{name}"), "--nocapture"])
            .env("SSL_CERT_FILE", &ca)
            .env(ENDPOINT, format!("{scheme}://localhost:{}", server.addr().port()))
            .env(STRING, server.connection_string())
            .output()
            .unwrap();
        failures.push(String::from_utf8_lossy(&output.stderr).into_owned());
        output.status.success() && server.hub("orders").partition(1).len() == 1
    });
    std::fs::remove_file(&ca).unwrap();
    assert!(passed, "{failures:?}");
}

/// The child: sends an event to a partition and reads it back.
async fn send_and_receive(transport: AmqpTransport) {
    let endpoint = std::env::var(ENDPOINT).unwrap();
    let string = std::env::var(STRING).unwrap();
    let all = async {
        let producer = ProducerClient::builder()
            .with_custom_endpoint(endpoint.clone())
            .with_transport(transport)
            .open_with_connection_string(&string, Some("orders"))
            .await?;
        assert_eq!(producer.get_eventhub_properties().await?.partition_ids.len(), 4);
        let options = SendEventOptions { partition_id: Some("1".to_owned()) };
        producer.send_event("hello", Some(options)).await?;
        let consumer = ConsumerClient::builder()
            .with_custom_endpoint(endpoint.clone())
            .with_transport(transport)
            .open_with_connection_string(&string, Some("orders"))
            .await?;
        let start_position =
            Some(StartPosition { location: StartLocation::Earliest, inclusive: false });
        let options = OpenReceiverOptions { start_position, ..Default::default() };
        let receiver = consumer.open_receiver_on_partition("1".to_owned(), Some(options)).await?;
        let mut stream = pin!(receiver.stream_events());
        let event = stream.next().await.expect("an event")?;
        assert_eq!(event.event_data().body(), Some(b"hello".as_slice()));
        Ok::<_, EventHubsError>(())
    };
    tokio::time::timeout(LIMIT, all).await.expect("in time").expect("the client gets through");
}

#[tokio::test]
async fn over_tls() {
    match std::env::var(ENDPOINT) {
        Ok(_) => send_and_receive(AmqpTransport::Tcp).await,
        Err(_) => with_trust("over_tls", "amqps"),
    }
}

#[tokio::test]
async fn over_websocket() {
    match std::env::var(ENDPOINT) {
        Ok(_) => send_and_receive(AmqpTransport::WebSocket).await,
        Err(_) => with_trust("over_websocket", "wss"),
    }
}
