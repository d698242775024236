//! What reaches the clients, and when.

use std::path::Path;
use std::sync::Mutex;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;

use super::*;
use crate::config::{
    BrokerTls, ClientCertificate, Given, Kafka, Mechanism, Security, TokenSource, sample,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A client that notes what it is handed.
#[derive(Default)]
struct Note {
    taken: Mutex<Vec<String>>,
    more: Condvar,
}

impl Note {
    fn take(&self, text: &str) {
        self.taken.lock().unwrap().push(text.to_owned());
        self.more.notify_all();
    }

    /// What was handed over, once it is `count` things.
    fn after(&self, count: usize) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        let few = |taken: &mut Vec<String>| taken.len() < count;
        let (taken, timeout) = self.more.wait_timeout_while(taken, PATIENCE, few).unwrap();
        assert!(!timeout.timed_out(), "only {taken:?}");
        taken.clone()
    }
}

impl Entrant for Note {
    fn take_password(&self, username: &str, password: &Secret) -> Result<(), String> {
        self.take(&format!("{username}:{}", password.expose()));
        Ok(())
    }

    fn take_token(&self, token: &Bearer) -> Result<(), String> {
        self.take(&token.principal);
        Ok(())
    }
}

fn kafka(tls: Option<BrokerTls>, login: Option<BrokerLogin>) -> Kafka {
    sample(|config| config.kafka.security = Some(Security { tls, login })).kafka
}

fn jwt(subject: &str, left: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let claims = format!(r#"{{"sub": "{subject}", "exp": {}}}"#, now + left);
    format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims))
}

fn by_token(file: &Path) -> BrokerLogin {
    let source = TokenSource::File(file.to_owned());
    let extensions = [("logicalCluster".to_owned(), "lkc-1".to_owned())].into();
    BrokerLogin::Token { source, extensions }
}

#[test]
fn a_password_that_changes_reaches_every_client_and_an_empty_file_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "old\n").unwrap();
    let mechanism = Mechanism::Plain;
    let password = Given::File(file.clone());
    let login = BrokerLogin::Password { mechanism, username: "u".to_owned(), password };
    let access = Logins::open(&kafka(None, Some(login))).unwrap();
    assert_eq!(access.wait(Duration::ZERO), Ok(true));
    let before = Arc::new(Note::default());
    access.admit(&before);
    std::fs::write(&file, "").unwrap();
    std::fs::write(&file, "new\n").unwrap();
    assert_eq!(before.after(1), ["u:new"]);
    let after = Arc::new(Note::default());
    access.admit(&after);
    assert_eq!(after.after(1), ["u:new"], "the file it was made with may have been read before");
}

#[test]
fn a_token_is_waited_for_and_each_new_one_reaches_every_client() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let access = Logins::open(&kafka(None, Some(by_token(&file)))).unwrap();
    let client = Arc::new(Note::default());
    access.admit(&client);
    assert_eq!(access.wait(Duration::from_millis(50)), Ok(false));
    let end = std::time::Instant::now() + PATIENCE;
    while !access.trouble().is_some_and(|why| why.contains("No such file")) {
        assert!(std::time::Instant::now() < end, "{:?}", access.trouble());
        assert_eq!(access.wait(Duration::from_millis(50)), Ok(false));
    }
    std::fs::write(&file, jwt("first", 600)).unwrap();
    assert_eq!(access.wait(PATIENCE), Ok(true));
    assert_eq!(access.trouble(), None);
    assert_eq!(client.after(1), ["first"]);
    std::fs::write(&file, jwt("second", 900)).unwrap();
    assert_eq!(client.after(2), ["first", "second"]);
}

#[test]
fn certificates_that_rotate_are_told_when_they_are_sound() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let make = || generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let put = |CertifiedKey { cert, signing_key }: &CertifiedKey<rcgen::KeyPair>| {
        std::fs::write(place("crt"), cert.pem()).unwrap();
        std::fs::write(place("key"), signing_key.serialize_pem()).unwrap();
    };
    put(&make());
    let identity = ClientCertificate { certificate_file: place("crt"), key_file: place("key") };
    let tls = BrokerTls {
        ca_file: None,
        identity: Some(identity),
        key_password: None,
        verify_host_name: true,
    };
    let access = Logins::open(&kafka(Some(tls), None)).unwrap();
    assert_eq!(access.rotations(), 0);
    // A certificate without its key never counts, however long it stands there.
    let (lone, pair) = (make(), make());
    std::fs::write(place("crt"), lone.cert.pem()).unwrap();
    let (sender, receiver) = std::sync::mpsc::sync_channel::<()>(1);
    receiver.recv_timeout(Duration::from_secs(4)).unwrap_err();
    assert_eq!(access.rotations(), 0);
    put(&pair);
    let end = std::time::Instant::now() + PATIENCE;
    while access.rotations() == 0 {
        assert!(std::time::Instant::now() < end, "the new pair was not noticed");
        receiver.recv_timeout(Duration::from_millis(50)).unwrap_err();
    }
    drop(sender);
    assert_eq!(access.rotations(), 1);
}

#[test]
fn a_client_of_librdkafka_takes_what_it_is_handed() {
    let client = |mechanism: &str| -> BaseConsumer {
        ClientConfig::new()
            .set("group.id", "g")
            .set("security.protocol", "sasl_plaintext")
            .set("sasl.mechanism", mechanism)
            .set("sasl.username", "u")
            .set("sasl.password", "old")
            .create()
            .unwrap()
    };
    assert_eq!(client("PLAIN").take_password("u", &Secret::new("new")), Ok(()));
    let by_token = client("OAUTHBEARER");
    let bearer = |left| {
        let text = Secret::new(jwt("me", left));
        let expires = SystemTime::now() + Duration::from_secs(60);
        let mut bearer = Bearer::new(
            &Token { text, expires },
            &[("logicalCluster".to_owned(), "lkc-1".to_owned())].into(),
        );
        bearer.expires += (left - 60) * 1000;
        bearer
    };
    assert_eq!(bearer(60).principal, "me");
    assert_eq!(by_token.take_token(&bearer(60)), Ok(()));
    let why = by_token.take_token(&bearer(-60)).unwrap_err();
    assert!(!why.contains("e30"), "the token is shown: {why}");
}
