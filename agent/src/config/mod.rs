//! What an operator says about an agent, checked once. It knows what cannot work; it opens nothing.

mod file;
mod yaml;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use http::Uri;
use meridian_core::id::{InvalidName, RegionId, ServiceId};
use meridian_drivers::{Sticky, TrafficConfig, WorkloadConfig};

use file::{ConfigFile, LaneFile, StickyFile, TlsFile};

/// More than any file that was written by hand; a larger one is a mistake.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// All may be tried before one is found; more would only make that longer.
const SERVERS_MAX: usize = 16;
/// Each lane has tasks and a data plane of its own on this machine.
const LANES_MAX: usize = 256;

/// Why a configuration is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Larger than [`FILE_BYTES_MAX`].
    #[error("the configuration {path} is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
    /// Not the YAML that is expected.
    #[error("the configuration is not understood: {0}")]
    Malformed(String),
    /// A name outside the alphabet of names.
    #[error("`{field}` is {text:?}: {why}")]
    Name {
        /// Which field.
        field: &'static str,
        /// What stands there.
        text: String,
        /// What is wrong.
        why: InvalidName,
    },
    /// A server's address that is none.
    #[error("`servers` has {0:?}; write `host:port`")]
    Server(String),
    /// None, or more than can be.
    #[error("`{field}` has {found} entries; there are 1 to {max}")]
    Count {
        /// Which list.
        field: &'static str,
        /// How many.
        found: usize,
        /// The most.
        max: usize,
    },
    /// The same service twice.
    #[error("`lanes` has the service `{0}` twice; a region has one lane per service")]
    Twice(ServiceId),
    /// Neither or both of `tls` and `plaintext: true`.
    #[error("say how links are secured: either `tls` with ca, cert and key, or `plaintext: true`")]
    Security,
}

/// How links are secured.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Security {
    /// Not at all; for trying on one machine.
    Plaintext,
    /// Both sides prove who they are.
    Tls(Tls),
}

/// PEM files, read again for each connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tls {
    /// Whom we believe.
    pub ca: PathBuf,
    /// Who we are.
    pub cert: PathBuf,
    /// The key to `cert`.
    pub key: PathBuf,
    /// The name in the server's certificate, if it is not its address.
    pub server_name: Option<String>,
}

/// One service in this region.
#[derive(Clone, Debug)]
pub struct LaneConfig {
    /// Which service.
    pub service: ServiceId,
    /// How its releases run.
    pub workload: WorkloadConfig,
    /// How its traffic is split.
    pub traffic: TrafficConfig,
    /// Keeps clients on the slot they were first given.
    pub sticky: Option<Sticky>,
}

/// A configuration that can work.
#[derive(Clone, Debug)]
pub struct Config {
    /// The region this agent is the hands of.
    pub region: RegionId,
    /// Servers as `host:port`, each as good as the others; at least one.
    pub servers: Vec<String>,
    /// How links are secured.
    pub security: Security,
    /// Our own folder.
    pub state_dir: PathBuf,
    /// Where `/metrics` and `/healthz` are served.
    pub metrics: Option<SocketAddr>,
    /// Whom to believe when somebody else's metrics are asked over `https`; else whom the system believes.
    pub ask_ca: Option<PathBuf>,
    /// What runs here; one lane per service.
    pub lanes: Vec<LaneConfig>,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
        let mut text = String::new();
        let file = File::open(path).map_err(unreadable)?;
        let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
        if read as u64 > FILE_BYTES_MAX {
            return Err(ConfigError::TooLarge { path: path.to_owned() });
        }
        Self::parse(&text)
    }

    /// Checks a text.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let ConfigFile { region, servers, tls, plaintext, state_dir, metrics, ask_ca, lanes } =
            yaml::read(text).map_err(ConfigError::Malformed)?;
        count("servers", servers.len(), SERVERS_MAX)?;
        if let Some(bad) = servers.iter().find(|server| !is_address(server)) {
            return Err(ConfigError::Server(bad.clone()));
        }
        count("lanes", lanes.len(), LANES_MAX)?;
        let security = match (tls, plaintext) {
            (None, true) => Security::Plaintext,
            (Some(TlsFile { ca, cert, key, server_name }), false) => Security::Tls(Tls { ca, cert, key, server_name }),
            (None, false) | (Some(_), true) => return Err(ConfigError::Security),
        };
        let lanes = lanes.into_iter().map(lane).collect::<Result<Vec<_>, _>>()?;
        let mut services = BTreeSet::new();
        if let Some(twice) = lanes.iter().find(|lane| !services.insert(&lane.service)) {
            return Err(ConfigError::Twice(twice.service.clone()));
        }
        let region = name("region", region, RegionId::new)?;
        Ok(Self { region, servers, security, state_dir, metrics, ask_ca, lanes })
    }
}

fn lane(file: LaneFile) -> Result<LaneConfig, ConfigError> {
    let LaneFile { service, workload, traffic, sticky } = file;
    let service = name("service", service, ServiceId::new)?;
    let sticky = sticky.map(|StickyFile { cookie, max_age_s }| Sticky { cookie, max_age_s });
    Ok(LaneConfig { service, workload, traffic, sticky })
}

fn name<T>(
    field: &'static str,
    text: String,
    new: impl FnOnce(String) -> Result<T, InvalidName>,
) -> Result<T, ConfigError> {
    new(text.clone()).map_err(|why| ConfigError::Name { field, text, why })
}

fn count(field: &'static str, found: usize, max: usize) -> Result<(), ConfigError> {
    if (1..=max).contains(&found) { Ok(()) } else { Err(ConfigError::Count { field, found, max }) }
}

/// `host:port` and nothing else.
fn is_address(text: &str) -> bool {
    let uri = format!("https://{text}").parse::<Uri>();
    uri.is_ok_and(|uri| uri.port_u16().is_some() && uri.authority().is_some_and(|whole| whole.as_str() == text))
}

#[cfg(test)]
mod tests;
