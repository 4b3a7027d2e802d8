//! The rules of agents: what they take and do next, what they may do alone, and what follows from it for the rollout.

mod alone;
mod lies;
mod obeys;
mod vetoes;

use super::world;
