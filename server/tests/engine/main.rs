//! The engine over a memory store, with agents that only obey: decisions are committed before they are spoken, and a new
//! engine on the same store goes on where the old one stopped.
#![allow(clippy::unwrap_used, missing_docs)]

mod agent;
mod calendar;
mod callbacks;
mod decisions;
mod feedback;
mod frozen;
mod replicas;
mod stage;
mod stops;
mod supersede;
