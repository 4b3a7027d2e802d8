//! The control plane: the shell round `core`, sessions of agents, and the API.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod backoff;
pub mod clock;
pub mod engine;
pub mod error;
pub mod metrics;
pub mod session;
