//! An event of the bridge is the event that an application would have sent with Microsoft's client.
//!
//! The embedded Event Hubs is shown to store the same for Microsoft's other clients by its own tests.

use std::time::Duration;

use azure_messaging_eventhubs::models::EventData;
use azure_messaging_eventhubs::{EventDataBatchOptions, EventHubsError, ProducerClient};
use eventhubs_local::{Hub, Partition, Server, Value};
use stage::{Kafka, Out, PATIENCE, Settings, unique};

const KEYS: [&str; 4] = ["customer-17", "customer-4", "grün", "x"];
/// Clients that may fail, one after the other: this one (0.16) now and then loses its own connection.
const ATTEMPTS: usize = 4;

/// All that makes an event, and where it is. What the service adds is not the sender's work.
#[derive(Debug, PartialEq)]
struct Stored {
    partition: u32,
    body: Vec<u8>,
    key: Option<String>,
    properties: Vec<Value>,
    application_properties: Vec<(String, Value)>,
}

fn stored(hub: &Hub) -> Vec<Stored> {
    let of = |partition: &Partition| {
        let partition_id = partition.id();
        partition.events().into_iter().map(move |event| {
            assert_eq!(event.data_sections(), 1);
            assert_eq!(event.annotations().len(), 1, "{:?}", event.annotations());
            Stored {
                partition: partition_id,
                body: event.body().expect("a data section").to_vec(),
                key: event.partition_key().map(str::to_owned),
                properties: event.properties(),
                application_properties: event.application_properties(),
            }
        })
    };
    let mut all = hub.partitions().iter().flat_map(of).collect::<Vec<_>>();
    all.sort_by(|a, b| a.body.cmp(&b.body));
    all
}

fn body(n: usize) -> String {
    format!("order {n}")
}

async fn send_with_client(server: &Server, hub: &str, topic: &str) -> Result<(), EventHubsError> {
    let client = ProducerClient::builder()
        .with_custom_endpoint(format!("amqp://{}", server.addr()))
        .open_with_connection_string(&server.connection_string(), Some(hub))
        .await?;
    for (n, key) in KEYS.into_iter().enumerate() {
        let partition_key = Some(key.to_owned());
        let options = EventDataBatchOptions { partition_key, ..EventDataBatchOptions::default() };
        let batch = client.create_batch(Some(options)).await?;
        let event = EventData::builder()
            .with_body(body(n).into_bytes())
            .with_message_id(format!("{topic}/0/{n}"))
            .with_content_type("application/json".to_owned())
            .add_property("region".to_owned(), "west")
            .build();
        assert!(batch.try_add_event_data(event, None)?);
        client.send_batch(batch, None).await?;
    }
    Ok(())
}

#[test]
fn an_event_is_what_an_application_would_have_sent_itself() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("same"), unique("g"));
    kafka.create_topic(&topic, 1);
    let record = |(n, key): (usize, &str)| {
        Out::value(body(n))
            .key(key)
            .to(0)
            .header("content-type", Some(b"application/json"))
            .header("region", Some(b"west"))
    };
    kafka.produce(&topic, KEYS.into_iter().enumerate().map(record));
    let hubs = (0..ATTEMPTS).map(|n| format!("client-{n}")).collect::<Vec<_>>();
    let mut server = Server::builder().hub("bridge", 5);
    for hub in &hubs {
        server = server.hub(hub, 5);
    }
    let server = server.start().unwrap();
    let bridge = Settings::new(kafka, &group, &server)
        .with("[events]\nsource_properties = false")
        .mapping(&topic, "bridge")
        .start();
    assert!(server.hub("bridge").wait_for(KEYS.len() as u64, PATIENCE));
    bridge.stop();

    let sent = hubs.iter().find(|hub| {
        let send = send_with_client(&server, hub, &topic);
        let limited = async { tokio::time::timeout(Duration::from_secs(15), send).await };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        matches!(runtime.expect("a runtime").block_on(limited), Ok(Ok(())))
    });
    let by_client = stored(&server.hub(sent.expect("the client gets through")));
    assert_eq!(by_client.len(), KEYS.len());
    assert_eq!(stored(&server.hub("bridge")), by_client);
}
