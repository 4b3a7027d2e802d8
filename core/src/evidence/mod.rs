//! Evidence: what was measured, what is asked of it, and the verdict. Pure numbers; who measures is not known here.

pub mod check;
pub mod judge;
pub mod load;
pub mod pool;
pub mod query;
pub mod sample;
pub mod stats;

pub use check::{Check, EvidencePolicy, Measure};
pub use judge::{Outcome, Verdict, judge, judge_check};
pub use load::{LoadFigures, LoadMeasure, LoadTally};
pub use pool::judge_pool;
pub use query::{Amount, AskFailure, Asked, Asks, Bound, Query, Reach, Source};
pub use sample::{Answers, Evidence, Histogram, Pin, ProbeCount, StepRef, Tally};
