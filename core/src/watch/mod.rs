//! The watch after a launch: a record of its own beside the rollout, opened when that is switched.
//!
//! ```text
//!            evaluation signed
//!  open ──► Watching ──────────► Closed
//!              │ the rollout is taken back
//!              ▼
//!          TakenBack
//! ```
//!
//! While it is `Watching` every review walks `Scheduled → Due → Held → Signed`; the last one is the evaluation. It orders
//! nothing and moves no traffic: it reads the rollout, and the rollout knows nothing of it. Start with [`state`], then
//! [`step`].

pub mod decimal;
pub mod event;
pub mod feedback;
pub mod kpi;
pub mod milestone;
pub mod open;
pub mod policy;
pub mod reason;
pub mod state;
pub mod step;

pub use decimal::{Decimal, InvalidDecimal};
pub use event::{Event, Facts, NewAction, Said, Standing, Step};
pub use feedback::{Feedback, Opinion, Score, Severity, Source};
pub use kpi::{History, Mean};
pub use milestone::{Milestone, Reached, milestones};
pub use open::{open, standing};
pub use policy::{Cadence, Direction, FeedbackPolicy, KpiTarget, WatchPolicy};
pub use reason::{Missing, Refused, Wait};
pub use state::{
    Action, ActionKind, Figure, Filled, Outcome, Phase, Retrospective, Review, ReviewKind, ReviewState, Signature,
    Watch,
};
pub use step::step;
