//! The desk of somebody who types what a page says: a checkout, the programs built, a Kafka and an Event Hubs that answer.
//!
//! Commands are run as they stand. Only where a page gives an address, the one that answers here is put in its place.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use eventhubs_local::Server;
use stage::{Kafka, Log, Out, PATIENCE, Process, Release, free_port};
use tempfile::TempDir;

use crate::pages::{Page, root};

const BRIDGE: &str = env!("CARGO_BIN_EXE_kafka-eventhubs-bridge");
/// Kafka's own programs, by the names its archive gives them.
const TOOLS: [(&str, &str); 3] = [
    ("kafka-acls.sh", "org.apache.kafka.tools.AclCommand"),
    ("kafka-configs.sh", "kafka.admin.ConfigCommand"),
    ("kafka-consumer-groups.sh", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"),
];
/// Access is controlled, and whoever sits here is the administrator.
const CONTROLLED: &str =
    "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
";
/// As Kafka Connect gives it; what pages call `connector.json`.
const CONNECTOR: &str = r#"{"name": "orders", "config": {
    "connector.class": "org.apache.camel.kafkaconnector.azureeventhubssink.CamelAzureeventhubssinkSinkConnector",
    "topics": "orders",
    "tasks.max": "4",
    "consumer.override.bootstrap.servers": "kafka:9092",
    "camel.kamelet.azure-eventhubs-sink.sharedAccessName": "send",
    "camel.kamelet.azure-eventhubs-sink.namespaceName": "shop-events",
    "camel.kamelet.azure-eventhubs-sink.eventhubName": "orders"
}}"#;
/// What a page calls its dead-letter topic, where it has one.
const REFUSED: &str = "orders-refused";
/// Records that are copied when a page starts the bridge.
const RECORDS: u64 = 3;

pub(crate) struct Desk {
    kafka: Kafka,
    server: Server,
    tools: TempDir,
}

/// Where one page is followed, from its first command to its last.
pub(crate) struct Seat<'a> {
    desk: &'a Desk,
    folder: TempDir,
    admin: u16,
    /// The variable that takes the place of the file with the secret.
    secret: &'static str,
    /// Whether its configuration has a dead-letter topic.
    keeps_letters: bool,
    bridge: Option<(Process, Log)>,
    /// An `eventhubs-local`, and its control port.
    local: Option<(Process, String)>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let kafka = Kafka::start_with(1, CONTROLLED);
        for topic in ["orders", "payments"] {
            kafka.create_topic(topic, 2);
        }
        kafka.create_topic(REFUSED, 2);
        // 2025-12-02, and a minute later each.
        let letter = |n: i64| Out::value("x").to((n % 2) as i32).at(1_764_633_600_000 + n * 60_000);
        kafka.produce(REFUSED, (0..222).map(letter));
        let server = Server::builder().hub("orders", 4).hub("payments", 4).start().unwrap();
        let (tools, jars) = (tempfile::tempdir().unwrap(), Release::TOOLS.jars());
        for (name, class) in TOOLS {
            let file = tools.path().join(name);
            fs::write(&file, format!("#!/bin/sh\nexec java -cp '{jars}' {class} \"$@\"\n"))
                .unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { kafka, server, tools }
    }

    /// A checkout in which everything is built, with the configuration of the README.
    pub(crate) fn seat(&self, page: &Page) -> Seat<'_> {
        let folder = tempfile::tempdir().unwrap();
        let programs = Path::new(BRIDGE).parent().unwrap();
        assert!(
            programs.join("eventhubs-local").is_file(),
            "run `cargo build --workspace --bins`, or test the whole workspace"
        );
        fs::create_dir(folder.path().join("target")).unwrap();
        symlink(programs, folder.path().join("target/release")).unwrap();
        symlink(root().join("config"), folder.path().join("config")).unwrap();
        let readme = Page::named("README.md");
        fs::write(folder.path().join("bridge.toml"), readme.block("toml", "")).unwrap();
        fs::write(folder.path().join("connector.json"), CONNECTOR).unwrap();
        let secret = match page.name() {
            "docs/migration.md" => "BRIDGE_EVENTHUBS__CREDENTIAL__KEY",
            _ => "BRIDGE_EVENTHUBS__CONNECTION_STRING",
        };
        let (admin, keeps_letters) = (free_port(), page.name() == "docs/commands.md");
        Seat { desk: self, folder, admin, secret, keeps_letters, bridge: None, local: None }
    }
}

impl Seat<'_> {
    /// Types it and wants it to work. What goes on until it is stopped goes on until the page ends.
    pub(crate) fn type_in(&mut self, text: &str) {
        let here = self.here(text);
        let lasting = here.trim_end_matches('&').trim();
        if lasting.contains("kafka-eventhubs-bridge run ") {
            self.run(lasting);
        } else if lasting.contains("eventhubs-local --") {
            self.serve(lasting);
        } else {
            let output = self.shell(&format!("timeout 120 {here}")).output().unwrap();
            assert!(output.status.success(), "`{text}` ended with {}", said(&output));
        }
    }

    /// The command, with the addresses that answer here.
    fn here(&self, text: &str) -> String {
        let control = self.local.as_ref().map_or("", |(_, address)| address);
        text.replace(
            "--bootstrap-server K ",
            &format!("--bootstrap-server {} ", self.desk.kafka.bootstrap()),
        )
        .replace("127.0.0.1:9400", &format!("127.0.0.1:{}", self.admin))
        .replace("--listen 127.0.0.1:5672", "--listen 127.0.0.1:0")
        .replace("--control 127.0.0.1:8080", "--control 127.0.0.1:0")
        .replace("127.0.0.1:8080", control)
        .replace("localhost:8080", control)
        .replace("curl ", "curl --fail-with-body ")
    }

    fn shell(&self, text: &str) -> Command {
        let programs = Path::new(BRIDGE).parent().unwrap().display();
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new("bash");
        command
            .args(["-c", text])
            .current_dir(self.folder.path())
            .env("PATH", format!("{programs}:{}:{path}", self.desk.tools.path().display()))
            .env("BRIDGE_KAFKA__BROKERS", self.desk.kafka.bootstrap())
            .env(self.secret, self.desk.server.connection_string())
            .env("BRIDGE_ADMIN__LISTEN", format!("127.0.0.1:{}", self.admin));
        if self.keeps_letters {
            command.env("BRIDGE_FAILURE__POLICY", "dead_letter");
            command.env("BRIDGE_FAILURE__DEAD_LETTER_TOPIC", REFUSED);
        }
        command
    }

    fn lasting(&self, text: &str) -> Command {
        let mut command = self.shell(&format!("exec {text}"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the bridge; it is good if it copies.
    fn run(&mut self, text: &str) {
        let hub = self.desk.server.hub("orders");
        let wanted = hub.total() + RECORDS;
        let record = |n| Out::value(format!("{n}")).key(format!("order-{n}"));
        self.desk.kafka.produce("orders", (0..RECORDS).map(record));
        let bridge = Process::start(self.lasting(text), "it is built by `cargo test`");
        let log = bridge.log(|_| ());
        self.bridge = Some((bridge, log));
        assert!(hub.wait_for(wanted, PATIENCE), "`{text}` copies nothing: {}", self.stop());
    }

    /// Starts an Event Hubs; it is good if it says where it is.
    fn serve(&mut self, text: &str) {
        // A port where the page names none, and the one namespace that it speaks of.
        let listen = if text.contains("--listen") { "" } else { "--listen 127.0.0.1:0" };
        let control = if text.contains("--control") { "" } else { "--control 127.0.0.1:0" };
        let text = format!("{text} {listen} {control} --hub west/orders:2");
        let local = Process::start(self.lasting(&text), "test the whole workspace");
        let said = local.said();
        said.wait(&[": Endpoint=sb://"], PATIENCE);
        let line = said.wait(&["control on http://"], PATIENCE).text;
        let control = line.trim_end_matches('/').rsplit('/').next().expect("a port");
        self.local = Some((local, control.to_owned()));
    }

    /// What the bridge said, once it is gone.
    fn stop(&mut self) -> String {
        let Some((bridge, log)) = self.bridge.take() else { return String::new() };
        format!("{}\n{}", bridge.stop(), log.whole())
    }

    /// The page has ended.
    pub(crate) fn leave(mut self) {
        let ran = self.bridge.is_some();
        let said = self.stop();
        assert!(!ran || said.starts_with("exit status: 0\n"), "{said}");
    }
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}
