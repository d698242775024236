//! The floor of reading: the bridge's own client settings, every record looked at, and nothing done with it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use kafka_eventhubs_bridge::config::Config;
use kafka_eventhubs_bridge::kafka;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use stage::usage::own_cpu;

use crate::case::PARTITIONS;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bridge's configuration
    #[arg(long)]
    config: PathBuf,
    #[arg(long)]
    topic: String,
    #[arg(long)]
    records: usize,
}

/// Reads the topic once; prints CPU-µs and wall µs per record, the first tenth not counted.
pub(crate) fn measure(args: &Args) {
    let config =
        Config::load(&args.config, [], &[], kafka::objection).expect("the bridge's configuration");
    let mut settings = kafka::member(&config.kafka, &config.limits, 0).expect("good settings");
    // The bridge begins with less, and comes to this when it has seen that the topic is not compressed.
    let fetch = config.limits.memory / 128;
    settings.set("fetch.max.bytes", fetch.to_string());
    let consumer: BaseConsumer = settings.create().expect("a client");
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        partitions
            .add_partition_offset(&args.topic, partition, Offset::Beginning)
            .expect("an offset");
    }
    consumer.assign(&partitions).expect("an assignment");
    let from = args.records / 10;
    let (mut seen, mut bytes) = (0, 0);
    let mut begin = (own_cpu(), Instant::now());
    while seen < args.records {
        let record = consumer.poll(Duration::from_secs(20)).expect("kafka has more records");
        let record = record.expect("kafka gives records");
        bytes += record.key().map_or(0, <[u8]>::len) + record.payload().map_or(0, touch);
        for header in record.headers().iter().flat_map(|headers| headers.iter()) {
            bytes += header.key.len() + header.value.map_or(0, <[u8]>::len);
        }
        seen += 1;
        if seen == from {
            begin = (own_cpu(), Instant::now());
        }
    }
    std::hint::black_box(bytes);
    let counted = (args.records - from) as f64;
    let (cpu, wall) = (own_cpu() - begin.0, begin.1.elapsed());
    println!("{} {}", cpu.as_secs_f64() * 1e6 / counted, wall.as_secs_f64() * 1e6 / counted);
}

/// Brings every cache line near, as any use of the value would.
fn touch(value: &[u8]) -> usize {
    value.iter().step_by(64).map(|byte| usize::from(*byte & 1)).sum::<usize>() + value.len()
}
