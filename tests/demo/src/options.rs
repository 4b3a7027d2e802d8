//! What the demo may be told.

use clap::{Parser, Subcommand, ValueEnum};
use meridian_harness::{StoreKind, TrafficKind};

/// A whole release on this machine.
#[derive(Debug, Parser)]
pub struct Options {
    /// Where the server keeps its records.
    #[arg(long, value_enum, default_value_t = Store::Embedded)]
    pub store: Store,
    /// What moves the traffic.
    #[arg(long, value_enum, default_value_t = Traffic::Proxy)]
    pub traffic: Traffic,
    /// Requests per second in each region.
    #[arg(long, default_value_t = 100.0)]
    pub rate: f64,
    /// Another story.
    #[command(subcommand)]
    pub story: Option<Story>,
}

/// Stories besides the release.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Story {
    /// A launch from its checklist to its signed evaluation.
    Launch {
        /// How many times as short days are; at 43200 a day takes two seconds.
        #[arg(long, default_value_t = 43_200)]
        pace: u32,
    },
}

/// A store by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Store {
    /// In one file.
    Embedded,
    /// A real etcd.
    Etcd,
}

/// A data plane by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Traffic {
    /// Meridian's own proxy.
    Proxy,
    /// A real Envoy per region.
    Envoy,
}

impl Store {
    /// Its name and what the fleet calls it.
    pub const fn named(self) -> (&'static str, StoreKind) {
        match self {
            Self::Embedded => ("embedded", StoreKind::Embedded),
            Self::Etcd => ("etcd", StoreKind::Etcd),
        }
    }
}

impl Traffic {
    /// Its name and what the fleet calls it.
    pub const fn named(self) -> (&'static str, TrafficKind) {
        match self {
            Self::Proxy => ("proxy", TrafficKind::Proxy),
            Self::Envoy => ("envoy", TrafficKind::Envoy),
        }
    }
}
