//! In the place of Microsoft's emulator: its `Config.json` as it is, and its connection string as it is.

use std::path::Path;

use crate::program::Running;
use crate::support::{LIMIT, send};
use azure_messaging_eventhubs::ProducerClient;
use fe2o3_amqp::types::messaging::Outcome;

/// As Microsoft's pages have it. The client is led to a free port beside it, as it ignores the one it is for.
const STRING: &str = "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;\
                      SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;";
const ATTEMPTS: usize = 4;

/// With the file that `compose.yaml` gives to the emulator.
fn running() -> Running {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/emulator/Config.json");
    Running::with(&["--config", config.to_str().unwrap(), "--control", "127.0.0.1:0"])
}

#[tokio::test]
async fn the_file_of_the_emulator_describes_the_server() {
    let running = running();
    let expected = STRING.replace("sb://localhost", &format!("sb://{}", running.address));
    assert_eq!(running.connection_string, expected);
    let counters = running.control().get("/counters");
    let hubs: Vec<_> = counters
        .as_array()
        .unwrap()
        .iter()
        .map(|hub| (hub["name"].as_str().unwrap(), hub["partitions"].as_array().unwrap().len()))
        .collect();
    assert_eq!(hubs, [("orders", 4), ("payments", 2)]);
    assert!(counters.as_array().unwrap().iter().all(|hub| hub["namespace"] == "emulatorNs1"));

    let mut client = running.client().await;
    let mut sender = client.sender("payments/Partitions/1").await;
    assert!(matches!(send(&mut sender, &["a"]).await, Outcome::Accepted(_)));
    // The groups that are listed and `$Default`, as in the emulator.
    for (address, exists) in [
        ("orders/ConsumerGroups/inventory/Partitions/0", true),
        ("orders/ConsumerGroups/$Default/Partitions/3", true),
        ("orders/ConsumerGroups/nobody/Partitions/0", false),
        ("payments/ConsumerGroups/$default/Partitions/1", true),
        ("payments/ConsumerGroups/inventory/Partitions/1", false),
    ] {
        assert_eq!(client.try_receiver(address).await.is_ok(), exists, "{address}");
    }
}

#[tokio::test]
async fn its_connection_string_logs_microsofts_client_in() {
    let mut failures = Vec::new();
    for _ in 0..ATTEMPTS {
        let running = running();
        let properties = async {
            let producer = ProducerClient::builder()
                .with_custom_endpoint(format!("amqp://{}", running.address))
                .open_with_connection_string(STRING, Some("orders"))
                .await?;
            producer.get_eventhub_properties().await
        };
        match tokio::time::timeout(LIMIT, properties).await {
            Ok(Ok(hub)) => {
                assert_eq!((hub.name.as_str(), hub.partition_ids.len()), ("orders", 4));
                return;
            }
            Ok(Err(error)) => failures.push(error.to_string()),
            Err(_) => failures.push("timed out".to_owned()),
        }
    }
    panic!("the client failed every time: {failures:?}");
}
