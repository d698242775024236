//! Apache `ActiveMQ` Artemis.

use std::fs;

use amqp::client::{Answer, Login};
use processes::free_port;
use processes::installed::skipped;

use crate::server::{Server, java, place};
use crate::talk::{self, Leaves, Peer};

async fn artemis() -> Option<(Server, u16)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let etc = folder.path().join("etc");
    let mut java =
        java("artemis", folder.path()).inspect_err(|reason| skipped("Artemis", reason)).ok()?;
    let port = free_port();
    fs::create_dir(&etc).expect("a folder");
    place("artemis", "broker.xml", &etc.join("broker.xml"), &[("@PORT@", port)]);
    place("artemis", "login.config", &etc.join("login.config"), &[]);
    fs::write(etc.join("users.properties"), "me = secret\n").expect("a file");
    fs::write(etc.join("roles.properties"), "all = me\n").expect("a file");
    java.arg("-Djava.security.auth.login.config=etc/login.config");
    java.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn");
    java.arg("org.apache.activemq.artemis.core.server.embedded.Main").arg(folder.path());
    Some((Server::start(java, folder, &[port], "").await, port))
}

#[tokio::test]
async fn artemis_agrees() {
    let Some((server, port)) = artemis().await else { return };
    let named = Peer { host: "witness", port, login: talk::named("me", "secret") };
    let nameless = Peer { login: Login::Anonymous, ..named.clone() };
    talk::agrees(&named, &nameless, "", Leaves::LinksAndSessions).await;
    talk::is_refused(&named, "me").await;
    for why in talk::finds_nothing(&named, "nowhere").await {
        talk::is_of_the_link(&why, "amqp:not-found");
    }
    let answers = talk::answers(&named, "full", &[20_000; 6]).await;
    assert_eq!(answers[0], Answer::Accepted);
    let Answer::Rejected(Some(failure)) = &answers[5] else { panic!("{answers:?}") };
    assert_eq!(failure.condition, "amqp:resource-limit-exceeded");
    drop(server);
}
