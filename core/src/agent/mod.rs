//! The agent's half: what it remembers, when it obeys, and in which order it touches its region.
//!
//! [`fence`] decides whether a goal is taken at all; [`reconcile`] decides the next safe action from goal and world,
//! [`drift`] what is left alone, [`vetoes`] what is not started; [`dead_man`] decides to go back when nobody can be asked.
//! The shell does, in this order: persist the memory, act, read back, persist again, report.

pub mod dead_man;
pub mod drift;
pub mod fence;
pub mod quarantine;
pub mod reconcile;
pub mod version;
pub mod vetoes;

pub use dead_man::{DeadMan, Solitude, Stay, dead_man};
pub use drift::{Drift, drifts, lane_move, reported_drift};
pub use fence::{Accepted, Alone, GoalRefused, LaneMemory};
pub use reconcile::{Action, Blocked, LocalWorld, NextMove, next_move, serves_now};
pub use vetoes::{DIGEST_VETOED, VetoList};
