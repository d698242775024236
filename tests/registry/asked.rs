//! How registries are asked: faults that a real one cannot be made to have.

use std::path::Path as FilePath;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect};
use axum::routing::{get, post};
use bridge_schema::SchemaId;
use kafka_eventhubs_bridge::config::{
    Application, Entra, Given, Principal, Proxy, Registry, Secret, Tls,
};
use kafka_eventhubs_bridge::registry::{Client, RegistryError};
use serde_json::json;
use stage::authority::Authority;
use stage::{PATIENCE, https};

use crate::block_on;

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
    let certificate = Authority::generate().sign(&["127.0.0.1"]);
    let (_, plain) = https::serve(router, &certificate);
    format!("http://{plain}")
}

fn fetched(registry: &Registry) -> Result<String, RegistryError> {
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
    let Err(RegistryError::Later { detail, after: None }) = fetched(&registry(&addresses[..2]))
    else {
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
    let Err(RegistryError::Unauthorized(detail)) = block_on(client.fetch(SchemaId::Id(7))) else {
        panic!("it is refused, and may be let in later");
    };
    assert!(
        detail.contains("401 Unauthorized: not with") && !detail.contains("wrong-token"),
        "{detail}"
    );
    // It is read again for each question.
    std::fs::write(&file, "Authorization: Bearer good-token").unwrap();
    assert!(block_on(client.fetch(SchemaId::Id(7))).is_ok());
    let password = folder.path().join("password");
    std::fs::write(&password, "hush-hush\n").unwrap();
    let user = Some(("ada".to_owned(), password));
    let registry = Registry { user, headers_file: None, ..registry };
    let Err(RegistryError::Unauthorized(detail)) = fetched(&registry) else {
        panic!("it is refused")
    };
    // base64 of `ada:hush-hush`
    let shown = ["hush-hush", "YWRhOmh1c2gtaHVzaA=="].iter().any(|it| detail.contains(it));
    assert!(detail.contains("401") && !shown, "{detail}");
}

fn says(answer: &'static str) -> Router {
    Router::new().route("/schemas/ids/7", get(move || async move { answer }))
}

/// Of what is refused for good records may be dropped, if that is their policy.
#[test]
fn only_a_registry_can_say_that_a_schema_is_none() {
    let xml = says(r#"{"schema": "x", "schemaType": "XML"}"#);
    let Err(RegistryError::Unusable(why)) = fetched(&registry(&[stand_in(xml)])) else {
        panic!("XML")
    };
    assert!(why.contains("it is of type `XML`"), "{why}");
    let page = || async { Html("<h1>Maintenance</h1>") };
    let page = Router::new().route("/schemas/ids/7", get(page)).fallback(page);
    for (router, words) in [
        (says("Maintenance"), "the answer is not one of a registry"),
        (says(r#"{"schema": 1}"#), "the answer is not one of a registry"),
        (says(r#"{"schema": "\"lo"#), "the answer is not one of a registry"),
        (says(Box::leak("x".repeat(5 << 20).into_boxed_str())), "longer than 4 MiB"),
        (page.clone(), "a page of HTML"),
    ] {
        let Err(RegistryError::Later { detail, .. }) = fetched(&registry(&[stand_in(router)]))
        else {
            panic!("{words}");
        };
        assert!(detail.contains(words), "{detail}");
    }
    // Apicurio gives texts as they are, and so might anything.
    let text = || async { "Maintenance" };
    for router in [page, Router::new().fallback(text)] {
        let client = Client::new(&registry(&[stand_in(router)]));
        let answer = block_on(client.fetch(SchemaId::GlobalId(7)));
        assert!(matches!(answer, Err(RegistryError::Later { .. })), "{answer:?}");
    }
}

#[test]
fn schemas_that_refer_to_each_other_are_asked_for_once_and_in_bounds() {
    let circle =
        r#"{"schema": "x", "references": [{"name": "a", "subject": "a/b", "version": 1}]}"#;
    let router =
        says(circle).route("/subjects/a%2Fb/versions/1", get(move || async move { circle }));
    assert!(fetched(&registry(&[stand_in(router)])).is_ok(), "each is asked for once");
    let next = |Path(subject): Path<u32>| async move {
        let (name, subject) = (format!("n{subject}"), (subject + 1).to_string());
        let next = json!({ "name": name, "subject": subject, "version": 1 });
        json!({ "schema": "x", "references": [next] }).to_string()
    };
    let first = r#"{"schema": "x", "references": [{"name": "a", "subject": "0", "version": 1}]}"#;
    let router = says(first).route("/subjects/{subject}/versions/1", get(next));
    let Err(RegistryError::Unusable(why)) = fetched(&registry(&[stand_in(router)])) else {
        panic!("there is no end of it");
    };
    assert!(why.contains("20 deep"), "{why}");
}

#[test]
fn one_that_does_not_know_a_schema_is_not_the_last_word() {
    let (empty, dead) = (stand_in(Router::new()), "http://127.0.0.1:1".to_owned());
    let both = [empty.clone(), stand_in(good())];
    assert_eq!(fetched(&registry(&both)), Ok("\"long\"".to_owned()));
    let unknown = fetched(&registry(&[empty, dead]));
    assert!(matches!(unknown, Err(RegistryError::Unknown(_))), "{unknown:?}");
}

/// An issuer of tokens and a registry that takes the second of them, on one address.
fn cloud(folder: &FilePath) -> (Registry, Arc<AtomicU32>) {
    let issued = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&issued);
    let token = move |body: String| async move {
        assert!(body.contains("scope=api%3A%2F%2Fr%2F.default"), "{body}");
        let number = count.fetch_add(1, Relaxed) + 1;
        json!({ "access_token": format!("hush{number}"), "expires_in": 3600, "token_type": "Bearer" })
            .to_string()
    };
    let schema = |request: Request| async move {
        match request.headers()["authorization"].to_str().unwrap() {
            "Bearer hush2" => r#"{"schema": "\"long\""}"#.into_response(),
            other => {
                (StatusCode::FORBIDDEN, json!({ "message": other }).to_string()).into_response()
            }
        }
    };
    let router = Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(token))
        .route("/schemas/ids/7", get(schema));
    let authority = Authority::generate();
    let (address, _) = https::serve(router, &authority.sign(&["127.0.0.1"]));
    let ca_file = folder.join("ca.pem");
    std::fs::write(&ca_file, authority.pem()).unwrap();
    let (tenant_id, client_id) = ("t".to_owned(), "c".to_owned());
    let secret = Given::Inline(Secret::new("hush"));
    let application = Application { tenant_id, client_id };
    let entra = Entra {
        identity: Principal::Secret { application, secret },
        authority: format!("https://{address}"),
        scope: "api://r/.default".to_owned(),
        metadata_host: None,
        proxy: Proxy::None,
        ca_file: Some(ca_file.clone()),
    };
    let tls = Tls { ca_file: Some(ca_file), identity: None };
    let registry = registry(&[format!("https://{address}")]);
    let timeout = PATIENCE;
    (Registry { credential: Some(entra), tls, timeout, ..registry }, issued)
}

#[test]
fn a_token_of_entra_is_kept_until_the_registry_refuses_it() {
    let folder = tempfile::tempdir().unwrap();
    let (registry, issued) = cloud(folder.path());
    let client = Client::new(&registry);
    let ask = || block_on(client.fetch(SchemaId::Id(7)));
    let Err(RegistryError::Unauthorized(detail)) = ask() else { panic!("the first is not good") };
    assert!(detail.contains("403 Forbidden") && !detail.contains("hush"), "{detail}");
    assert!(ask().is_ok() && ask().is_ok());
    assert_eq!(issued.load(Relaxed), 2, "one that is good is kept");
}

#[test]
fn what_may_be_another_answer_later_is_asked_for_again() {
    let redirect = Router::new()
        .route("/schemas/ids/7", get(|| async { Redirect::temporary("http://elsewhere") }));
    let Err(RegistryError::Later { detail, .. }) = fetched(&registry(&[stand_in(redirect)])) else {
        panic!("nobody is sent elsewhere with our password");
    };
    assert!(detail.contains("307"), "{detail}");
    let busy = Router::new().route(
        "/schemas/ids/7",
        get(|| async {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3")], "").into_response()
        }),
    );
    let Err(RegistryError::Later { after, .. }) = fetched(&registry(&[stand_in(busy)])) else {
        panic!("it is busy");
    };
    assert_eq!(after, Some(Duration::from_secs(3)));
    let unknown = fetched(&registry(&[stand_in(Router::new())]));
    assert!(matches!(unknown, Err(RegistryError::Unknown(_))), "{unknown:?}");
}
