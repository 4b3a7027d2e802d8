//! The first decision of a rollout: taking the lanes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::state::{LaneAt, LaneProgress, Pace, Phase, Rollout, Run};
use super::step::Moment;
use super::supersede::SupersedeRefused;
use super::together::Membership;
use super::veto::{Veto, Vetoes};
use crate::epoch::Epoch;
use crate::id::{RegionId, RolloutId, ServiceId};
use crate::lane::LaneState;
use crate::plan::{HashedPlan, Plan};
use crate::release::ReleaseRef;
use crate::time::Timestamp;

/// Why a plan can't be started.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum OpenRefused {
    /// The lane has changed since the plan was made.
    #[error("region {region} has changed since the plan was made; make a new plan")]
    PlanStale {
        /// Where.
        region: RegionId,
    },
    /// Somebody else holds the lane.
    #[error("region {region} is held by rollout {rollout}; wait for its end (`--queue`), roll it back or supersede it")]
    LaneHeld {
        /// Where.
        region: RegionId,
        /// Who.
        rollout: RolloutId,
    },
    /// The digest was taken back before.
    #[error("{service} {release} is vetoed {veto}; `meridian release unveto {service} {release}` lifts that")]
    Vetoed {
        /// Whose.
        service: ServiceId,
        /// The release.
        release: ReleaseRef,
        /// Why.
        veto: Box<Veto>,
    },
    /// After a rollback nothing starts by itself.
    #[error("automation of {service} is held {veto}; `meridian service release-hold {service}` lifts that")]
    AutomationHeld {
        /// Whose.
        service: ServiceId,
        /// Why.
        veto: Box<Veto>,
    },
    /// The plan takes over the lanes of a rollout, and not of this one.
    #[error("the plan was not made to supersede this rollout; make a new plan")]
    OtherRollout,
    /// The rollout whose lanes the plan takes over can't be superseded.
    #[error(transparent)]
    Supersede(#[from] SupersedeRefused),
    /// The epoch counter has reached its end.
    #[error("the service's epoch counter has reached its end; restore with a higher generation")]
    EpochExhausted,
}

impl OpenRefused {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PlanStale { .. } => "PLAN_STALE",
            Self::LaneHeld { .. } => "LANE_HELD",
            Self::Vetoed { .. } => "DIGEST_VETOED",
            Self::AutomationHeld { .. } => "AUTOMATION_HELD",
            Self::OtherRollout => "PLAN_STALE",
            Self::Supersede(refused) => refused.code(),
            Self::EpochExhausted => "EPOCH_EXHAUSTED",
        }
    }
}

/// Opens a rollout over lanes as they are now. The shell commits it together with the lanes.
///
/// # Errors
/// If the release is vetoed or automation held; if a lane is held or has moved on since the plan was compiled.
pub fn open(
    id: RolloutId,
    plan: Arc<HashedPlan>,
    requester: String,
    lanes: &BTreeMap<RegionId, LaneState>,
    vetoes: &Vetoes,
    moment: Moment,
) -> Result<Rollout, OpenRefused> {
    let epoch = moment.head.next().ok_or(OpenRefused::EpochExhausted)?;
    check(&plan, lanes, vetoes, None)?;
    Ok(first(id, plan, requester, epoch, moment.now))
}

/// Whether a plan may be started over lanes as they are now, if `from` gives up those that it holds.
pub(super) fn check(
    plan: &Plan,
    lanes: &BTreeMap<RegionId, LaneState>,
    vetoes: &Vetoes,
    from: Option<&RolloutId>,
) -> Result<(), OpenRefused> {
    let service = || plan.service.clone();
    if let Some(veto) = vetoes.digests.get(&plan.release.digest).cloned().map(Box::new) {
        return Err(OpenRefused::Vetoed { service: service(), release: plan.release.clone(), veto });
    }
    if let Some(veto) = vetoes.hold.clone().map(Box::new) {
        return Err(OpenRefused::AutomationHeld { service: service(), veto });
    }
    for (region, planned) in &plan.lanes {
        let now = lanes.get(region).cloned().unwrap_or_default();
        if let Some(rollout) = now.held_from(from) {
            return Err(OpenRefused::LaneHeld { region: region.clone(), rollout: rollout.clone() });
        }
        if now.epoch != planned.epoch || now.stable != planned.base {
            return Err(OpenRefused::PlanStale { region: region.clone() });
        }
    }
    if plan.supersedes.as_ref().map(|supersede| &supersede.rollout) != from {
        return Err(OpenRefused::OtherRollout);
    }
    Ok(())
}

/// The first record of a rollout: every region waits.
pub(super) fn first(
    id: RolloutId,
    plan: Arc<HashedPlan>,
    requester: String,
    epoch: Epoch,
    since: Timestamp,
) -> Rollout {
    let fresh = LaneProgress {
        at: LaneAt::Waiting,
        since,
        goal_epoch: epoch,
        moved: false,
        vote: None,
        acked: Epoch::ZERO,
        adopted: None,
        loads: Vec::new(),
    };
    let lanes = plan.lanes.keys().map(|region| (region.clone(), fresh.clone())).collect();
    let phase = Phase::Running(Run { wave: 0, pace: Pace::Moving, hold: None });
    let (approvals, signed, inquiries) = (Vec::new(), Vec::new(), Vec::new());
    let (train, opened, begun) = (plan.timetable.train.clone(), since, Some(epoch));
    let member = plan.set.as_ref().map(|_| Membership::default());
    Rollout { id, plan, epoch, begun, requester, opened, phase, lanes, approvals, signed, train, inquiries, member }
}
