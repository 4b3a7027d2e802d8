//! What a rollout can be doing: the record that the store keeps. The file to read first.

mod cause;
mod consent;
mod lane;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::epoch::Epoch;
use crate::id::{RegionId, RolloutId};
use crate::plan::HashedPlan;
use crate::time::Timestamp;

use super::together::Membership;

pub use cause::Cause;
pub use consent::{Answer, Approval, Identity, Inquiry, Said, Signed};
pub use lane::{Ballot, LaneAt, LaneProgress, LoadReport, Vote};

/// A rollout's record. Every committed change of it is a decision and raises `epoch`.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Rollout {
    /// Its name.
    pub id: RolloutId,
    /// What is executed; never changes.
    pub plan: Arc<HashedPlan>,
    /// Epoch of the last decision.
    pub epoch: Epoch,
    /// Epoch of the first one; `None`: it was begun before that was kept.
    pub begun: Option<Epoch>,
    /// Who started it, as declared.
    pub requester: String,
    /// When it was started.
    pub opened: Timestamp,
    /// What it is doing.
    pub phase: Phase,
    /// Where each region is; the same keys as the plan's lanes.
    pub lanes: BTreeMap<RegionId, LaneProgress>,
    /// Who has consented to which wave.
    pub approvals: Vec<Approval>,
    /// Which items of the checklist are signed off; each at most once.
    pub signed: Vec<Signed>,
    /// The train that it begins with, one of its plan's; `None`: it waits for none.
    pub train: Option<String>,
    /// What callbacks were asked, and what they have answered; each of a wave at most once.
    pub inquiries: Vec<Inquiry>,
    /// What it knows as a member of a set; there exactly if its plan is of one.
    pub member: Option<Membership>,
}

/// What a rollout is doing.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Phase {
    /// Going forward.
    Running(Run),
    /// Going back; lanes are [`LaneAt::Reverting`] until confirmed.
    RollingBack {
        /// Why.
        cause: Cause,
        /// Since when.
        since: Timestamp,
    },
    /// Can't go on, forward or back, without a human.
    Frozen {
        /// Why.
        cause: Cause,
        /// Since when.
        since: Timestamp,
    },
    /// All regions at 100 % of the new release; the way back is one switch.
    Switched {
        /// Since when; retention counts from here.
        since: Timestamp,
    },
    /// Retention is over. Terminal.
    Stable {
        /// Since when.
        since: Timestamp,
    },
    /// Every lane has confirmed that it is back. Terminal.
    RolledBack {
        /// Why it went back.
        cause: Cause,
        /// Since when.
        since: Timestamp,
    },
    /// Taken back before any traffic had moved. Terminal.
    Aborted {
        /// Why.
        cause: Cause,
        /// Since when.
        since: Timestamp,
    },
    /// Another rollout took its lanes. Terminal.
    Superseded {
        /// By which.
        by: RolloutId,
        /// Since when.
        since: Timestamp,
    },
    /// Given up by a human. Terminal.
    Failed {
        /// Why.
        cause: Cause,
        /// Since when.
        since: Timestamp,
    },
}

/// Going forward.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Run {
    /// Position of the current wave.
    pub wave: usize,
    /// Whether its regions move, or have all settled and it rests.
    pub pace: Pace,
    /// If set, nothing goes forward until it is lifted.
    pub hold: Option<Hold>,
}

/// The two halves of a wave.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Pace {
    /// Regions are on their way.
    Moving,
    /// All have settled; resting since then before the next wave.
    Soaking(Timestamp),
}

/// Nothing goes forward until a human says so.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Hold {
    /// Why.
    pub cause: Cause,
    /// Since when.
    pub since: Timestamp,
}

impl Phase {
    /// Whether nothing will ever change again.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        match self {
            Self::Running(_) | Self::RollingBack { .. } | Self::Frozen { .. } | Self::Switched { .. } => false,
            Self::Stable { .. }
            | Self::RolledBack { .. }
            | Self::Aborted { .. }
            | Self::Superseded { .. }
            | Self::Failed { .. } => true,
        }
    }

    /// Why it is held, goes back, is frozen or has ended badly.
    #[must_use]
    pub const fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Running(Run { hold: Some(Hold { cause, .. }), .. })
            | Self::RollingBack { cause, .. }
            | Self::Frozen { cause, .. }
            | Self::RolledBack { cause, .. }
            | Self::Aborted { cause, .. }
            | Self::Failed { cause, .. } => Some(cause),
            Self::Running(Run { hold: None, .. })
            | Self::Switched { .. }
            | Self::Stable { .. }
            | Self::Superseded { .. } => None,
        }
    }

    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Running(Run { hold: Some(_), .. }) => "held",
            Self::Running(Run { pace: Pace::Soaking(_), .. }) => "soaking",
            Self::Running(_) => "running",
            Self::RollingBack { .. } => "rolling-back",
            Self::Frozen { .. } => "frozen",
            Self::Switched { .. } => "switched",
            Self::Stable { .. } => "stable",
            Self::RolledBack { .. } => "rolled-back",
            Self::Aborted { .. } => "aborted",
            Self::Superseded { .. } => "superseded",
            Self::Failed { .. } => "failed",
        }
    }
}
