//! The agent of one region: the hands of the control plane.
//!
//! It dials out, takes goals, brings them about through drivers and reports what it sees. It knows what a goal means
//! only through `core`; it does not know rollouts, and it never decides to go forward.
//!
//! Reading order: [`app`] (who is there), [`lane`] (from a goal to its confirmation), [`journal`] (what outlives the
//! process), [`measure`] (evidence), [`link`] (the stream to a server).
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod admin;
pub mod app;
pub mod args;
pub mod board;
pub mod config;
pub mod contact;
pub mod journal;
pub mod lane;
pub mod link;
pub mod logs;
pub mod measure;
pub mod metrics;
