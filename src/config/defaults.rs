//! What holds when the operator says nothing. `config/bridge.full.toml` and the JSON Schema repeat these
//! values for readers; tests keep the three equal.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::{Admin, Limits, Log, LogFormat};

pub(super) const COMMIT_INTERVAL: Duration = Duration::from_secs(1);
pub(super) const DISCOVERY_INTERVAL: Duration = Duration::from_secs(30);
pub(super) const SEND_TIMEOUT: Duration = Duration::from_secs(30);
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// Name of the namespace that `[eventhubs]` itself describes.
pub const NAMESPACE: &str = "default";

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 64 << 20, shards: 1, drain_timeout: Duration::from_secs(20) }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9400)), token_file: None }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}
