//! What a rollout can be doing: the record that the store keeps. The file to read first.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::evidence::{LoadFigures, StepRef, Verdict};
use crate::id::{CallbackId, ItemId, RegionId, RoleId, RolloutId, ServiceId, WaveId};
use crate::plan::HashedPlan;
use crate::playbook::Scope;
use crate::time::Timestamp;

use super::together::Membership;

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

/// Somebody's consent to a wave, for one plan and one release.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Approval {
    /// Position of the wave.
    pub wave: usize,
    /// In which role.
    pub role: RoleId,
    /// Who, as declared.
    pub actor: String,
    /// Whether that is proven.
    pub identity: Identity,
    /// The plan that was consented to.
    pub plan: Digest,
    /// The digest of its release.
    pub digest: Digest,
    /// When.
    pub at: Timestamp,
    /// Until when it holds if it is not used.
    pub until: Timestamp,
    /// Whether the wave has begun on it.
    pub used: bool,
}

/// An item of the checklist that its owner has signed off, for one release.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Signed {
    /// Which.
    pub item: ItemId,
    /// Who, as declared.
    pub actor: String,
    /// Whether that is proven.
    pub identity: Identity,
    /// Where the evidence is.
    pub uri: String,
    /// The digest of the evidence.
    pub evidence: Digest,
    /// The digest of the release.
    pub digest: Digest,
    /// When.
    pub at: Timestamp,
    /// Until when it holds if it is not used.
    pub until: Timestamp,
    /// Whether the rollout has begun on it.
    pub used: bool,
}

/// A question to a callback of a wave, for one plan and one release.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Inquiry {
    /// Position of the wave.
    pub wave: usize,
    /// Which callback.
    pub callback: CallbackId,
    /// The plan that is asked about.
    pub plan: Digest,
    /// The digest of its release.
    pub digest: Digest,
    /// When it was asked.
    pub since: Timestamp,
    /// What it has answered; `None`: nothing yet.
    pub answer: Option<Answer>,
}

/// What a callback has answered.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Answer {
    /// Yes or no.
    pub said: Said,
    /// In its words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Said {
    /// The wave may begin.
    Pass,
    /// It may not.
    Fail,
}

impl Said {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }
}

/// How sure it is that an approver is who they say.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Identity {
    /// A declared name, and a role that nobody has checked.
    Unverified,
}

impl Identity {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
        }
    }
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

/// Why a rollout is held, goes back, is frozen or has ended.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Cause {
    /// Somebody said so.
    Operator {
        /// Declared name.
        actor: String,
        /// Their words.
        reason: String,
    },
    /// The vote policy was met; one of the votes that did it.
    Votes {
        /// Whose vote came last.
        region: RegionId,
        /// What it says.
        verdict: Verdict,
    },
    /// The evidence of several regions, taken together, fails where none of them had to.
    Pooled {
        /// The step that they baked.
        step: StepRef,
        /// How many regions.
        regions: u32,
        /// What the pool says.
        verdict: Verdict,
    },
    /// A driver failed for good.
    Driver {
        /// Where.
        region: RegionId,
        /// The agent's code.
        code: String,
        /// The agent's words.
        message: String,
    },
    /// Something took longer than its limit.
    Deadline {
        /// Where; `None`: the whole rollout.
        region: Option<RegionId>,
        /// Which limit: `prepare`, `shift`, `revert`, `total`.
        limit: &'static str,
    },
    /// Evidence stayed inconclusive past its extension.
    Inconclusive {
        /// Where.
        region: RegionId,
        /// The last verdict.
        verdict: Verdict,
    },
    /// An agent that no server could reach went back alone.
    DeadMan {
        /// Where.
        region: RegionId,
        /// Its own verdict.
        verdict: Verdict,
    },
    /// A lane is no longer as it was confirmed.
    Drift {
        /// Where.
        region: RegionId,
        /// What was found instead.
        found: String,
    },
    /// A callback has said no, or nothing in time.
    Callback {
        /// Before which wave.
        wave: WaveId,
        /// Which.
        callback: CallbackId,
        /// In its words, or that there was no answer.
        reason: String,
    },
    /// Another member of its set goes back.
    Member {
        /// Which.
        service: ServiceId,
        /// Its rollout.
        rollout: RolloutId,
    },
    /// Another member of its set was given up.
    MemberFailed {
        /// Which.
        service: ServiceId,
        /// Its rollout.
        rollout: RolloutId,
    },
    /// Part of the fleet was taken back; the rest waits.
    PartBack {
        /// How far.
        scope: Scope,
    },
    /// Traffic has moved where nothing had served before: there is nothing to go back to.
    NoWayBack {
        /// One of the regions.
        region: RegionId,
    },
    /// The release is past its point of no return: going back would do harm.
    PointOfNoReturn {
        /// What would have sent it back.
        trigger: Box<Cause>,
    },
}

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
