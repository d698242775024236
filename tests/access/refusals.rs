//! Doors that stay shut: each says who, what for, what the issuer said and what to do; what may pass is waited for.

use std::time::Duration;

use eventhubs_local::Server;
use stage::issuer::Mood;
use stage::{PATIENCE, wait_for};

use crate::issuer::{CLIENT, Issuer, SECRET, TENANT, assert_hushed, nowhere};
use crate::kinds::{alone, command_line};

/// The exit code for what is refused for good.
const REFUSED: i32 = 69;

fn secret(secret: &str) -> String {
    format!(
        "kind = 'client_secret'\ntenant_id = '{TENANT}'\nclient_id = '{CLIENT}'\nclient_secret = '{secret}'"
    )
}

/// The bridge ends, and its last words hold all of these.
#[track_caller]
fn assert_refused(issuer: &Issuer, server: &Server, credential: &str, words: &[&str]) {
    let bridge = alone(issuer, server, credential).start();
    assert_eq!(bridge.wait_exit(PATIENCE), REFUSED, "{}", bridge.log());
    let said = bridge.wait_log(&["ERROR", "the bridge ended"]);
    for word in words {
        assert!(said.contains(word), "`{word}` is not in {said}");
    }
    assert_hushed(&bridge.log(), issuer);
}

#[test]
fn who_is_not_believed_is_told_in_the_issuers_words() {
    let (issuer, server) = Issuer::scene();
    let scope = "got no token for `https://eventhubs.azure.net/.default`";
    let wrong = secret("hush-wrong");
    let words =
        [CLIENT, TENANT, "client_secret", scope, "AADSTS7000215: Invalid client secret", "hint:"];
    assert_refused(&issuer, &server, &wrong, &words);
    let stranger = secret(SECRET).replace(CLIENT, "stranger");
    assert_refused(&issuer, &server, &stranger, &["AADSTS700016", "check `client_id`"]);

    let file = issuer.write("token", "hush.federated.old");
    let expired = format!(
        "kind = 'federated'\ntenant_id = '{TENANT}'\nclient_id = '{CLIENT}'\ntoken_file = '{}'",
        file.display()
    );
    let words = ["(federated)", "AADSTS700024", "its writer must renew the file"];
    assert_refused(&issuer, &server, &expired, &words);

    let unassigned = "kind = 'managed_identity'\nclient_id = 'nobody'";
    let words = ["user-assigned identity with client id `nobody`", "Identity not found", "assign"];
    assert_refused(&issuer, &server, unassigned, &words);
    let echo = format!("{{\"error_description\": \"no such secret: {SECRET}\"}}");
    issuer.rules().mood = Mood::Says(400, echo);
    assert_refused(&issuer, &server, &secret(SECRET), &["answered 400: no such secret: ***"]);
}

#[test]
fn a_tool_that_is_not_there_or_not_logged_in_says_so() {
    let (issuer, server) = Issuer::scene();
    let settings = alone(&issuer, &server, "kind = 'azure_cli'");
    let bridge = settings.variable("PATH", nowhere().to_str().unwrap()).start();
    assert_eq!(bridge.wait_exit(PATIENCE), REFUSED, "{}", bridge.log());
    bridge.wait_log(&["the account of the Azure CLI", "az not found on PATH"]);
    let script = "echo \"ERROR: Please run 'az login' to setup account.\" >&2\nexit 1";
    let path = command_line(&issuer, script);
    let bridge = alone(&issuer, &server, "kind = 'azure_cli'").variable("PATH", &path).start();
    bridge.wait_log(&["the account of the Azure CLI", "Please run 'az login'"]);
}

#[test]
fn a_missing_role_is_named_with_who_lacks_it_and_where() {
    let (issuer, server) = Issuer::scene();
    issuer.terms().role = "Reader";
    let place = format!("on `{}/orders`", "localhost");
    let words = [
        "claim(s) are required",
        "give the system-assigned identity",
        "the role `Azure Event Hubs Data Sender`",
        &place,
    ];
    assert_refused(&issuer, &server, "kind = 'managed_identity'", &words);
}

#[test]
fn what_may_pass_is_waited_for() {
    let (issuer, server) = Issuer::scene();
    let busy = r#"{"error": "temporarily_unavailable", "error_description": "AADSTS90033: later"}"#;
    for (mood, words) in [
        (Mood::Says(429, "slow down".to_owned()), "answered 429: slow down"),
        (Mood::Says(500, "<html>oops</html>".to_owned()), "answered 500: <html>oops</html>"),
        (Mood::Says(400, busy.to_owned()), "answered 400: AADSTS90033: later"),
        (Mood::Silent, "no answer from `localhost` within 1s"),
    ] {
        issuer.rules().mood = mood;
        let before = issuer.rules().asked.len();
        let bridge = alone(&issuer, &server, &secret(SECRET))
            .with("[eventhubs]\nconnect_timeout = '1s'")
            .start();
        bridge.wait_log(&["WARN", "cannot connect to event hubs", words, CLIENT]);
        wait_for("it asks again", PATIENCE, || {
            (issuer.rules().asked.len() > before + 1).then_some(())
        });
        issuer.rules().mood = Mood::Good;
        bridge.wait_log(&["hub found"]);
        assert_hushed(&bridge.log(), &issuer);
    }
}

/// Away from Azure nobody answers at the address of the metadata service.
#[test]
fn a_metadata_service_that_is_silent_is_waited_for() {
    let (issuer, server) = Issuer::scene();
    issuer.rules().mood = Mood::Silent;
    let bridge = alone(&issuer, &server, "kind = 'managed_identity'")
        .with("[eventhubs]\nconnect_timeout = '1s'")
        .start();
    bridge.wait_log(&["WARN", "cannot connect to event hubs", "the system-assigned identity"]);
    issuer.rules().mood = Mood::Good;
    bridge.wait_log(&["hub found"]);
}

#[test]
fn an_issuer_that_cannot_be_reached_or_trusted_is_named() {
    let (issuer, server) = Issuer::scene();
    let unreachable = alone(&issuer, &server, &secret(SECRET))
        .variable("AZURE_AUTHORITY_HOST", "https://localhost:9")
        .start();
    unreachable.wait_log(&["WARN", "`localhost`", "refused"]);
    let other = Issuer::start();
    let untrusted = alone(&issuer, &server, &secret(SECRET))
        .variable("AZURE_AUTHORITY_HOST", &format!("https://localhost:{}", other.https.port()))
        .start();
    untrusted.wait_log(&["WARN", "`localhost`", "certificate"]);
}

#[test]
fn the_default_names_each_thing_it_tried() {
    let (issuer, server) = Issuer::scene();
    issuer.rules().mood =
        Mood::Says(400, "{\"error_description\": \"Identity not found\"}".to_owned());
    let bridge = alone(&issuer, &server, "kind = 'default'")
        .variable("PATH", nowhere().to_str().unwrap())
        .with("[eventhubs]\nconnect_timeout = '5s'")
        .start();
    let limit = PATIENCE + Duration::from_secs(5);
    assert_eq!(bridge.wait_exit(limit), REFUSED, "{}", bridge.log());
    let said = bridge.wait_log(&["ERROR", "the bridge ended"]);
    for words in [
        "no credential of the chain `default` gave a token",
        "client_secret: `AZURE_CLIENT_SECRET` is not set",
        "client_certificate: `AZURE_CLIENT_CERTIFICATE_PATH` is not set",
        "workload_identity: `AZURE_FEDERATED_TOKEN_FILE` is not set",
        "managed_identity: the system-assigned identity",
        "Identity not found",
        "az not found on PATH",
        "azd not found on PATH",
    ] {
        assert!(said.contains(words), "`{words}` is not in {said}");
    }
}
