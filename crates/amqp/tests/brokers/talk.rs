//! What is said to every server.

use std::collections::BTreeSet;
use std::panic::Location;
use std::time::Duration;

use amqp::client::{Answer, Attach, End, Login, Receives, Settings, Why};
use amqp::driver::{Connection, Gone, Outcome, Receiver, Sender, Session};
use amqp::read::Reader;
use amqp::sections::{DATA, Sections};
use amqp::write;
use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::timeout;

/// Longer than the slowest of the servers waits for itself: a session of `RabbitMQ` gives its own channel 130 s. One that is left
/// while messages are on their way may wait for it for ever, so that is not asked of this server.
const PATIENCE: Duration = Duration::from_secs(150);
/// Messages of so many bytes, in frames of 4 KiB.
const SIZES: [usize; 5] = [1, 100_000, 300_000, 0, 4_096];
/// More than any of the servers gives credit for.
const BURST: usize = 1_500;
/// Messages that may be on their way to us.
const CREDIT: u32 = 7;

/// Waits, but not for ever.
#[track_caller]
fn soon<T>(what: impl Future<Output = T>) -> impl Future<Output = T> {
    let asked = Location::caller();
    async move { timeout(PATIENCE, what).await.unwrap_or_else(|_| panic!("too long: {asked}")) }
}

/// Whom to speak to, and as whom.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) host: &'static str,
    pub(crate) port: u16,
    pub(crate) login: Login,
}

pub(crate) fn named(user: &str, password: &str) -> Login {
    Login::Plain { user: user.into(), password: password.into() }
}

impl Peer {
    async fn connect(&self) -> Result<Connection, End> {
        let stream = soon(TcpStream::connect(("127.0.0.1", self.port))).await.expect("a server");
        let mut settings = Settings::new(self.host, "witness", self.login.clone());
        settings.max_frame = 4_096;
        let connection = Connection::spawn(stream, settings, |_| {});
        soon(connection.opened()).await?;
        Ok(connection)
    }

    async fn session(&self) -> (Connection, Session) {
        let connection = self.connect().await.expect("the server lets us in");
        let session = begin(&connection).await;
        (connection, session)
    }
}

/// Bytes that differ from message to message, and from place to place.
fn body(number: usize, size: usize) -> Vec<u8> {
    (0..size).map(|place| (number * 7 + place * 13 + place / 251) as u8).collect()
}

fn message(body: &[u8]) -> Bytes {
    let mut out = Vec::new();
    write::descriptor(&mut out, DATA);
    write::binary(&mut out, body);
    out.into()
}

async fn begin(connection: &Connection) -> Session {
    let begun = soon(connection.begin()).await;
    begun.unwrap_or_else(|gone| panic!("{gone:?}, and the connection: {:?}", connection.end()))
}

async fn sender(session: &Session, address: &str) -> Sender {
    soon(session.sender("to", address)).await.expect("a link to send on")
}

type Heard = mpsc::Receiver<Vec<u8>>;

/// A link that receives, and the bodies that come on it.
async fn receiver(session: &Session, address: &str) -> (Receiver, Heard) {
    let (tell, told) = mpsc::channel(SIZES.len() + BURST);
    let hear = move |message: Bytes| {
        let data = Sections::find(&message, DATA).expect("a section of data");
        let body = Reader::new(data).binary().expect("bytes").to_vec();
        if let Err(TrySendError::Full(_)) = tell.try_send(body) {
            panic!("more came than was sent");
        }
    };
    let attach = Attach {
        name: "from",
        address,
        own: "witness",
        receives: Some(Receives::kept(CREDIT, 1_000_000)),
    };
    (soon(session.receiver(&attach, hear)).await.expect("a link to receive on"), told)
}

async fn sends(sender: &Sender, bodies: &[Vec<u8>]) -> Vec<Answer> {
    let sent = bodies.iter().map(|body| sender.send(message(body), 0).expect("a link"));
    let mut answers = Vec::new();
    for delivery in sent.collect::<Vec<_>>() {
        match soon(delivery).await {
            Outcome::Answered(answer) => answers.push(answer),
            other @ Outcome::Unsettled { .. } => panic!("{other:?} after {}", answers.len()),
        }
    }
    answers
}

/// What a server lets a client leave while messages are on their way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    Links,
    LinksAndSessions,
}

/// All that goes well with every queue: `named` and `nameless`, at addresses that begin with `queues`.
pub(crate) async fn agrees(named: &Peer, nameless: &Peer, queues: &str, leaves: Leaves) {
    let orders = format!("{queues}orders");
    to_and_fro(named, &orders).await;
    to_and_fro(nameless, &orders).await;
    leaves_in_the_middle(named, &format!("{queues}moved"), leaves).await;
}

/// Large messages and many small ones, there and back; then all is ended in good order.
pub(crate) async fn to_and_fro(peer: &Peer, address: &str) {
    let (connection, session) = peer.session().await;
    let mut sender = sender(&session, address).await;
    let sizes = SIZES.into_iter().chain((0..BURST).map(|number| number % 50));
    let bodies: Vec<_> = sizes.enumerate().map(|(number, size)| body(number, size)).collect();
    let answers = sends(&sender, &bodies).await;
    assert!(answers.iter().all(|answer| *answer == Answer::Accepted), "{answers:?}");
    let (mut receiver, mut heard) = receiver(&session, address).await;
    for (number, body) in bodies.iter().enumerate() {
        let came = timeout(PATIENCE, heard.recv()).await.ok().flatten();
        let came = came.unwrap_or_else(|| panic!("number {number} does not come"));
        assert!(came == *body, "number {number}: {} bytes, not {}", came.len(), body.len());
    }
    assert_eq!(soon(sender.detach()).await, Why::Asked);
    assert_eq!(soon(receiver.detach()).await, Why::Asked);
    assert!(heard.recv().await.is_none(), "more came than was sent");
    drop(session);
    assert_eq!(soon(connection.close()).await, End::Asked);
}

/// A link, then a session, are ended while messages come on them; the connection goes on, and nothing is lost.
async fn leaves_in_the_middle(peer: &Peer, address: &str, leaves: Leaves) {
    let (connection, session) = peer.session().await;
    let bodies = fills(&session, address).await;
    let mut seen = BTreeSet::new();
    leaves_link(&session, address, &mut seen).await;
    if leaves == Leaves::LinksAndSessions {
        leaves_session(&connection, address, &mut seen).await;
    }
    // RabbitMQ keeps what was on its way to a link until its session ends.
    drop(session);
    let session = begin(&connection).await;
    let (_link, mut heard) = receiver(&session, address).await;
    while seen.len() < bodies.len() {
        seen.insert(soon(heard.recv()).await.expect("a message"));
    }
    assert!(bodies.iter().all(|body| seen.contains(body)));
    assert_eq!(soon(connection.close()).await, End::Asked);
}

/// The same with a server that does not keep what was on its way: only the connection has to go on.
pub(crate) async fn goes_away(peer: &Peer, address: &str) {
    let (connection, session) = peer.session().await;
    fills(&session, address).await;
    leaves_link(&session, address, &mut BTreeSet::new()).await;
    leaves_session(&connection, address, &mut BTreeSet::new()).await;
    let (_link, mut heard) = receiver(&session, address).await;
    soon(heard.recv()).await.expect("a message");
    assert_eq!(soon(connection.close()).await, End::Asked);
}

async fn fills(session: &Session, address: &str) -> Vec<Vec<u8>> {
    let sender = sender(session, address).await;
    let bodies: Vec<_> = (0..120).map(|number| body(number, 10_000 + number)).collect();
    sends(&sender, &bodies).await;
    bodies
}

async fn leaves_link(session: &Session, address: &str, seen: &mut BTreeSet<Vec<u8>>) {
    let (mut link, mut heard) = receiver(session, address).await;
    seen.insert(soon(heard.recv()).await.expect("a message"));
    assert_eq!(soon(link.detach()).await, Why::Asked);
    while let Some(body) = soon(heard.recv()).await {
        seen.insert(body);
    }
}

async fn leaves_session(connection: &Connection, address: &str, seen: &mut BTreeSet<Vec<u8>>) {
    let session = begin(connection).await;
    let (mut link, mut heard) = receiver(&session, address).await;
    seen.insert(soon(heard.recv()).await.expect("a message"));
    drop(session);
    assert_eq!(soon(link.gone()).await, Why::Asked);
    while let Some(body) = soon(heard.recv()).await {
        seen.insert(body);
    }
}

/// A wrong password is told as what it is.
pub(crate) async fn is_refused(peer: &Peer, user: &str) {
    let wrong = Peer { login: named(user, "wrong"), ..peer.clone() };
    let end = wrong.connect().await.expect_err("a wrong password");
    assert_eq!(end, End::Refused(1));
}

/// An address that is not there is refused to a sender and to a receiver; how that was told. The connection goes on.
pub(crate) async fn finds_nothing(peer: &Peer, address: &str) -> [Why; 2] {
    let (connection, session) = peer.session().await;
    let refused = soon(session.sender("to", address)).await.expect_err("no such address");
    let to = ended(refused);
    let session = begin(&connection).await;
    let attach =
        Attach { name: "from", address, own: "witness", receives: Some(Receives::kept(1, 1_000)) };
    let refused = soon(session.receiver(&attach, |_| {})).await.expect_err("no such address");
    assert_eq!(soon(connection.close()).await, End::Asked);
    [to, ended(refused)]
}

fn ended(gone: Gone) -> Why {
    match gone {
        Gone::Ended(why) => why,
        Gone::NoPlace => panic!("no place for a link"),
    }
}

/// The link is refused, and nothing else ends.
pub(crate) fn is_of_the_link(why: &Why, condition: &str) {
    let Why::Peer(Some(failure)) = why else { panic!("{why:?}") };
    assert_eq!(failure.condition, condition);
}

/// A message that is larger than the peer says it takes costs no more than its link; why that ended.
pub(crate) async fn is_too_large(peer: &Peer, address: &str, limit: usize) -> Why {
    let (connection, session) = peer.session().await;
    let mut sender = sender(&session, address).await;
    assert_eq!(sender.max_message_size(), Some(limit as u64));
    assert_eq!(sends(&sender, &[body(0, limit / 2)]).await, [Answer::Accepted]);
    // Only with its last frame, so that nothing of it is on its way any more when the answer comes.
    let delivery = sender.send(message(&body(1, limit)), 0).expect("a link");
    let why = soon(sender.gone()).await;
    let outcome = soon(delivery).await;
    assert!(matches!(outcome, Outcome::Unsettled { .. }), "{outcome:?}");
    assert_eq!(soon(connection.close()).await, End::Asked);
    why
}

/// What is there to be received, of the known sizes: bytes that are the size, cut to one.
pub(crate) async fn hears(peer: &Peer, address: &str) {
    let (connection, session) = peer.session().await;
    let (_link, mut heard) = receiver(&session, address).await;
    for size in SIZES {
        let came = soon(heard.recv()).await.expect("a message");
        assert_eq!(came.len(), size);
        assert!(came.iter().all(|byte| usize::from(*byte) == size % 251));
    }
    assert_eq!(soon(connection.close()).await, End::Asked);
}

/// What becomes of messages of those sizes.
pub(crate) async fn answers(peer: &Peer, address: &str, sizes: &[usize]) -> Vec<Answer> {
    let (connection, session) = peer.session().await;
    let sender = sender(&session, address).await;
    let mut answers = Vec::new();
    for (number, size) in sizes.iter().enumerate() {
        answers.extend(sends(&sender, &[body(number, *size)]).await);
    }
    assert_eq!(soon(connection.close()).await, End::Asked);
    answers
}
