//! Plans: playbook × release × inventory, compiled once. Immutable and hashed; execution has no choices left.

pub mod compile;
mod drain;
pub mod forecast;
mod hashed;
pub mod join;
pub mod mandate;
pub mod needs;
pub mod parameters;
pub mod prepared;
pub mod set;
pub mod spec;
pub mod supersede;

pub use compile::{Inventory, PlanRefusal, RegionFacts, compile};
pub use hashed::HashedPlan;
pub use join::{Join, JoinWait, Joiner, Joining, Joins};
pub use mandate::{Mandate, NotOfPlan};
pub use needs::{holders, needed};
pub use set::{SetPlan, SetRefused};
pub use spec::{InvalidShare, Leg, Plan, PlannedLane, PlannedStep, PlannedWave, PlaybookRef, TrafficShare};
pub use supersede::{Debt, Hotfix, Supersede, Superseding};
