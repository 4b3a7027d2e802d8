//! What a rollout or a region waits for. How that is said to people stands beside, in `words`.

use crate::agent::DIGEST_VETOED;
use crate::evidence::{Outcome, Verdict};
use crate::id::{CallbackId, ItemId, RegionId, RoleId, ServiceId, WaveId};
use crate::rollout::gates::stops::Halt;
use crate::rollout::state::Cause;
use crate::rollout::together::Standing;
use crate::time::Timestamp;
use crate::watch::{FeedbackPolicy, Opinion};

/// Why a rollout or a region does not move at this moment.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Wait {
    /// Held until somebody resumes it.
    Held(Cause),
    /// Frozen until somebody rolls back again or abandons it.
    Human(Cause),
    /// Too few people of a role have consented to the wave.
    Approvals {
        /// Which wave.
        wave: WaveId,
        /// Whose consent.
        role: RoleId,
        /// Of how many.
        have: u32,
        /// Of how many it is needed.
        need: u32,
    },
    /// No server owns the rollout's shard, so nobody moves it forward. Said by servers: the rules know none.
    Owner,
    /// Items of the checklist are not signed off for this release.
    Checklist {
        /// Which, and whose they are.
        missing: Vec<(ItemId, String)>,
    },
    /// What people say of the release does not pass, so the pilot is not left.
    Feedback {
        /// What they say.
        opinion: Opinion,
        /// What they would have to say.
        policy: FeedbackPolicy,
        /// Too little is said, or too little good.
        verdict: Outcome,
    },
    /// The line is stopped there.
    Stopped {
        /// Which.
        region: RegionId,
        /// By what.
        halt: Halt,
    },
    /// The wave rests.
    Soak {
        /// Until then.
        until: Timestamp,
    },
    /// The old slots stay warm.
    Retention {
        /// Until then.
        until: Timestamp,
    },
    /// The region's agent can't be reached.
    Contact {
        /// Which.
        region: RegionId,
        /// It last spoke then; `None`: never to this server.
        since: Option<Timestamp>,
    },
    /// The region's agent is not believed.
    Quarantine {
        /// Which.
        region: RegionId,
        /// Since when.
        since: Timestamp,
    },
    /// As many regions as allowed are on their way.
    Parallel {
        /// Which waits.
        region: RegionId,
    },
    /// Another region is too far behind.
    Skew {
        /// Which waits.
        region: RegionId,
        /// For which.
        behind: RegionId,
    },
    /// The new release is not ready in its slot yet.
    Ready {
        /// Where.
        region: RegionId,
    },
    /// The agent knows the new release to be vetoed, and does not start it.
    Vetoed {
        /// Where.
        region: RegionId,
        /// In its words.
        trouble: String,
    },
    /// The agent has not confirmed its goal yet.
    Confirm {
        /// Which.
        region: RegionId,
        /// What stands in its way, in its words.
        trouble: Option<String>,
    },
    /// The way back is not open: the old slot is not ready. No forward move without it.
    WayBack {
        /// Where.
        region: RegionId,
    },
    /// The bake is not over.
    Bake {
        /// Where.
        region: RegionId,
        /// Until then.
        until: Timestamp,
    },
    /// The bake is over, the evidence can't say yet.
    Evidence {
        /// Where.
        region: RegionId,
        /// What it says; `None`: nothing that counts came in.
        verdict: Option<Verdict>,
    },
    /// The bake is over and the checks pass, but the new release has not answered as many requests as the step asks for.
    Requests {
        /// Where.
        region: RegionId,
        /// How many it has answered.
        have: u64,
        /// How many it must have.
        need: u64,
    },
    /// The lane is no longer as it was confirmed; it goes no further.
    Drift {
        /// Where.
        region: RegionId,
        /// What was found instead.
        found: String,
    },
    /// No window of the region is open for as long as its next steps take.
    Window {
        /// Where.
        region: RegionId,
        /// When one opens that is; `None`: none that is known.
        opens: Option<Timestamp>,
    },
    /// A freeze is on in the region, or begins before its next steps would end.
    Freeze {
        /// Where.
        region: RegionId,
        /// Which.
        name: String,
        /// When it ends.
        until: Timestamp,
    },
    /// The train has not departed, or nothing of the first wave may start while it takes rollouts aboard.
    Train {
        /// Which.
        train: String,
        /// When something may begin with it; `None`: not with any departure that is known.
        departs: Option<Timestamp>,
        /// Inside which increment that is.
        increment: Option<String>,
    },
    /// A callback has not answered.
    Callback {
        /// Before which wave.
        wave: WaveId,
        /// Which.
        callback: CallbackId,
        /// Until then it is waited for; then a human is.
        until: Timestamp,
    },
    /// As many regions as allowed are on their way back; the worst go first.
    BackPace {
        /// Which waits.
        region: RegionId,
    },
    /// Other members of its set are not where they have to be.
    Members {
        /// Which, and how far they are; nobody: all are, and they end together now.
        missing: Vec<(ServiceId, Standing)>,
    },
    /// A fail vote stands, the policy asks for more of them.
    Votes {
        /// Whose.
        region: RegionId,
    },
}

impl Wait {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Held(_) => "HELD",
            Self::Human(_) => "NEEDS_HUMAN",
            Self::Approvals { .. } => "APPROVALS",
            Self::Owner => "NO_OWNER",
            Self::Checklist { .. } => "CHECKLIST",
            Self::Feedback { .. } => "FEEDBACK",
            Self::Stopped { .. } => "STOP_THE_LINE",
            Self::Soak { .. } => "SOAK",
            Self::Retention { .. } => "RETENTION",
            Self::Contact { .. } => "NO_CONTACT",
            Self::Quarantine { .. } => "QUARANTINED",
            Self::Parallel { .. } => "MAX_PARALLEL",
            Self::Skew { .. } => "MAX_SKEW",
            Self::Ready { .. } => "SLOT_NOT_READY",
            Self::Vetoed { .. } => DIGEST_VETOED,
            Self::Confirm { .. } => "NOT_CONFIRMED",
            Self::WayBack { .. } => "WAY_BACK_NOT_READY",
            Self::Bake { .. } => "BAKE",
            Self::Evidence { .. } => "INCONCLUSIVE",
            Self::Requests { .. } => "BAKE_REQUESTS",
            Self::Drift { .. } => "DRIFT",
            Self::Window { .. } => "WINDOW",
            Self::Freeze { .. } => "FREEZE",
            Self::Train { .. } => "TRAIN",
            Self::Callback { .. } => "CALLBACK",
            Self::BackPace { .. } => "BACK_PACE",
            Self::Members { .. } => "SET_MEMBERS",
            Self::Votes { .. } => "VOTES_SHORT",
        }
    }

    /// The region it is about; `None`: the whole rollout.
    #[must_use]
    pub const fn region(&self) -> Option<&RegionId> {
        match self {
            Self::Held(_)
            | Self::Human(_)
            | Self::Approvals { .. }
            | Self::Checklist { .. }
            | Self::Feedback { .. }
            | Self::Owner
            | Self::Soak { .. }
            | Self::Train { .. }
            | Self::Callback { .. }
            | Self::Members { .. }
            | Self::Retention { .. } => None,
            Self::Contact { region, .. }
            | Self::Stopped { region, .. }
            | Self::Quarantine { region, .. }
            | Self::Parallel { region }
            | Self::Skew { region, .. }
            | Self::Ready { region }
            | Self::Vetoed { region, .. }
            | Self::Confirm { region, .. }
            | Self::WayBack { region }
            | Self::Bake { region, .. }
            | Self::Evidence { region, .. }
            | Self::Requests { region, .. }
            | Self::Drift { region, .. }
            | Self::Window { region, .. }
            | Self::Freeze { region, .. }
            | Self::BackPace { region }
            | Self::Votes { region } => Some(region),
        }
    }

    /// When it ends by itself, if it does.
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Soak { until }
            | Self::Retention { until }
            | Self::Bake { until, .. }
            | Self::Callback { until, .. }
            | Self::Freeze { until, .. } => Some(*until),
            Self::Window { opens, .. } => *opens,
            Self::Train { departs, .. } => *departs,
            Self::Held(_)
            | Self::Approvals { .. }
            | Self::Checklist { .. }
            | Self::Feedback { .. }
            | Self::Stopped { .. }
            | Self::Human(_)
            | Self::Owner
            | Self::Contact { .. }
            | Self::Quarantine { .. }
            | Self::Parallel { .. }
            | Self::Skew { .. }
            | Self::Ready { .. }
            | Self::Vetoed { .. }
            | Self::Confirm { .. }
            | Self::WayBack { .. }
            | Self::Evidence { .. }
            | Self::Requests { .. }
            | Self::Drift { .. }
            | Self::BackPace { .. }
            | Self::Members { .. }
            | Self::Votes { .. } => None,
        }
    }
}
