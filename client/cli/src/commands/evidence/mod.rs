//! Evidence: what it says of a rollout, and whether a bundle of it holds.

pub(super) mod analysis;
pub(super) mod audit;
mod report;
