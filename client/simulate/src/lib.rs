//! Plays a plan in virtual time: the rules of core decide, regions are modelled, and what happened is kept as a course.
//! It reads no clock, no file and no chance: the same plan under the same assumptions has the same course.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod assume;
mod course;
mod failure;
mod measure;
mod play;
mod region;
mod spend;
mod watching;

pub use assume::{Answered, Assumptions, InvalidSlowness, Measured, Slowness, Unplayable};
pub use course::{Course, Decided, End, Ended, Return, Stay, StepCourse, Waited, WaveCourse};
pub use failure::{FailAt, Failure};
pub use play::simulate;
pub use spend::{Spend, spend};
pub use watching::{Watched, watched};
