//! The floor of sending: fe2o3-amqp on one thread, batches encoded before the clock starts, one in flight a partition.

use std::time::Instant;

use fe2o3_amqp::Sender;
use fe2o3_amqp::connection::Connection;
use fe2o3_amqp::link::delivery::Sendable;
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::session::{Session, SessionHandle};
use fe2o3_amqp_types::messaging::{Batch, Data, Message, Outcome};
use kafka_eventhubs_bridge::config::Events;
use kafka_eventhubs_bridge::eventhubs::encode::{self, Layout};
use kafka_eventhubs_bridge::record::{Header, Record};
use tokio::net::TcpStream;

use stage::usage::own_cpu;

use crate::case::{Form, Keys, Load, PARTITIONS};
use crate::hub;

/// Event Hubs' message format of a batch.
pub(crate) const BATCH_FORMAT: u32 = 0x8001_3700;
/// Different batches each lane sends in turn, so that they do not come from the cache nearest to the CPU.
pub(crate) const BATCHES: usize = 4;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    pub(crate) port: u16,
    /// Events in all
    #[arg(long)]
    pub(crate) events: usize,
    /// Events in a batch
    #[arg(long)]
    pub(crate) batch: usize,
    /// Bytes of a value
    #[arg(long)]
    pub(crate) size: usize,
}

/// Sends; prints CPU-µs and wall µs per event, the first tenth not counted.
pub(crate) fn measure(args: &Args) {
    on_one_thread(send(args));
}

/// Runs a floor.
pub(crate) fn on_one_thread(floor: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(floor);
}

/// Has all lanes send so many batches each, first a tenth; prints what that took.
pub(crate) async fn clocked(args: &Args, mut run: impl AsyncFnMut(usize)) {
    let each = (args.events / args.batch / PARTITIONS as usize).max(10);
    run(each.div_ceil(10)).await;
    let (cpu, wall) = (own_cpu(), Instant::now());
    run(each).await;
    let events = (each * args.batch * PARTITIONS as usize) as f64;
    let (cpu, wall) = (own_cpu() - cpu, wall.elapsed());
    println!("{} {}", cpu.as_secs_f64() * 1e6 / events, wall.as_secs_f64() * 1e6 / events);
}

async fn send(args: &Args) {
    let stream = TcpStream::connect(("127.0.0.1", args.port)).await.expect("the hub listens");
    stream.set_nodelay(true).expect("a socket");
    let mut connection = Connection::builder()
        .container_id("floor")
        .scheme("amqp")
        .hostname(Some("localhost"))
        .max_frame_size(65_536)
        .sasl_profile(SaslProfile::Anonymous)
        .open_with_stream(stream)
        .await
        .expect("a connection");
    let mut lanes = Vec::new();
    for partition in 0..PARTITIONS {
        let mut session = Session::builder()
            .incoming_window(u32::MAX)
            .outgoing_window(u32::MAX)
            .begin(&mut connection)
            .await
            .expect("a session");
        let path = format!("{}/Partitions/{partition}", hub::NAME);
        let sender = Sender::attach(&mut session, path.clone(), path).await.expect("a link");
        lanes.push(Lane { sender, batches: batches(args, partition), _session: session });
    }
    clocked(args, async |count| run(&mut lanes, count, args).await).await;
}

struct Lane {
    sender: Sender,
    batches: Vec<Sendable<Batch<Data>>>,
    _session: SessionHandle<()>,
}

/// All lanes at once, `count` batches each.
async fn run(lanes: &mut Vec<Lane>, count: usize, args: &Args) {
    let tasks = lanes.drain(..).map(|mut lane| {
        tokio::spawn(async move {
            for number in 0..count {
                let batch = &lane.batches[number % BATCHES];
                let delivery = lane.sender.send_batchable_ref(batch).await.expect("a link");
                let outcome = delivery.await.expect("an answer");
                assert!(matches!(outcome, Outcome::Accepted(_)), "the hub accepts: {outcome:?}");
            }
            lane
        })
    });
    let tasks: Vec<_> = tasks.collect();
    for task in tasks {
        let lane = task.await.unwrap_or_else(|error| panic!("batches of {}: {error}", args.batch));
        lanes.push(lane);
    }
}

/// The events of a batch, just as the bridge encodes them.
pub(crate) fn events(args: &Args, batch: usize, partition: i32) -> Vec<Vec<u8>> {
    let layout = Layout::new(&Events::default());
    let load = Load { keys: Keys::Many, size: args.size, form: Form::Plain };
    let topic = load.topic();
    let event = |number: usize| {
        let out = load.record(number);
        let headers: Vec<Header<'_>> = out
            .headers
            .iter()
            .map(|(name, value)| Header { name, value: value.as_deref() })
            .collect();
        let record = Record {
            topic: &topic,
            partition,
            offset: number as i64,
            timestamp: Some(1_700_000_000_000),
            key: out.key.as_deref(),
            value: out.value.as_deref(),
            headers: &headers,
        };
        encode::encode(&record, &layout).expect("text is of every length")
    };
    let start = 100_000 + batch * args.batch;
    (start..start + args.batch).map(event).collect()
}

fn batches(args: &Args, partition: i32) -> Vec<Sendable<Batch<Data>>> {
    let batch = |number: usize| Sendable {
        message: Message {
            header: None,
            delivery_annotations: None,
            message_annotations: None,
            properties: None,
            application_properties: None,
            body: Batch::new(
                events(args, number, partition).into_iter().map(Data::from).collect::<Vec<_>>(),
            ),
            footer: None,
        },
        message_format: BATCH_FORMAT,
        settled: Some(false),
    };
    (0..BATCHES).map(batch).collect()
}
