//! Microsoft's own Rust client where it must fail: keys, rights, unknown entities, size, epochs.

use std::pin::pin;

use azure_core::time::Duration;
use azure_messaging_eventhubs::{
    ConsumerClient, EventHubsError, OpenReceiverOptions, ProducerClient, RetryOptions,
    SendEventOptions, StartLocation, StartPosition,
};
use eventhubs_local::{Builder, Rights, Server};
use futures::StreamExt;

use super::official::{Outcome, consumer, producer, with_client, with_client_of};

fn once() -> RetryOptions {
    RetryOptions {
        max_retries: 1,
        initial_delay: Duration::milliseconds(10),
        max_total_elapsed: Duration::seconds(5),
        ..RetryOptions::default()
    }
}

fn guarded(server: Builder) -> Builder {
    server.key("root", "right").limited_key(None, "sender", "s", Rights::SEND).limited_key(
        None,
        "listener",
        "l",
        Rights::LISTEN,
    )
}

/// What the server's own connection string says of the key, replaced.
fn with_key(server: &Server, name: &str, value: &str) -> String {
    let whole = server.connection_string();
    let root = "SharedAccessKeyName=root;SharedAccessKey=right";
    assert!(whole.contains(root), "{whole}");
    whole.replace(root, &format!("SharedAccessKeyName={name};SharedAccessKey={value}"))
}

/// Succeeds if that failed with these words; any other failure is the client's own.
fn refused<T>(result: Result<T, EventHubsError>, words: &str) -> Outcome {
    match result {
        Ok(_) => panic!("it was not refused with `{words}`"),
        // The innermost text is not always part of the outer one.
        Err(error) if format!("{error} {error:?}").contains(words) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn send_as(server: &Server, connection: &str, hub: &str) -> Result<(), EventHubsError> {
    let producer = ProducerClient::builder()
        .with_custom_endpoint(format!("amqp://{}", server.addr()))
        .with_retry_options(once())
        .open_with_connection_string(connection, Some(hub))
        .await?;
    producer.send_event("hello", None).await
}

/// The body of the first event of partition 0.
async fn receive_as(server: &Server, connection: &str) -> Result<Vec<u8>, EventHubsError> {
    let consumer = ConsumerClient::builder()
        .with_custom_endpoint(format!("amqp://{}", server.addr()))
        .with_retry_options(once())
        .open_with_connection_string(connection, Some("orders"))
        .await?;
    first(&consumer, None).await
}

async fn first(
    consumer: &ConsumerClient,
    owner_level: Option<i64>,
) -> Result<Vec<u8>, EventHubsError> {
    let start_position =
        Some(StartPosition { location: StartLocation::Earliest, inclusive: false });
    let options = OpenReceiverOptions { start_position, owner_level, ..Default::default() };
    let receiver = consumer.open_receiver_on_partition("0".to_owned(), Some(options)).await?;
    let mut stream = pin!(receiver.stream_events());
    let event = stream.next().await.expect("the stream goes on")?;
    Ok(event.event_data().body().expect("a body").to_vec())
}

fn to(partition: &str) -> SendEventOptions {
    SendEventOptions { partition_id: Some(partition.to_owned()) }
}

#[tokio::test]
async fn a_key_that_is_wrong_or_has_not_the_right_opens_nothing() {
    with_client_of(guarded, async |server| {
        let wrong = send_as(server, &with_key(server, "root", "wrong"), "orders").await;
        refused(wrong, "InvalidSignature")?;
        let listener = send_as(server, &with_key(server, "listener", "l"), "orders").await;
        refused(listener, "'Send' claim(s) are required")?;
        assert_eq!(server.hub("orders").total(), 0);

        send_as(server, &with_key(server, "sender", "s"), "orders").await?;
        assert_eq!(server.hub("orders").total(), 1);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_key_that_may_only_send_receives_nothing() {
    with_client_of(guarded, async |server| {
        let producer = producer(server).await?;
        producer.send_event("hello", Some(to("0"))).await?;
        let sender = receive_as(server, &with_key(server, "sender", "s")).await;
        refused(sender, "'Listen' claim(s) are required")?;
        assert_eq!(receive_as(server, &with_key(server, "listener", "l")).await?, b"hello");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_or_too_large_is_refused_and_not_stored() {
    let limited = |server: Builder| server.max_message_size(64 * 1024);
    with_client_of(limited, async |server| {
        let nowhere = send_as(server, &server.connection_string(), "nowhere").await;
        refused(nowhere, "The messaging entity 'nowhere' could not be found")?;
        let producer = ProducerClient::builder()
            .with_custom_endpoint(format!("amqp://{}", server.addr()))
            .with_retry_options(once())
            .open_with_connection_string(&server.connection_string(), Some("orders"))
            .await?;
        let ninth = producer.send_event("hello", Some(to("9"))).await;
        refused(ninth, "The specified partition is invalid")?;
        let batch = producer.create_batch(None).await?;
        assert!(!batch.try_add_event_data("x".repeat(100_000), None)?);
        assert_eq!(server.hub("orders").total(), 0);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_higher_epoch_takes_a_partition_from_a_lower() {
    with_client(async |server| {
        let producer = producer(server).await?;
        producer.send_event("hello", Some(to("0"))).await?;
        let (low, high) = (consumer(server).await?, consumer(server).await?);
        let start_position =
            Some(StartPosition { location: StartLocation::Earliest, inclusive: false });
        let options =
            OpenReceiverOptions { start_position, owner_level: Some(1), ..Default::default() };
        let receiver = low.open_receiver_on_partition("0".to_owned(), Some(options)).await?;
        let mut stream = pin!(receiver.stream_events());
        stream.next().await.expect("the stream goes on")?;

        assert_eq!(first(&high, Some(2)).await?, b"hello");
        refused(stream.next().await.expect("the stream goes on"), "partition stolen")
    })
    .await;
}
