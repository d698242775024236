//! Microsoft's own Rust client against the server: what it sends, asks and reads back.

use std::collections::HashSet;
use std::pin::pin;

use azure_messaging_eventhubs::models::EventData;
use azure_messaging_eventhubs::{
    ConsumerClient, EventDataBatchOptions, EventHubsError, OpenReceiverOptions, SendEventOptions,
    StartLocation, StartPosition,
};
use eventhubs_local::Value;
use futures::StreamExt;

use super::official::{consumer, producer, with_client};

/// Reads `count` events of a partition: body, sequence number and partition key.
async fn read(
    consumer: &ConsumerClient,
    partition: &str,
    (location, inclusive): (StartLocation, bool),
    count: usize,
) -> Result<Vec<(Vec<u8>, i64, Option<String>)>, EventHubsError> {
    let start_position = Some(StartPosition { location, inclusive });
    let options = OpenReceiverOptions { start_position, ..Default::default() };
    let receiver = consumer.open_receiver_on_partition(partition.to_owned(), Some(options)).await?;
    let mut stream = pin!(receiver.stream_events());
    let mut events = Vec::new();
    while events.len() < count {
        let event = stream.next().await.expect("the stream goes on")?;
        assert!(event.enqueued_time().is_some());
        assert!(event.offset().is_some());
        let body = event.event_data().body().expect("a body").to_vec();
        let number = event.sequence_number().expect("a sequence number");
        events.push((body, number, event.partition_key().clone()));
    }
    Ok(events)
}

#[tokio::test]
async fn properties_of_a_hub_and_its_partitions() {
    with_client(async |server| {
        let producer = producer(server).await?;
        let hub = producer.get_eventhub_properties().await?;
        assert_eq!(hub.name, "orders");
        assert_eq!(hub.partition_ids, ["0", "1", "2", "3"]);
        assert!(hub.created_on.is_some());

        let empty = producer.get_partition_properties("2").await?;
        assert!(empty.is_empty);
        assert_eq!(empty.last_enqueued_sequence_number, -1);
        assert_eq!(empty.last_enqueued_time_utc, None);

        let options = SendEventOptions { partition_id: Some("2".into()) };
        producer.send_event(EventData::from("one"), Some(options)).await?;
        let one = producer.get_partition_properties("2").await?;
        assert!(!one.is_empty);
        assert_eq!((one.beginning_sequence_number, one.last_enqueued_sequence_number), (0, 0));
        assert!(one.last_enqueued_time_utc.is_some());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_keyed_batch_goes_where_the_service_would_put_it() {
    with_client(async |server| {
        let producer = producer(server).await?;
        let options = EventDataBatchOptions {
            partition_key: Some("customer-17".into()),
            ..Default::default()
        };
        let batch = producer.create_batch(Some(options)).await?;
        for n in 0..10 {
            let event = EventData::builder()
                .with_body(format!("event {n}"))
                .with_content_type("text/plain".into())
                .with_message_id(format!("id-{n}"))
                .add_property("n".into(), n)
                .build();
            assert!(batch.try_add_event_data(event, None)?);
        }
        producer.send_batch(batch, None).await?;

        // lookup3 of `customer-17` over four partitions.
        let events = server.hub("orders").partition(3).events();
        assert_eq!(server.hub("orders").total(), 10);
        for (n, event) in events.iter().enumerate() {
            assert_eq!(event.sequence(), n as i64);
            assert_eq!(event.message_id(), Some(format!("id-{n}").as_str()));
            assert_eq!(event.body().unwrap(), format!("event {n}"));
            assert_eq!(event.partition_key(), Some("customer-17"));
            assert_eq!(event.content_type().as_deref(), Some("text/plain"));
            assert_eq!(event.application_property("n"), Some(Value::Int(n as i32)));
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn events_come_back_from_every_start() {
    with_client(async |server| {
        let producer = producer(server).await?;
        let options =
            EventDataBatchOptions { partition_id: Some("1".into()), ..Default::default() };
        let batch = producer.create_batch(Some(options)).await?;
        for n in 0..20 {
            assert!(batch.try_add_event_data(format!("event {n}"), None)?);
        }
        producer.send_batch(batch, None).await?;
        assert_eq!(server.hub("orders").partition(1).len(), 20);
        let offset = server.hub("orders").partition(1).events()[14].offset();

        for (start, first) in [
            ((StartLocation::Earliest, false), 0),
            ((StartLocation::SequenceNumber(5), true), 5),
            ((StartLocation::SequenceNumber(5), false), 6),
            ((StartLocation::Offset(offset), false), 15),
        ] {
            // A consumer keeps one receiver for each partition, whatever start is asked for next.
            let consumer = consumer(server).await?;
            let events = read(&consumer, "1", start, 20 - first).await?;
            let expected: Vec<_> =
                (first..20).map(|n| (format!("event {n}").into_bytes(), n as i64, None)).collect();
            assert_eq!(events, expected);
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_receiver_at_the_end_gets_what_is_sent_later() {
    with_client(async |server| {
        let producer = producer(server).await?;
        let options = || Some(SendEventOptions { partition_id: Some("0".into()) });
        producer.send_event("before", options()).await?;

        let consumer = consumer(server).await?;
        let receiver = consumer.open_receiver_on_partition("0".into(), None).await?;
        let mut stream = pin!(receiver.stream_events());
        let sent = async {
            while !server
                .connections()
                .iter()
                .any(|c| c.links.iter().any(|l| l.address.contains("ConsumerGroups")))
            {
                tokio::task::yield_now().await;
            }
            producer.send_event("after", options()).await
        };
        let (received, sent) = tokio::join!(stream.next(), sent);
        sent?;
        let event = received.expect("the stream goes on")?;
        assert_eq!(event.event_data().body(), Some(b"after".as_slice()));
        assert_eq!(event.sequence_number(), Some(1));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn events_without_a_key_are_spread_over_all_partitions() {
    with_client(async |server| {
        let producer = producer(server).await?;
        for n in 0..8 {
            producer.send_event(format!("event {n}"), None).await?;
        }
        let hub = server.hub("orders");
        let used: HashSet<u32> = hub
            .partitions()
            .iter()
            .filter(|p| !p.is_empty())
            .map(eventhubs_local::Partition::id)
            .collect();
        assert_eq!(used.len(), 4);
        assert_eq!(hub.total(), 8);
        Ok(())
    })
    .await;
}
