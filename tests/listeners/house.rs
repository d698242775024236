//! A broker with a listener of each kind, who is let in where, and what a bridge has to write to get in.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use eventhubs_local::Server;
use stage::authority::{Authority, Certificate};
use stage::listener::Listener;
use stage::node::fresh_dir;
use stage::scram::{SHA_256, SHA_512};
use stage::{Kafka, Settings, free_ports};

use crate::issuer::{AUDIENCE, CLIENT, ISSUER, Issuer, SCOPE, SECRET, TENANT};

pub(crate) const HUB: &str = "orders";
pub(crate) const USER: &str = "bridge-user";
pub(crate) const PASSWORD: &str = "hush, it's a \\password";
/// Tokens and passwords are shown again after so long, in milliseconds.
const REAUTHENTICATE: u64 = 6_000;

/// Every listener: its protocol, the mechanism behind it.
const LISTENERS: [(&str, &str, &str); 10] = [
    ("TLS", "SSL", ""),
    ("MUTUAL", "SSL", ""),
    ("PLAIN", "SASL_SSL", "PLAIN"),
    ("BARE", "SASL_PLAINTEXT", "PLAIN"),
    ("SCRAM256", "SASL_SSL", "SCRAM-SHA-256"),
    ("SCRAM512", "SASL_SSL", "SCRAM-SHA-512"),
    ("TOKEN", "SASL_SSL", "OAUTHBEARER"),
    ("ELSEWHERE", "SSL", ""),
    ("EXPIRED", "SSL", ""),
    // Looks at passwords again and again.
    ("STRICT", "SASL_SSL", "SCRAM-SHA-256"),
];

/// The broker, its authority, its issuer of tokens, and files.
pub(crate) struct House {
    pub(crate) kafka: Kafka,
    pub(crate) issuer: Issuer,
    pub(crate) authority: Authority,
    /// Who vouches for clients, and who will.
    pub(crate) clients: Authority,
    pub(crate) next_clients: Authority,
    folder: PathBuf,
    ports: Vec<u16>,
}

impl House {
    /// The one this test binary shares. Tests that stop the broker open their own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<House> = OnceLock::new();
        SHARED.get_or_init(Self::open)
    }

    pub(crate) fn open() -> Self {
        let [authority, clients, next_clients] = [(); 3].map(|()| Authority::generate());
        let folder = fresh_dir();
        std::fs::create_dir_all(&folder).expect("a writable temporary directory");
        let issuer = Issuer::start(&authority.sign(&["localhost"]));
        let path = |name: &str| folder.join(name);
        let write = |name: &str, text: &str| {
            std::fs::write(path(name), text).expect("a writable directory");
        };
        write("ca.pem", authority.pem());
        write("clients.pem", &(clients.pem().to_owned() + next_clients.pem()));
        write("keys.json", &issuer.keys);
        let store =
            |name: &str, Certificate { chain, key }: Certificate| write(name, &(key + &chain));
        store("good.pem", authority.sign(&["localhost"]));
        store("elsewhere.pem", authority.sign(&["elsewhere.example"]));
        store("expired.pem", authority.sign_expired(&["localhost"]));
        let ports = free_ports(LISTENERS.len());
        let listener =
            |((name, protocol, mechanism), port): (&(&str, &str, &str), &u16)| Listener {
                name: (*name).to_owned(),
                protocol: (*protocol).to_owned(),
                port: *port,
                settings: settings(name, mechanism, &folder),
            };
        let listeners = LISTENERS.iter().zip(&ports).map(listener).collect::<Vec<_>>();
        let keys = format!("file://{}", path("keys.json").display());
        let flags = [format!("-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys}")];
        let kafka = Kafka::with_listeners(&listeners, &flags);
        kafka.set_password(USER, SHA_256, PASSWORD);
        kafka.set_password(USER, SHA_512, PASSWORD);
        let house = Self { kafka, issuer, authority, clients, next_clients, folder, ports };
        house.write_certificate("client", &house.clients.sign(&["bridge"]));
        house.write("password", PASSWORD);
        house
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file as a whole or not at all.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let (path, new) = (self.path(name), self.path(&format!("{name}.new")));
        std::fs::write(&new, text).expect("a writable directory");
        std::fs::rename(&new, &path).expect("a writable directory");
        path
    }

    /// `NAME.crt` and `NAME.key`.
    pub(crate) fn write_certificate(&self, name: &str, certificate: &Certificate) {
        self.write(&format!("{name}.crt"), &certificate.chain);
        self.write(&format!("{name}.key"), &certificate.key);
    }

    /// Where a listener is.
    pub(crate) fn address(&self, listener: &str) -> String {
        let at = LISTENERS.iter().position(|(name, ..)| *name == listener).expect("a listener");
        format!("localhost:{}", self.ports[at])
    }

    /// A bridge that comes in by `listener`, with these lines of `[kafka.security]`.
    pub(crate) fn settings(
        &self,
        listener: &str,
        security: &str,
        group: &str,
        server: &Server,
    ) -> Settings {
        // The broker listens on IPv4 alone.
        Settings::new(&self.kafka, group, server).with(&format!(
            "[kafka]
            brokers = '{}'
            [kafka.security]
            {security}
            [kafka.client]
            'broker.address.family' = 'v4'
            'reconnect.backoff.max.ms' = 500",
            self.address(listener)
        ))
    }

    /// The lines that say whom to trust.
    pub(crate) fn trust(&self) -> String {
        format!("ca_file = '{}'\n", self.path("ca.pem").display())
    }

    /// The lines that show a certificate.
    pub(crate) fn certificate(&self, name: &str) -> String {
        format!(
            "certificate_file = '{}'\nkey_file = '{}'\n",
            self.path(&format!("{name}.crt")).display(),
            self.path(&format!("{name}.key")).display()
        )
    }

    /// The lines that log in with a password.
    pub(crate) fn login(mechanism: &str, password: &str) -> String {
        format!(
            "mechanism = '{mechanism}'\nusername = '{USER}'\npassword = \"\"\"{}\"\"\"\n",
            password.replace('\\', "\\\\")
        )
    }

    /// The lines that log in with the password in a file.
    pub(crate) fn login_by_file(&self, mechanism: &str, username: &str, file: &str) -> String {
        let file = self.path(file);
        format!(
            "mechanism = '{mechanism}'\nusername = '{username}'\npassword_file = '{}'\n",
            file.display()
        )
    }

    /// The lines that log in with tokens of `issuer`, got with this secret.
    pub(crate) fn oidc(&self, issuer: &Issuer, secret: &str) -> String {
        format!(
            "mechanism = 'oauthbearer'
            [kafka.security.token]
            kind = 'oidc'
            token_endpoint = 'https://localhost:{}/token'
            client_id = '{CLIENT}'
            client_secret = '{secret}'
            scope = 'kafka'
            ca_file = '{}'",
            issuer.address.port(),
            self.path("ca.pem").display()
        )
    }

    /// The lines that log in with tokens as Entra gives them.
    pub(crate) fn entra(&self) -> String {
        format!(
            "mechanism = 'oauthbearer'
            [kafka.security.token]
            kind = 'client_secret'
            tenant_id = '{TENANT}'
            client_id = '{CLIENT}'
            client_secret = '{SECRET}'
            authority_host = 'https://localhost:{}'
            scope = '{SCOPE}'",
            self.issuer.address.port()
        )
    }

    /// The lines that log in with a token somebody else wrote into a file.
    pub(crate) fn token_file(file: &Path) -> String {
        format!(
            "mechanism = 'oauthbearer'
            [kafka.security.token]
            kind = 'file'
            token_file = '{}'",
            file.display()
        )
    }
}

/// What the broker is told about a listener.
fn settings(name: &str, mechanism: &str, folder: &Path) -> Vec<String> {
    let certificate = match name {
        "ELSEWHERE" => "elsewhere.pem",
        "EXPIRED" => "expired.pem",
        _ => "good.pem",
    };
    let mut lines = vec![
        "ssl.keystore.type=PEM".to_owned(),
        format!("ssl.keystore.location={}", folder.join(certificate).display()),
    ];
    if name == "MUTUAL" {
        lines.push("ssl.client.auth=required".to_owned());
        lines.push("ssl.truststore.type=PEM".to_owned());
        lines.push(format!("ssl.truststore.location={}", folder.join("clients.pem").display()));
    }
    let security = "org.apache.kafka.common.security";
    let module = match mechanism {
        "" => return lines,
        "PLAIN" => format!(
            "{security}.plain.PlainLoginModule required user_{USER}=\"{}\";",
            // Once for the list of properties, once for the string in it.
            PASSWORD.replace('\\', "\\\\\\\\")
        ),
        "OAUTHBEARER" => format!(
            "{security}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"unused\";"
        ),
        _ => format!("{security}.scram.ScramLoginModule required;"),
    };
    lines.push(format!("sasl.enabled.mechanisms={mechanism}"));
    lines.push(format!("{}.sasl.jaas.config={module}", mechanism.to_lowercase()));
    if matches!(name, "TOKEN" | "STRICT") {
        let mechanism = mechanism.to_lowercase();
        lines.push(format!("{mechanism}.connections.max.reauth.ms={REAUTHENTICATE}"));
    }
    if mechanism == "OAUTHBEARER" {
        let keys = folder.join("keys.json");
        lines.push(format!(
            "oauthbearer.sasl.server.callback.handler.class={security}.oauthbearer.OAuthBearerValidatorCallbackHandler"
        ));
        // The default of Kafka 4.1.1 believes whatever it is shown.
        lines.push(format!(
            "sasl.oauthbearer.jwt.validator.class={security}.oauthbearer.BrokerJwtValidator"
        ));
        lines.push(format!("sasl.oauthbearer.jwks.endpoint.url=file://{}", keys.display()));
        lines.push(format!("sasl.oauthbearer.expected.audience={AUDIENCE}"));
        lines.push(format!("sasl.oauthbearer.expected.issuer={ISSUER}"));
    }
    lines
}
