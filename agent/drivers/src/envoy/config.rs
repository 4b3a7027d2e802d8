//! What an operator says about Envoy. It knows defaults, nothing of running.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The configuration of [`super::EnvoyTraffic`].
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvoyConfig {
    /// The driver's own folder: sockets, bootstrap, last route, log. One per lane; a short path, because of the sockets.
    pub dir: PathBuf,
    /// Envoy's node id: the lane, such as `flights/eu-west`. An Envoy with another id gets nothing from us.
    pub node: String,
    /// Where clients connect; port 0 takes a free one at the first start and keeps it.
    pub listen: SocketAddr,
    /// The program, 1.37 or later; by default `envoy` beside the agent's own program, else in `.tools/bin`, else in `PATH`.
    #[serde(default)]
    pub binary: Option<PathBuf>,
    /// Envoy's worker threads.
    #[serde(default = "default_concurrency")]
    pub concurrency: u32,
    /// How long a slot may take to accept a connection, in milliseconds.
    #[serde(default = "default_connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// A request or tunnel on which nothing moves for this long is ended, in milliseconds.
    #[serde(default = "default_idle_timeout_ms")]
    pub idle_timeout_ms: u64,
    /// How long Envoy may take to acknowledge, in milliseconds.
    #[serde(default = "default_ack_timeout_ms")]
    pub ack_timeout_ms: u64,
    /// Envoy's log is emptied beyond this, in bytes.
    #[serde(default = "default_log_bytes_max")]
    pub log_bytes_max: u64,
}

impl EnvoyConfig {
    /// A configuration with every default.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, node: impl Into<String>, listen: SocketAddr) -> Self {
        Self {
            dir: dir.into(),
            node: node.into(),
            listen,
            binary: None,
            concurrency: default_concurrency(),
            connect_timeout_ms: default_connect_timeout_ms(),
            idle_timeout_ms: default_idle_timeout_ms(),
            ack_timeout_ms: default_ack_timeout_ms(),
            log_bytes_max: default_log_bytes_max(),
        }
    }

    pub(super) const fn ack_timeout(&self) -> Duration {
        Duration::from_millis(self.ack_timeout_ms)
    }
}

/// One lane's traffic on a machine that it shares.
const fn default_concurrency() -> u32 {
    1
}

const fn default_connect_timeout_ms() -> u64 {
    1000
}

const fn default_idle_timeout_ms() -> u64 {
    60_000
}

const fn default_ack_timeout_ms() -> u64 {
    5000
}

const fn default_log_bytes_max() -> u64 {
    10 * 1024 * 1024
}
