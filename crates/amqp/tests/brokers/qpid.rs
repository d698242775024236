//! Apache Qpid Broker-J.

use amqp::client::{Answer, Login};
use processes::free_port;
use processes::installed::skipped;

use crate::server::{Server, java, place};
use crate::talk::{self, Leaves, Peer};

/// Bytes of the largest message it takes.
const LIMIT: usize = 500_000;

/// The server, its port for names and passwords, and its port for those without.
async fn qpid() -> Option<(Server, u16, u16)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut java =
        java("qpid", folder.path()).inspect_err(|reason| skipped("Qpid Broker-J", reason)).ok()?;
    let (plain, anonymous) = (free_port(), free_port());
    let ports = [("@PLAIN@", plain), ("@ANONYMOUS@", anonymous)];
    place("qpid", "broker.json", &folder.path().join("broker.json"), &ports);
    java.arg(format!("-DQPID_WORK={}", folder.path().display()));
    java.arg(format!("-Dqpid.max_message_size={LIMIT}"));
    java.arg("org.apache.qpid.server.Main").args(["-icp", "broker.json", "-st", "Memory"]);
    Some((
        Server::start(java, folder, &[plain, anonymous], "Qpid Broker Ready").await,
        plain,
        anonymous,
    ))
}

#[tokio::test]
async fn qpid_agrees() {
    let Some((server, plain, anonymous)) = qpid().await else { return };
    let named = Peer { host: "witness", port: plain, login: talk::named("me", "secret") };
    let nameless = Peer { login: Login::Anonymous, port: anonymous, ..named.clone() };
    talk::agrees(&named, &nameless, "", Leaves::LinksAndSessions).await;
    talk::is_refused(&named, "me").await;
    for why in talk::finds_nothing(&named, "nowhere").await {
        talk::is_of_the_link(&why, "amqp:not-found");
    }
    let answers = talk::answers(&named, "full", &[10; 6]).await;
    assert!(answers[..5].iter().all(|answer| *answer == Answer::Accepted), "{answers:?}");
    let Answer::Rejected(Some(failure)) = &answers[5] else { panic!("{answers:?}") };
    assert_eq!(failure.condition, "amqp:resource-limit-exceeded");
    let why = talk::is_too_large(&named, "orders", LIMIT).await;
    talk::is_of_the_link(&why, "amqp:link:message-size-exceeded");
    drop(server);
}
