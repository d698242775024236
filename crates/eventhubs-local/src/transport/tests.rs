//! Whatever comes over WebSocket, the connection ends when its client does, and nothing panics.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;
use crate::hub::Hub;
use crate::log::Retention;

const REQUEST: &str = "GET /$servicebus/websocket/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: AMQPWSB10\r\n\r\n";

impl Wire for DuplexStream {
    fn quick_ack(&self) {}
}

fn namespace() -> Arc<Namespace> {
    let hub = Hub::new("orders".into(), 4, &[], Retention::default());
    Arc::new(crate::connection::test_namespace(vec![Arc::new(hub)]))
}

/// Asks for WebSocket, then says all of that in pieces, reads what comes meanwhile, and leaves; gives what came.
fn serve_bytes(request: &[u8], bytes: &[u8], piece: usize) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let namespace = namespace();
        let handle = namespace.registry.open("test".into());
        let (client, server) = tokio::io::duplex(4_096);
        let connection = Connection::new(Arc::clone(&namespace), Arc::clone(&handle));
        let served = async {
            let Ok(Some((first, stream))) = first_byte(server).await else { return };
            drop(speak(first, stream, connection, &handle).await);
        };
        let (mut answers, mut requests) = tokio::io::split(client);
        let mut came = Vec::new();
        let upgraded = tokio::sync::Notify::new();
        let asked = async {
            drop(requests.write_all(request).await);
            // No client speaks before it is answered; a request that is not whole has no answer.
            drop(tokio::time::timeout(Duration::from_millis(50), upgraded.notified()).await);
            for piece in bytes.chunks(piece) {
                if requests.write_all(piece).await.is_err() {
                    break;
                }
            }
            drop(requests.shutdown().await);
        };
        let heard = async {
            while !came.ends_with(b"\r\n\r\n")
                && let Ok(byte) = answers.read_u8().await
            {
                came.push(byte);
            }
            upgraded.notify_one();
            drop(answers.read_to_end(&mut came).await);
        };
        let all = async { tokio::join!(served, asked, heard) };
        tokio::time::timeout(Duration::from_secs(20), all).await.expect("the connection ends");
        came
    })
}

/// A masked frame.
fn message(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0xfe];
    frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// Header, open, begin and end, one in each message.
fn conversation() -> Vec<u8> {
    let frame = |body: &[u8]| {
        let size = (body.len() + 8) as u32;
        message(0x82, &[&size.to_be_bytes()[..], &[2, 0, 0, 0], body].concat())
    };
    [
        &message(0x82, b"AMQP\x00\x01\x00\x00")[..],
        &frame(b"\x00\x53\x10\xc0\x05\x01\xa1\x02me"),
        &message(0x89, b"ping"),
        &frame(b"\x00\x53\x11\xc0\x06\x04\x40\x43\x52\x09\x43"),
        &frame(b"\x00\x53\x17\x45"),
        &frame(b"\x00\x53\x18\x45"),
    ]
    .concat()
}

#[test]
fn the_conversation_goes_through_however_it_is_cut() {
    for piece in [1, 7, 4_096] {
        let came = serve_bytes(REQUEST.as_bytes(), &conversation(), piece);
        for performative in [0x10, 0x11, 0x17, 0x18] {
            let descriptor = [0x00, 0x53, performative];
            assert!(came.windows(3).any(|part| part == descriptor), "{performative:#x}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_messages_after_the_upgrade(
        messages in vec((any::<u8>(), vec(any::<u8>(), 0..200)), 0..6),
        noise in vec(any::<u8>(), 0..60),
        piece in 1usize..300,
    ) {
        let messages = messages.iter().map(|(first, payload)| message(*first, payload));
        let bytes = [messages.flatten().collect(), noise].concat();
        serve_bytes(REQUEST.as_bytes(), &bytes, piece);
    }

    #[test]
    fn a_conversation_with_a_few_wrong_bytes(
        changes in vec((any::<Index>(), any::<u8>()), 1..6),
        end in any::<Index>(),
        piece in 1usize..300,
    ) {
        let mut bytes = [REQUEST.as_bytes(), &conversation()].concat();
        for (at, to) in changes {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        bytes.truncate(end.index(bytes.len()).max(1));
        let (request, rest) = bytes.split_at(bytes.len().min(REQUEST.len()));
        serve_bytes(request, rest, piece);
    }
}
