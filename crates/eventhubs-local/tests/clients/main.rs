//! Microsoft's clients in other languages, as their registries have them, against the server.
//!
//! Each program under here does the same things and prints what it saw; what it should have seen is said once, in
//! `expected.rs`, and what it should have sent is read from the server's log. All of it is done over plain TCP; over TLS and
//! WebSocket what passes there too: looking, sending, receiving. The Rust client has files of its own.

#[path = "../support/mod.rs"]
mod support;

mod expected;
mod install;
mod languages;
mod program;
mod seed;

use std::path::Path;
use std::sync::Arc;

use install::Program;
use languages::{GO, JAVA, JAVASCRIPT, Language, PYTHON};
use program::run;
use seed::{Scene, Transport};

/// A language's folder of this one: its program and its manifests.
fn folder(language: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(language)
}

/// Runs one language's program over all transports at the same time: they wait more than they work.
async fn check(language: &'static Language) {
    let Some(program) = install::program(language.name, &folder(language.name)) else { return };
    tokio::join!(
        Box::pin(check_over(Transport::Plain, language, &program)),
        Box::pin(check_over(Transport::Tls, language, &program)),
        Box::pin(check_over(Transport::WebSocket, language, &program)),
    );
}

/// Runs one language's program on a server of its own and checks both ends.
async fn check_over(transport: Transport, language: &'static Language, program: &Program) {
    let scene = Arc::new(Scene::new(transport).await);
    let (running, command) = (Arc::clone(&scene), program.command());
    let running = tokio::task::spawn_blocking(move || run(language.name, command, &running));
    let seen = running.await.expect("the program ends as it should");
    expected::seen(language, &scene, &seen);
    expected::stored(language, &scene);
}

#[tokio::test(flavor = "multi_thread")]
async fn python() {
    check(&PYTHON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript() {
    check(&JAVASCRIPT).await;
}

/// An idempotent producer that is not ours, of which one delivery is stored and not answered.
#[tokio::test(flavor = "multi_thread")]
async fn javascript_numbers_what_it_sends() {
    let Some(program) = install::numbering(&folder("javascript")) else { return };
    let scene = Arc::new(Scene::new(Transport::Plain).await);
    let forgotten = scene.server.faults().hub(seed::HUB).partition(1).times(1).forget_ack();
    let (running, command) = (Arc::clone(&scene), program.command());
    let running = tokio::task::spawn_blocking(move || run("javascript", command, &running));
    let seen = running.await.expect("the program ends as it should");
    assert_eq!(seen["send_numbered"], 15);
    assert_eq!(forgotten.fired(), 1);
    let partition = scene.server.hub(seed::HUB).partition(1).clone();
    let events = partition.events();
    let bodies =
        events.iter().map(|event| String::from_utf8_lossy(&event.body().unwrap()).into_owned());
    let expected = (0..3).flat_map(|delivery| (0..5).map(move |n| format!("{delivery}.{n}")));
    assert_eq!(bodies.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    assert_eq!(partition.counters().repeated, 1, "what was not answered came again");
    let numbers = events.iter().map(|event| {
        let found =
            event.annotations().into_iter().find(|(name, _)| name.ends_with("sequence-number"));
        found.unwrap().1.as_i64().unwrap()
    });
    assert_eq!(numbers.collect::<Vec<_>>(), (1..=15).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn java() {
    check(&JAVA).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn go() {
    check(&GO).await;
}
