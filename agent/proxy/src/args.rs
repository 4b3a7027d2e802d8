//! The command line. It knows names and defaults, not what they do.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Meridian's reverse proxy: splits traffic between the slots blue and green, as told through its control socket.
#[derive(Clone, Debug, Parser)]
#[command(name = "meridian-proxy", version)]
pub struct Args {
    /// Where clients connect (HTTP/1.1, and HTTP/2 with prior knowledge). Port 0 takes a free one.
    #[arg(long, env = "MERIDIAN_PROXY_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The unix socket of the control API. A stale one is replaced, one in use is refused.
    #[arg(long, env = "MERIDIAN_PROXY_CONTROL")]
    pub control: PathBuf,
    /// The file that keeps the last accepted routing, read at start. Its folder must exist.
    #[arg(long, env = "MERIDIAN_PROXY_STATE")]
    pub state: PathBuf,
    /// How long a slot may take to accept a connection, and then to answer with a response head, in milliseconds.
    #[arg(long, env = "MERIDIAN_PROXY_UPSTREAM_TIMEOUT_MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub upstream_timeout_ms: u64,
    /// How many client connections are served at once, tunnels included; more wait in the kernel's backlog.
    #[arg(long, env = "MERIDIAN_PROXY_MAX_CONNECTIONS", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,
}

impl Args {
    /// The limit on waiting for a slot.
    #[must_use]
    pub const fn upstream_timeout(&self) -> Duration {
        Duration::from_millis(self.upstream_timeout_ms)
    }
}
