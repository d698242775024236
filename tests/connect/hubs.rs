//! What Event Hubs refuses.

use std::io::Write as _;

use eventhubs_local::{Rights, Server, Tls};
use tempfile::NamedTempFile;

use crate::scene::{HUB, KEY, PARTITIONS, check, scene, server, table};

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn a_wrong_key_is_refused_at_the_hub_with_its_name() {
    let server = server();
    let (settings, _) = scene(&server, 1);
    let wrong = server.connection_string().replace(KEY, "d3Jvbmctd3Jvbmc=");
    let checked = check(&settings.with(&format!("[eventhubs]\nconnection_string = '{wrong}'")));
    checked.found(("namespace", "default", "token"), "ok", &["`root`"]);
    checked.found(
        ("hub", "default/orders", "log in"),
        "refused",
        &["401", "check the name", "`root`"],
    );
    checked.found(("hub", "default/orders", "send"), "skipped", &[]);
}

#[test]
fn a_key_that_may_only_listen_may_look_and_not_send() {
    let server = Server::builder()
        .hub(HUB, PARTITIONS)
        .key("root", KEY)
        .limited_key(None, "listen", KEY, Rights::LISTEN)
        .start()
        .unwrap();
    let (settings, _) = scene(&server, 1);
    let listen = server.connection_string().replace("=root", "=listen");
    let checked = check(&settings.with(&format!("[eventhubs]\nconnection_string = '{listen}'")));
    checked.found(("hub", "default/orders", "log in"), "ok", &[]);
    checked.found(("hub", "default/orders", "partitions"), "ok", &[]);
    let words = ["unauthorized", "`listen`", "the `Send` right", HUB];
    checked.found(("hub", "default/orders", "send"), "refused", &words);
    // Whoever is to call `verify` may well have this right alone.
    checked.found(("hub", "default/orders", "listen"), "ok", &["`$Default`"]);
    assert_eq!(checked.mapping()["outcome"], "skipped");
}

const ONCE: &str = "delivery = 'effectively_once'";
const LISTEN: (&str, &str, &str) = ("hub", "default/orders", "listen");

/// The right to read is the bridge's business only where a mapping looks into its hub.
#[test]
fn a_key_that_may_only_send_is_enough_unless_a_mapping_looks_into_the_hub() {
    let server = Server::builder()
        .hub(HUB, PARTITIONS)
        .hub("invoices", 1)
        .key("root", KEY)
        .limited_key(None, "send", KEY, Rights::SEND)
        .start()
        .unwrap();
    let (settings, topic) = scene(&server, 1);
    let send = server.connection_string().replace("=root", "=send");
    let settings = settings.with(&format!("[eventhubs]\nconnection_string = '{send}'"));
    let plain = settings.clone().mapping(&topic, "invoices");
    let checked = check(&plain);
    assert_eq!(checked.code, 0, "{:#}", checked.json);
    checked.found(LISTEN, "note", &["not authorized to read", "only `tail` and `verify`"]);
    let (code, text) = table(&plain);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("hub default/invoices, listen and 1 more: not authorized to read"),
        "{text}"
    );

    let checked = check(&settings.clone().each_mapping(ONCE));
    let words = ["effectively_once", "'Listen' claim(s)", "the `Listen` right on", "`send`"];
    checked.found(LISTEN, "refused", &words);
    checked.found(("hub", "default/orders", "send"), "ok", &[]);
    // And it is good with a key that may do both.
    let both = settings
        .with(&format!("[eventhubs]\nconnection_string = '{}'", server.connection_string()));
    check(&both.each_mapping(ONCE)).found(LISTEN, "ok", &["`$Default`"]);
}

#[test]
fn a_consumer_group_that_a_mapping_needs_is_asked_for() {
    let server = Server::builder().hub(HUB, 4).key("root", KEY);
    let server = server.consumer_group(HUB, "bridge").start().unwrap();
    let (settings, _) = scene(&server, 1);
    let settings = settings.with("[effectively_once]\nconsumer_group = 'nobodys'");
    let checked = check(&settings.clone().each_mapping(ONCE));
    let words = ["not found", "create the consumer group `nobodys`", "[effectively_once]"];
    checked.found(LISTEN, "refused", &words);
    let right = settings.clone().with("[effectively_once]\nconsumer_group = 'bridge'");
    check(&right.each_mapping(ONCE)).found(LISTEN, "ok", &["`bridge`"]);
    // Whoever looks nowhere needs no group.
    check(&settings).found(LISTEN, "ok", &["`$Default`"]);
}

#[test]
fn a_hub_that_does_not_answer_readers_fails_only_where_it_is_to_be_read() {
    let server = server();
    let (settings, _) = scene(&server, 1);
    let busy = server.faults().hub(HUB).partition(0).refuse_attach("com.microsoft:server-busy");
    let checked = check(&settings);
    assert_eq!(checked.code, 0, "{:#}", checked.json);
    checked.found(LISTEN, "note", &["cannot test reading", "server-busy"]);
    let checked = check(&settings.each_mapping(ONCE));
    checked.found(LISTEN, "failed", &["effectively_once", "server-busy", "try again"]);
    assert!(busy.fired() > 1);
}

#[test]
fn a_hub_that_is_not_there_is_refused_and_the_others_are_checked() {
    let server = server();
    let (settings, topic) = scene(&server, 1);
    let checked = check(&settings.mapping(&topic, "invoices"));
    // No token is good for what is not there.
    checked.found(("hub", "default/invoices", "log in"), "refused", &["no such hub", "create it"]);
    checked.found(("hub", "default/orders", "send"), "ok", &[]);
}

#[test]
fn a_peer_that_proves_nothing_ends_the_way_at_tls() {
    let tls = Tls::generate(&["localhost"]).unwrap();
    let ca = file(tls.ca_pem().unwrap());
    let wrong = file(Tls::generate(&["localhost"]).unwrap().ca_pem().unwrap());
    let server = Server::builder().hub(HUB, 4).key("root", KEY).tls(tls).start().unwrap();
    let (settings, _) = scene(&server, 1);
    let trusting = |ca: &NamedTempFile, more: &str| {
        let path = ca.path().display();
        check(
            &settings.clone().with(&format!("[eventhubs.connection]\nca_file = '{path}'\n{more}")),
        )
    };
    let checked = trusting(&wrong, "");
    checked.found(("namespace", "default", "connect"), "ok", &[]);
    checked.found(("namespace", "default", "tls"), "failed", &["certificate", "`ca_file`"]);
    checked.found(("namespace", "default", "amqp"), "skipped", &[]);

    let checked = trusting(&ca, "");
    checked.found(("namespace", "default", "tls"), "ok", &["TLS 1.3", "`localhost`"]);
    let checked = trusting(&ca, "transport = 'websocket'");
    checked.found(("namespace", "default", "websocket"), "ok", &[]);
    assert_eq!((checked.code, checked.not_ok()), (0, Vec::new()));
}

#[test]
fn a_signature_that_is_over_is_said_without_asking_anybody() {
    let (settings, _) = scene(&server(), 1);
    let shared = |end: u64| {
        let text = format!("SharedAccessSignature sr=sb%3a%2f%2flocalhost&sig=x&se={end}&skn=send");
        let namespace =
            "[eventhubs]\nnamespace = 'localhost'\n[eventhubs.credential]\nkind = 'sas'";
        let settings = settings.clone().without("eventhubs").with(namespace);
        check(&settings.with(&format!("[eventhubs.credential]\nsignature = '{text}'")))
    };
    let token = ("namespace", "default", "token");
    let checked = shared(1_700_000_000);
    checked.found(token, "failed", &["a shared access signature expired", "ago", "a new one"]);
    checked.found(("namespace", "default", "resolve"), "skipped", &[]);
    checked.found(("hub", "default/orders", "log in"), "skipped", &[]);
    // Of one that lives, what can be found out is.
    shared(4_000_000_000).found(("namespace", "default", "resolve"), "ok", &[]);
}
