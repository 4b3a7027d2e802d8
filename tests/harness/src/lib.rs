//! Starts the real thing on this machine: servers, agents with their slots and data planes, and load. Used by the demo,
//! the end-to-end tests and the benchmarks; it knows how to start and end things, not what is right.

pub mod alertmanager;
pub mod artifacts;
pub mod authority;
pub mod fleet;
pub mod ground;
pub mod launch;
mod owner;
pub mod process;
pub mod prometheus;
pub mod servers;
pub mod wait;

pub use alertmanager::Alertmanager;
pub use artifacts::{Artifact, ArtifactFolder};
pub use fleet::{Fleet, FleetOptions, Links, StoreKind, TrafficKind};
pub use launch::Launcher;
pub use process::{Program, Running, program};
pub use prometheus::{Exporter, Prometheus};
pub use servers::{Records, Servers};
pub use wait::wait_until;
