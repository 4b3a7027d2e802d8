//! Meridian's reverse proxy: the data plane of a region, a process of its own that outlives the agent.
//!
//! It knows two slots, a split between them and how to ask a request where it belongs. It does not know releases,
//! rollouts or the control plane: whoever holds its unix socket (the agent's traffic driver) tells it a [`control::Routing`],
//! and it serves that routing until it is told another one, across its own restarts too.
//!
//! Reading order: [`control`] (what can be told and read), `routing` (which slot a request goes to, and when a switch
//! has happened), `forward` (one request from head to last byte), `upstream` (connections to a slot), `app` (start and
//! drain).
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod app;
pub mod args;
pub mod control;
pub mod error;
pub mod twin_file;

mod admin;
mod downstream;
mod forward;
mod histogram;
mod metrics;
mod routing;
mod state;
mod stats;
mod tasks;
mod upstream;
