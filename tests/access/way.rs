//! The way to the issuer: the same proxy and the same authorities as to the namespace; the metadata service has neither.

use eventhubs_local::Server;
use stage::Settings;
use stage::tinyproxy::{PASSWORD, Tinyproxy};

use crate::issuer::{CLIENT, Issuer, SECRET, TENANT, assert_hushed};
use crate::kinds::alone;

fn secret() -> String {
    format!(
        "kind = 'client_secret'\ntenant_id = '{TENANT}'\nclient_id = '{CLIENT}'\nclient_secret = '{SECRET}'"
    )
}

/// A bridge on a system that trusts another authority than the issuer's; only the configuration names that.
fn estranged(issuer: &Issuer, server: &Server, credential: &str, connection: &str) -> Settings {
    let other = Issuer::start();
    let elsewhere =
        issuer.write("other.pem", &std::fs::read_to_string(other.path("ca.pem")).unwrap());
    let ca = issuer.path("ca.pem");
    alone(issuer, server, credential)
        .variable("SSL_CERT_FILE", elsewhere.to_str().unwrap())
        .with(&format!("[eventhubs.connection]\nca_file = '{}'\n{connection}", ca.display()))
}

#[test]
fn tokens_are_fetched_through_the_proxy_of_the_connection_trusting_its_authority() {
    let (issuer, server) = Issuer::scene();
    // It lets out Event Hubs and not Entra, as a firewall does that somebody forgot half of.
    let proxy = Tinyproxy::only_to(&[server.addr().port()]);
    let connection = format!("proxy = '{}'", proxy.url());
    let bridge = estranged(&issuer, &server, &secret(), &connection).start();
    let place = format!("`localhost` through the proxy `127.0.0.1:{}`", proxy.port);
    bridge.wait_log(&["WARN", CLIENT, &place]);
    assert_eq!(issuer.rules().asked.len(), 0, "there is no other way");
    proxy.lead_to(&[server.addr().port(), issuer.https.port()]);
    bridge.wait_log(&["hub found", "orders"]);
    assert!(proxy.asked_for(issuer.https.port()) > 0);
    assert_eq!(bridge.logged(PASSWORD), 0, "the password is told to nobody");
    assert_hushed(&bridge.log(), &issuer);
}

#[test]
fn an_issuer_is_not_trusted_for_the_authority_of_another() {
    let (issuer, server) = Issuer::scene();
    let stranger = Issuer::start();
    let bridge = estranged(&issuer, &server, &secret(), "")
        .variable("AZURE_AUTHORITY_HOST", &format!("https://localhost:{}", stranger.https.port()))
        .start();
    bridge.wait_log(&["WARN", "`localhost`", "certificate"]);
    assert_eq!(stranger.rules().asked.len(), 0, "it was told no secret");
}

#[test]
fn the_metadata_service_is_not_asked_through_the_proxy_of_the_connection() {
    let (issuer, server) = Issuer::scene();
    let proxy = Tinyproxy::start();
    let connection = format!("proxy = '{}'", proxy.url());
    let bridge = estranged(&issuer, &server, "kind = 'managed_identity'", &connection).start();
    bridge.wait_log(&["hub found", "orders"]);
    assert!(proxy.asked_for(server.addr().port()) > 0, "events go through it");
    assert_eq!(proxy.asked_for(issuer.http.port()), 0);
}

#[test]
fn the_proxy_of_the_environment_is_used_for_tokens_unless_it_is_refused() {
    let (issuer, server) = Issuer::scene();
    let proxy = Tinyproxy::start();
    let run = |connection: &str| {
        let settings = estranged(&issuer, &server, &secret(), connection);
        let bridge = settings.variable("HTTPS_PROXY", &proxy.url()).start();
        bridge.wait_log(&["hub found", "orders"]);
        proxy.asked_for(issuer.https.port())
    };
    assert_eq!(run("proxy = 'none'"), 0);
    assert!(run("") > 0);
    assert_eq!(proxy.asked_for(server.addr().port()), 0, "AMQP goes its own way");
}

/// For Kafka, where the issuer is asked before any broker.
#[test]
fn the_proxy_of_the_environment_is_used_for_tokens_of_kafka() {
    let (issuer, server) = Issuer::scene();
    let proxy = Tinyproxy::start();
    let bridge = estranged(&issuer, &server, "kind = 'managed_identity'", "proxy = 'none'")
        .with(&format!(
            "[kafka.security]
            tls = false
            mechanism = 'oauthbearer'
            [kafka.security.token]
            kind = 'oidc'
            token_endpoint = 'https://localhost:{}/oidc'
            client_id = '{CLIENT}'
            client_secret = '{SECRET}'
            ca_file = '{}'",
            issuer.https.port(),
            issuer.path("ca.pem").display()
        ))
        .variable("HTTPS_PROXY", &proxy.url())
        .start();
    bridge.wait_log(&["WARN", "cannot get a token for kafka", "401"]);
    assert!(proxy.asked_for(issuer.https.port()) > 0);
    assert_eq!(proxy.asked_for(server.addr().port()), 0, "AMQP goes its own way");
}
