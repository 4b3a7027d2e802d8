//! The rules of a watch: thirty days in milliseconds. Every decision is held against every invariant of watches.
#![allow(clippy::unwrap_used)]

mod doctored;
mod judging;
mod milestones;
mod properties;
mod refusals;
mod site;
mod story;
#[path = "../world/mod.rs"]
mod world;
