//! Doors that stay shut: one clear complaint each, which says what to mend, and no more of it however often it is tried.

use eventhubs_local::Server;
use stage::{Bridge, PATIENCE, unique};

use crate::house::{HUB, House, PASSWORD, USER};
use crate::issuer::SECRET;

/// What the broker refuses for half a minute is refused for good.
const REFUSED: std::time::Duration = PATIENCE.saturating_mul(2);

/// What a bridge does before a shut door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Ends with 69: somebody must act.
    Ends,
    /// Goes on trying.
    Waits,
}

/// A shut door: what it is, the listener, the lines of `[kafka.security]`, and the words of the complaint.
struct Case {
    what: &'static str,
    listener: &'static str,
    security: String,
    fate: Fate,
    words: Vec<&'static str>,
}

fn case(
    what: &'static str,
    listener: &'static str,
    security: String,
    fate: Fate,
    words: &[&'static str],
) -> Case {
    Case { what, listener, security, fate, words: words.to_vec() }
}

fn passwords(house: &House) -> Vec<Case> {
    let with = |lines: String| house.trust() + &lines;
    let wrong = "hush, wrong";
    let check = ["hint: check", "`kafka.security.username`", USER, "`kafka.security.password`"];
    let mechanism = ["broker's supported mechanisms: SCRAM-SHA-256", "`kafka.security.mechanism`"];
    vec![
        case("PLAIN", "PLAIN", with(House::login("plain", wrong)), Fate::Ends, &check),
        case("SCRAM", "SCRAM512", with(House::login("scram-sha-512", wrong)), Fate::Ends, &check),
        case(
            "a mechanism the listener does not have",
            "SCRAM256",
            with(House::login("scram-sha-512", PASSWORD)),
            Fate::Ends,
            &mechanism,
        ),
    ]
}

fn certificates(house: &House) -> Vec<Case> {
    house.write_certificate("stranger", &house.authority.sign(&["stranger"]));
    let wrong_ca = format!("ca_file = '{}'\n", house.path("clients.pem").display());
    let known = house.trust();
    let ca = [
        "was issued by no authority",
        "hint: add the certificate of its authority to `kafka.security.ca_file`",
    ];
    let host = ["not for `localhost`", "elsewhere.example", "`kafka.security.verify_host_name"];
    let own =
        ["hint: the broker requires a client certificate", "`kafka.security.certificate_file`"];
    let stranger = ["rejected the certificate", "`kafka.security.certificate_file`", "truststore"];
    vec![
        case("a wrong authority", "TLS", wrong_ca, Fate::Ends, &ca),
        case("the authorities of the system", "TLS", String::new(), Fate::Ends, &ca),
        case("another host name", "ELSEWHERE", known.clone(), Fate::Ends, &host),
        case("an old certificate", "EXPIRED", known.clone(), Fate::Ends, &["has expired", "renew"]),
        case("no certificate", "MUTUAL", known.clone(), Fate::Ends, &own),
        case(
            "a certificate of a stranger",
            "MUTUAL",
            known + &house.certificate("stranger"),
            Fate::Ends,
            &stranger,
        ),
    ]
}

fn tokens(house: &House) -> Vec<Case> {
    let token = house.write("other-token", &house.issuer.token("somebody-else"));
    let nobody = house.path("no-token");
    let with = |lines: String| house.trust() + &lines;
    let secret = ["401", "Invalid client", "`client_secret`", "`[kafka.security.token]`"];
    let refused = ["invalid_token", "audience", "`kafka.security.token`"];
    let missing = ["cannot get a token for kafka", "no-token"];
    vec![
        case(
            "a wrong secret",
            "TOKEN",
            with(house.oidc(&house.issuer, "hush~wrong~secret")),
            Fate::Ends,
            &secret,
        ),
        case(
            "a token for somebody else",
            "TOKEN",
            with(House::token_file(&token)),
            Fate::Ends,
            &refused,
        ),
        case("no token yet", "TOKEN", with(House::token_file(&nobody)), Fate::Waits, &missing),
    ]
}

/// Not that the door is shut: it is another door.
fn protocols(house: &House) -> Vec<Case> {
    let login = House::login("plain", PASSWORD);
    let bare = format!("tls = false\n{login}");
    let (none, some) =
        (["may not use TLS", "`kafka.security.tls`"], ["if the brokers use TLS", "`tls = true`"]);
    vec![
        case("TLS where there is none", "BARE", house.trust() + &login, Fate::Waits, &none),
        case("no TLS where there is some", "PLAIN", bare, Fate::Waits, &some),
    ]
}

/// What an operator has to read.
fn complaints(bridge: &Bridge) -> Vec<String> {
    let log = bridge.log();
    let bad = |line: &&str| line.contains(" WARN ") || line.contains(" ERROR ");
    log.lines().filter(bad).map(str::to_owned).collect()
}

/// All at once, for half a minute of one takes as long as half a minute of all.
#[test]
fn a_shut_door_is_said_once_with_what_to_mend() {
    let house = House::shared();
    let topic = unique("refused");
    house.kafka.create_topic(&topic, 1);
    let server = Server::builder().hub(HUB, 4).start().unwrap();
    let kinds = [passwords(house), certificates(house), tokens(house), protocols(house)];
    let cases = kinds.into_iter().flatten().collect::<Vec<_>>();
    let start = |case: &Case| {
        let settings = house.settings(case.listener, &case.security, &unique("g"), &server);
        // Whatever can be said, to be swept for secrets.
        settings
            .mapping(&topic, HUB)
            .with("log.level = 'trace'\n[kafka.client]\ndebug = 'security,broker'")
            .start()
    };
    let bridges = cases.iter().map(start).collect::<Vec<_>>();
    let (ending, waiting): (Vec<_>, Vec<_>) =
        cases.iter().zip(&bridges).partition(|(case, _)| case.fate == Fate::Ends);
    for (Case { what, words, .. }, bridge) in ending {
        assert_eq!(bridge.wait_exit(REFUSED), 69, "{what}:\n{}", complaints(bridge).join("\n"));
        // Once while it may pass, and at the end by who ends; the client itself names authorities that it does not have.
        assert_said(what, words, bridge, if what.ends_with("stranger") { 4 } else { 3 });
    }
    // By now they have tried some fifty times.
    for (Case { what, words, .. }, bridge) in waiting {
        assert_eq!(bridge.exit_code(), None, "{what}:\n{}", complaints(bridge).join("\n"));
        let body = bridge.wait_ready(503);
        if *what == "TLS where there is none" {
            assert!(body.contains(words[1]), "{what}: {body}");
        }
        bridge.metrics();
        assert_said(what, words, bridge, 1);
        bridge.stop();
    }
}

#[track_caller]
fn assert_said(what: &str, words: &[&str], bridge: &Bridge, most: usize) {
    let complaints = complaints(bridge);
    let said = complaints.join("\n");
    let found = complaints.iter().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(found, "{what}: {words:?} in\n{said}");
    assert!(complaints.len() <= most, "{what}: {} complaints:\n{said}", complaints.len());
}

/// A secret that is right, from the same place: that the cases above fail for what is wrong in them.
#[test]
fn the_same_doors_open_for_who_has_the_key() {
    let house = House::shared();
    let topic = unique("welcome");
    house.kafka.create_topic(&topic, 1);
    let server = Server::builder().hub(HUB, 4).start().unwrap();
    let with = |lines: String| house.trust() + &lines;
    let unchecked = with("verify_host_name = false\n".to_owned());
    let doors = [
        ("PLAIN", with(House::login("plain", PASSWORD))),
        ("SCRAM512", with(House::login("scram-sha-512", PASSWORD))),
        ("ELSEWHERE", unchecked),
        ("MUTUAL", with(house.certificate("client"))),
        ("TOKEN", with(house.oidc(&house.issuer, SECRET))),
    ];
    let start = |(listener, security): &(&str, String)| {
        house.settings(listener, security, &unique("g"), &server).mapping(&topic, HUB).start()
    };
    let bridges = doors.iter().map(start).collect::<Vec<_>>();
    for bridge in bridges {
        bridge.wait_ready(200);
        bridge.stop();
        assert!(complaints(&bridge).is_empty(), "{}", complaints(&bridge).join("\n"));
    }
}
