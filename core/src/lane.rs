//! Lanes: what one service is in one region, between and during rollouts.

use crate::epoch::Epoch;
use crate::id::RolloutId;
use crate::plan::parameters::Values;
use crate::release::ReleaseRef;
use crate::slot::Slot;

/// A release in its slot.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Placed {
    /// Where.
    pub slot: Slot,
    /// What.
    pub release: ReleaseRef,
    /// What it was started with.
    pub parameters: Values,
}

/// The durable state of a lane.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct LaneState {
    /// The release last recorded as stable here, and where; `None` before the first.
    pub stable: Option<Placed>,
    /// The rollout that spoke last about this lane; the lane's goal is a function of its record.
    pub rollout: Option<RolloutId>,
    /// Whether that rollout still holds the lane.
    pub held: bool,
    /// The epoch at which this state was written.
    pub epoch: Epoch,
}

impl LaneState {
    /// The rollout that holds the lane; `None`: nobody.
    #[must_use]
    pub fn holder(&self) -> Option<&RolloutId> {
        self.rollout.as_ref().filter(|_| self.held)
    }

    /// The rollout that holds the lane, if it is not this one.
    #[must_use]
    pub fn held_from(&self, rollout: Option<&RolloutId>) -> Option<&RolloutId> {
        self.holder().filter(|holder| rollout != Some(*holder))
    }
}
