//! The drivers of an agent: what starts releases in slots ([`WorkloadDriver`]) and what splits traffic over them
//! ([`TrafficDriver`]).
//!
//! They know how to bring one thing about and how to read it back. They do not know goals, rollouts or the control
//! plane, and they keep no order of events: whoever calls them decides what comes first.
//!
//! Reading order: [`workload`] and [`traffic`] (the two contracts), [`open`](mod@open) (from a configuration to a
//! driver), then one driver: [`process`], [`proxy`], `envoy`.
//!
//! What all of them share: **the data plane outlives the agent**. Processes are started detached, remembered on disk,
//! and found again by the next agent; dropping a driver stops nothing that serves a request.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod detached;
pub mod error;
pub mod open;
pub mod process;
pub mod proxy;
pub mod traffic;
pub mod workload;

#[cfg(any(test, feature = "test-util"))]
pub mod conformance;
#[cfg(feature = "envoy")]
pub mod envoy;
#[cfg(any(test, feature = "test-util"))]
pub mod fake;

mod durable;
mod http_call;
mod ports;
mod program;

pub use error::{DriverError, code};
pub use open::{TrafficConfig, WorkloadConfig, open_traffic, open_workload};
pub use traffic::{
    Origin, Route, RouteSeen, SlotCounters, Sticky, TrafficCapabilities, TrafficCounters, TrafficDriver,
};
pub use workload::{WorkloadCapabilities, WorkloadDriver};
