//! The rules of agents: what they take and do next, what they may do alone, and what follows from it for the rollout.

mod alone;
mod obeys;

use super::world;
