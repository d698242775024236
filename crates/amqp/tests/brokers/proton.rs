//! A server on Apache Qpid Proton, the library below many clients and routers.

use std::process::Command;

use amqp::client::{Answer, Failure, Login};
use processes::free_port;
use processes::installed::{installed, packages, python, skipped, succeeds};

use crate::server::{Server, manifests};
use crate::talk::{self, Peer};

/// It is built where it is installed.
const COMPILES: &str = "import os, sysconfig; os.stat(sysconfig.get_path('include') + '/Python.h')";

fn program() -> Result<Command, String> {
    let hint =
        |reason: String| format!("{reason}; apt-get install python3-venv python3-dev gcc g++");
    python().map_err(hint)?;
    if !succeeds(Command::new("python3").args(["-c", COMPILES])) {
        return Err(hint("python3-dev is not installed".into()));
    }
    if !succeeds(Command::new("cc").arg("--version")) {
        return Err(hint("no C compiler is installed".into()));
    }
    let folder = manifests("proton");
    let home = installed("brokers", "proton", &folder, &["requirements.txt"], |home| {
        packages(home, &[]);
    });
    let mut python = Command::new(home.join("venv/bin/python"));
    python.arg("-B").arg(folder.join("server.py"));
    Ok(python)
}

async fn proton() -> Option<(Server, Peer)> {
    let mut python = program().inspect_err(|reason| skipped("Proton", reason)).ok()?;
    let port = free_port();
    python.arg(port.to_string());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(python, folder, &[port], "").await;
    Some((server, Peer { host: "witness", port, login: Login::Anonymous }))
}

#[tokio::test]
async fn proton_agrees() {
    let Some((server, peer)) = proton().await else { return };
    talk::to_and_fro(&peer, "orders").await;
    talk::goes_away(&peer, "moved").await;
    for why in talk::finds_nothing(&peer, "missing").await {
        talk::is_of_the_link(&why, "amqp:not-found");
    }
    let answers = talk::answers(&peer, "outcomes", &[1, 20_000, 3, 4, 5]).await;
    let failure =
        Failure { condition: "amqp:not-allowed".into(), description: "not this one".into() };
    let rejected = Answer::Rejected(Some(failure));
    let expected =
        [Answer::Accepted, rejected, Answer::Released, Answer::Modified, Answer::Accepted];
    assert_eq!(answers, expected);
    let why = talk::is_too_large(&peer, "limited", 10_000).await;
    talk::is_of_the_link(&why, "amqp:link:message-size-exceeded");
    talk::hears(&peer, "settled").await;
    drop(server);
}
