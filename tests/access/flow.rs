//! While records flow: tokens that last seconds, secrets that change, an issuer that goes away. Nothing is lost, nothing
//! is doubled, and no link is lost to an expiry.

use eventhubs_local::Server;
use kafka_eventhubs_bridge::admin::Answer;
use stage::issuer::Mood;
use stage::scene::HUB;
use stage::{Bridge, Kafka, PATIENCE, Scene, Settings, wait_for};

use crate::issuer::{CLIENT, Issuer, TENANT, application_certificate, assert_hushed};

fn begin(server: Server) -> Scene {
    let kafka = Kafka::shared();
    Scene::at(kafka, "flow", server, |group, server| Settings::new(kafka, group, server))
}

/// Links attached since the start: no more than the lanes need means that none was lost.
fn links(bridge: &Bridge) -> u64 {
    bridge.count("bridge_links_attached_total", &[])
}

fn federated(issuer: &Issuer) -> String {
    let file = issuer.write("token", "hush.federated.1");
    format!(
        "kind = 'federated'\ntenant_id = '{TENANT}'\nclient_id = '{CLIENT}'\ntoken_file = '{}'",
        file.display()
    )
}

#[track_caller]
fn wait_issued(issuer: &Issuer, more: usize) {
    let wanted = issuer.rules().issued.len() + more;
    wait_for("tokens are issued", PATIENCE, || {
        (issuer.rules().issued.len() >= wanted).then_some(())
    });
}

#[test]
fn several_lives_of_a_token_cost_no_link() {
    let issuer = Issuer::start();
    issuer.rules().lifetime = 6;
    let flow = begin(issuer.event_hubs(HUB, 4));
    let bridge = issuer.settings(flow.settings.clone(), &flow.server, &federated(&issuer)).start();
    flow.wait_more(1_000);
    let attached = links(&bridge);
    for _ in 0..3 {
        wait_issued(&issuer, 1);
        flow.wait_more(1_000);
    }
    // The federated token is replaced, as AKS does it: the old one counts no longer.
    issuer.write("token", "hush.federated.2");
    "hush.federated.2".clone_into(&mut issuer.terms().federated);
    wait_issued(&issuer, 2);
    flow.wait_more(1_000);
    // The issuer is in trouble for less than a token's life: the old token serves, and it is said.
    issuer.rules().mood = Mood::Says(503, "upgrading".to_owned());
    let warned = bridge.wait_log(&["WARN", "retrying while the old one is valid", "upgrading"]);
    assert!(warned.contains(CLIENT) && warned.contains("/.default"), "{warned}");
    issuer.rules().mood = Mood::Good;
    wait_issued(&issuer, 1);
    flow.wait_more(1_000);
    assert_eq!(links(&bridge), attached, "no link was lost to an expiry");
    assert_hushed(&bridge.log(), &issuer);
    assert_hushed(&bridge.metrics(), &issuer);
    assert_hushed(&bridge.readiness().1, &issuer);
    assert_eq!(flow.finish(&bridge), []);
}

#[test]
fn a_certificate_is_replaced_in_mid_flow() {
    let issuer = Issuer::start();
    let (certificate, key, public) = application_certificate();
    issuer.rules().lifetime = 6;
    issuer.terms().certificate_key = Some(public);
    let file = issuer.write("both.pem", &format!("{certificate}{key}"));
    let credential = format!(
        "kind = 'client_certificate'\ntenant_id = '{TENANT}'\nclient_id = '{CLIENT}'\ncertificate_file = '{}'",
        file.display()
    );
    let flow = begin(issuer.event_hubs(HUB, 4));
    let bridge = issuer.settings(flow.settings.clone(), &flow.server, &credential).start();
    flow.wait_more(1_000);
    let attached = links(&bridge);
    let (certificate, key, public) = application_certificate();
    issuer.write("both.pem", &format!("{certificate}{key}"));
    // The old one counts no longer.
    issuer.terms().certificate_key = Some(public);
    for _ in 0..2 {
        wait_issued(&issuer, 1);
        flow.wait_more(1_000);
    }
    assert_eq!(links(&bridge), attached, "no link was lost to the rotation");
    assert_hushed(&bridge.log(), &issuer);
    assert_eq!(flow.finish(&bridge), []);
}

#[test]
fn an_issuer_that_is_away_for_longer_than_a_token_lives_is_said_and_survived() {
    let issuer = Issuer::start();
    issuer.rules().lifetime = 4;
    let flow = begin(issuer.event_hubs(HUB, 4));
    let bridge = issuer.settings(flow.settings.clone(), &flow.server, &federated(&issuer)).start();
    flow.wait_more(500);
    issuer.rules().mood =
        Mood::Says(401, r#"{"error_description": "AADSTS7000222: over"}"#.to_owned());
    let body = bridge.wait_unready(&["AADSTS7000222", CLIENT]);
    assert_hushed(&body, &issuer);
    issuer.rules().mood = Mood::Good;
    flow.wait_more(1_000);
    bridge.wait_ready(200);
    assert_eq!(flow.finish(&bridge), []);
}

/// An Event Hubs with a key that has two values, of which one is about to be taken back.
fn keyed(issuer: &Issuer) -> Server {
    let builder = Server::builder().hub(HUB, 4).tls(issuer.tls());
    builder.key("send", "hush-old").key("send", "hush-new").start().unwrap()
}

#[test]
fn a_connection_string_in_a_file_is_replaced_in_mid_flow() {
    let issuer = Issuer::start();
    let flow = begin(keyed(&issuer));
    let old = flow.server.connection_string();
    let new = old.replace("hush-old", "hush-new");
    assert!(old != new, "{old}");
    let file = issuer.write("string", &old);
    let bridge = flow
        .settings
        .clone()
        .without("eventhubs.connection_string")
        .with(&format!("[eventhubs]\nconnection_string_file = '{}'", file.display()))
        .variable("SSL_CERT_FILE", issuer.path("ca.pem").to_str().unwrap())
        .start();
    flow.wait_more(1_000);
    // The key goes before its file changes: who comes again is refused until it has.
    flow.server.revoke_key("send", "hush-old");
    flow.server.faults().drop_connections();
    bridge.wait_unready(&["InvalidSignature", "was it regenerated?"]);
    issuer.write("string", &new);
    bridge.wait_ready(200);
    flow.wait_more(1_000);
    assert_hushed(&bridge.log(), &issuer);
    assert_eq!(flow.finish(&bridge), []);
}

#[test]
fn a_key_is_replaced_and_its_secondary_serves_meanwhile_without_a_link_lost() {
    let issuer = Issuer::start();
    let flow = begin(keyed(&issuer));
    let (first, second) = (issuer.write("first", "hush-old"), issuer.write("second", "hush-new"));
    let credential = format!(
        "kind = 'sas'\nkey_name = 'send'\ntoken_lifetime = '6s'\nkey_file = '{}'\nsecondary_key_file = '{}'",
        first.display(),
        second.display()
    );
    let bridge = issuer.settings(flow.settings.clone(), &flow.server, &credential).start();
    flow.wait_more(1_000);
    let attached = links(&bridge);
    let renewals = || bridge.count("bridge_token_renewals_total", &["outcome=\"ok\""]);
    flow.server.revoke_key("send", "hush-old");
    bridge.wait_log(&[
        "WARN",
        "the service refused a shared access key; the bridge uses the secondary one",
    ]);
    let before = renewals();
    wait_for("more renewals", PATIENCE, || (renewals() > before + 10).then_some(()));
    let said =
        bridge.events::<Answer>(0).events.into_iter().filter(|it| it.change == "tokens_renewed");
    assert_eq!(said.count(), 1, "once in ten minutes, however many there are");
    flow.wait_more(1_000);
    assert_eq!(links(&bridge), attached, "no link was lost to the rotation");
    assert_hushed(&bridge.log(), &issuer);
    assert_eq!(flow.finish(&bridge), []);
}

/// The only key is regenerated under way: the tokens made with it end, and no new one is accepted.
#[test]
fn a_token_that_ends_is_told_until_there_is_a_new_one() {
    let issuer = Issuer::start();
    let flow = begin(keyed(&issuer));
    let key = issuer.write("only", "hush-old");
    let credential = format!(
        "kind = 'sas'\nkey_name = 'send'\ntoken_lifetime = '6s'\nkey_file = '{}'",
        key.display()
    );
    let bridge = issuer.settings(flow.settings.clone(), &flow.server, &credential).start();
    flow.wait_more(1_000);
    flow.server.revoke_key("send", "hush-old");
    wait_for("/readyz names the hub and the reason", PATIENCE, || {
        let (_, body) = bridge.readiness();
        let names = body.contains("\"hub\":\"orders\"") && body.contains("was it regenerated?");
        names.then_some(())
    });
    // The metric and `/readyz` agree about the connection, whatever becomes of it. One may be asked just before it changes.
    wait_for("one truth", PATIENCE, || {
        let connected = bridge.metric("bridge_eventhubs_connected", &[]) > 0.0;
        let told = bridge.readiness().1.contains("is not connected");
        (connected != told).then_some(())
    });
    bridge.wait_metric("bridge_send_retries_total", &["cause=\"unauthorized\""], 1.0);
    issuer.write("only", "hush-new");
    flow.wait_more(1_000);
    wait_for("nothing is held", PATIENCE, || {
        bridge.readiness().1.contains("\"held\":[]").then_some(())
    });
    assert_eq!(bridge.count("bridge_eventhubs_connected", &[]), 1);
    assert_hushed(&bridge.log(), &issuer);
    assert_eq!(flow.finish(&bridge), []);
}

#[test]
fn one_connection_string_serves_while_the_key_of_the_other_is_regenerated() {
    let issuer = Issuer::start();
    let builder = Server::builder().hub(HUB, 4).tls(issuer.tls());
    let builder = builder.key("send", "hush-old").key("send", "hush-new");
    let flow = begin(builder.key("spare", "hush-spare").start().unwrap());
    let string = |name: &str, key: &str| {
        let port = flow.server.addr().port();
        format!("Endpoint=sb://localhost:{port};SharedAccessKeyName={name};SharedAccessKey={key}")
    };
    let first = issuer.write("first", &string("send", "hush-old"));
    let bridge = flow
        .settings
        .clone()
        .without("eventhubs.connection_string")
        .with(&format!("[eventhubs]\nconnection_string_file = '{}'", first.display()))
        .variable("BRIDGE_EVENTHUBS__SECONDARY_CONNECTION_STRING", &string("spare", "hush-spare"))
        .variable("SSL_CERT_FILE", issuer.path("ca.pem").to_str().unwrap())
        .start();
    flow.wait_more(1_000);
    // The primary key is regenerated, and every connection has to show a key again.
    flow.server.revoke_key("send", "hush-old");
    flow.server.faults().drop_connections();
    bridge.wait_log(&[
        "WARN",
        "the service refused a shared access key; the bridge uses the secondary one",
    ]);
    flow.wait_more(1_000);
    // Its new value is in the file before the other key goes.
    issuer.write("first", &string("send", "hush-new"));
    flow.server.revoke_key("spare", "hush-spare");
    flow.server.faults().drop_connections();
    bridge.wait_log(&[
        "WARN",
        "the service refused a shared access key; the bridge uses the primary one",
    ]);
    flow.wait_more(1_000);
    assert_eq!(bridge.logged("not authorized to use the namespace"), 0, "one key always was good");
    assert_hushed(&bridge.log(), &issuer);
    assert_eq!(flow.finish(&bridge), []);
}

#[test]
fn a_signature_is_used_until_the_next_one_is_written() {
    let issuer = Issuer::start();
    let flow = begin(keyed(&issuer));
    let file = issuer.write("signature", &signature("hush-old", 8));
    let credential = format!("kind = 'sas'\nsignature_file = '{}'", file.display());
    let bridge = issuer.settings(flow.settings.clone(), &flow.server, &credential).start();
    flow.wait_more(500);
    let attached = links(&bridge);
    bridge.wait_log(&["WARN", "the signature was not replaced"]);
    issuer.write("signature", &signature("hush-new", 3600));
    // Longer than the first one lived.
    wait_for("the end of the first signature", PATIENCE, || {
        (bridge.metric("bridge_token_expiry_timestamp_seconds", &[]) > in_seconds(1800) as f64)
            .then_some(())
    });
    flow.server.revoke_key("send", "hush-old");
    flow.wait_more(1_000);
    assert_eq!(links(&bridge), attached, "no link was lost");
    assert_eq!(flow.finish(&bridge), []);
}

fn in_seconds(seconds: u64) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs() + seconds
}

/// A signature for the whole namespace, as an operator generates it.
fn signature(key: &str, seconds: u64) -> String {
    use base64::Engine as _;
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let (resource, expiry) = ("sb%3a%2f%2flocalhost%2f", in_seconds(seconds));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(format!("{resource}\n{expiry}").as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    let signature = signature.replace('+', "%2b").replace('/', "%2f").replace('=', "%3d");
    format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn=send")
}
