//! The control port over real HTTP: each endpoint, what it shows, what it does, and what it says to nonsense.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::program::{Control, Running};
use crate::support::{Client, send, soon, start, until};
use fe2o3_amqp::types::messaging::Outcome;
use serde_json::json;

fn program() -> (Running, Control) {
    let hubs = ["--hub", "orders:2", "--hub", "payments:1", "--hub", "west/orders:1"];
    let running = Running::with(&[&hubs[..], &["--control", "127.0.0.1:0"]].concat());
    let control = running.control();
    (running, control)
}

#[tokio::test]
async fn counters_connections_and_events_are_shown() {
    let (running, control) = program();
    let mut client = running.client().await;
    let mut sender = client.sender("orders/Partitions/1").await;
    let long = "x".repeat(230);
    send(&mut sender, &["first", "second"]).await;
    send(&mut sender, &[&long]).await;
    let mut west = Client::to_host(running.address, "west.localhost").await;
    let mut other = west.sender("orders").await;
    send(&mut other, &["third"]).await;

    let counters = control.get("/counters");
    let names: Vec<_> =
        counters.as_array().unwrap().iter().map(|it| (&it["namespace"], &it["name"])).collect();
    let (default, west_name) = (json!("default"), json!("west"));
    let (orders, payments) = (json!("orders"), json!("payments"));
    assert_eq!(names, [(&default, &orders), (&default, &payments), (&west_name, &orders)]);
    assert_eq!((&counters[0]["events"], &counters[0]["deliveries"]), (&json!(3), &json!(2)));
    assert_eq!(counters[0]["partitions"][1]["retained"], 3);
    assert_eq!(counters[0]["partitions"][1]["next_sequence"], 3);
    assert_eq!(counters[2]["events"], 1);

    let connections = control.get("/connections");
    assert_eq!(connections.as_array().unwrap().len(), 2);
    assert_eq!(connections[0]["container_id"], "test");
    assert_eq!(
        (&connections[0]["namespace"], &connections[1]["namespace"]),
        (&default, &west_name)
    );
    assert_eq!(connections[1]["hostname"], "west.localhost");
    let link = json!({"name": "sender", "sender": true, "address": "orders/Partitions/1"});
    assert_eq!(connections[0]["links"][0], link);

    let events = control.get("/events?hub=orders&last=2");
    assert_eq!(events.as_array().unwrap().len(), 2);
    assert_eq!((&events[0]["message_id"], &events[0]["partition"]), (&json!("second"), &json!(1)));
    assert_eq!(events[0]["body"], json!({"size": 6, "text": "second"}));
    assert_eq!((&events[1]["sequence"], &events[1]["body"]["size"]), (&json!(2), &json!(230)));
    let all = control.get("/events");
    assert_eq!(all.as_array().unwrap().len(), 4);
    assert_eq!(
        control.get("/events?namespace=west&hub=orders&partition=0")[0]["message_id"],
        "third"
    );
    assert_eq!(control.get("/events?hub=orders&partition=0"), json!([]));
}

#[tokio::test]
async fn a_long_body_is_shortened_and_bytes_are_hexadecimal() {
    let (running, control) = program();
    let mut client = running.client().await;
    let mut sender = client.sender("payments/Partitions/0").await;
    for body in [&b"a".repeat(1_000)[..], &[0xff, 0x00]] {
        let event = fe2o3_amqp::types::messaging::Message::builder().data(body.to_vec()).build();
        soon(sender.send(event)).await.unwrap();
    }
    let events = control.get("/events?hub=payments");
    assert_eq!(events[0]["body"], json!({"size": 1_000, "text": format!("{}…", "a".repeat(256))}));
    assert_eq!(events[1]["body"], json!({"size": 2, "hex": "ff00"}));
}

#[tokio::test]
async fn a_fault_is_made_counted_and_ended() {
    let (running, control) = program();
    let mut client = running.client().await;
    let mut sender = client.sender("orders/Partitions/1").await;
    let busy = r#"{"kind": "server_busy", "scope": {"hub": "orders", "partition": 1}, "times": 2}"#;
    let (status, made) = control.json("POST", "/faults", busy);
    assert_eq!((status, &made["id"], &made["fired"]), (201, &json!(1), &json!(0)));
    for id in ["a", "b"] {
        let Outcome::Rejected(rejected) = send(&mut sender, &[id]).await else { panic!() };
        assert!(format!("{rejected:?}").contains("server-busy"), "{rejected:?}");
    }
    assert!(matches!(send(&mut sender, &["c"]).await, Outcome::Accepted(_)));
    let used_up = json!({
        "id": 1, "kind": "server_busy", "scope": {"hub": "orders", "partition": 1},
        "times": 2, "fired": 2, "in_force": false,
    });
    assert_eq!(control.get("/faults"), json!([used_up]));
    assert_eq!(control.get("/counters")[0]["refused"], 2);

    // One is ended by its number, the rest together.
    let released = r#"{"kind": "released"}"#;
    assert_eq!(control.json("POST", "/faults", released).1["id"], 2);
    assert!(matches!(send(&mut sender, &["d"]).await, Outcome::Released(_)));
    assert_eq!(control.json("DELETE", "/faults/2", "").1["fired"], 1);
    assert!(matches!(send(&mut sender, &["d"]).await, Outcome::Accepted(_)));
    assert_eq!(control.json("DELETE", "/faults/2", "").0, 404);
    control.json("POST", "/faults", released);
    assert_eq!(control.json("DELETE", "/faults", "").1, json!({"ended": 2}));
    assert!(matches!(send(&mut sender, &["e"]).await, Outcome::Accepted(_)));
}

#[tokio::test]
async fn faults_with_parameters_do_what_they_say() {
    let (running, control) = program();
    let mut client = running.client().await;
    let mut sender = client.sender("orders/Partitions/0").await;
    let make = |body: serde_json::Value| {
        let (status, answer) = control.json("POST", "/faults", &body.to_string());
        assert!(status == 201 || status == 200, "{body}: {answer}");
        answer
    };
    make(
        json!({"kind": "reject_message_id", "message_id": "poison", "condition": "com.microsoft:argument-error"}),
    );
    assert!(matches!(send(&mut sender, &["fine"]).await, Outcome::Accepted(_)));
    let Outcome::Rejected(rejected) = send(&mut sender, &["fine", "poison"]).await else {
        panic!()
    };
    assert!(format!("{rejected:?}").contains("argument-error"));

    make(json!({"kind": "delay_ack", "delay": "300ms", "times": 1}));
    let begun = std::time::Instant::now();
    assert!(matches!(send(&mut sender, &["late"]).await, Outcome::Accepted(_)));
    assert!(begun.elapsed() >= std::time::Duration::from_millis(300));

    make(json!({"kind": "max_message_size", "bytes": "2KiB", "scope": {"hub": "payments"}}));
    let small = client.sender("payments").await;
    assert_eq!(small.max_message_size(), Some(2048));

    make(json!({"kind": "drop_after_store", "scope": {"hub": "orders"}, "times": 1}));
    let _unknown = start(&mut sender, &["ambiguous"]).await;
    soon(sender.on_detach()).await;
    assert_eq!(control.get("/events?hub=orders&last=1")[0]["message_id"], "ambiguous");

    // Of one link, by its connection and name.
    let mut client = running.client().await;
    let mut sender = client.sender("orders/Partitions/0").await;
    let connections = control.get("/connections");
    let id = &connections.as_array().unwrap().last().unwrap()["id"];
    let scope = json!({"connection": id, "link": "sender"});
    let made = make(json!({"kind": "server_busy", "scope": scope}));
    assert_eq!(made["scope"], scope);
    assert!(matches!(send(&mut sender, &["refused"]).await, Outcome::Rejected(_)));

    // What happens at once is not listed.
    let listed = control.get("/faults").as_array().unwrap().len();
    let other = running.client().await;
    assert_eq!(make(json!({"kind": "drop_connections"})), json!({"done": "drop_connections"}));
    until(|| control.get("/connections") == json!([])).await;
    assert_eq!(control.get("/faults").as_array().unwrap().len(), listed);
    drop(other);
}

#[tokio::test]
async fn hubs_are_created_grown_and_deleted() {
    let (running, control) = program();
    let count = |at: usize| {
        let counters = control.get("/counters");
        counters[at]["partitions"].as_array().map(Vec::len)
    };
    let mut client = running.client().await;
    let mut kept = client.sender("orders/Partitions/1").await;
    let mut going = client.sender("payments/Partitions/0").await;
    assert!(client.try_sender("orders/Partitions/2").await.is_err());
    let (status, said) = control.json("POST", "/hubs", r#"{"hub": "orders", "partitions": 3}"#);
    assert_eq!((status, &said["done"], count(0)), (200, &json!("grown"), Some(3)));
    let mut new = client.sender("orders/Partitions/2").await;
    assert!(matches!(send(&mut new, &["a"]).await, Outcome::Accepted(_)));
    assert!(matches!(send(&mut kept, &["b"]).await, Outcome::Accepted(_)));

    let (status, said) = control.json("DELETE", "/hubs/payments", "");
    assert_eq!((status, &said["done"]), (200, &json!("deleted")));
    soon(going.on_detach()).await;
    let (status, said) = control.json("POST", "/hubs", r#"{"hub": "payments", "partitions": 2}"#);
    assert_eq!((status, &said["done"]), (201, &json!("created")));
    let mut anew = client.sender("payments/Partitions/1").await;
    assert!(matches!(send(&mut anew, &["c"]).await, Outcome::Accepted(_)));

    let west = r#"{"hub": "west/new", "partitions": 5, "consumer_groups": ["audit"]}"#;
    assert_eq!(control.json("POST", "/hubs", west).0, 201);
    assert_eq!(count(3), Some(5));
    assert_eq!(control.json("DELETE", "/hubs/west/new", "").0, 200);
    assert_eq!(count(3), None);
}

#[test]
fn every_kind_that_is_listed_can_be_made() {
    let (_running, control) = program();
    for kind in control.get("/faults/kinds").as_array().unwrap() {
        let mut body = json!({"kind": kind["kind"], "times": 1});
        for need in kind["needs"].as_array().unwrap() {
            let need = need.as_str().unwrap();
            body[need] = match need {
                "status" => json!(503),
                "bytes" | "bytes_per_second" | "events_per_second" | "units" => json!(1024),
                "delay" | "life" => json!("1ms"),
                _ => json!("amqp:internal-error"),
            };
        }
        let (status, answer) = control.json("POST", "/faults", &body.to_string());
        assert!(status == 201 || status == 200, "{body}: {answer}");
        assert!(!kind["what"].as_str().unwrap().is_empty());
    }
}

#[test]
fn nonsense_is_answered_with_what_is_known() {
    let (_running, control) = program();
    for (method, path, body, status, error, known) in [
        ("POST", "/faults", "{", 400, "not JSON", None),
        ("POST", "/faults", "[]", 400, "wanted is an object", None),
        ("POST", "/faults", "{}", 400, "`kind` is missing", Some("server_busy")),
        ("POST", "/faults", r#"{"kind": "busy"}"#, 400, "no kind `busy`", Some("server_busy")),
        (
            "POST",
            "/faults",
            r#"{"kind": "released", "time": 3}"#,
            400,
            "no field `time`",
            Some("times"),
        ),
        ("POST", "/faults", r#"{"kind": "released", "times": 0}"#, 400, "`times`", None),
        ("POST", "/faults", r#"{"kind": "delay_ack"}"#, 400, "needs `delay`", Some("delay")),
        (
            "POST",
            "/faults",
            r#"{"kind": "delay_ack", "delay": "1"}"#,
            400,
            "`delay`: `1` is not",
            None,
        ),
        (
            "POST",
            "/faults",
            r#"{"kind": "released", "scope": {"hubs": 1}}"#,
            400,
            "no field `hubs`",
            Some("partition"),
        ),
        (
            "POST",
            "/faults",
            r#"{"kind": "released", "scope": {"hub": "x"}}"#,
            400,
            "no hub `x`",
            Some("orders"),
        ),
        (
            "POST",
            "/faults",
            r#"{"kind": "released", "scope": {"namespace": "x"}}"#,
            400,
            "no namespace `x`",
            Some("west"),
        ),
        (
            "POST",
            "/faults",
            r#"{"kind": "released", "scope": {"hub": "orders", "partition": 2}}"#,
            400,
            "partitions 0 to 1",
            None,
        ),
        (
            "POST",
            "/faults",
            r#"{"kind": "released", "scope": {"partition": 0}}"#,
            400,
            "needs `scope.hub`",
            None,
        ),
        (
            "POST",
            "/faults",
            r#"{"kind": "slow_reads", "bytes_per_second": 1, "scope": {"hub": "orders"}}"#,
            400,
            "whole connections",
            Some("namespace"),
        ),
        ("DELETE", "/faults/7", "", 404, "no fault `7`", None),
        ("GET", "/events?hub=x", "", 400, "no hub `x`", Some("orders")),
        ("GET", "/events?count=1", "", 400, "no parameter `count`", Some("last")),
        ("GET", "/events?last=many", "", 400, "`many` is not a number", None),
        ("GET", "/events?partition=0", "", 400, "needs `hub`", None),
        ("GET", "/nowhere", "", 404, "no such endpoint", Some("GET /events")),
        ("PUT", "/faults", "", 404, "no such endpoint", Some("POST /faults")),
    ] {
        assert_refused(control, (method, path, body), (status, error, known));
    }
    // Nothing of it was made; and the root says what there is.
    assert_eq!(control.get("/faults"), json!([]));
    assert_eq!(control.get("/").as_array().unwrap().len(), 11);
    let large = format!(r#"{{"kind": "{}"}}"#, "x".repeat(70_000));
    assert_eq!(control.text("POST", "/faults", &large).0, 413);
}

#[test]
fn a_hub_that_cannot_be_is_refused_with_the_reason() {
    let (_running, control) = program();
    for (method, path, body, status, error, known) in [
        ("POST", "/hubs", "{", 400, "wanted is an object", None),
        ("POST", "/hubs", r#"{"hub": "new"}"#, 400, "`partitions`", None),
        ("POST", "/hubs", r#"{"hub": "new", "partitions": 0}"#, 400, "1 to 2048", None),
        ("POST", "/hubs", r#"{"hub": "orders", "partitions": 1}"#, 400, "never removed", None),
        (
            "POST",
            "/hubs",
            r#"{"hub": "x/new", "partitions": 1}"#,
            400,
            "no namespace",
            Some("west"),
        ),
        ("DELETE", "/hubs/x", "", 400, "no hub `x`", Some("orders")),
    ] {
        assert_refused(control, (method, path, body), (status, error, known));
    }
}

type Request<'a> = (&'a str, &'a str, &'a str);

/// The answer has that status, says that, and names something that would have been right.
#[track_caller]
fn assert_refused(
    control: Control,
    (method, path, body): Request<'_>,
    (status, error, known): (u16, &str, Option<&str>),
) {
    let (said_status, said) = control.json(method, path, body);
    assert_eq!(said_status, status, "{method} {path} {body}: {said}");
    assert!(said["error"].as_str().unwrap().contains(error), "{method} {path} {body}: {said}");
    let named = said["known"].as_array().into_iter().flatten();
    let has = |wanted: &str| named.clone().any(|name| name == wanted);
    assert!(known.is_none_or(has), "{method} {path} {body}: {said}");
}

#[tokio::test]
async fn metrics_are_as_prometheus_wants_them() {
    let (running, control) = program();
    let mut client = running.client().await;
    let mut sender = client.sender("orders/Partitions/1").await;
    send(&mut sender, &["a", "b"]).await;
    control.json("POST", "/faults", r#"{"kind": "released"}"#);
    send(&mut sender, &["c"]).await;
    let (status, text) = control.text("GET", "/metrics", "");
    assert_eq!(status, 200);
    let place = r#"{hub="orders",namespace="default",partition="1"}"#;
    for line in [
        &format!("eventhubs_local_events_total{place} 2"),
        &format!("eventhubs_local_deliveries_total{place} 1"),
        &format!("eventhubs_local_refused_deliveries_total{place} 1"),
        &format!("eventhubs_local_retained_events{place} 2"),
        "eventhubs_local_connections 1",
        "eventhubs_local_connections_opened_total 1",
        r#"eventhubs_local_links{client="sends"} 1"#,
        r#"eventhubs_local_links{client="receives"} 0"#,
        "eventhubs_local_faults 1",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
    }
    let promtool =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn();
    match promtool {
        Ok(mut promtool) => {
            promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            assert!(promtool.wait().unwrap().success());
        }
        Err(error) => eprintln!("skipped: `promtool check metrics`: {error}"),
    }
}
