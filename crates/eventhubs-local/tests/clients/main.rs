//! Microsoft's clients in other languages, as their registries have them, against the server.
//!
//! Each program under here does the same things and prints what it saw; what it should have seen is said once, in
//! `expected.rs`, and what it should have sent is read from the server's log. The Rust client has files of its own.

#[path = "../support/mod.rs"]
mod support;

mod expected;
mod install;
mod program;
mod seed;

use std::path::Path;

use eventhubs_local::Value;
use expected::Errors;
use program::run;

/// A language's folder of this one: its program and its manifests.
fn folder(language: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(language)
}

/// Runs one language's program on a server of its own and checks both ends.
async fn check(language: &'static str, int: fn(i64) -> Value, errors: Errors) {
    let Some(command) = install::command(language, &folder(language)) else { return };
    let server = seed::server();
    let seeded = seed::events(&server).await;
    let seen = run(language, command, &server, &seeded);
    expected::seen(language, &seen, &seeded, errors);
    expected::stored(language, &server, int);
}

#[tokio::test(flavor = "multi_thread")]
async fn python() {
    let errors = Errors {
        wrong_key: "com.microsoft:auth-failed",
        unknown_hub: "amqp:not-found",
        unknown_partition: "Invalid partition 9 for the event hub orders",
        oversize_event: "EventDataSendError: The received message",
        stolen: "amqp:link:stolen",
    };
    check("python", |n| Value::Int(n as i32), errors).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript() {
    let errors = Errors {
        wrong_key: "UnauthorizedError",
        unknown_hub: "MessagingEntityNotFoundError",
        unknown_partition: "ArgumentOutOfRangeError",
        oversize_event: "MessageTooLargeError",
        stolen: "ReceiverDisconnectedError",
    };
    // Numbers have no types there: what is above zero is sent as unsigned.
    let int = |n| if n > 0 { Value::Uint(n as u32) } else { Value::Int(n as i32) };
    check("javascript", int, errors).await;
}
