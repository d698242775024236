//! Records that flow to a hub behind TLS while the way to it is good or bad.

use std::io::Write as _;
use std::path::Path;

use eventhubs_local::{Server, Tls};
use stage::audit::{Audit, Auditor};
use stage::{Bridge, Kafka, PATIENCE, Settings, Supply, unique, wait_for};
use tempfile::NamedTempFile;

const HUB: &str = "orders";
const PARTITIONS: i32 = 3;

pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) settings: Settings,
    pub(crate) supply: Supply,
    audit: Audit,
}

/// A server whose certificate is good for `name`, and the file of its authority.
pub(crate) fn server(name: &str) -> (Server, NamedTempFile) {
    server_at("127.0.0.1:0", name)
}

/// The same at an address.
pub(crate) fn server_at(address: &str, name: &str) -> (Server, NamedTempFile) {
    let tls = Tls::generate(&[name]).unwrap();
    let ca = file(tls.ca_pem().expect("it was generated"));
    let server = Server::builder().hub(HUB, 4).key("root", "c2VjcmV0LWtleQ==").tls(tls);
    (server.listen(address).start().unwrap(), ca)
}

/// A file that holds `text`.
pub(crate) fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a writable temporary directory");
    file.write_all(text.as_bytes()).expect("a writable temporary directory");
    file
}

/// `[eventhubs.connection]` that trusts `ca`, and what `more` says.
pub(crate) fn connection(ca: &Path, more: &str) -> String {
    format!("[eventhubs.connection]\nca_file = '{}'\n{more}", ca.display())
}

impl Scene {
    pub(crate) fn new(server: Server, connection: &str) -> Self {
        let kafka = Kafka::shared();
        let (topic, group) = (unique("way"), unique("g"));
        let mut supply = Supply::new(kafka, &topic, PARTITIONS);
        supply.write(200);
        let audit = Auditor::of(&topic, PARTITIONS).begin(kafka, &group, &server.hub(HUB));
        let settings = Settings::new(kafka, &group, &server).mapping(&topic, HUB).with(connection);
        // Passwords go over these ways; whatever is said about it is swept.
        let settings = settings.with("[log]\nlevel = 'trace'");
        Self { server, settings, supply, audit }
    }

    #[track_caller]
    pub(crate) fn wait_all(&self) {
        self.audit.wait_records(self.supply.total());
    }

    /// Everything has come over, and Kafka knows.
    #[track_caller]
    pub(crate) fn wait_committed(&self) {
        self.wait_all();
        wait_for("everything is committed", PATIENCE, || {
            self.audit.uncommitted().is_empty().then_some(())
        });
    }

    /// Everything comes over, once, and is read back over the same way: Microsoft's client could not go there.
    #[track_caller]
    pub(crate) fn finish(self, bridge: &Bridge) {
        self.wait_all();
        bridge.stop();
        assert_eq!(self.audit.finish(self.supply.ends()).duplicates, []);
        let output = self.settings.call(&["verify"], &["--from", "earliest", "--json"]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let document: serde_json::Value = serde_json::from_str(&said).expect("a document");
        assert_eq!(document["expected"], self.supply.total(), "{said}");
        assert_eq!(document["read_by"], serde_json::json!(["bridge"]), "{said}");
    }
}
