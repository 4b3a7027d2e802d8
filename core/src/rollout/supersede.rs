//! One rollout taking over the lanes of another: two decisions in one. The old one ends, the new one begins with every
//! lane that the old one had begun on its way back to what was stable there, so that nothing is replaced under traffic.
//! Nothing moves forward by it: whoever may start a rollout may do this, on any server.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::open::{OpenRefused, check, first};
use super::state::{LaneAt, LaneProgress, Phase, Rollout};
use super::step::Moment;
use super::veto::Vetoes;
use crate::id::{RegionId, RolloutId, ServiceId, SetId};
use crate::lane::LaneState;
use crate::plan::HashedPlan;
use crate::planted;
use crate::release::Reversibility;

/// The word of the decision that ends the old rollout, for the audit.
pub const KIND: &str = "supersede";

/// Why a rollout can't be superseded.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum SupersedeRefused {
    /// It launches something else.
    #[error("rollout {rollout} is of service {service}")]
    OtherService {
        /// Which.
        rollout: RolloutId,
        /// Whose.
        service: ServiceId,
    },
    /// It has ended, is on its way back, or waits for a human there.
    #[error("rollout {rollout} is {phase}; only one that goes forward, or is held there, can be superseded")]
    NotForward {
        /// Which.
        rollout: RolloutId,
        /// What it is doing.
        phase: &'static str,
    },
    /// It ends together with others.
    #[error(
        "rollout {rollout} is a member of set {set}; what ends together is not superseded one by one: roll it back"
    )]
    InSet {
        /// Which.
        rollout: RolloutId,
        /// Of which set.
        set: SetId,
    },
    /// Going back from it would do harm.
    #[error("rollout {rollout} is past the point of no return: its lanes can't go back by themselves")]
    PointOfNoReturn {
        /// Which.
        rollout: RolloutId,
    },
    /// It serves where nothing else has.
    #[error("rollout {rollout} serves in {region}, where nothing has served before: there is nothing to go back to")]
    NoWayBack {
        /// Which.
        rollout: RolloutId,
        /// Where.
        region: RegionId,
    },
    /// The plan would leave a lane to nobody.
    #[error("rollout {rollout} holds {region} and the plan leaves it out; take a playbook that covers it")]
    LeftOut {
        /// Which.
        rollout: RolloutId,
        /// Where.
        region: RegionId,
    },
}

impl SupersedeRefused {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherService { .. } => "OTHER_SERVICE",
            Self::NotForward { .. } => "NOT_SUPERSEDABLE",
            Self::InSet { .. } => "IN_A_SET",
            Self::PointOfNoReturn { .. } => "POINT_OF_NO_RETURN",
            Self::NoWayBack { .. } => "NO_WAY_BACK",
            Self::LeftOut { .. } => "LANE_LEFT_OUT",
        }
    }

    /// Checks that a rollout may be superseded by one of a service that takes these regions.
    ///
    /// # Errors
    /// The first reason why not.
    pub fn check<'r>(
        old: &Rollout,
        service: &ServiceId,
        regions: impl IntoIterator<Item = &'r RegionId>,
    ) -> Result<(), Self> {
        let rollout = || old.id.clone();
        if old.plan.service != *service {
            return Err(Self::OtherService { rollout: rollout(), service: old.plan.service.clone() });
        }
        if !matches!(old.phase, Phase::Running(_)) {
            return Err(Self::NotForward { rollout: rollout(), phase: old.phase.as_str() });
        }
        if let Some(set) = &old.plan.set {
            return Err(Self::InSet { rollout: rollout(), set: set.id.clone() });
        }
        let mut moved = old.lanes.iter().filter(|(_, lane)| lane.moved).map(|(region, _)| region);
        if old.plan.reversibility == Reversibility::PointOfNoReturn && moved.clone().next().is_some() {
            return Err(Self::PointOfNoReturn { rollout: rollout() });
        }
        let is_first = |region: &&RegionId| old.plan.lanes.get(*region).is_some_and(|planned| planned.base.is_none());
        if let Some(region) = moved.find(is_first) {
            return Err(Self::NoWayBack { rollout: rollout(), region: region.clone() });
        }
        let taken: Vec<&RegionId> = regions.into_iter().collect();
        match old.lanes.keys().find(|region| !taken.contains(region)) {
            Some(region) => Err(Self::LeftOut { rollout: rollout(), region: region.clone() }),
            None => Ok(()),
        }
    }
}

/// Both records, to be committed together with the lanes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Superseded {
    /// The old one: ended, at the service's next epoch.
    pub old: Rollout,
    /// The new one, at the epoch after that.
    pub new: Rollout,
}

/// Ends `old` and opens the rollout of a plan over its lanes.
///
/// # Errors
/// As [`super::open::open`], but for lanes that `old` holds; and if it can't be superseded, or the plan is not for that.
pub fn supersede(
    old: &Rollout,
    id: RolloutId,
    plan: Arc<HashedPlan>,
    requester: String,
    lanes: &BTreeMap<RegionId, LaneState>,
    vetoes: &Vetoes,
    moment: Moment,
) -> Result<Superseded, OpenRefused> {
    assert!(old.epoch <= moment.head, "a service's head is never behind one of its rollouts");
    let ended = moment.head.next().ok_or(OpenRefused::EpochExhausted)?;
    let begins = ended.next().ok_or(OpenRefused::EpochExhausted)?;
    SupersedeRefused::check(old, &plan.service, plan.lanes.keys())?;
    check(&plan, lanes, vetoes, Some(&old.id))?;
    let phase = Phase::Superseded { by: id.clone(), since: moment.now };
    let mut new = first(id, plan, requester, begins, moment.now);
    for (region, lane) in &mut new.lanes {
        if let Some(before) = old.lanes.get(region) {
            take_over(lane, before);
        }
    }
    Ok(Superseded { old: Rollout { epoch: ended, phase, ..old.clone() }, new })
}

/// What was begun goes back first: until the base split is read back under the new goal, the slot is left alone. That
/// traffic had moved is not forgotten.
fn take_over(lane: &mut LaneProgress, before: &LaneProgress) {
    if before.at != LaneAt::Waiting && !planted::is("overtaken-at-once") {
        lane.at = LaneAt::Reverting;
    }
    lane.moved = before.moved;
    lane.acked = before.acked;
}
