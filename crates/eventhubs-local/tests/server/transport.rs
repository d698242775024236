//! TLS and WebSocket: one port for all of them, and for plain AMQP.

#![expect(clippy::large_futures, reason = "a test has the room for a TLS stream in a future")]

use std::sync::Arc;

use eventhubs_local::{Server, Tls, TlsError};
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::types::messaging::{Body, MessageId, Outcome};
use fe2o3_amqp::types::primitives::Value;
use fe2o3_amqp_ws::WebSocketStream;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Client, send, soon, stored, until};

const PARTITION_1: &str = "orders/Partitions/1";
const WEBSOCKET: &str = "ws://localhost/$servicebus/websocket/";

fn server(tls: &Tls) -> Server {
    Server::builder().hub("orders", 4).tls(tls.clone()).start().unwrap()
}

/// A TLS stream that trusts that authority, with a certificate of its own if given.
async fn tls(
    server: &Server,
    ca: &str,
    own: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match own {
        Some((certificate, key)) => config.with_client_auth_cert(vec![certificate], key).unwrap(),
        None => config.with_no_client_auth(),
    };
    let tcp = TcpStream::connect(server.addr()).await?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").unwrap();
    soon(TlsConnector::from(Arc::new(config)).connect(name, tcp)).await
}

async fn sends_a_large_batch(mut client: Client, server: &Server) {
    let id = "x".repeat(200);
    let before = server.hub("orders").total();
    let mut sender = client.sender(PARTITION_1).await;
    let outcome = send(&mut sender, &vec![id.as_str(); 1_000]).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    assert_eq!(server.hub("orders").total(), before + 1_000);
}

#[tokio::test]
async fn every_transport_is_served_on_the_one_port() {
    let certificate = Tls::generate(&["localhost", "127.0.0.1"]).unwrap();
    let ca = certificate.ca_pem().unwrap();
    let server = server(&certificate);
    assert!(!server.connection_string().contains("UseDevelopmentEmulator"));
    assert!(server.connection_string().contains("sb://localhost:"));

    sends_a_large_batch(Client::connect(&server).await, &server).await;
    let stream = tls(&server, ca, None).await.unwrap();
    let client = Client::over(stream, SaslProfile::Anonymous).await.unwrap();
    sends_a_large_batch(client, &server).await;
    let tcp = TcpStream::connect(server.addr()).await.unwrap();
    let stream = soon(WebSocketStream::connect_with_stream(WEBSOCKET, tcp)).await.unwrap();
    let client = Client::over(stream, SaslProfile::Anonymous).await.unwrap();
    sends_a_large_batch(client, &server).await;
    let stream = tls(&server, ca, None).await.unwrap();
    let stream = soon(WebSocketStream::connect_with_stream(WEBSOCKET, stream)).await.unwrap();
    let client = Client::over(stream, SaslProfile::Anonymous).await.unwrap();
    sends_a_large_batch(client, &server).await;
}

#[tokio::test]
async fn events_are_received_over_each_transport_as_they_were_sent() {
    let certificate = Tls::generate(&["localhost"]).unwrap();
    let server = server(&certificate);
    let ids: Vec<String> = (0..200).map(|n| format!("{n}-{}", "y".repeat(200))).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    send(&mut Client::connect(&server).await.sender(PARTITION_1).await, &ids).await;
    assert_eq!(stored(&server, 1), ids);
    let stream = tls(&server, certificate.ca_pem().unwrap(), None).await.unwrap();
    let socket = soon(WebSocketStream::connect_with_stream(WEBSOCKET, stream)).await.unwrap();
    let mut over_socket = Client::over(socket, SaslProfile::Anonymous).await.unwrap();
    let stream = tls(&server, certificate.ca_pem().unwrap(), None).await.unwrap();
    let mut over_tls = Client::over(stream, SaslProfile::Anonymous).await.unwrap();
    for client in [&mut over_socket, &mut over_tls] {
        let address = "orders/ConsumerGroups/$Default/Partitions/1";
        let mut receiver = client.try_receiver(address).await.unwrap();
        for id in &ids {
            let delivery = soon(receiver.recv::<Body<Value>>()).await.unwrap();
            let found = delivery.message().properties.as_ref().unwrap().message_id.clone();
            assert_eq!(found, Some(MessageId::String((*id).to_owned())));
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_authority_does_not_connect_and_the_port_stays() {
    let certificate = Tls::generate(&["localhost"]).unwrap();
    let stranger = Tls::generate(&["localhost"]).unwrap();
    let server = server(&certificate);
    assert!(tls(&server, stranger.ca_pem().unwrap(), None).await.is_err());
    // A hello that is none.
    let mut tcp = TcpStream::connect(server.addr()).await.unwrap();
    tcp.write_all(&[0x16; 64]).await.unwrap();
    let mut answer = Vec::new();
    let _closed = soon(tcp.read_to_end(&mut answer)).await;
    assert!(tls(&server, certificate.ca_pem().unwrap(), None).await.is_ok());
    until(|| server.connections().len() <= 1).await;
}

#[tokio::test]
async fn without_tls_a_hello_is_answered_with_the_protocol_wanted() {
    let server = Server::builder().hub("orders", 4).start().unwrap();
    let mut tcp = TcpStream::connect(server.addr()).await.unwrap();
    tcp.write_all(&[0x16, 3, 1, 0, 200, 1, 0, 0, 196]).await.unwrap();
    let mut answer = Vec::new();
    soon(tcp.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer, b"AMQP\x03\x01\x00\x00");
}

#[tokio::test]
async fn a_certificate_of_the_owner_is_shown() {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let own = params.self_signed(&key).unwrap().pem();
    let files = std::env::temp_dir().join(format!("eventhubs-local-tls-{}", std::process::id()));
    std::fs::create_dir_all(&files).unwrap();
    let (chain, private) = (files.join("cert.pem"), files.join("key.pem"));
    std::fs::write(&chain, &own).unwrap();
    std::fs::write(&private, key.serialize_pem()).unwrap();
    let certificate = Tls::read(&chain, &private).unwrap();
    std::fs::remove_dir_all(&files).unwrap();
    assert!(certificate.ca_pem().is_none());
    assert!(tls(&server(&certificate), &own, None).await.is_ok());

    let another = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let mismatch = Tls::from_pem(own.as_bytes(), another.as_bytes()).unwrap_err();
    assert!(matches!(mismatch, TlsError::Unusable { .. }), "{mismatch}");
    assert!(Tls::from_pem(b"nothing", another.as_bytes()).is_err());
    assert!(matches!(Tls::read(&chain, &private), Err(TlsError::Read { .. })));
}

#[tokio::test]
async fn external_means_the_certificate_of_the_client() {
    let signer = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&signer).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, signer);
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["client".to_owned()]).unwrap();
    let own = params.signed_by(&key, &issuer).unwrap();
    let own = || {
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        Some((own.der().clone(), key))
    };
    let certificate = Tls::generate(&["localhost"]).unwrap();
    let certificate = certificate.trust_clients(authority_pem.as_bytes()).unwrap();
    let ca = certificate.ca_pem().unwrap();
    let guarded = Server::builder().hub("orders", 4).key("root", "secret").tls(certificate.clone());
    let server = guarded.start().unwrap();

    let stream = tls(&server, ca, own()).await.unwrap();
    assert_eq!(attaches(stream, "EXTERNAL").await, (0, true));
    // The certificate alone opens nothing: it must be asked to.
    let stream = tls(&server, ca, own()).await.unwrap();
    assert_eq!(attaches(stream, "ANONYMOUS").await, (0, false));
    let stream = tls(&server, ca, None).await.unwrap();
    assert_eq!(attaches(stream, "EXTERNAL").await, (1, false));
    let stream = TcpStream::connect(server.addr()).await.unwrap();
    assert_eq!(attaches(stream, "EXTERNAL").await, (1, false));
}

/// The outcome of SASL with that mechanism, and whether a sender is attached then. The library wants to have made the
/// TLS stream itself before it uses EXTERNAL; so these are bytes.
async fn attaches(mut stream: impl AsyncRead + AsyncWrite + Unpin, mechanism: &str) -> (u8, bool) {
    let frame = |kind: u8, body: &[u8]| {
        let size = (body.len() + 8) as u32;
        [&size.to_be_bytes()[..], &[2, kind, 0, 0], body].concat()
    };
    let name = mechanism.as_bytes();
    let head = [0x00, 0x53, 0x41, 0xc0, name.len() as u8 + 3, 1, 0xa3, name.len() as u8];
    let target = b"\x00\x53\x29\xc0\x09\x01\xa1\x06orders";
    let attach = b"\x00\x53\x12\xc0\x17\x07\xa1\x01x\x43\x42\x40\x40\x40";
    let said = [
        &b"AMQP\x03\x01\x00\x00"[..],
        &frame(1, &[&head, name].concat()),
        b"AMQP\x00\x01\x00\x00",
        &frame(0, b"\x00\x53\x10\xc0\x05\x01\xa1\x02me"),
        &frame(0, b"\x00\x53\x11\xc0\x06\x04\x40\x43\x52\x09\x43"),
        &frame(0, &[&attach[..], target].concat()),
        &frame(0, b"\x00\x53\x18\x45"),
    ];
    stream.write_all(&said.concat()).await.unwrap();
    let mut heard = Vec::new();
    let _closed = soon(stream.read_to_end(&mut heard)).await;
    let after = |descriptor: &[u8]| heard.windows(3).position(|part| part == descriptor);
    let outcome = after(&[0x00, 0x53, 0x44]).expect("an outcome");
    let code = heard[outcome..].iter().position(|byte| *byte == 0x50).expect("a code");
    (heard[outcome + code + 1], after(&[0x00, 0x53, 0x13]).is_some())
}
