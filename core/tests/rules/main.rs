//! The rules of a rollout, one table or story at a time. Every decision on the way is held against every invariant too.
#![allow(clippy::unwrap_used)]

mod agents;
mod alerts;
mod analysis;
mod back;
mod bundle;
mod chain;
mod composition;
mod deadlines;
mod doctored;
mod ends;
mod evidence;
mod first;
mod forward;
mod gates;
mod orders;
mod plans;
mod queue;
mod staging;
mod summary;

#[path = "../world/mod.rs"]
mod world;
