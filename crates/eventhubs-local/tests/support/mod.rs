//! A client on fe2o3-amqp 0.18, an AMQP implementation the server shares nothing with. Every wait has a limit.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::fmt::Debug;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use eventhubs_local::Server;
use fe2o3_amqp::connection::ConnectionHandle;
use fe2o3_amqp::link::delivery::DeliveryFut;
use fe2o3_amqp::link::{ReceiverAttachError, SendError, SenderAttachError};
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp::types::messaging::{Batch, Data, Message, Outcome};
use fe2o3_amqp::{Connection, Receiver, Sendable, Sender, Session};
use fe2o3_amqp_cbs::client::CbsClient;
use fe2o3_amqp_cbs::token::CbsToken;
use tokio::io::{AsyncRead, AsyncWrite};

pub const LIMIT: Duration = Duration::from_secs(10);

pub type Answer = DeliveryFut<Result<Outcome, SendError>>;

/// Waits, but not for ever.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, what).await.expect("within the limit")
}

/// Waits until `condition` holds.
pub async fn until(condition: impl Fn() -> bool) {
    soon(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

pub struct Client {
    pub connection: ConnectionHandle<()>,
    /// One for each link: after a refused attach the library's session is not fit for use.
    sessions: Vec<SessionHandle<()>>,
}

impl Client {
    pub async fn connect(server: &Server) -> Self {
        Self::with_profile(server, SaslProfile::Anonymous).await.expect("a connection")
    }

    pub async fn with_profile(
        server: &Server,
        profile: SaslProfile,
    ) -> Result<Self, fe2o3_amqp::connection::OpenError> {
        Self::open(server.addr(), "localhost", profile).await
    }

    /// Connects to an address and asks for a host, as clients do with a custom endpoint.
    pub async fn to_host(address: SocketAddr, host: &str) -> Self {
        Self::open(address, host, SaslProfile::Anonymous).await.expect("a connection")
    }

    async fn open(
        address: SocketAddr,
        host: &str,
        profile: SaslProfile,
    ) -> Result<Self, fe2o3_amqp::connection::OpenError> {
        let tcp = soon(tokio::net::TcpStream::connect(address)).await.expect("a socket");
        tcp.set_nodelay(true).expect("nodelay");
        Self::over_to(tcp, host, profile).await
    }

    /// Connects over a stream that is there already.
    pub async fn over<S: AsyncRead + AsyncWrite + Debug + Send + Unpin + 'static>(
        stream: S,
        profile: SaslProfile,
    ) -> Result<Self, fe2o3_amqp::connection::OpenError> {
        Self::over_to(stream, "localhost", profile).await
    }

    async fn over_to<S: AsyncRead + AsyncWrite + Debug + Send + Unpin + 'static>(
        stream: S,
        host: &str,
        profile: SaslProfile,
    ) -> Result<Self, fe2o3_amqp::connection::OpenError> {
        let open = Connection::builder()
            .container_id("test")
            .scheme("amqp")
            .hostname(Some(host))
            .max_frame_size(65_536)
            .idle_time_out(1_000u32)
            .sasl_profile(profile)
            .open_with_stream(stream);
        Ok(Self { connection: soon(open).await?, sessions: Vec::new() })
    }

    pub async fn try_receiver(&mut self, address: &str) -> Result<Receiver, ReceiverAttachError> {
        let mut session = soon(Session::begin(&mut self.connection)).await.expect("a session");
        let receiver = soon(Receiver::attach(&mut session, "receiver", address)).await;
        self.sessions.push(session);
        receiver
    }

    pub async fn try_sender(&mut self, address: &str) -> Result<Sender, SenderAttachError> {
        self.try_named_sender("sender", address).await
    }

    pub async fn try_named_sender(
        &mut self,
        name: &str,
        address: &str,
    ) -> Result<Sender, SenderAttachError> {
        let mut session = soon(Session::begin(&mut self.connection)).await.expect("a session");
        let sender = soon(Sender::attach(&mut session, name, address)).await;
        self.sessions.push(session);
        sender
    }

    pub async fn sender(&mut self, address: &str) -> Sender {
        self.try_sender(address).await.expect("a sender")
    }

    /// A session for several links. It lives until it is dropped, or as long as the client that keeps it.
    pub async fn session(&mut self) -> SessionHandle<()> {
        soon(Session::begin(&mut self.connection)).await.expect("a session")
    }

    pub fn keep(&mut self, session: SessionHandle<()>) {
        self.sessions.push(session);
    }

    /// Puts a token for `address` on a session of its own.
    pub async fn put_token(&mut self, address: &str, token: &str) -> Result<(), String> {
        let mut session = soon(Session::begin(&mut self.connection)).await.expect("a session");
        let mut cbs = soon(CbsClient::attach(&mut session)).await.expect("a cbs link");
        let kind = "servicebus.windows.net:sastoken";
        let token = CbsToken::new(token.to_owned(), kind, None);
        let put = soon(cbs.put_token(format!("amqps://localhost/{address}"), token)).await;
        soon(cbs.close()).await.expect("cbs closes");
        put.map_err(|error| format!("{error:?}"))
    }
}

/// A batch of events, each with a message-id that is also its body.
pub fn batch(ids: &[&str]) -> Sendable<Batch<Data>> {
    let events: Vec<Data> = ids.iter().map(|id| Data::from(event(id, id.as_bytes()))).collect();
    Sendable::builder()
        .message(Message::builder().data_batch(events).build())
        .message_format(0x8001_3700)
        .build()
}

/// One encoded event: properties with a message-id, one data section.
pub fn event(id: &str, body: &[u8]) -> Vec<u8> {
    let mut event = vec![0x00, 0x53, 0x73, 0xc0, id.len() as u8 + 3, 1, 0xa1, id.len() as u8];
    event.extend_from_slice(id.as_bytes());
    event.extend_from_slice(&[0x00, 0x53, 0x75, 0xb0]);
    event.extend_from_slice(&(body.len() as u32).to_be_bytes());
    event.extend_from_slice(body);
    event
}

/// Sends and waits for the answer.
pub async fn send(sender: &mut Sender, ids: &[&str]) -> Outcome {
    soon(start(sender, ids).await).await.expect("an outcome")
}

/// Sends; the answer comes later.
pub async fn start(sender: &mut Sender, ids: &[&str]) -> Answer {
    soon(sender.send_batchable(batch(ids))).await.expect("credit and a link")
}

/// The message-ids stored in a partition of `orders`.
pub fn stored(server: &Server, partition: u32) -> Vec<String> {
    let events = server.hub("orders").partition(partition).events();
    events.iter().map(|event| event.message_id().expect("a message-id").to_owned()).collect()
}
