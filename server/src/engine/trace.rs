//! Where the engine tells of ended steps, so that a rollout can be followed as a trace. It does not know the exporter.

use meridian_core::evidence::StepRef;
use meridian_core::id::RegionId;
use meridian_core::invariants::Taken;
use meridian_core::rollout::state::Rollout;
use meridian_core::time::Timestamp;

/// A step that has ended.
#[derive(Clone, Copy, Debug)]
pub struct EndedStep<'a> {
    /// Where; `None`: the whole rollout.
    pub region: Option<&'a RegionId>,
    /// `prepare`, `shift`, `bake`, `revert`.
    pub what: &'static str,
    /// Which step of the plan, if it belongs to one.
    pub step: Option<StepRef>,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Whether it ended because of a rollback.
    pub failed: bool,
}

/// Listens to ended steps. Must not block: it is called between a commit and what follows from it.
pub trait StepTrace: Send + Sync + 'static {
    /// A step of a rollout has ended.
    fn step_ended(&self, record: &Rollout, step: EndedStep<'_>);

    /// A rollout has ended.
    fn ended(&self, record: &Rollout, at: Timestamp);

    /// Whether [`StepTrace::answered`] wants to be told: an event has to be kept for it.
    fn judges(&self) -> bool {
        false
    }

    /// The rules have answered; a decision that follows is not committed yet, and may never be.
    fn answered(&self, _taken: Taken<'_>) {}
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTrace;

impl StepTrace for NoTrace {
    fn step_ended(&self, _record: &Rollout, _step: EndedStep<'_>) {}

    fn ended(&self, _record: &Rollout, _at: Timestamp) {}
}
