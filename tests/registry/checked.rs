//! What `check --connect` says of registries.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use eventhubs_local::Server;
use serde_json::Value;
use stage::authority::Authority;
use stage::{Kafka, Settings, https, unique};

use crate::shared;

/// The exit code, and what was found of each address: outcome, detail and hint.
fn check(addresses: &[&str]) -> (i32, Vec<[String; 3]>) {
    let (kafka, topic) = (Kafka::shared(), unique("checked"));
    kafka.create_topic(&topic, 1);
    let server = Server::builder().hub("orders", 1).start().unwrap();
    let settings = Settings::new(kafka, &unique("g"), &server).mapping(&topic, "orders");
    let settings = settings.with(&format!("[registries.main]\naddresses = {addresses:?}"));
    let output = settings.check(&["--connect", "--json"]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let steps = said["steps"].as_array().unwrap().iter();
    let of_registry = steps.filter(|it| it["subject"] == "registry" && it["name"] == "main");
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let found = of_registry.map(|it| {
        assert_eq!(it["step"], "ask");
        [text(&it["outcome"]), text(&it["detail"]), text(&it["hint"])]
    });
    (output.status.code().unwrap(), found.collect())
}

#[test]
fn each_address_of_a_registry_is_asked_and_one_that_answers_is_enough() {
    let Some(apicurio) = shared() else { return };
    let address = apicurio.address();
    let dead = "http://127.0.0.1:1";
    let (code, found) = check(&[&address, dead]);
    let [good, bad] = &found[..] else { panic!("{found:?}") };
    assert_eq!((code, &*good[0], &*bad[0]), (0, "ok", "warning"), "{found:?}");
    assert_eq!(good[1], format!("{address} answers"));
    assert!(bad[1].starts_with(dead) && bad[2].contains("firewalls"), "{bad:?}");

    // Its root speaks no API of Confluent's.
    let root = address.replace("/apis/ccompat/v7", "");
    let (code, found) = check(&[&root]);
    let [wrong] = &found[..] else { panic!("{found:?}") };
    assert_eq!((code, &*wrong[0]), (69, "failed"), "{wrong:?}");
    assert!(wrong[1].contains("404") && wrong[2].contains("`/apis/ccompat/v7`"), "{wrong:?}");
}

#[test]
fn a_registry_that_refuses_us_is_told_apart_from_one_that_is_older() {
    let certificate = Authority::generate().sign(&["127.0.0.1"]);
    let refusing = Router::new().fallback(|| async { StatusCode::FORBIDDEN });
    let (_, refusing) = https::serve(refusing, &certificate);
    let (code, found) = check(&[&format!("http://{refusing}")]);
    assert_eq!((code, &*found[0][0]), (69, "refused"), "{found:?}");
    assert!(found[0][1].contains("403 Forbidden") && found[0][2].contains("may read"), "{found:?}");
    let old = Router::new().route("/config", get(|| async { r#"{"compatibilityLevel": "NONE"}"# }));
    let (_, old) = https::serve(old, &certificate);
    let (code, found) = check(&[&format!("http://{old}")]);
    assert_eq!((code, &*found[0][0]), (0, "ok"), "{found:?}");
}
