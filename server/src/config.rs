//! What a server is started with, and why it may not start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use meridian_store::Store;
use meridian_store::etcd::EtcdOptions;

use crate::clock::{Clock, SystemClock};
use crate::engine::StepTrace;
use crate::ports::{Ports, Sockets};
use crate::telemetry::TracesError;
use crate::tls::TermsError;
use crate::tls::terms::TlsFiles;

/// What a server is started with.
#[derive(Clone)]
pub struct Config {
    /// For agents and callers; port 0 takes a free one.
    pub listen: SocketAddr,
    /// For metrics and health; port 0 takes a free one.
    pub http: SocketAddr,
    /// Where records are kept.
    pub store: StoreChoice,
    /// How connections are taken.
    pub transport: Transport,
    /// Collector for traces.
    pub otlp: Option<String>,
    /// How alerts are told.
    pub alerts: AlertConfig,
}

/// How alerts are told.
#[derive(Clone, Debug, Default)]
pub struct AlertConfig {
    /// The folder of the secrets that routes name.
    pub secrets: Option<PathBuf>,
    /// Whom to believe over `https`: the authorities in this PEM file; else whom the system believes.
    pub ca: Option<PathBuf>,
}

/// What a server stands on and does not choose: the machine, or a simulation of one.
#[derive(Clone)]
pub struct Surroundings {
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where connections come from.
    pub ports: Arc<dyn Ports>,
    /// Listens to steps and decisions in place of the collector for traces.
    pub trace: Option<Arc<dyn StepTrace>>,
}

impl Surroundings {
    /// The machine's own.
    #[must_use]
    pub fn machine() -> Self {
        Self { clock: Arc::new(SystemClock), ports: Arc::new(Sockets), trace: None }
    }
}

/// Where records are kept.
#[derive(Clone)]
pub enum StoreChoice {
    /// Nowhere: gone with the server.
    Memory,
    /// In a file in this folder, which is made if it is not there.
    Embedded(PathBuf),
    /// In etcd.
    Etcd(Box<EtcdOptions>),
    /// In a store that somebody else has opened.
    Given(Arc<dyn Store>),
}

/// How connections are taken.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Without TLS: whoever can connect is believed.
    Plaintext,
    /// With certificates on both sides.
    Tls(TlsFiles),
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store can't be opened.
    #[error("the store can't be opened: {0}")]
    Store(String),
    /// An address can't be bound.
    #[error("{address} can't be listened on")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The certificates can't be used.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// Traces can't be sent.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// The descriptions that services are generated from can't be read.
    #[error("the service descriptions can't be read: {0}")]
    Descriptors(String),
}
