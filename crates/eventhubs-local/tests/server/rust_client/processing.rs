//! Microsoft's own Rust client's larger parts: the buffered producer, a processor with a checkpoint store, and a start
//! by time.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use azure_core::time::Duration;
use azure_messaging_eventhubs::models::StartPositions;
use azure_messaging_eventhubs::{
    BufferedProducerClient, EnqueueEventOptions, EventDataBatchOptions, EventHubsError,
    EventProcessor, InMemoryCheckpointStore, OpenReceiverOptions, StartLocation, StartPosition,
};
use eventhubs_local::Server;
use futures::StreamExt;

use super::official::{Outcome, consumer, producer, with_client};

const EVENTS: usize = 20;

/// Sends the events of these numbers to partition 2.
async fn send(server: &Server, numbers: std::ops::Range<usize>) -> Outcome {
    let producer = producer(server).await?;
    let options = EventDataBatchOptions { partition_id: Some("2".into()), ..Default::default() };
    let batch = producer.create_batch(Some(options)).await?;
    for n in numbers {
        assert!(batch.try_add_event_data(format!("event {n}"), None)?);
    }
    producer.send_batch(batch, None).await
}

fn bodies(from: usize) -> Vec<String> {
    (from..EVENTS).map(|n| format!("event {n}")).collect()
}

fn earliest() -> StartPosition {
    StartPosition { location: StartLocation::Earliest, inclusive: false }
}

#[tokio::test]
async fn a_buffered_producer_sends_what_it_was_given_when_it_is_flushed() {
    with_client(async |server| {
        let (sent, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
        let (count, error) = (Arc::clone(&sent), Arc::clone(&failed));
        let client = BufferedProducerClient::builder()
            .with_custom_endpoint(format!("amqp://{}", server.addr()))
            .with_on_send_succeeded(move |batch| {
                count.fetch_add(batch.events.len(), Ordering::Relaxed);
                async {}
            })
            .with_on_send_failed(move |batch| {
                *error.lock().unwrap() = Some(batch.error);
                async {}
            })
            .open_with_connection_string(&server.connection_string(), Some("orders"))
            .await?;
        for n in 0..EVENTS {
            let partition_key = Some("customer-17".to_owned());
            let options = EnqueueEventOptions { partition_key, ..Default::default() };
            client.enqueue_event(format!("event {n}"), Some(options)).await?;
        }
        client.flush().await?;
        if let Some(error) = failed.lock().unwrap().take() {
            return Err(error);
        }
        assert_eq!(sent.load(Ordering::Relaxed), EVENTS);
        // lookup3 of `customer-17` over four partitions; the client hashes it itself.
        let events = server.hub("orders").partition(3).events();
        let stored: Vec<_> = events.iter().map(|event| event.body().unwrap()).collect();
        assert_eq!(stored, bodies(0));
        assert!(events.iter().all(|event| event.partition_key() == Some("customer-17")));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_start_by_time_leaves_out_what_is_older() {
    with_client(async |server| {
        send(server, 0..10).await?;
        let between = SystemTime::now() + std::time::Duration::from_millis(10);
        while SystemTime::now() < between + std::time::Duration::from_millis(10) {
            tokio::task::yield_now().await;
        }
        send(server, 10..EVENTS).await?;
        let location = StartLocation::EnqueuedTime(between);
        let start_position = Some(StartPosition { location, inclusive: false });
        let options = OpenReceiverOptions { start_position, ..Default::default() };
        let consumer = consumer(server).await?;
        let receiver = consumer.open_receiver_on_partition("2".to_owned(), Some(options)).await?;
        let mut stream = pin!(receiver.stream_events());
        for expected in bodies(10) {
            let event = stream.next().await.expect("the stream goes on")?;
            assert_eq!(event.event_data().body(), Some(expected.as_bytes()));
        }
        Ok(())
    })
    .await;
}

/// Runs a processor until it has had all partitions and `count` events of one; it sets a checkpoint at one event.
async fn process(
    server: &Server,
    store: &Arc<InMemoryCheckpointStore>,
    checkpoint_at: &str,
    count: usize,
) -> Result<(Vec<String>, Vec<String>), EventHubsError> {
    let processor = EventProcessor::builder()
        .with_update_interval(Duration::milliseconds(100))
        .with_partition_expiration_duration(Duration::milliseconds(400))
        .with_start_positions(StartPositions { default: earliest(), ..Default::default() })
        .build(consumer(server).await?, Arc::clone(store) as Arc<_>)
        .await?;
    let running = Arc::clone(&processor);
    let running = tokio::spawn(async move { running.run().await });
    let (mut partitions, mut bodies) = (Vec::new(), Vec::new());
    let mut clients = Vec::new();
    while partitions.len() < 4 {
        let client = processor.next_partition_client().await?;
        partitions.push(client.get_partition_id().to_owned());
        if client.get_partition_id() == "2" {
            let mut stream = pin!(client.stream_events());
            while bodies.len() < count {
                let event = stream.next().await.expect("the stream goes on")?;
                let body = event.event_data().body().expect("a body");
                bodies.push(String::from_utf8_lossy(body).into_owned());
                if bodies.last().is_some_and(|body| body == checkpoint_at) {
                    client.update_checkpoint(&event).await?;
                }
            }
        }
        clients.push(client);
    }
    processor.shutdown().await?;
    running.await.expect("the processor does not panic")?;
    partitions.sort();
    Ok((partitions, bodies))
}

#[tokio::test]
async fn a_processor_goes_on_where_another_has_set_its_checkpoint() {
    with_client(async |server| {
        send(server, 0..EVENTS).await?;
        let store = Arc::new(InMemoryCheckpointStore::new());
        let (partitions, first) = process(server, &store, "event 9", EVENTS).await?;
        assert_eq!(partitions, ["0", "1", "2", "3"]);
        assert_eq!(first, bodies(0));
        let (_, resumed) = process(server, &store, "", EVENTS - 10).await?;
        assert_eq!(resumed, bodies(10));
        Ok(())
    })
    .await;
}
