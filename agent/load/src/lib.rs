//! An open-loop HTTP/1.1 load generator with keep-alive: requests are due by the clock, whatever the answers do, and their
//! latencies count from then.
//! It does not know rollouts: a slot, a version and a failure are only what an answer (or its absence) says.
//!
//! It runs on a thread and a runtime of its own, so that neither a busy test nor a blocked one distorts the pace.
//! Requests are written and answers read without an HTTP library: that keeps 2 000 requests a second cheap in a
//! debug build, and tells exactly whether a request was written before its connection was closed.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answer;
mod chunked;
mod failure;
mod generator;
mod histogram;
mod line;
mod load;
mod mix;
mod options;
mod recording;
mod tally;

pub use answer::AnswerHead;
pub use failure::{FailureExample, FailureReason, Failures};
pub use histogram::Histogram;
pub use load::{Load, Report, StartError, WaitError};
pub use mix::{Method, Request};
pub use options::{MadeBySlot, Options, OptionsError};
pub use recording::{Recording, Sample};
pub use tally::Snapshot;
