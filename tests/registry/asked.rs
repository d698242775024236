//! How registries are asked: faults that a real one cannot be made to have.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::get;
use bridge_schema::SchemaId;
use kafka_eventhubs_bridge::config::{Registry, Tls};
use kafka_eventhubs_bridge::registry::{Client, Failure};
use serde_json::json;

use crate::block_on;
use crate::support::authority::Authority;
use crate::support::https;

const LIMIT: Duration = Duration::from_millis(500);

fn registry(addresses: &[String]) -> Registry {
    Registry {
        name: "main".to_owned(),
        addresses: addresses.to_vec(),
        user: None,
        credential: None,
        headers_file: None,
        tls: Tls::default(),
        timeout: LIMIT,
    }
}

/// Answers of a stand-in, over plain HTTP.
fn stand_in(router: Router) -> String {
    let certificate = Authority::new().sign(&["127.0.0.1"]);
    let (_, plain) = https::serve(router, &certificate);
    format!("http://{plain}")
}

fn fetched(registry: &Registry) -> Result<String, Failure> {
    let fetched = block_on(Client::new(registry).fetch(SchemaId::Id(7)));
    fetched.map(|source| source.text)
}

fn good() -> Router {
    Router::new().route("/schemas/ids/7", get(|| async { r#"{"schema": "\"long\""}"# }))
}

#[test]
fn the_next_address_is_asked_when_one_does_not_answer() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let dead = "http://127.0.0.1:1".to_owned();
    let addresses = [dead, silent, stand_in(good())];
    assert_eq!(fetched(&registry(&addresses)), Ok("\"long\"".to_owned()));
    let Err(Failure::Later { detail, after: None }) = fetched(&registry(&addresses[..2])) else {
        panic!("nobody answers");
    };
    assert!(detail.starts_with(&addresses[1]), "{detail}");
}

#[test]
fn who_is_not_let_in_says_what_the_registry_says_and_no_secret() {
    let router = Router::new().route(
        "/schemas/ids/7",
        get(|request: Request| async move {
            let said = request.headers()["authorization"].to_str().unwrap().to_owned();
            if said == "Bearer good-token" {
                return r#"{"schema": "\"long\""}"#.into_response();
            }
            let message = format!("not with {said}");
            (
                StatusCode::UNAUTHORIZED,
                json!({ "error_code": 40101, "message": message }).to_string(),
            )
                .into_response()
        }),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("headers");
    std::fs::write(&file, "Authorization: Bearer wrong-token").unwrap();
    let registry = Registry { headers_file: Some(file.clone()), ..registry(&[stand_in(router)]) };
    let client = Client::new(&registry);
    let Err(Failure::Later { detail, .. }) = block_on(client.fetch(SchemaId::Id(7))) else {
        panic!("it is refused, and may be let in later");
    };
    assert!(
        detail.contains("401 Unauthorized: not with") && !detail.contains("wrong-token"),
        "{detail}"
    );
    // It is read anew for each question.
    std::fs::write(&file, "Authorization: Bearer good-token").unwrap();
    assert!(block_on(client.fetch(SchemaId::Id(7))).is_ok());
    let password = folder.path().join("password");
    std::fs::write(&password, "hush-hush\n").unwrap();
    let user = Some(("ada".to_owned(), password));
    let registry = Registry { user, headers_file: None, ..registry };
    let Err(Failure::Later { detail, .. }) = fetched(&registry) else { panic!("it is refused") };
    // base64 of `ada:hush-hush`
    assert!(detail.contains("401") && !detail.contains("hush-hush"), "{detail}");
}

#[test]
fn answers_that_are_no_schemas_are_told_as_such() {
    let answer = |answer: &'static str| {
        Router::new().route("/schemas/ids/7", get(move || async move { answer }))
    };
    for (router, says) in [
        (answer("<html>"), "is not what a registry answers"),
        (answer(r#"{"schema": 1}"#), "is not what a registry answers"),
        (answer(r#"{"schema": "x", "schemaType": "XML"}"#), "it is of type `XML`"),
        (answer(Box::leak("x".repeat(5 << 20).into_boxed_str())), "longer than 4 MiB"),
    ] {
        let Err(Failure::Unusable(why)) = fetched(&registry(&[stand_in(router)])) else {
            panic!("{says}");
        };
        assert!(why.contains(says), "{why}");
    }
    let circle =
        r#"{"schema": "x", "references": [{"name": "a", "subject": "a/b", "version": 1}]}"#;
    let router =
        answer(circle).route("/subjects/a%2Fb/versions/1", get(move || async move { circle }));
    assert!(fetched(&registry(&[stand_in(router)])).is_ok(), "each is asked for once");
}

#[test]
fn what_may_be_another_answer_later_is_asked_for_again() {
    let redirect = Router::new()
        .route("/schemas/ids/7", get(|| async { Redirect::temporary("http://elsewhere") }));
    let Err(Failure::Later { detail, .. }) = fetched(&registry(&[stand_in(redirect)])) else {
        panic!("nobody is sent elsewhere with our password");
    };
    assert!(detail.contains("307"), "{detail}");
    let busy = Router::new().route(
        "/schemas/ids/7",
        get(|| async {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3")], "").into_response()
        }),
    );
    let Err(Failure::Later { after, .. }) = fetched(&registry(&[stand_in(busy)])) else {
        panic!("it is busy");
    };
    assert_eq!(after, Some(Duration::from_secs(3)));
    let unknown = fetched(&registry(&[stand_in(Router::new())]));
    assert!(matches!(unknown, Err(Failure::Unknown(_))), "{unknown:?}");
}
