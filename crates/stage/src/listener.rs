//! Further listeners of a broker: each has its own protocol, its own certificate, its own way of knowing who comes.

use std::fmt::Write as _;

/// A listener of a broker, reached as `localhost`.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Upper case and digits.
    pub name: String,
    /// `SSL`, `SASL_SSL`, `SASL_PLAINTEXT`.
    pub protocol: String,
    /// Where it listens.
    pub port: u16,
    /// Lines of the broker's settings, without the prefix of the listener.
    pub settings: Vec<String>,
}

/// Settings that come after those of the node, and so win over them.
pub fn properties(port: u16, controller: u16, listeners: &[Listener]) -> String {
    let mut own = format!("PLAINTEXT://127.0.0.1:{port}");
    let (mut protocols, mut settings) = ("PLAINTEXT:PLAINTEXT".to_owned(), String::new());
    for Listener { name, protocol, port, settings: lines } in listeners {
        let prefix = format!("listener.name.{}.", name.to_lowercase());
        write!(own, ",{name}://localhost:{port}").expect("a string takes it");
        write!(protocols, ",{name}:{protocol}").expect("a string takes it");
        for line in lines {
            writeln!(settings, "{prefix}{line}").expect("a string takes it");
        }
    }
    format!(
        "listeners={own},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={own}
listener.security.protocol.map={protocols},CONTROLLER:PLAINTEXT
{settings}"
    )
}
