//! The rules of a rollout, one table or story at a time. Every decision on the way is held against every invariant too.
#![allow(clippy::unwrap_used)]

mod agent;
mod chain;
mod deadlines;
mod doctored;
mod ends;
mod evidence;
mod first;
mod forward;
mod guard;
mod orders;
mod plans;
mod scopes;
mod summary;
mod unreachable;
mod votes;
#[path = "../world/mod.rs"]
mod world;
