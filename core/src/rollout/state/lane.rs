//! Where a region is in a rollout, its vote, and what its load came to.

use crate::epoch::Epoch;
use crate::evidence::{LoadFigures, StepRef, Verdict};
use crate::time::Timestamp;

/// Where a region is.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct LaneProgress {
    /// Where.
    pub at: LaneAt,
    /// Since when.
    pub since: Timestamp,
    /// The epoch of the decision that last changed this lane's goal.
    pub goal_epoch: Epoch,
    /// Whether traffic was ever ordered toward the new release here.
    pub moved: bool,
    /// The region's vote on the step it is at; durable before it counts.
    pub vote: Option<Vote>,
    /// The highest epoch that the agent was seen to have accepted; what claims less later has lost its memory.
    pub acked: Epoch,
    /// What drift was recorded as fact; the lane goes no further until somebody resumes or takes it back.
    pub adopted: Option<String>,
    /// What the load of each step under load came to, in the order in which they were judged.
    pub loads: Vec<LoadReport>,
}

/// A region's way through the plan.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum LaneAt {
    /// Not begun.
    Waiting,
    /// The new release is being brought up in its slot; traffic is as before.
    Preparing {
        /// For which wave.
        wave: usize,
    },
    /// A split has been ordered and is not confirmed yet.
    Shifting(StepRef),
    /// The split is confirmed; evidence is gathered since `LaneProgress::since`.
    Baking(StepRef),
    /// Through its wave, at the wave's last step.
    Settled(StepRef),
    /// Traffic is on its way back.
    Reverting,
    /// Confirmed back by read-back.
    Reverted,
}

impl LaneAt {
    /// The step whose split is ordered, if any.
    #[must_use]
    pub const fn step(&self) -> Option<StepRef> {
        match self {
            Self::Shifting(step) | Self::Baking(step) | Self::Settled(step) => Some(*step),
            Self::Waiting | Self::Preparing { .. } | Self::Reverting | Self::Reverted => None,
        }
    }

    /// Whether the region is between its first preparation and the end of its wave.
    #[must_use]
    pub const fn is_on_its_way(&self) -> bool {
        match self {
            Self::Preparing { .. } | Self::Shifting(_) | Self::Baking(_) => true,
            Self::Waiting | Self::Settled(_) | Self::Reverting | Self::Reverted => false,
        }
    }

    /// Whether it is on its way through this wave.
    #[must_use]
    pub fn is_on_its_way_in(&self, wave: usize) -> bool {
        match self {
            Self::Preparing { wave: of } => *of == wave,
            Self::Shifting(step) | Self::Baking(step) => step.wave == wave,
            Self::Waiting | Self::Settled(_) | Self::Reverting | Self::Reverted => false,
        }
    }

    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Preparing { .. } => "preparing",
            Self::Shifting(_) => "shifting",
            Self::Baking(_) => "baking",
            Self::Settled(_) => "settled",
            Self::Reverting => "reverting",
            Self::Reverted => "reverted",
        }
    }
}

/// A durable vote.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Vote {
    /// What was judged.
    pub step: StepRef,
    /// The epoch of the goal it was judged under.
    pub epoch: Epoch,
    /// Cast at.
    pub at: Timestamp,
    /// The verdict, or what stood for it.
    pub ballot: Ballot,
}

/// What a fail vote rests on.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Ballot {
    /// Evidence.
    Evidence(Verdict),
    /// The driver gave up.
    Driver {
        /// The agent's code.
        code: String,
        /// The agent's words.
        message: String,
    },
    /// A limit passed.
    Deadline {
        /// Which.
        limit: &'static str,
    },
}

/// What the load of a step came to in a region, as it was when the step was left or voted against.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct LoadReport {
    /// Under which step.
    pub step: StepRef,
    /// The epoch of the goal that it was driven under.
    pub epoch: Epoch,
    /// When it was judged.
    pub at: Timestamp,
    /// The numbers.
    pub figures: LoadFigures,
    /// What all checks of the step said together.
    pub verdict: Verdict,
}
