//! The rules of a rollout, one table or story at a time. Every decision on the way is held against every invariant too.
#![allow(clippy::unwrap_used)]

mod agents;
mod alerts;
mod analysis;
mod approvals;
mod back;
mod bundle;
mod chain;
mod checklist;
mod deadlines;
mod doctored;
mod ends;
mod evidence;
mod feedback;
mod first;
mod forward;
mod orders;
mod plans;
mod stops;
mod summary;
#[path = "../world/mod.rs"]
mod world;
