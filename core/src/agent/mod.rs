//! The agent's half: what it remembers, when it obeys, and in which order it touches its region.
//!
//! [`fence`] decides whether a goal is taken at all; [`reconcile`] decides the next safe action from goal and world.
//! The shell does, in this order: persist the memory, act, read back, persist again, report.

pub mod fence;
pub mod reconcile;

pub use fence::{Accepted, GoalRefused, LaneMemory};
pub use reconcile::{Action, Blocked, LocalWorld, NextMove, next_move, serves_now};
