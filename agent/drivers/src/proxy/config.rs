//! What an operator says about the proxy. It knows defaults, nothing of running.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The configuration of [`super::ProxyTraffic`].
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyConfig {
    /// The driver's own folder: control socket, routing, log. One per lane; a short path, because of the socket.
    pub dir: PathBuf,
    /// Where clients connect; port 0 takes a free one at the first start and keeps it.
    pub listen: SocketAddr,
    /// The program; by default `meridian-proxy` beside the agent's own program, else in `PATH`.
    #[serde(default)]
    pub binary: Option<PathBuf>,
    /// How long a slot may take to answer with a response head, in milliseconds.
    #[serde(default = "default_upstream_timeout_ms")]
    pub upstream_timeout_ms: u64,
    /// How long the proxy may take to acknowledge, in milliseconds.
    #[serde(default = "default_ack_timeout_ms")]
    pub ack_timeout_ms: u64,
    /// The proxy's log is emptied beyond this, in bytes.
    #[serde(default = "default_log_bytes_max")]
    pub log_bytes_max: u64,
}

impl ProxyConfig {
    /// A configuration with every default.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, listen: SocketAddr) -> Self {
        Self {
            dir: dir.into(),
            listen,
            binary: None,
            upstream_timeout_ms: default_upstream_timeout_ms(),
            ack_timeout_ms: default_ack_timeout_ms(),
            log_bytes_max: default_log_bytes_max(),
        }
    }
}

const fn default_upstream_timeout_ms() -> u64 {
    10_000
}

/// Longer than the proxy's own bound of one second on settling.
const fn default_ack_timeout_ms() -> u64 {
    5000
}

const fn default_log_bytes_max() -> u64 {
    10 * 1024 * 1024
}
