//! IAM of AWS, as the brokers of MSK look at it: tokens are signed here, and a real broker checks each by the rules of AWS.

use std::io::{BufRead, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eventhubs_local::Server;
use jiff::Timestamp;
use stage::jars::Release;
use stage::listener::Listener;
use stage::node::fresh_dir;
use stage::{Bridge, Kafka, PATIENCE, Scene, Settings, free_port, unique, wait_for};

use crate::house::HUB;

const REGION: &str = "eu-west-1";
const SECRET: &str = "hush/IAM+secret";
/// So that nothing of the machine counts.
const NOWHERE: [(&str, &str); 3] = [
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ("AWS_CONFIG_FILE", "/dev/null"),
];

/// A broker that lets in who shows a signed URL.
struct Msk {
    kafka: Kafka,
    address: String,
}

impl Msk {
    fn open() -> Self {
        let classes = fresh_dir();
        let jars = Release::V4_1.jars();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/listeners/SignedUrls.java");
        let mut compiler = Command::new("javac");
        compiler.args(["-cp", &jars, "-d"]).arg(&classes).arg(source);
        assert!(compiler.status().expect("a JDK is installed").success(), "it compiles");
        let security = "org.apache.kafka.common.security.oauthbearer";
        let settings = [
            "sasl.enabled.mechanisms=OAUTHBEARER".to_owned(),
            format!(
                "oauthbearer.sasl.jaas.config={security}.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"unused\";"
            ),
            "oauthbearer.sasl.server.callback.handler.class=SignedUrls".to_owned(),
            // So that each new token is shown.
            "oauthbearer.connections.max.reauth.ms=5000".to_owned(),
        ];
        let port = free_port();
        let listener = Listener {
            name: "IAM".to_owned(),
            protocol: "SASL_PLAINTEXT".to_owned(),
            port,
            settings: settings.to_vec(),
        };
        let flags = [format!("-Diam.region={REGION}"), format!("-Diam.secret={SECRET}")];
        let jars = format!("{jars}:{}", classes.display());
        let kafka = Kafka::with_jars(&[listener], &flags, &jars);
        Self { kafka, address: format!("localhost:{port}") }
    }

    fn settings(&self, group: &str, server: &Server) -> Settings {
        Settings::new(&self.kafka, group, server).with(&format!(
            "[kafka]
            brokers = '{}'
            [kafka.security]
            tls = false
            mechanism = 'oauthbearer'
            [kafka.security.token]
            kind = 'aws_msk_iam'
            region = '{REGION}'
            [kafka.client]
            'broker.address.family' = 'v4'
            'reconnect.backoff.max.ms' = 500",
            self.address
        ))
    }
}

/// What gives credentials to a container, each good for twenty seconds. It ends with the test process.
struct Container {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Container {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let request = BufReader::new(stream.try_clone().expect("a socket"));
                let lines = request.lines().map_while(Result::ok);
                lines.take_while(|line| !line.is_empty()).for_each(drop);
                let number = count.fetch_add(1, Ordering::AcqRel) + 1;
                let ends = Timestamp::now() + Duration::from_secs(20);
                let body = format!(
                    r#"{{"AccessKeyId": "ASIA{number}", "SecretAccessKey": "{SECRET}", "Token": "session/{number}+=", "Expiration": "{ends:.0}"}}"#
                );
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                // Who has gone needs no answer.
                drop(write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Acquire)
    }
}

fn start(settings: &Settings, variables: &[(&str, &str)]) -> Bridge {
    settings.start_with(&[&NOWHERE[..], variables].concat())
}

#[test]
fn tokens_are_signed_anew_before_the_credentials_end_and_nothing_stops() {
    let msk = Msk::open();
    let container = Container::start();
    let server = Server::builder().hub(HUB, 4).start().unwrap();
    let flow = Scene::at(&msk.kafka, "flow", server, |group, server| msk.settings(group, server));
    let place = format!("http://{}/credentials", container.address);
    let bridge = start(&flow.settings, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &place)]);
    bridge.hush(SECRET);
    flow.wait_more(500);
    wait_for("the third credentials", PATIENCE, || (container.asked() >= 3).then_some(()));
    flow.wait_more(1_000);
    assert_eq!(flow.finish(&bridge), []);
    assert_eq!(bridge.logged(" WARN "), 0, "{}", bridge.log());
}

#[test]
fn a_wrong_secret_and_none_at_all_are_told_apart() {
    let msk = Msk::open();
    let topic = unique("refused");
    msk.kafka.create_topic(&topic, 1);
    let server = Server::builder().hub(HUB, 4).start().unwrap();
    let settings = |group: &str| msk.settings(&unique(group), &server).mapping(&topic, HUB);
    let wrong = [("AWS_ACCESS_KEY_ID", "AKIAWRONG"), ("AWS_SECRET_ACCESS_KEY", "hush, wrong")];
    let (wrong, none) = (start(&settings("wrong"), &wrong), start(&settings("none"), &[]));
    wrong.hush("hush, wrong");
    for (bridge, words) in [(&wrong, "invalid_token"), (&none, "`AWS_ACCESS_KEY_ID`")] {
        assert_eq!(bridge.wait_exit(PATIENCE.saturating_mul(2)), 69, "{}", bridge.log());
        assert!(bridge.log().contains(words), "{words}: {}", bridge.log());
    }
    // Whatever can be said, to be swept for secrets.
    let said = settings("said").with("log.level = 'trace'");
    let container = Container::start();
    let place = format!("http://{}/credentials", container.address);
    let said = start(&said, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &place)]);
    said.hush(SECRET);
    said.wait_ready(200);
    said.stop();
    assert!(none.log().contains("no token of IAM for `eu-west-1`"), "{}", none.log());
}
