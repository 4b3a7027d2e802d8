//! What is told to people who look on: log lines, and rollouts as traces. Nothing depends on it.

pub mod logging;
pub mod traces;

pub use logging::LogFormat;
pub use traces::{Traces, TracesError};
