//! More than one rollout at a time: one that takes over another's lanes, and several that end together.

mod set;
mod supersede;
