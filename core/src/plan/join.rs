//! Joins: regions that came after a launch, and how they get the release that the fleet is on. Membership is a snapshot at
//! the start of a rollout, so a join is a rollout of its own, with a plan that is worked out here, from that of the launch.
//!
//! The release went through its checklist, approvals, callbacks, staging and pilot; a join asks for none of them again. It
//! does ask for what is about the region and the moment: evidence, bakes, windows, freezes, stops and vetoes. Who sees
//! that a region has come late, and starts the rollout, is not known here.

use std::collections::{BTreeMap, BTreeSet};

use super::compile::{
    Inventory, PlanRefusal, RegionFacts, check_agent, check_region, check_shares, plan_lane, resolve_stage,
};
use super::prepared;
use super::spec::{Plan, PlannedWave, PlaybookRef};
use crate::calendar::Timetable;
use crate::canon::{Canon, Canonical};
use crate::id::{RegionId, RolloutId};
use crate::lane::LaneState;
use crate::observation::Contact;
use crate::playbook::{Joiners, Playbook, RollbackPolicy, ValidPlaybook, VotePolicy};
use crate::release::{Release, ReleaseRef};
use crate::rollout::gates::stops::Halt;
use crate::rollout::state::Rollout;
use crate::rollout::veto::Veto;
use crate::time::Span;
use crate::weight::Weight;

/// That a plan brings regions up to a launch for which they came too late.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Join {
    /// The launch: the newest rollout of the service that had ended stable.
    pub after: RolloutId,
}

impl Canonical for Join {
    fn feed(&self, canon: &mut Canon) {
        canon.text(self.after.as_str());
    }
}

/// What is known of a region besides what every plan is made against.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Joiner {
    /// Whether its agent can be reached.
    pub contact: Contact,
    /// Whether its agent runs the service; `None`: it can't be asked.
    pub runs: Option<bool>,
    /// Whether the rollout that spoke last of the lane was a join.
    pub joined: bool,
    /// The same, if it was one of this very release and ended without success.
    pub failed: Option<RolloutId>,
    /// That nothing goes forward there.
    pub halt: Option<Halt>,
    /// What else keeps every plan from taking it.
    pub trouble: Option<PlanRefusal>,
}

/// Why a region has not got the fleet's release yet.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum JoinWait {
    /// Nothing has ended stable yet, and what is under way began before the region was there.
    #[error("rollout {rollout} is under way without it and holds nothing here; the region follows when that is stable")]
    UnderWay {
        /// What is under way.
        rollout: RolloutId,
    },
    /// A rollout holds the lane.
    #[error("rollout {rollout} holds the lane; what it comes to is seen when it ends")]
    Held {
        /// Which.
        rollout: RolloutId,
    },
    /// No wave of the playbook takes it.
    #[error("no wave of the playbook of {after} takes it; label it so that one does")]
    NotSelected {
        /// The launch.
        after: RolloutId,
    },
    /// It has what the fleet has, or was there when that was launched.
    #[error("it is at {release} or was there when {after} launched that: there is nothing to catch up with")]
    InStep {
        /// The launch.
        after: RolloutId,
        /// Its release.
        release: ReleaseRef,
    },
    /// On its way out.
    #[error("the region is draining; `meridian region undrain` takes it back")]
    Draining,
    /// Taken out of new plans.
    #[error("the region is cordoned; `meridian region uncordon` lets it in")]
    Cordoned,
    /// It was tried, and a person decides whether it is again.
    #[error("join {rollout} ended here without success; `meridian region join` tries it again")]
    Failed {
        /// Which.
        rollout: RolloutId,
    },
    /// Somebody has launched something there since, and what came of it stands.
    #[error("rollout {rollout} has decided here since; `meridian region join` brings the region up all the same")]
    DecidedSince {
        /// Which.
        rollout: RolloutId,
    },
    /// The playbook says so.
    #[error("the playbook lets joiners wait; `meridian region join` brings it up")]
    Asks,
    /// The release must not start.
    #[error("the release is vetoed {0}")]
    Vetoed(Veto),
    /// After a rollback nothing starts by itself.
    #[error("automation is held {0}; `meridian service release-hold` lifts that")]
    AutomationHeld(Veto),
    /// Somebody has stopped the line.
    #[error("the line is stopped: {} ({}: {})", .0.scope, .0.actor, .0.reason)]
    Stopped(Halt),
    /// Its agent can't be reached.
    #[error("its agent can't be reached; start it or look why")]
    NoAgent,
    /// Its agent runs other services.
    #[error("its agent does not run the service; give it a lane, or label the region so that no wave takes it")]
    NotRun,
    /// No plan can take it.
    #[error(transparent)]
    Refused(PlanRefusal),
}

impl JoinWait {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnderWay { .. } => "ROLLOUT_UNDER_WAY",
            Self::Held { .. } => "LANE_HELD",
            Self::NotSelected { .. } => "NOT_SELECTED",
            Self::InStep { .. } => "NOTHING_TO_JOIN",
            Self::Draining => "REGION_DRAINING",
            Self::Cordoned => "REGION_CORDONED",
            Self::Failed { .. } => "JOIN_FAILED_BEFORE",
            Self::DecidedSince { .. } => "DECIDED_SINCE",
            Self::Asks => "JOINERS_WAIT",
            Self::Vetoed(_) => "DIGEST_VETOED",
            Self::AutomationHeld(_) => "AUTOMATION_HELD",
            Self::Stopped(_) => "LINE_STOPPED",
            Self::NoAgent => "NO_AGENT",
            Self::NotRun => "SERVICE_NOT_RUN",
            Self::Refused(refusal) => refusal.code(),
        }
    }

    /// The rollout that it names.
    #[must_use]
    pub const fn rollout(&self) -> Option<&RolloutId> {
        match self {
            Self::UnderWay { rollout }
            | Self::Held { rollout }
            | Self::Failed { rollout }
            | Self::DecidedSince { rollout } => Some(rollout),
            Self::NotSelected { .. }
            | Self::InStep { .. }
            | Self::Draining
            | Self::Cordoned
            | Self::Asks
            | Self::Vetoed(_)
            | Self::AutomationHeld(_)
            | Self::Stopped(_)
            | Self::NoAgent
            | Self::NotRun
            | Self::Refused(_) => None,
        }
    }
}

/// Everything that a join is worked out from.
#[derive(Clone, Copy, Debug)]
pub struct Joining<'a> {
    /// The launch: the newest rollout of the service that ended stable and is no join itself.
    pub after: &'a Rollout,
    /// Its playbook, at its revision.
    pub playbook: &'a ValidPlaybook,
    /// Its release.
    pub release: &'a Release,
    /// The fleet today.
    pub inventory: &'a Inventory,
    /// What else is known of regions; one that is not here has no agent.
    pub seen: &'a BTreeMap<RegionId, Joiner>,
    /// Why automation is held, if it is.
    pub hold: Option<&'a Veto>,
}

/// What a join comes to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Joins {
    /// The plan for all regions that nothing keeps from it; `None`: there are none.
    pub plan: Option<Plan>,
    /// What keeps the others.
    pub waits: BTreeMap<RegionId, JoinWait>,
}

/// Whether a region came after a launch of `release` over `members`, and has something else, or nothing. One whose lane
/// was retired since comes anew.
#[must_use]
pub fn is_late(region: &RegionId, lane: &LaneState, release: &ReleaseRef, members: &BTreeSet<RegionId>) -> bool {
    let there = lane.stable.as_ref().is_some_and(|placed| placed.release.digest == release.digest);
    !there && (lane.stable.is_none() || !members.contains(region))
}

/// The regions that a playbook takes today.
#[must_use]
pub fn taken(playbook: &ValidPlaybook, inventory: &Inventory) -> BTreeSet<RegionId> {
    let waves = bare_waves(playbook.get(), inventory);
    waves.into_iter().flat_map(|wave| wave.regions).filter(|region| inventory.regions.contains_key(region)).collect()
}

impl Joining<'_> {
    /// Works out who joins, and what keeps the others. A region that is `asked` for is tried again after a failure and
    /// where the playbook lets joiners wait; then it alone is looked at.
    #[must_use]
    pub fn resolve(&self, asked: Option<&RegionId>) -> Joins {
        let waves = bare_waves(self.playbook.get(), self.inventory);
        let members: BTreeSet<RegionId> = self.after.plan.lanes.keys().cloned().collect();
        let (mut waits, mut joiners) = (BTreeMap::new(), BTreeSet::new());
        for (region, facts) in &self.inventory.regions {
            let is_late = is_late(region, &facts.lane, &self.after.plan.release, &members);
            let is_taken = waves.iter().any(|wave| wave.regions.contains(region));
            let wait = match asked {
                Some(asked) if asked != region => continue,
                None if !is_late || !(is_taken || facts.draining && self.is_meant(region)) => continue,
                Some(_) | None if !is_late => self.in_step(),
                Some(_) | None => self.wait(region, facts, is_taken, asked.is_some()),
            };
            match wait {
                Some(wait) => drop(waits.insert(region.clone(), wait)),
                None => drop(joiners.insert(region.clone())),
            }
        }
        let mut refused = Vec::new();
        check_shares(self.rollback(1).votes, &joiners, self.inventory, &mut refused);
        for refusal in refused {
            if let PlanRefusal::ShareMissing { region } = &refusal {
                joiners.remove(region);
                waits.insert(region.clone(), JoinWait::Refused(refusal));
            }
        }
        let last = last_waves(&waves, &joiners);
        for region in joiners.clone() {
            if let Some(refusal) = self.refusal(&region, &last) {
                joiners.remove(&region);
                waits.insert(region, JoinWait::Refused(refusal));
            }
        }
        let plan = (!joiners.is_empty()).then(|| self.plan(&joiners, last_waves(&waves, &joiners)));
        Joins { plan, waits }
    }

    fn in_step(&self) -> Option<JoinWait> {
        let (after, release) = (self.after.id.clone(), self.after.plan.release.clone());
        Some(JoinWait::InStep { after, release })
    }

    /// Whether a region would be taken if it stayed.
    fn is_meant(&self, region: &RegionId) -> bool {
        let mut staying = self.inventory.clone();
        if let Some(facts) = staying.regions.get_mut(region) {
            facts.draining = false;
        }
        taken(self.playbook, &staying).contains(region)
    }

    fn wait(&self, region: &RegionId, facts: &RegionFacts, is_taken: bool, is_asked: bool) -> Option<JoinWait> {
        if facts.draining {
            return Some(JoinWait::Draining);
        }
        if !is_taken {
            return Some(JoinWait::NotSelected { after: self.after.id.clone() });
        }
        if facts.cordoned {
            return Some(JoinWait::Cordoned);
        }
        if let Some(rollout) = facts.lane.holder() {
            return Some(JoinWait::Held { rollout: rollout.clone() });
        }
        let seen = self.seen.get(region);
        if let Some(rollout) = seen.and_then(|seen| seen.failed.clone()).filter(|_| !is_asked) {
            return Some(JoinWait::Failed { rollout });
        }
        if let Some(rollout) = self.decided_since(&facts.lane, seen).filter(|_| !is_asked) {
            return Some(JoinWait::DecidedSince { rollout });
        }
        if self.playbook.get().joiners == Joiners::Wait && !is_asked {
            return Some(JoinWait::Asks);
        }
        if let Some(veto) = self.inventory.vetoed.get(&self.after.plan.release.digest) {
            return Some(JoinWait::Vetoed(veto.clone()));
        }
        if let Some(hold) = self.hold {
            return Some(JoinWait::AutomationHeld(hold.clone()));
        }
        let Some(seen) = seen.filter(|seen| matches!(seen.contact, Contact::Live(_))) else {
            return Some(JoinWait::NoAgent);
        };
        if seen.runs == Some(false) {
            return Some(JoinWait::NotRun);
        }
        let halted = seen.halt.clone().map(JoinWait::Stopped);
        halted.or_else(|| seen.trouble.clone().map(JoinWait::Refused))
    }

    /// Who has spoken of a lane after the launch had ended, other than a join: what serves there since was meant.
    fn decided_since(&self, lane: &LaneState, seen: Option<&Joiner>) -> Option<RolloutId> {
        let since = lane.stable.is_some() && lane.epoch > self.after.epoch;
        lane.rollout.clone().filter(|_| since && !seen.is_some_and(|seen| seen.joined))
    }

    /// What the rules of every plan have against a region.
    fn refusal(&self, region: &RegionId, waves: &[PlannedWave]) -> Option<PlanRefusal> {
        let facts = self.inventory.regions.get(region)?;
        let mut refused = Vec::new();
        check_region(region, facts, self.release, waves, &mut refused);
        // Of a two-phase pair it counts what serves here; elsewhere the launch has seen to it.
        let here = BTreeMap::from([(region.clone(), facts.clone())]);
        let here = Inventory { regions: here, ..Inventory::default() };
        prepared::check(self.release, [region], &here, &mut refused);
        check_agent(region, facts, self.playbook.get(), &mut refused);
        plan_lane(region, facts, self.playbook.get(), &mut refused);
        refused.into_iter().next()
    }

    fn plan(&self, joiners: &BTreeSet<RegionId>, waves: Vec<PlannedWave>) -> Plan {
        let spec = self.playbook.get();
        let lane = |region: &RegionId| {
            let facts = self.inventory.regions.get(region)?;
            Some((region.clone(), plan_lane(region, facts, spec, &mut Vec::new())))
        };
        let lanes: BTreeMap<_, _> = joiners.iter().filter_map(lane).collect();
        let mut rollback = self.rollback(lanes.len());
        // Where nothing has served before there is no way back to keep warm.
        if lanes.values().all(|lane| lane.base.is_none()) {
            rollback.retention = Span::ZERO;
        }
        let launch = &self.after.plan;
        Plan {
            service: launch.service.clone(),
            release: launch.release.clone(),
            reversibility: launch.reversibility,
            playbook: PlaybookRef { ..launch.playbook.clone() },
            parent: self.inventory.parent,
            lanes,
            waves,
            evidence: spec.evidence.clone(),
            rollback,
            limits: spec.limits.clone(),
            timetable: Timetable { train: None, ..spec.timetable.clone() },
            checklist: Vec::new(),
            feedback: None,
            supersedes: None,
            set: None,
            join: Some(Join { after: self.after.id.clone() }),
            mandate: None,
        }
        .under(spec.safety.clone())
    }

    /// The playbook's, with a number of votes that the joiners can come to.
    fn rollback(&self, joiners: usize) -> RollbackPolicy {
        let policy = self.playbook.get().rollback.clone();
        let votes = match policy.votes {
            VotePolicy::Count(count) => VotePolicy::Count(count.min(u32::try_from(joiners).unwrap_or(u32::MAX))),
            votes @ (VotePolicy::Any | VotePolicy::Percent(_) | VotePolicy::Traffic(_)) => votes,
        };
        RollbackPolicy { votes, ..policy }
    }
}

/// The playbook's waves over today's fleet, without what the release has gone through already. A wave without regions is
/// no mistake here: nobody may have come for it.
fn bare_waves(playbook: &Playbook, inventory: &Inventory) -> Vec<PlannedWave> {
    let (mut waves, mut mistakes) = (Vec::new(), Vec::new());
    for stage in &playbook.stages {
        let mut stage = stage.clone();
        stage.staging = None;
        for wave in &mut stage.waves {
            wave.approvals.clear();
            wave.callbacks.clear();
            // What only a cohort would have got is nothing without it.
            wave.steps.retain(|step| step.weight != Weight::NONE);
            wave.steps.iter_mut().for_each(|step| step.cohort = None);
        }
        resolve_stage(&stage, inventory, &mut waves, &mut mistakes);
    }
    waves
}

/// Of the waves the last one of each joiner, with nobody else in it.
fn last_waves(waves: &[PlannedWave], joiners: &BTreeSet<RegionId>) -> Vec<PlannedWave> {
    let last = |region: &RegionId| waves.iter().rposition(|wave| wave.regions.contains(region));
    let of = |(index, wave): (usize, &PlannedWave)| {
        let is_ours = |region: &&RegionId| joiners.contains(*region) && last(region) == Some(index);
        let regions: Vec<RegionId> = wave.regions.iter().filter(is_ours).cloned().collect();
        (!regions.is_empty()).then(|| PlannedWave { regions, ..wave.clone() })
    };
    waves.iter().enumerate().filter_map(of).collect()
}
