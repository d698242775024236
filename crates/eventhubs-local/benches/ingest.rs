//! How fast the server takes events, what that costs it, and how soon it answers a read of a hub's properties.
//!
//! `cargo bench -p eventhubs-local`. The sender writes prepared bytes (a megabyte of 1 KB events in each delivery) as
//! fast as the socket takes them and reads nothing but what keeps its credit right, so the server is what is measured.
//! The server runs on one thread; its CPU time is that thread's, as the kernel counts it, so the rate per core does not
//! depend on what else the machine does.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use eventhubs_local::{Retention, Server};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EVENT: usize = 1_000;
const SECONDS: u64 = 4;
const READS: usize = 2_000;
/// Deliveries that may be unanswered; the server allows 1000.
const AHEAD: u64 = 400;

fn main() {
    println!("{:<34}{:>8}{:>12}{:>12}{:>11}", "", "GB/s", "events/s", "GB/s a core", "CPU/event");
    for (name, per_delivery) in
        [("1 KB events, 1000 in a delivery", 1_000), ("100", 100), ("10", 10), ("1", 1)]
    {
        ingest(name, per_delivery);
    }
    reads();
}

fn server() -> Server {
    let retention = Retention { bytes: 16 << 20, events: 1_000, ..Retention::default() };
    Server::builder().hub("orders", 4).retention(retention).start().expect("the server starts")
}

fn ingest(name: &str, per_delivery: usize) {
    let server = server();
    let answered = Arc::new(AtomicU64::new(0));
    let mut tcp = connect(server.addr());
    tcp.write_all(&attach_sender()).expect("an attach");
    let mut reader = tcp.try_clone().expect("a second handle");
    let counted = Arc::clone(&answered);
    let counting = std::thread::spawn(move || count_answers(&mut reader, &counted));

    let payload = batch(per_delivery);
    // Several deliveries a write, when they are small.
    let at_once = (256 * 1024 / payload.len()).clamp(1, AHEAD as usize / 4);
    let mut bytes = Vec::new();
    let mut sent = 0u64;
    let begun = Instant::now();
    let before = server_cpu();
    while begun.elapsed() < Duration::from_secs(SECONDS) {
        while sent >= answered.load(Ordering::Relaxed) + AHEAD {
            std::thread::yield_now();
        }
        bytes.clear();
        for _ in 0..at_once {
            delivery(&mut bytes, sent as u32, &payload);
            sent += 1;
        }
        tcp.write_all(&bytes).expect("the server reads");
    }
    while answered.load(Ordering::Relaxed) < sent {
        std::thread::yield_now();
    }
    let (elapsed, cpu) = (begun.elapsed().as_secs_f64(), server_cpu() - before);
    let events = server.hub("orders").total();
    assert_eq!(events, sent * per_delivery as u64, "every event is stored");
    let gigabytes = events as f64 * EVENT as f64 / 1e9;
    println!(
        "{name:>34}{:>8.2}{:>12.0}{:>12.2}{:>8.0} ns",
        gigabytes / elapsed,
        events as f64 / elapsed,
        gigabytes / cpu,
        cpu * 1e9 / events as f64,
    );
    drop(tcp);
    drop(server);
    counting.join().expect("the reader ends");
}

/// Nanoseconds on a CPU of the server's thread.
fn server_cpu() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    for task in tasks.flatten() {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if name.trim() == "eventhubs-local" {
            let stat = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok());
            return nanos.unwrap_or(0.0) / 1e9;
        }
    }
    0.0
}

/// Counts dispositions; each is for one delivery.
fn count_answers(tcp: &mut TcpStream, answered: &AtomicU64) {
    let mut kept = Vec::new();
    let mut input = vec![0; 64 * 1024];
    loop {
        let Ok(count @ 1..) = tcp.read(&mut input) else { return };
        kept.extend_from_slice(&input[..count]);
        let mut used = 0;
        while let Some(body) = frame_at(&kept[used..]) {
            if body.starts_with(&[0x00, 0x53, 0x15]) {
                answered.fetch_add(1, Ordering::Relaxed);
            }
            used += body.len() + 8;
        }
        kept.drain(..used);
    }
}

/// The body of the first frame, when it has all come.
fn frame_at(bytes: &[u8]) -> Option<&[u8]> {
    let size = u32::from_be_bytes(*bytes.first_chunk::<4>()?) as usize;
    bytes.get(8..size)
}

fn reads() {
    let server = server();
    let busy = &AtomicBool::new(true);
    let (begin, begun) = std::sync::mpsc::sync_channel(1);
    let payload = batch(1_000);
    std::thread::scope(|scope| {
        let addr = server.addr();
        scope.spawn(move || {
            let mut tcp = connect(addr);
            tcp.write_all(&attach_sender()).expect("an attach");
            let mut reader = tcp.try_clone().expect("a second handle");
            let answered = Arc::new(AtomicU64::new(0));
            let counted = Arc::clone(&answered);
            let counting = std::thread::spawn(move || count_answers(&mut reader, &counted));
            begun.recv().expect("the idle reads come first");
            let mut sent = 0u64;
            let mut bytes = Vec::new();
            while busy.load(Ordering::Relaxed) {
                while sent >= answered.load(Ordering::Relaxed) + AHEAD {
                    std::thread::yield_now();
                }
                bytes.clear();
                delivery(&mut bytes, sent as u32, &payload);
                tcp.write_all(&bytes).expect("the server reads");
                sent += 1;
            }
            tcp.shutdown(std::net::Shutdown::Both).expect("it was open");
            counting.join().expect("the reader ends");
        });
        read_times("idle", server.addr());
        begin.send(()).expect("the sender waits");
        read_times("while a sender saturates it", server.addr());
        busy.store(false, Ordering::Relaxed);
    });
}

fn read_times(name: &str, addr: SocketAddr) {
    let mut tcp = connect(addr);
    tcp.write_all(&attach_management()).expect("an attach");
    let mut times: Vec<Duration> = (0..READS).map(|id| read_hub(&mut tcp, id as u32)).collect();
    times.sort_unstable();
    let at = |part: f64| times[(part * (READS - 1) as f64) as usize].as_secs_f64() * 1e6;
    println!(
        "{:>34}  median {:.0} us, 99 % {:.0} us, longest {:.0} us",
        format!("hub properties, {name}:"),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// Asks for the properties of the hub; how long the answer took.
fn read_hub(tcp: &mut TcpStream, id: u32) -> Duration {
    let pair = |key: &str, value: &str| [text(key), text(value)].concat();
    let properties =
        [pair("operation", "READ"), pair("name", "orders"), pair("type", "com.microsoft:eventhub")]
            .concat();
    let mut message = vec![0x00, 0x53, 0x74, 0xc1, properties.len() as u8 + 1, 6];
    message.extend_from_slice(&properties);
    let mut bytes = Vec::new();
    transfer(&mut bytes, (id, 0, false), &message);
    let begun = Instant::now();
    tcp.write_all(&bytes).expect("a request");
    let mut kept = Vec::new();
    let mut input = [0; 16 * 1024];
    loop {
        let count = tcp.read(&mut input).expect("an answer");
        assert!(count > 0, "the server closed");
        kept.extend_from_slice(&input[..count]);
        while let Some(body) = frame_at(&kept) {
            let is_answer = body.starts_with(&[0x00, 0x53, 0x14]);
            let size = body.len() + 8;
            kept.drain(..size);
            if is_answer {
                return begun.elapsed();
            }
        }
    }
}

fn text(text: &str) -> Vec<u8> {
    [&[0xa1, text.len() as u8], text.as_bytes()].concat()
}

fn frame(out: &mut Vec<u8>, body: &[u8]) {
    out.extend_from_slice(&(body.len() as u32 + 8).to_be_bytes());
    out.extend_from_slice(&[2, 0, 0, 0]);
    out.extend_from_slice(body);
}

/// A performative with those encoded fields.
fn performative(out: &mut Vec<u8>, code: u8, fields: &[&[u8]]) {
    let fields_bytes = fields.concat();
    let mut body = vec![0x00, 0x53, code, 0xd0];
    body.extend_from_slice(&(fields_bytes.len() as u32 + 4).to_be_bytes());
    body.extend_from_slice(&(fields.len() as u32).to_be_bytes());
    body.extend_from_slice(&fields_bytes);
    frame(out, &body);
}

/// A connection that is open, with a session.
fn connect(addr: SocketAddr) -> TcpStream {
    let mut tcp = TcpStream::connect(addr).expect("the server listens");
    tcp.set_nodelay(true).expect("nodelay");
    let mut bytes = b"AMQP\x00\x01\x00\x00".to_vec();
    performative(&mut bytes, 0x10, &[&text("bench")]);
    let window: &[u8] = &[0x70, 0x7f, 0xff, 0xff, 0xff];
    performative(&mut bytes, 0x11, &[&[0x40], &[0x43], window, window]);
    tcp.write_all(&bytes).expect("an open");
    let mut header = [0; 8];
    tcp.read_exact(&mut header).expect("the header comes back");
    tcp
}

/// Name, handle, role and the two ends of a link.
fn attach(out: &mut Vec<u8>, handle: u8, receiver: bool, address: &str) {
    let end = |code: u8, address: Option<&str>| {
        let field = address.map(text).unwrap_or_default();
        let count = u8::from(address.is_some());
        [&[0x00, 0x53, code, 0xc0, field.len() as u8 + 1, count], &field[..]].concat()
    };
    let (source, target) = if receiver { (Some(address), None) } else { (None, Some(address)) };
    let role = if receiver { 0x41 } else { 0x42 };
    let fields: [&[u8]; 10] = [
        &text("link"),
        &[0x52, handle],
        &[role],
        &[0x40],
        &[0x40],
        &end(0x28, source),
        &end(0x29, target),
        &[0x40],
        &[0x40],
        &[0x43],
    ];
    performative(out, 0x12, &fields);
}

fn attach_sender() -> Vec<u8> {
    let mut bytes = Vec::new();
    attach(&mut bytes, 0, false, "orders/Partitions/1");
    bytes
}

fn attach_management() -> Vec<u8> {
    let mut bytes = Vec::new();
    attach(&mut bytes, 0, false, "$management");
    attach(&mut bytes, 1, true, "$management");
    let uint = |n: u32| [&[0x70][..], &n.to_be_bytes()].concat();
    let fields: [&[u8]; 7] =
        [&[0x43], &uint(5_000), &[0x43], &uint(5_000), &[0x52, 1], &[0x43], &uint(100_000)];
    performative(&mut bytes, 0x13, &fields);
    bytes
}

/// A batch of that many events, each with a body that makes it `EVENT` bytes long.
fn batch(count: usize) -> Vec<u8> {
    let mut event = vec![0x00, 0x53, 0x73, 0xc0, 6, 1, 0xa1, 3, b'i', b'd', b'1'];
    let body = EVENT - event.len() - 8;
    event.extend_from_slice(&[0x00, 0x53, 0x75, 0xb0]);
    event.extend_from_slice(&(body as u32).to_be_bytes());
    event.resize(EVENT, b'x');
    let mut payload = Vec::new();
    for _ in 0..count {
        payload.extend_from_slice(&[0x00, 0x53, 0x75, 0xb0]);
        payload.extend_from_slice(&(EVENT as u32).to_be_bytes());
        payload.extend_from_slice(&event);
    }
    payload
}

/// One delivery, in frames of 64 KiB.
fn delivery(out: &mut Vec<u8>, id: u32, payload: &[u8]) {
    let mut parts = payload.chunks(65_536 - 64).peekable();
    while let Some(part) = parts.next() {
        transfer(out, (id, 0x8001_3700, parts.peek().is_some()), part);
    }
}

fn transfer(out: &mut Vec<u8>, (id, format, more): (u32, u32, bool), payload: &[u8]) {
    let uint = |n: u32| [&[0x70][..], &n.to_be_bytes()].concat();
    let tag = [&[0xa0, 4][..], &id.to_be_bytes()].concat();
    let more: &[u8] = if more { &[0x41] } else { &[0x42] };
    let fields = [&[0x43][..], &uint(id), &tag, &uint(format), &[0x42], more].concat();
    let mut body = vec![0x00, 0x53, 0x14, 0xc0, fields.len() as u8 + 1, 6];
    body.extend_from_slice(&fields);
    body.extend_from_slice(payload);
    frame(out, &body);
}
