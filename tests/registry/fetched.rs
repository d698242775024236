//! What a real registry gives to the client that asks it, by each kind of id and through each kind of door.

use std::path::Path;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use bridge_schema::{Kind, Schema, SchemaId, Source};
use kafka_eventhubs_bridge::config::{ClientCertificate, Registry, Tls};
use kafka_eventhubs_bridge::registry::{Client, RegistryError};
use stage::authority::Authority;
use stage::{PATIENCE, https, unique};

use crate::apicurio::Apicurio;
use crate::{block_on, shared};

fn registry(address: String) -> Registry {
    Registry {
        name: "main".to_owned(),
        addresses: vec![address],
        user: None,
        credential: None,
        headers_file: None,
        tls: Tls::default(),
        timeout: PATIENCE,
    }
}

fn record(name: &str, fields: &[(&str, &str)]) -> String {
    let fields = fields.iter().map(|(name, of)| format!(r#"{{"name": "{name}", "type": "{of}"}}"#));
    let fields = fields.collect::<Vec<_>>().join(", ");
    format!(r#"{{"type": "record", "name": "{name}", "fields": [{fields}]}}"#)
}

fn names(source: &Source) -> Vec<&str> {
    source.references.iter().map(|it| &*it.name).collect()
}

/// A schema that refers to two, of which one refers to the other: its id.
fn diamond(apicurio: &Apicurio) -> u32 {
    let name = unique("d");
    let subject = |of: &str| format!("{name}-{of}");
    let (leaf, left, top) = (subject("leaf"), subject("left"), subject("top"));
    apicurio.register(&leaf, "AVRO", &record("Leaf", &[("n", "long")]), &[]);
    // Another text each time, for another id.
    let left_text = record("Left", &[("leaf", "Leaf"), (&name.replace('-', "_"), "int")]);
    apicurio.register(&left, "AVRO", &left_text, &[("Leaf", &leaf)]);
    let text = record("Top", &[("leaf", "Leaf"), ("left", "Left")]);
    apicurio.register(&top, "AVRO", &text, &[("Leaf", &leaf), ("Left", &left)])
}

#[test]
fn what_is_referred_to_comes_before_what_refers_to_it_whatever_the_id() {
    let Some(apicurio) = shared() else { return };
    let id = diamond(&apicurio);
    let client = Client::new(&registry(apicurio.address()));
    let by = |id| block_on(client.fetch(id)).unwrap();
    let content = SchemaId::ContentId(id.into());
    for source in [by(SchemaId::Id(id)), by(content), by(apicurio.global_id(id))] {
        assert_eq!((source.kind, names(&source)), (Kind::Avro, vec!["Leaf", "Left"]));
        Schema::compile(&source).unwrap();
    }
    // Whoever names Apicurio's own API means the same registry.
    let own_api = apicurio.address().replace("/apis/ccompat/v7", "/apis/registry/v2");
    let client = Client::new(&registry(own_api));
    assert_eq!(names(&block_on(client.fetch(SchemaId::Id(id))).unwrap()), ["Leaf", "Left"]);
}

#[test]
fn apicurio_says_what_kind_of_schema_its_own_ids_are() {
    let Some(apicurio) = shared() else { return };
    let client = Client::new(&registry(apicurio.address()));
    let name = unique("k");
    let json =
        format!(r#"{{"$schema": "http://json-schema.org/draft-07/schema#", "title": "{name}"}}"#);
    let message =
        format!("syntax = \"proto3\";\nmessage M{} {{ int64 id = 1; }}\n", name.replace('-', "_"));
    // It could be a schema of JSON as well.
    let doubtful =
        format!(r#"{{"type": "record", "name": "D", "doc": "{name}", "fields": [], "$id": "1"}}"#);
    for (kind, named, text) in [
        (Kind::Json, "JSON", &json),
        (Kind::Protobuf, "PROTOBUF", &message),
        (Kind::Avro, "AVRO", &doubtful),
    ] {
        let id = apicurio.register(&format!("{name}-{named}"), named, text, &[]);
        for asked in [SchemaId::ContentId(id.into()), apicurio.global_id(id), SchemaId::Id(id)] {
            assert_eq!(block_on(client.fetch(asked)).unwrap().kind, kind, "{named} by {asked}");
        }
    }
    for unknown in
        [SchemaId::GlobalId(1 << 40), SchemaId::ContentId(1 << 40), SchemaId::Guid([7; 16])]
    {
        let answer = block_on(client.fetch(unknown));
        assert!(matches!(answer, Err(RegistryError::Unknown(_))), "{unknown}: {answer:?}");
    }
}

/// Lets through to the registry at `address` what `allowed` says.
fn gate(address: String, allowed: fn(&Request) -> bool) -> Router {
    Router::new().fallback(move |request: Request| async move {
        if !allowed(&request) {
            return (StatusCode::UNAUTHORIZED, "").into_response();
        }
        let answer = reqwest::get(format!("{address}{}", request.uri())).await.unwrap();
        let (status, body) = (answer.status(), answer.bytes().await.unwrap());
        Response::builder().status(status).body(body.into()).unwrap()
    })
}

fn certificate_in(folder: &Path, authority: &Authority) -> ClientCertificate {
    let shown = authority.sign(&["bridge"]);
    let (certificate_file, key_file) = (folder.join("own.pem"), folder.join("own.key"));
    std::fs::write(&certificate_file, shown.chain).unwrap();
    std::fs::write(&key_file, shown.key).unwrap();
    ClientCertificate { certificate_file, key_file }
}

#[test]
fn a_registry_behind_a_password_and_certificates_is_asked_with_those_that_stand_in_the_files_now() {
    let Some(apicurio) = shared() else { return };
    let id = SchemaId::Id(apicurio.register(&unique("m"), "AVRO", r#""long""#, &[]));
    let (authority, clients) = (Authority::generate(), Authority::generate());
    // `ada:good-one`
    let allowed = |request: &Request| {
        request.headers().get("authorization").is_some_and(|it| it == "Basic YWRhOmdvb2Qtb25l")
    };
    let certificate = authority.sign(&["127.0.0.1"]);
    let (address, _) =
        https::serve_to(gate(apicurio.address(), allowed), &certificate, Some(&clients));
    let folder = tempfile::tempdir().unwrap();
    let (ca_file, password) = (folder.path().join("ca.pem"), folder.path().join("password"));
    std::fs::write(&ca_file, authority.pem()).unwrap();
    std::fs::write(&password, "wrong-one").unwrap();
    let identity = Some(certificate_in(folder.path(), &Authority::generate()));
    let registry = Registry {
        user: Some(("ada".to_owned(), password.clone())),
        tls: Tls { ca_file: Some(ca_file), identity },
        ..registry(format!("https://{address}"))
    };
    let client = Client::new(&registry);
    let ask = || block_on(client.fetch(id));
    assert!(matches!(ask(), Err(RegistryError::Later { .. })), "a certificate of nobody it knows");
    certificate_in(folder.path(), &clients);
    let Err(RegistryError::Unauthorized(detail)) = ask() else { panic!("a wrong password") };
    assert!(detail.contains("401 Unauthorized") && !detail.contains("wrong-one"), "{detail}");
    std::fs::write(&password, "good-one\n").unwrap();
    assert_eq!(ask().unwrap().text, r#""long""#);
    let stranger = Registry { tls: Tls::default(), ..registry };
    let answer = block_on(Client::new(&stranger).fetch(id));
    assert!(matches!(answer, Err(RegistryError::Later { .. })), "it trusts nobody new: {answer:?}");
}
