//! The control plane: takes what people write down, decides with `core`, persists, and tells agents what their lanes
//! should be at. A library, so that tests can start a server in their own process.
//!
//! Reading order: [`engine`] (the shell round the rules), [`session`] (agents connected now), [`ownership`] (which of several
//! equal replicas moves what forward), [`catalog`] (what is written down before anything moves),
//! [`queue`] (what waits for lanes), [`watching`] (what is looked at after everything has moved), [`joining`] (who comes
//! after that), [`grpc`] (how all of it is
//! spoken), [`app`] (who knows whom).
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod alert;
pub mod app;
pub mod args;
mod backoff;
pub mod backup;
pub mod catalog;
pub mod clock;
pub mod config;
pub mod drain;
pub mod engine;
pub mod error;
pub mod grpc;
pub mod http;
pub mod joining;
pub mod metrics;
mod mirror;
pub mod ownership;
pub mod ports;
pub mod program;
pub mod queue;
pub mod session;
pub mod telemetry;
pub mod tls;
pub mod watching;

pub use app::{Running, start, start_in};
pub use config::{AlertConfig, Config, StartError, StoreChoice, Surroundings, Transport};
