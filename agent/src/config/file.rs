//! The configuration as an operator writes it: spelling and defaults, nothing checked beyond types.

use std::net::SocketAddr;
use std::path::PathBuf;

use meridian_drivers::{TrafficConfig, WorkloadConfig};
use serde::Deserialize;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// The region this agent is the hands of.
    pub region: String,
    /// Servers as `host:port`, tried in turn.
    pub servers: Vec<String>,
    /// Who we are and whom we believe.
    #[serde(default)]
    pub tls: Option<TlsFile>,
    /// Says that links are neither encrypted nor authenticated.
    #[serde(default)]
    pub plaintext: bool,
    /// Our own folder.
    pub state_dir: PathBuf,
    /// Where `/metrics` and `/healthz` are served; nowhere if left out.
    #[serde(default)]
    pub metrics: Option<SocketAddr>,
    /// PEM file of the authorities that are believed when metrics are asked over `https`; the system's if left out.
    #[serde(default)]
    pub ask_ca: Option<PathBuf>,
    /// What runs in this region.
    pub lanes: Vec<LaneFile>,
}

/// PEM files, read again for each connection, so that they can be renewed in place.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFile {
    /// Whom we believe.
    pub ca: PathBuf,
    /// Who we are.
    pub cert: PathBuf,
    /// The key to `cert`.
    pub key: PathBuf,
    /// The name in the server's certificate, if it is not its address.
    #[serde(default)]
    pub server_name: Option<String>,
}

/// One service in this region.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaneFile {
    /// Which service.
    pub service: String,
    /// How its releases run.
    pub workload: WorkloadConfig,
    /// How its traffic is split.
    pub traffic: TrafficConfig,
    /// Keeps clients on the slot they were first given.
    #[serde(default)]
    pub sticky: Option<StickyFile>,
}

/// A cookie that remembers the slot.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StickyFile {
    /// Its name.
    pub cookie: String,
    /// How long a client keeps it, in seconds.
    pub max_age_s: u32,
}
