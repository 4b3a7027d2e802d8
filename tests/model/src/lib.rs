//! The model checker: the shipped rules of servers and agents, in every order of events that a small fleet can see.
//!
//! Checked is the code that runs in production: `core::rollout::step`, `open`, `goal` and `lane_after`, the agent's
//! `LaneMemory` and `next_move`, and `core::invariants`. Modelled is only the glue between them: a store that compares,
//! servers that may be stale, paused or gone, a network that loses, doubles and reorders, disks that survive a crash.
//! That glue knows no etcd and no gRPC; the suites that do are named in `tests/README.md`.
//!
//! Reading order: `state` (what there is), `action` (what may happen), `turn` (what follows), [`properties`] (what must
//! hold), `flaw` (the bugs planted to see that it would be noticed).

pub mod app;
pub mod properties;
pub mod walk;

mod action;
mod flaw;
mod fleet;
mod intern;
mod rest;
mod rules;
mod state;
mod store;
mod turn;

pub use flaw::{PLANTED, Planted};
