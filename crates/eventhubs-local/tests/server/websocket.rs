//! WebSocket to the byte: the upgrade in every form clients ask for it, and a stream cut anywhere.

use eventhubs_local::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, send, soon, until};

const SASL_HEADER: &[u8] = b"AMQP\x03\x01\x00\x00";

fn server() -> Server {
    Server::builder().hub("orders", 4).start().unwrap()
}

/// Sends an upgrade request; gives the socket and the head of the answer.
async fn upgrade(server: &Server, target: &str, more: &str) -> (TcpStream, String) {
    let mut tcp = TcpStream::connect(server.addr()).await.unwrap();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    );
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(tcp.read_u8()).await.unwrap());
    }
    (tcp, String::from_utf8(head).unwrap())
}

async fn open(server: &Server) -> TcpStream {
    let asked = "Sec-WebSocket-Protocol: AMQPWSB10\r\n";
    upgrade(server, "/$servicebus/websocket/", asked).await.0
}

/// A masked frame of a client.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [7, 77, 177, 222];
    let mut frame = vec![first];
    match payload.len() {
        small @ 0..126 => frame.push(0x80 | small as u8),
        large => {
            frame.push(0xfe);
            frame.extend_from_slice(&u16::try_from(large).unwrap().to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// An AMQP (0) or SASL (1) frame around an encoded performative.
fn amqp(kind: u8, body: &[u8]) -> Vec<u8> {
    let size = (body.len() + 8) as u32;
    [&size.to_be_bytes()[..], &[2, kind, 0, 0], body].concat()
}

/// First byte and payload of a frame of the server.
async fn read(tcp: &mut TcpStream) -> (u8, Vec<u8>) {
    let first = soon(tcp.read_u8()).await.unwrap();
    let length = match soon(tcp.read_u8()).await.unwrap() {
        126 => usize::from(soon(tcp.read_u16()).await.unwrap()),
        small => usize::from(small),
    };
    let mut payload = vec![0; length];
    soon(tcp.read_exact(&mut payload)).await.unwrap();
    (first, payload)
}

#[tokio::test]
async fn every_form_of_the_request_is_taken_and_the_protocol_asked_for_is_named() {
    let server = server();
    for (target, asked, named) in [
        ("/$servicebus/websocket", "AMQPWSB10", Some("AMQPWSB10")),
        ("/$servicebus/websocket/", "amqp", Some("amqp")),
        ("https://localhost/$servicebus/websocket", "AMQPWSB10", Some("AMQPWSB10")),
        ("/$servicebus/websocket?x=y", "chat, AMQPWSB10", Some("AMQPWSB10")),
        ("/$ServiceBus/WebSocket/", "", None),
    ] {
        let header = match asked {
            "" => String::new(),
            asked => format!("Sec-WebSocket-Protocol: {asked}\r\n"),
        };
        let extensions = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        let (_, head) = upgrade(&server, target, &format!("{header}{extensions}")).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{target}: {head}");
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        let line = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("sec-websocket-protocol").then(|| value.to_owned())
        });
        assert_eq!(line.as_deref(), named, "{target}");
        assert!(!head.to_lowercase().contains("deflate"), "{head}");
    }
}

#[tokio::test]
async fn what_is_no_such_request_is_refused() {
    let server = server();
    for (target, more, status) in
        [("/", "", "404"), ("/$servicebus/websocket/", "Sec-WebSocket-Protocol: mqtt\r\n", "400")]
    {
        let (_, head) = upgrade(&server, target, more).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
    let mut tcp = TcpStream::connect(server.addr()).await.unwrap();
    tcp.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    soon(tcp.read_to_end(&mut answer)).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 101"));
    // A head without end is not read for ever.
    let mut tcp = TcpStream::connect(server.addr()).await.unwrap();
    let endless = format!("GET /{} HTTP/1.1\r\n", "x".repeat(1 << 20));
    let _refused = soon(tcp.write_all(endless.as_bytes())).await;
    let _closed = soon(tcp.read_to_end(&mut answer)).await;
    until(|| server.connections().is_empty()).await;
}

#[tokio::test]
async fn a_message_may_hold_part_of_a_frame_or_many_and_pings_are_answered() {
    let server = server();
    let mut tcp = open(&server).await;
    // The header in three messages, one of them in two fragments, with a ping between and an empty one.
    for bytes in [
        frame(0x82, &SASL_HEADER[..3]),
        frame(0x02, &SASL_HEADER[3..5]),
        frame(0x89, b"alive?"),
        frame(0x80, &SASL_HEADER[5..7]),
        frame(0x82, b""),
    ] {
        tcp.write_all(&bytes).await.unwrap();
    }
    assert_eq!(read(&mut tcp).await, (0x8a, b"alive?".to_vec()));
    tcp.write_all(&frame(0x82, &SASL_HEADER[7..])).await.unwrap();
    let (first, mechanisms) = read(&mut tcp).await;
    assert_eq!((first, &mechanisms[..8]), (0x82, SASL_HEADER));
    // Everything to the open in one message.
    let init = amqp(1, b"\x00\x53\x41\xc0\x0c\x01\xa3\x09ANONYMOUS");
    let open = amqp(0, b"\x00\x53\x10\xc0\x05\x01\xa1\x02me");
    let all = [&init[..], b"AMQP\x00\x01\x00\x00", &open].concat();
    tcp.write_all(&frame(0x82, &all)).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(3).any(|part| part == b"\x00\x53\x10") {
        answer.extend(read(&mut tcp).await.1);
    }
    // A close is answered and ends the connection.
    tcp.write_all(&frame(0x88, &1000u16.to_be_bytes())).await.unwrap();
    assert_eq!(read(&mut tcp).await.0, 0x88);
    until(|| server.connections().is_empty()).await;
}

#[tokio::test]
async fn what_breaks_the_rules_of_websocket_costs_that_connection_only() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender("orders/Partitions/1").await;
    let text = frame(0x81, b"AMQP");
    let unmasked = [0x82, 4, b'A', b'M', b'Q', b'P'].to_vec();
    let reserved = frame(0xf2, b"AMQP");
    // A frame that claims to have 2^62 bytes.
    let huge = [&[0x82, 0xff][..], &(1u64 << 62).to_be_bytes(), &[0; 4]].concat();
    for wrong in [text, unmasked, reserved, huge] {
        let mut tcp = open(&server).await;
        tcp.write_all(&wrong).await.unwrap();
        let mut rest = Vec::new();
        let _closed = soon(tcp.read_to_end(&mut rest)).await;
        assert!(!rest.windows(8).any(|part| part == SASL_HEADER), "{wrong:?}");
    }
    until(|| server.connections().len() == 1).await;
    let outcome = send(&mut sender, &["a"]).await;
    assert!(matches!(outcome, fe2o3_amqp::types::messaging::Outcome::Accepted(_)));
}
