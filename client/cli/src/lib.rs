//! The operator's side of Meridian: manifests, the commands of `meridian` on top of them, and the live view of a
//! rollout. It speaks to servers only through `meridian-client`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod app;
pub mod args;
mod bundle;
pub mod clock;
mod commands;
pub mod error;
pub mod exit_code;
pub mod manifest;
mod output;
pub mod reference;
pub mod session;
mod simulation;
pub mod style;
pub mod view;
