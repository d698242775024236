//! Clients that misbehave in every way at once, and one that does not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Client, send};
use eventhubs_local::Server;
use fe2o3_amqp::types::messaging::Outcome;

const SENDS: usize = 200;

fn frame(channel: u8, body: &[u8]) -> Vec<u8> {
    let size = (body.len() + 8) as u32;
    [&size.to_be_bytes()[..], &[2, 0, 0, channel], body].concat()
}

fn opened() -> Vec<u8> {
    let open = frame(0, b"\x00\x53\x10\xc0\x05\x01\xa1\x02me");
    let begin = frame(0, b"\x00\x53\x11\xc0\x06\x04\x40\x43\x52\x09\x43");
    [&b"AMQP\x00\x01\x00\x00"[..], &open, &begin].concat()
}

/// Attaches a sender to partition 2 with handle 0.
fn attach() -> Vec<u8> {
    let address = b"orders/Partitions/2";
    let target = [&[0x00, 0x53, 0x29, 0xc0, 22, 1, 0xa1, 19], &address[..]].concat();
    let fields = [&b"\xa1\x01x\x43\x42\x40\x40\x40"[..], &target].concat();
    frame(0, &[&[0x00, 0x53, 0x12, 0xc0, fields.len() as u8 + 1, 7], &fields[..]].concat())
}

fn detach() -> Vec<u8> {
    frame(0, b"\x00\x53\x16\xc0\x03\x02\x43\x41")
}

/// A transfer of which more follows.
fn half_a_delivery() -> Vec<u8> {
    let transfer = b"\x00\x53\x14\xc0\x07\x06\x43\x43\x40\x43\x42\x41";
    frame(0, &[&transfer[..], &vec![7; 60_000]].concat())
}

/// Says `first`, then `again` for as long as it is wanted; connects anew when it is thrown out.
fn misbehave(addr: SocketAddr, stop: &AtomicBool, first: &[u8], again: &[u8]) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut tcp) = TcpStream::connect(addr) else { continue };
        tcp.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
        tcp.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let mut spoken = tcp.write_all(first).is_ok();
        let mut answer = vec![0; 65_536];
        while spoken && !stop.load(Ordering::Relaxed) {
            spoken = tcp.write_all(again).is_ok() && !matches!(tcp.read(&mut answer), Ok(0));
        }
    }
}

#[test]
fn a_client_is_served_in_good_time_whatever_others_do() {
    let server = Server::builder().hub("orders", 4).start().unwrap();
    let addr = server.addr();
    let stop = AtomicBool::new(false);
    let attached = [opened(), attach()].concat();
    let rude: [(Vec<u8>, Vec<u8>); 5] = [
        // Attaches and detaches without end.
        (opened(), [attach(), detach()].concat().repeat(200)),
        // A delivery without end.
        (attached.clone(), half_a_delivery().repeat(4)),
        // Noise after a good beginning.
        (opened(), vec![0xa5; 4_096]),
        // A frame that never ends.
        (opened(), vec![0, 0, 0xff, 0xff, 2, 0, 0, 0]),
        // A header of another protocol.
        (b"\x05\x01\x00".to_vec(), vec![0; 64]),
    ];
    // Those who come and say nothing.
    let silent: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(addr).unwrap()).collect();
    let longest = std::thread::scope(|scope| {
        for (first, again) in &rude {
            scope.spawn(|| misbehave(addr, &stop, first, again));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let polite = scope.spawn(move || {
            runtime.block_on(async {
                let mut client = Client::connect(&server).await;
                let mut sender = client.sender("orders/Partitions/1").await;
                let mut longest = Duration::ZERO;
                for _ in 0..SENDS {
                    let begun = Instant::now();
                    let outcome = send(&mut sender, &["a"]).await;
                    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
                    longest = longest.max(begun.elapsed());
                }
                assert_eq!(server.hub("orders").partition(1).len(), SENDS);
                assert_eq!(server.hub("orders").partition(2).len(), 0, "no half delivery counts");
                longest
            })
        });
        let longest = polite.join();
        stop.store(true, Ordering::Relaxed);
        longest
    });
    let longest = longest.unwrap();
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    drop(silent);
}
