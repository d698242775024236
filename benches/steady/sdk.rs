//! What people write who have no bridge: a plain consumer loop, and Microsoft's buffered producer for each hub.
//!
//! It has the bridge's linger, and keeps keys. It reads from the ends of the topics on, so that it can follow the bridge on
//! the same ones, and commits what it has polled, as such loops do: what it costs is compared, not what it promises.

use std::thread;
use std::time::Duration;

use azure_messaging_eventhubs::models::EventData;
use azure_messaging_eventhubs::{BufferedProducerClient, EnqueueEventOptions};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use stage::{Process, unique};
use tokio::sync::mpsc;

use crate::hub::Hub;
use crate::shape::Shape;

/// What `batch.linger` is without a word, in milliseconds.
const LINGER: i64 = 10;
/// Events between the two threads.
const QUEUE: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    brokers: String,
    /// Host and port of the server
    #[arg(long)]
    address: String,
    #[arg(long)]
    connection_string: String,
    #[arg(long)]
    hubs: usize,
    #[arg(long)]
    lanes: usize,
    #[arg(long)]
    partitions: usize,
}

/// An event, its hub and its key.
type Read = (usize, EventData, Option<String>);

/// The loop in a process of its own, once it knows where it begins.
pub(crate) fn start(brokers: &str, shape: Shape, hub: &Hub) -> Process {
    let process = Process::role(&[
        "sdk".to_owned(),
        format!("--brokers={brokers}"),
        format!("--address={}", hub.address),
        format!("--connection-string={}", hub.connection_string),
        format!("--hubs={}", shape.hubs),
        format!("--lanes={}", shape.lanes),
        format!("--partitions={}", shape.partitions),
    ]);
    assert_eq!(process.talk().line(), "ready", "it says when it is");
    process
}

/// Runs until it is ended.
pub(crate) fn run(args: &Args) {
    let shape = Shape { hubs: args.hubs, lanes: args.lanes, partitions: args.partitions };
    let consumer = consumer(args, shape);
    let (sender, receiver) = mpsc::channel(QUEUE);
    println!("ready");
    thread::spawn(move || read(&consumer, shape, &sender));
    // On one thread: the producer loses answers on any other kind of runtime.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(send(args, shape, receiver));
}

fn consumer(args: &Args, shape: Shape) -> BaseConsumer {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &args.brokers)
        .set("group.id", unique("sdk"))
        .create()
        .expect("a client");
    let mut list = TopicPartitionList::new();
    for topic in (0..shape.hubs).map(|number| shape.topic(number)) {
        for partition in 0..shape.partitions as i32 {
            let ends = consumer.fetch_watermarks(&topic, partition, PATIENCE);
            let (_, end) = ends.expect("kafka answers");
            let end = Offset::Offset(end);
            list.add_partition_offset(&topic, partition, end).expect("an offset");
        }
    }
    consumer.assign(&list).expect("an assignment");
    consumer
}

fn read(consumer: &BaseConsumer, shape: Shape, sender: &mpsc::Sender<Read>) {
    let topics: Vec<_> = (0..shape.hubs).map(|number| shape.topic(number)).collect();
    loop {
        let Some(record) = consumer.poll(Duration::from_millis(100)) else { continue };
        let record = record.expect("kafka gives records");
        let hub = topics.iter().position(|topic| topic == record.topic()).expect("its topic");
        let key = record.key().map(|key| String::from_utf8_lossy(key).into_owned());
        if sender.blocking_send((hub, event(&record), key)).is_err() {
            return;
        }
    }
}

/// With what the bridge gives an event, as far as the measurement looks at it.
fn event(record: &BorrowedMessage<'_>) -> EventData {
    let id = format!("{}/{}/{}", record.topic(), record.partition(), record.offset());
    let written = record.timestamp().to_millis().expect("the broker has dated it");
    let mut event = EventData::builder()
        .with_body(record.payload().unwrap_or_default().to_vec())
        .with_message_id(id)
        .add_property("kafka_timestamp".to_owned(), written);
    for header in record.headers().iter().flat_map(|headers| headers.iter()) {
        let value = String::from_utf8_lossy(header.value.unwrap_or_default()).into_owned();
        event = event.add_property(header.key.to_owned(), value);
    }
    event.build()
}

async fn send(args: &Args, shape: Shape, mut receiver: mpsc::Receiver<Read>) {
    let mut producers = Vec::new();
    for hub in (0..shape.hubs).map(|number| shape.topic(number)) {
        let producer = BufferedProducerClient::builder()
            .with_custom_endpoint(format!("amqp://{}", args.address))
            .with_max_wait_time(azure_core::time::Duration::milliseconds(LINGER))
            .with_on_send_failed(async |failed| {
                eprintln!("Microsoft's producer gives up a batch: {}", failed.error);
            })
            .open_with_connection_string(&args.connection_string, Some(&hub))
            .await;
        producers.push(producer.expect("a producer"));
    }
    while let Some((hub, event, partition_key)) = receiver.recv().await {
        let options = EnqueueEventOptions { partition_key, ..EnqueueEventOptions::default() };
        producers[hub].enqueue_event(event, Some(options)).await.expect("it takes events");
    }
}
