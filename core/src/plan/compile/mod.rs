//! `compile`: the pure function from playbook, release and inventory to plan, or to typed refusals. All refusals are
//! reported at once.

mod lanes;
mod refusal;
mod waves;

use std::collections::{BTreeMap, BTreeSet};

use super::drain;
use super::parameters::Values;
use super::prepared::{self, Activated};
use super::set::SetPlan;
use super::spec::{Plan, PlaybookRef, TrafficShare};
use super::supersede::{Supersede, Superseding};
use crate::calendar::timetable::Timetable;
use crate::digest::Digest;
use crate::id::RegionId;
use crate::lane::LaneState;
use crate::playbook::{Playbook, ValidPlaybook};
use crate::release::Release;
use crate::rollout::veto::Veto;

pub use refusal::PlanRefusal;

pub(super) use lanes::{check_agent, check_region, check_shares, plan_lane};
pub(super) use waves::resolve_stage;

/// The most regions of a plan.
pub const REGIONS_MAX: usize = 1000;

/// The most bytes of parameters in a plan, names and values of all regions together.
pub const PARAMETER_BYTES_MAX: usize = 256 * 1024;

/// What is known of a region when a plan is made.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct RegionFacts {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Taken out of new plans by an operator.
    pub cordoned: bool,
    /// Whether it is on its way out of the fleet.
    pub draining: bool,
    /// Whether its traffic driver can send a cohort; `None` if its agent never said.
    pub cohorts: Option<bool>,
    /// Whether its traffic driver can split by weight; `None` if its agent never said.
    pub weights: Option<bool>,
    /// Its part of the traffic, if an operator has declared one.
    pub share: Option<TrafficShare>,
    /// Whether its agent knows safety policies; `None` if it never said.
    pub safety: Option<bool>,
    /// Whether its agent asks others for metrics; `None` if it never said.
    pub queries: Option<bool>,
    /// Whether its agent drives load; `None` if it never said.
    pub load: Option<bool>,
    /// Whether its agent hands parameters to workloads; `None` if it never said.
    pub takes_parameters: Option<bool>,
    /// What the service's parameters come to there.
    pub parameters: Values,
    /// What is stable there, if it is the second of a two-phase pair.
    pub activated: Option<Activated>,
    /// The service's lane there.
    pub lane: LaneState,
}

/// Everything that a plan is made against, besides playbook and release.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Inventory {
    /// All registered regions.
    pub regions: BTreeMap<RegionId, RegionFacts>,
    /// The service's latest plan.
    pub parent: Option<Digest>,
    /// Digests that must not start again, and why.
    pub vetoed: BTreeMap<Digest, Veto>,
    /// The rollout whose lanes the plan is to take over.
    pub superseding: Option<Superseding>,
    /// The set that the rollout is to be a member of.
    pub set: Option<SetPlan>,
}

/// Compiles a plan.
///
/// # Errors
/// Every refusal at once; never an empty list.
pub fn compile(
    playbook: &ValidPlaybook,
    revision: u64,
    release: &Release,
    inventory: &Inventory,
) -> Result<Plan, Vec<PlanRefusal>> {
    let spec = playbook.get();
    let mut refused = Vec::new();
    let mut waves = Vec::new();
    for stage in &spec.stages {
        resolve_stage(stage, inventory, &mut waves, &mut refused);
    }
    waves::check(&waves, &mut refused);
    let regions: BTreeSet<RegionId> = waves.iter().flat_map(|wave| wave.regions.iter().cloned()).collect();
    if regions.len() > REGIONS_MAX {
        refused.push(PlanRefusal::TooManyRegions(regions.len()));
    }
    if let Some(veto) = inventory.vetoed.get(&release.digest).cloned() {
        let service = release.service.clone();
        refused.push(PlanRefusal::Vetoed { service, release: release.reference(), veto });
    }
    let mut lanes = BTreeMap::new();
    for region in &regions {
        let Some(facts) = inventory.regions.get(region) else {
            continue;
        };
        lanes::check_held(region, facts, inventory, &mut refused);
        drain::check(region, facts, inventory, &mut refused);
        check_region(region, facts, release, &waves, &mut refused);
        check_agent(region, facts, spec, &mut refused);
        lanes.insert(region.clone(), plan_lane(region, facts, spec, &mut refused));
    }
    lanes::check_parameters(&lanes, &mut refused);
    check_shares(spec.rollback.votes, &regions, inventory, &mut refused);
    prepared::check(release, &regions, inventory, &mut refused);
    let mut checklist = spec.checklist.clone();
    let resolved =
        inventory.superseding.as_ref().map(|over| over.resolve(spec, release, &regions, &mut waves, &mut checklist));
    let supersedes = resolved.transpose().unwrap_or_else(|refusals| {
        refused.extend(refusals);
        None
    });
    if !refused.is_empty() {
        return Err(refused);
    }
    assert!(!lanes.is_empty(), "a plan without refusals has a wave with a region");
    Ok(Plan {
        service: release.service.clone(),
        release: release.reference(),
        reversibility: release.reversibility,
        playbook: PlaybookRef { id: spec.id.clone(), revision },
        parent: inventory.parent,
        lanes,
        waves,
        evidence: spec.evidence.clone(),
        rollback: spec.rollback.clone(),
        limits: spec.limits.clone(),
        timetable: timetable(spec, supersedes.as_ref()),
        checklist,
        feedback: spec.watch.feedback.filter(|policy| policy.pilot_waits),
        supersedes,
        set: inventory.set.clone(),
        join: None,
        mandate: None,
    }
    .under(spec.safety.clone()))
}

/// When steps may start. What mends the users' trouble waits for no train.
fn timetable(spec: &Playbook, supersedes: Option<&Supersede>) -> Timetable {
    let is_hotfix = supersedes.is_some_and(|supersede| supersede.hotfix.is_some());
    Timetable { train: spec.timetable.train.clone().filter(|_| !is_hotfix), ..spec.timetable.clone() }
}
