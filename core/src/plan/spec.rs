//! The parts of a plan and its hash.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::join::Join;
use super::mandate::Mandate;
use super::parameters::Values;
use super::set::SetPlan;
use super::supersede::Supersede;
use crate::calendar::Timetable;
use crate::canon::{Canon, Canonical};
use crate::cohort::Cohort;
use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::evidence::{Check, EvidencePolicy, Measure, StepRef};
use crate::id::{PlaybookId, RegionId, ServiceId, WaveId};
use crate::lane::Placed;
use crate::planted;
use crate::playbook::{
    ApprovalRule, Callback, ChecklistItem, DriftPolicy, Limits, RollbackPolicy, SafetyPolicy, StageKind, Staging,
};
use crate::release::{ReleaseRef, Reversibility};
use crate::slot::Slot;
use crate::time::Span;
use crate::watch::FeedbackPolicy;
use crate::weight::{Split, Weight};

/// Which playbook, at which revision.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct PlaybookRef {
    /// Its name.
    pub id: PlaybookId,
    /// Its revision, counted from one.
    pub revision: u64,
}

/// A region's part of the service's traffic, relative to the other regions: 1 ..= 1 000 000.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct TrafficShare(u32);

/// A share that is none, or above the largest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
#[error("a traffic share is 1 to 1000000, {0} is not")]
pub struct InvalidShare(pub u64);

impl TrafficShare {
    /// The share of every region where none is declared.
    pub const EQUAL: Self = Self(1);
    /// Nobody knows traffic more exactly than this, and sums over all regions stay small.
    pub const LARGEST: Self = Self(1_000_000);

    /// From a number.
    ///
    /// # Errors
    /// For nought, and above [`Self::LARGEST`].
    pub fn new(share: u64) -> Result<Self, InvalidShare> {
        u32::try_from(share)
            .ok()
            .filter(|share| (1..=Self::LARGEST.0).contains(share))
            .map(Self)
            .ok_or(InvalidShare(share))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A lane as the plan found it, and where its way back leads.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct PlannedLane {
    /// The slot that the new release goes to.
    pub slot: Slot,
    /// The rollback target: the release last recorded as stable here; `None` where this is the first release.
    pub base: Option<Placed>,
    /// The lane's epoch when the plan was made; the start is refused if the lane has moved on.
    pub epoch: Epoch,
    /// What the region's vote weighs where the policy counts traffic.
    pub share: TrafficShare,
    /// The region's time zone, if the timetable asks for it.
    pub zone: Option<String>,
    /// What the workload is started with here.
    pub parameters: Values,
}

impl PlannedLane {
    /// The split before anything moved, and after everything went back; `None` where nothing has served yet.
    #[must_use]
    pub fn base_split(&self) -> Option<Split> {
        let slot = |placed: &Placed| if planted::is("way-back-by-colour") { Slot::Blue } else { placed.slot };
        self.base.as_ref().map(|placed| Split::all(slot(placed)))
    }
}

/// One move of traffic, resolved.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct PlannedStep {
    /// Share of the new release.
    pub weight: Weight,
    /// Requests that go to the new release whatever the weight.
    pub cohort: Option<crate::cohort::CohortRule>,
    /// Shortest bake.
    pub bake: Span,
    /// How many requests the new release must have answered before the bake ends; 0: however few.
    pub requests: u64,
}

/// A wave with its regions resolved.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct PlannedWave {
    /// Its name.
    pub id: WaveId,
    /// The stage it belongs to.
    pub stage: StageKind,
    /// Its regions in order.
    pub regions: Vec<RegionId>,
    /// How many may be on their way at once; at least one.
    pub max_parallel: u32,
    /// How many steps the foremost may be ahead of the hindmost.
    pub max_skew: u32,
    /// The steps; never empty.
    pub steps: Vec<PlannedStep>,
    /// Rest before the next wave.
    pub soak: Span,
    /// Consent that it needs before it begins.
    pub approvals: Vec<ApprovalRule>,
    /// Endpoints of the service that must say yes before it begins.
    pub callbacks: Vec<Callback>,
    /// What its regions are put under while they bake. The steps of a rehearsal are among the others, at the end.
    pub staging: Option<Staging>,
}

/// A step that rehearses the way back.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Leg {
    /// All traffic goes back to the old release.
    Down,
    /// All traffic goes to the new release again.
    Up,
}

impl Leg {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Up => "up",
        }
    }
}

/// A compiled plan.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Plan {
    /// The service.
    pub service: ServiceId,
    /// The new release.
    pub release: ReleaseRef,
    /// How hard it is to go back from it.
    pub reversibility: Reversibility,
    /// Where the rules come from.
    pub playbook: PlaybookRef,
    /// The hash of the service's plan before this one.
    pub parent: Option<Digest>,
    /// Every region with its way back: the rollback plan.
    pub lanes: BTreeMap<RegionId, PlannedLane>,
    /// In order; never empty.
    pub waves: Vec<PlannedWave>,
    /// What every bake asks for.
    pub evidence: EvidencePolicy,
    /// When to go back.
    pub rollback: RollbackPolicy,
    /// How long things may take.
    pub limits: Limits,
    /// When steps may start.
    pub timetable: Timetable,
    /// What must be signed off before the first step.
    pub checklist: Vec<ChecklistItem>,
    /// What feedback has to say before anything goes on behind the pilot; `None`: nobody asks.
    pub feedback: Option<FeedbackPolicy>,
    /// The rollout whose lanes it takes over; `None`: it takes free ones.
    pub supersedes: Option<Supersede>,
    /// The set that its rollout is a member of, if it is one.
    pub set: Option<SetPlan>,
    /// The rollout that its regions have come too late for; `None`: it is no join.
    pub join: Option<Join>,
    /// The safety policy, sealed with everything above by [`Plan::under`]; `None`: the default one.
    pub mandate: Option<Mandate>,
}

impl Plan {
    /// The plan's identity: the digest of all of it.
    #[must_use]
    pub fn hash(&self) -> Digest {
        let body = self.digest();
        // A plan with the default policy has the name that it had before there were policies.
        self.mandate.as_ref().map_or(body, |mandate| Mandate::seal(body, mandate.policy().clone()).plan())
    }

    /// The same plan with a safety policy; for a plan that is whole otherwise. Past a point of no return nothing goes
    /// back by itself, an agent that is alone no more than a server: such a plan gives no leave for it.
    #[must_use]
    pub fn under(self, policy: SafetyPolicy) -> Self {
        let may_return = self.reversibility != Reversibility::PointOfNoReturn;
        let policy = SafetyPolicy { dead_man: policy.dead_man.filter(|_| may_return), ..policy };
        let mandate = (policy != SafetyPolicy::default()).then(|| Mandate::seal(self.digest(), policy));
        Self { mandate, ..self }
    }

    /// What agents may do alone, and what follows from drift.
    #[must_use]
    pub fn safety(&self) -> SafetyPolicy {
        self.mandate.as_ref().map(|mandate| mandate.policy().clone()).unwrap_or_default()
    }

    /// What follows from drift.
    #[must_use]
    pub fn drift(&self) -> DriftPolicy {
        self.mandate.as_ref().map_or_else(DriftPolicy::default, |mandate| mandate.policy().drift)
    }

    /// The step at a position; `None` past the end.
    #[must_use]
    pub fn step(&self, at: StepRef) -> Option<&PlannedStep> {
        self.waves.get(at.wave).and_then(|wave| wave.steps.get(at.step))
    }

    /// What of a rehearsal a step is; `None`: it is an ordinary one.
    #[must_use]
    pub fn leg(&self, at: StepRef) -> Option<Leg> {
        let wave = self.waves.get(at.wave).filter(|wave| self.is_rehearsed(wave))?;
        match wave.steps.len().checked_sub(at.step)? {
            2 => Some(Leg::Down),
            1 => Some(Leg::Up),
            _ => None,
        }
    }

    /// Where nothing has served before there is nothing to go down to.
    fn is_rehearsed(&self, wave: &PlannedWave) -> bool {
        let has_base = |region: &RegionId| self.lanes.get(region).is_some_and(|lane| lane.base.is_some());
        let asked = wave.staging.as_ref().is_some_and(|staging| staging.rehearsal);
        asked && wave.regions.iter().any(has_base)
    }

    /// Regions in which a rehearsal was asked for and moves nothing, because nothing has served there before.
    #[must_use]
    pub fn unrehearsed(&self) -> Vec<&RegionId> {
        let asked = self.waves.iter().filter(|wave| wave.staging.as_ref().is_some_and(|staging| staging.rehearsal));
        let bare = |region: &&RegionId| self.lanes.get(*region).is_some_and(|lane| lane.base.is_none());
        asked.flat_map(|wave| &wave.regions).filter(bare).collect()
    }

    /// What the evidence of a step is asked: of a load only where one is driven, and of the new release's answers only
    /// where it gets traffic.
    #[must_use]
    pub fn evidence_at(&self, at: StepRef, is_driven: bool) -> Cow<'_, EvidencePolicy> {
        let is_down = self.leg(at) == Some(Leg::Down);
        let is_asked = |check: &&Check| {
            let is_load = matches!(check.measure, Measure::Load(_));
            (is_driven || !is_load) && (!is_down || check.measure.needs_no_traffic())
        };
        if self.evidence.checks.iter().all(|check| is_asked(&check)) {
            return Cow::Borrowed(&self.evidence);
        }
        let checks = self.evidence.checks.iter().filter(is_asked).cloned().collect();
        Cow::Owned(EvidencePolicy { checks, ..self.evidence.clone() })
    }

    /// Whether the regions of a step's wave are put under load while they bake.
    #[must_use]
    pub fn is_under_load(&self, at: StepRef) -> bool {
        self.waves.get(at.wave).is_some_and(|wave| wave.staging.is_some())
    }

    /// The split that a step orders in a lane. Where nothing has served before, there is nobody to share with.
    ///
    /// # Panics
    /// If the step is not of this plan.
    #[must_use]
    pub fn split_at(&self, lane: &PlannedLane, at: StepRef) -> Split {
        let step = self.step(at).expect("a record only names steps of its own plan");
        match lane.base {
            Some(_) => Split::toward(lane.slot, step.weight),
            None => Split::all(lane.slot),
        }
    }

    /// The cohort that a step orders in a lane.
    #[must_use]
    pub fn cohort_at(&self, lane: &PlannedLane, at: StepRef) -> Option<Cohort> {
        let rule = self.step(at)?.cohort.clone()?;
        lane.base.as_ref()?;
        Some(Cohort { rule, slot: lane.slot })
    }
}

impl Canonical for PlannedLane {
    fn feed(&self, canon: &mut Canon) {
        let base = self.base.as_ref();
        canon.value(&self.slot).value(&base.map(|b| b.slot)).value(&base.map(|b| b.release.clone())).value(&self.epoch);
    }
}

impl Canonical for PlannedStep {
    fn feed(&self, canon: &mut Canon) {
        canon.value(&self.weight).value(&self.cohort).value(&self.bake);
        // The first plans counted time alone; steps that still do keep their part of the hash.
        if self.requests > 0 {
            canon.text("requests").number(self.requests);
        }
    }
}

impl Canonical for PlannedWave {
    fn feed(&self, canon: &mut Canon) {
        canon.value(&self.id).value(&self.stage).value(&self.regions).number(u64::from(self.max_parallel));
        canon.number(u64::from(self.max_skew)).value(&self.steps).value(&self.soak);
        // The first plans asked for no consent; waves that ask for none keep their part of the hash.
        if !self.approvals.is_empty() {
            canon.text("approvals").value(&self.approvals);
        }
        if let Some(staging) = &self.staging {
            canon.text("staging").value(staging);
        }
        if !self.callbacks.is_empty() {
            canon.text("callbacks").value(&self.callbacks);
        }
    }
}

impl Canonical for Plan {
    /// Everything but the safety policy, with which [`Plan::hash`] seals it.
    fn feed(&self, canon: &mut Canon) {
        canon.text("meridian.plan.v1").value(&self.service).value(&self.release).text(self.reversibility.as_str());
        canon.value(&self.playbook.id).number(self.playbook.revision).value(&self.parent).value(&self.lanes);
        canon.value(&self.waves).value(&self.evidence).value(&self.rollback).value(&self.limits);
        // The first plans knew no shares; those without keep their hash.
        if self.lanes.values().any(|lane| lane.share != TrafficShare::EQUAL) {
            canon.text("shares");
            for lane in self.lanes.values() {
                canon.number(u64::from(lane.share.0));
            }
        }
        // Nor did they know the time of day.
        if !self.timetable.is_empty() {
            canon.text("timetable").value(&self.timetable);
            for lane in self.lanes.values() {
                canon.value(&lane.zone);
            }
        }
        if !self.checklist.is_empty() {
            canon.text("checklist").value(&self.checklist);
        }
        if let Some(FeedbackPolicy { score_min, answers_min, blockers_max, pilot_waits }) = &self.feedback {
            canon.text("feedback").text(&score_min.to_string()).number(u64::from(*answers_min));
            canon.number(u64::from(*blockers_max)).number(u64::from(*pilot_waits));
        }
        if let Some(supersede) = &self.supersedes {
            canon.text("supersedes").value(supersede);
        }
        if let Some(set) = &self.set {
            canon.text("set").value(set);
        }
        if let Some(join) = &self.join {
            canon.text("join").value(join);
        }
        let base = |lane: &PlannedLane| lane.base.as_ref().map(|base| base.parameters.clone()).unwrap_or_default();
        if self.lanes.values().any(|lane| !lane.parameters.is_empty() || !base(lane).is_empty()) {
            canon.text("parameters");
            for lane in self.lanes.values() {
                canon.value(&lane.parameters).value(&base(lane));
            }
        }
    }
}
