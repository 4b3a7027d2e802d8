//! `compile`: the pure function from playbook, release and inventory to plan, or to typed refusals. All refusals are
//! reported at once.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::drain;
use super::parameters::Values;
use super::prepared::{self, Activated};
use super::set::SetPlan;
use super::spec::{Plan, PlannedLane, PlannedStep, PlannedWave, PlaybookRef, TrafficShare};
use super::supersede::{Supersede, Superseding};
use crate::calendar::timetable::{Timetable, ZONE_LABEL};
use crate::digest::Digest;
use crate::evidence::Measure;
use crate::id::{PlaybookId, RegionId, RolloutId, ServiceId, WaveId};
use crate::lane::LaneState;
use crate::playbook::validate::WAVES_MAX;
use crate::playbook::{
    Playbook, RegionSelector, SafetyPolicy, SpreadOrder, Stage, Step, ValidPlaybook, VotePolicy, Wave,
};
use crate::release::{Release, ReleaseRef};
use crate::rollout::supersede::SupersedeRefused;
use crate::rollout::veto::Veto;
use crate::slot::Slot;
use crate::weight::Weight;

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

/// Why a plan can't be made.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum PlanRefusal {
    /// A wave names a region that is not registered.
    #[error("wave {wave} names region {region}, which is not registered; start its agent or apply a Region first")]
    UnknownRegion {
        /// The wave.
        wave: String,
        /// The region.
        region: RegionId,
    },
    /// A wave has no region left.
    #[error("wave {wave} selects no region; register regions or change its selector")]
    EmptyWave {
        /// The wave.
        wave: String,
    },
    /// What is pinned for all regions together would not fit beside the rest of a plan.
    #[error("parameters of all regions together have {0} bytes, at most {PARAMETER_BYTES_MAX} are allowed; give less")]
    ParametersTooLarge(usize),
    /// More regions than [`REGIONS_MAX`].
    #[error("the plan would take {0} regions, at most {REGIONS_MAX} are allowed; split the playbook")]
    TooManyRegions(usize),
    /// Taken out by an operator.
    #[error("region {region} is cordoned; uncordon it or leave it out of the playbook")]
    Cordoned {
        /// The region.
        region: RegionId,
    },
    /// On its way out of the fleet.
    #[error("region {region} is draining; `meridian region undrain {region}` takes it back, or leave it out by name")]
    Draining {
        /// The region.
        region: RegionId,
    },
    /// The agent is too old for a safety policy.
    #[error("region {region}: its agent knows no safety policy; renew the agent or leave `safety` out of the playbook")]
    NoSafety {
        /// The region.
        region: RegionId,
    },
    /// The agent is too old to ask others for metrics.
    #[error("region {region}: its agent asks nobody for metrics; renew the agent or leave check {check} out")]
    NoQueries {
        /// The region.
        region: RegionId,
        /// The first check that asks.
        check: String,
    },
    /// The agent is too old to hand parameters to workloads.
    #[error(
        "region {region}: its agent hands no parameters to workloads; renew the agent or take them out of the service"
    )]
    NoParameters {
        /// The region.
        region: RegionId,
    },
    /// The agent is too old to drive load.
    #[error("region {region}: its agent drives no load; renew the agent or leave `load` out of wave {wave}")]
    NoLoad {
        /// The region.
        region: RegionId,
        /// The wave.
        wave: String,
    },
    /// Another rollout holds the lane.
    #[error("region {region} is held by rollout {rollout}; wait for its end (`--queue`), roll it back or supersede it")]
    LaneHeld {
        /// The region.
        region: RegionId,
        /// Who holds it.
        rollout: RolloutId,
    },
    /// The rollout that holds the lanes can't be superseded.
    #[error(transparent)]
    Supersede(SupersedeRefused),
    /// The playbook says nothing of hotfixes.
    #[error("playbook {playbook} allows no hotfix; declare `hotfix: {{bake: 25%, approvals: {{role: sre}}}}` in it")]
    HotfixNotDeclared {
        /// The playbook.
        playbook: PlaybookId,
    },
    /// The release is already what is stable there.
    #[error("region {region} already runs {version} with this digest; leave it out or release something new")]
    NothingToDo {
        /// The region.
        region: RegionId,
        /// The version.
        version: Version,
    },
    /// A driver can't do what a step asks.
    #[error("region {region}: its traffic driver can't do {ability}; change the steps of wave {wave} or the driver")]
    CannotDo {
        /// The region.
        region: RegionId,
        /// The wave.
        wave: String,
        /// What it can't: `weights` or `cohorts`.
        ability: &'static str,
    },
    /// A region would not end at 100 % of the new release.
    #[error("region {region} would end at {weight} of the new release; end its last wave with weight 100%")]
    NotWhole {
        /// The region.
        region: RegionId,
        /// Where it would end.
        weight: Weight,
    },
    /// A later wave would lower a region's weight.
    #[error("wave {wave} would lower the weight of region {region}; weights only rise over the waves")]
    WeightFalls {
        /// The region.
        region: RegionId,
        /// The later wave.
        wave: String,
    },
    /// Votes are counted by traffic, and some regions say what theirs is and this one does not.
    #[error("region {region} declares no traffic share and others do; declare one for every region, or for none")]
    ShareMissing {
        /// The region.
        region: RegionId,
    },
    /// The timetable is told by the regions' clocks, and this region does not say which it has.
    #[error(
        "region {region} declares no time zone and a window or freeze is told by it; give it the label `time-zone`"
    )]
    ZoneMissing {
        /// The region.
        region: RegionId,
    },
    /// No clock is told by what the region declares. Found by those who know the zones.
    #[error("region {region}: time zone {zone} is not known; label it with an IANA name, e.g. time-zone=Europe/Berlin")]
    ZoneUnknown {
        /// The region.
        region: RegionId,
        /// What it declares.
        zone: String,
    },
    /// A wave begins where there is the least traffic, and this region does not say how much it has.
    #[error(
        "wave {wave} goes by traffic and region {region} declares no share; declare one, or write `order: selected`"
    )]
    OrderUnknown {
        /// The wave.
        wave: String,
        /// The region.
        region: RegionId,
    },
    /// A part of a wave would have the name of another wave, or none that is allowed.
    #[error("a part of wave {wave} would be called {part}, which is taken or too long; give the wave another name")]
    PartName {
        /// The wave.
        wave: String,
        /// What its part would be called.
        part: String,
    },
    /// More waves than [`WAVES_MAX`], parts counted.
    #[error("the plan would have {0} waves, at most {WAVES_MAX} are allowed; let the parts grow faster")]
    TooManyWaves(usize),
    /// The digest must not start again.
    #[error("{service} {release} is vetoed {veto}; `meridian release unveto {service} {release}` lifts that")]
    Vetoed {
        /// Whose.
        service: ServiceId,
        /// The release.
        release: ReleaseRef,
        /// Why.
        veto: Veto,
    },
    /// The release needs another one everywhere first.
    #[error(
        "release {version} prepares on {needs}, and {is} is stable in region {region}; roll {needs} out there first"
    )]
    NotPrepared {
        /// The new release.
        version: Version,
        /// What must be there.
        needs: Version,
        /// Where it is not.
        region: RegionId,
        /// What is.
        is: Version,
    },
    /// It would jump back over a two-phase pair.
    #[error("region {region} serves {from}, which prepares on {over}; {to} is before both: go back to {over} first")]
    JumpsBack {
        /// Where.
        region: RegionId,
        /// What serves there.
        from: Version,
        /// What prepared it.
        over: Version,
        /// The release that is older than both.
        to: Version,
    },
}

impl PlanRefusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownRegion { .. } => "UNKNOWN_REGION",
            Self::EmptyWave { .. } => "EMPTY_WAVE",
            Self::TooManyRegions(_) => "TOO_MANY_REGIONS",
            Self::Cordoned { .. } => "REGION_CORDONED",
            Self::Draining { .. } => "REGION_DRAINING",
            Self::NoSafety { .. } => "NO_SAFETY_POLICY",
            Self::NoQueries { .. } => "NO_QUERIES",
            Self::NoLoad { .. } => "NO_LOAD",
            Self::NoParameters { .. } => "NO_PARAMETERS",
            Self::ParametersTooLarge(_) => "PARAMETERS_TOO_LARGE",
            Self::LaneHeld { .. } => "LANE_HELD",
            Self::Supersede(refused) => refused.code(),
            Self::HotfixNotDeclared { .. } => "HOTFIX_NOT_DECLARED",
            Self::NothingToDo { .. } => "NOTHING_TO_DO",
            Self::CannotDo { .. } => "DRIVER_CANNOT_DO",
            Self::NotWhole { .. } => "REGION_NOT_WHOLE",
            Self::WeightFalls { .. } => "WEIGHT_FALLS",
            Self::ShareMissing { .. } => "TRAFFIC_SHARE_MISSING",
            Self::ZoneMissing { .. } => "TIME_ZONE_MISSING",
            Self::ZoneUnknown { .. } => "TIME_ZONE_UNKNOWN",
            Self::OrderUnknown { .. } => "TRAFFIC_SHARE_MISSING",
            Self::PartName { .. } => "WAVE_NAME_TAKEN",
            Self::TooManyWaves(_) => "TOO_MANY_WAVES",
            Self::Vetoed { .. } => "DIGEST_VETOED",
            Self::NotPrepared { .. } => "NOT_PREPARED",
            Self::JumpsBack { .. } => "JUMPS_BACK",
        }
    }
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
    check_waves(&waves, &mut refused);
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
        check_held(region, facts, inventory, &mut refused);
        drain::check(region, facts, inventory, &mut refused);
        check_region(region, facts, release, &waves, &mut refused);
        check_agent(region, facts, spec, &mut refused);
        lanes.insert(region.clone(), plan_lane(region, facts, spec, &mut refused));
    }
    check_parameters(&lanes, &mut refused);
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

/// What is pinned for all regions together has to fit beside the rest.
fn check_parameters(lanes: &BTreeMap<RegionId, PlannedLane>, refused: &mut Vec<PlanRefusal>) {
    let values = lanes.values().flat_map(|lane| &lane.parameters);
    let bytes = values.map(|(name, value)| name.len() + value.len()).sum::<usize>();
    if bytes > PARAMETER_BYTES_MAX {
        refused.push(PlanRefusal::ParametersTooLarge(bytes));
    }
}

/// What the playbook asks of the region's agent, if that has said what it knows.
pub(super) fn check_agent(region: &RegionId, facts: &RegionFacts, spec: &Playbook, refused: &mut Vec<PlanRefusal>) {
    if spec.safety != SafetyPolicy::default() && facts.safety == Some(false) {
        refused.push(PlanRefusal::NoSafety { region: region.clone() });
    }
    if facts.takes_parameters == Some(false) && !facts.parameters.is_empty() {
        refused.push(PlanRefusal::NoParameters { region: region.clone() });
    }
    let asks = spec.evidence.checks.iter().find(|check| matches!(check.measure, Measure::Query(_)));
    if let (Some(check), Some(false)) = (asks, facts.queries) {
        refused.push(PlanRefusal::NoQueries { region: region.clone(), check: check.name.clone() });
    }
}

/// The new release goes to the slot that serves nothing; the first release of a lane goes to blue.
pub(super) fn plan_lane(
    region: &RegionId,
    facts: &RegionFacts,
    spec: &Playbook,
    refused: &mut Vec<PlanRefusal>,
) -> PlannedLane {
    let RegionFacts { lane, share, .. } = facts;
    let follows = spec.timetable.follows_the_sun();
    let zone = facts.labels.get(ZONE_LABEL).filter(|_| follows).cloned();
    if follows && zone.is_none() {
        refused.push(PlanRefusal::ZoneMissing { region: region.clone() });
    }
    let slot = lane.stable.as_ref().map_or(Slot::Blue, |placed| placed.slot.other());
    let share = share.unwrap_or(TrafficShare::EQUAL);
    let parameters = facts.parameters.clone();
    PlannedLane { slot, base: lane.stable.clone(), epoch: lane.epoch, share, zone, parameters }
}

/// Shares are declared everywhere or nowhere: a share that is only half known would weigh a vote wrongly.
pub(super) fn check_shares(
    votes: VotePolicy,
    regions: &BTreeSet<RegionId>,
    inventory: &Inventory,
    refused: &mut Vec<PlanRefusal>,
) {
    let VotePolicy::Traffic(_) = votes else { return };
    let facts = regions.iter().filter_map(|region| Some((region, inventory.regions.get(region)?)));
    let (declared, missing): (Vec<_>, Vec<_>) = facts.partition(|(_, facts)| facts.share.is_some());
    if !declared.is_empty() {
        let missing = missing.into_iter().map(|(region, _)| PlanRefusal::ShareMissing { region: region.clone() });
        refused.extend(missing);
    }
}

pub(super) fn resolve_stage(
    stage: &Stage,
    inventory: &Inventory,
    out: &mut Vec<PlannedWave>,
    refused: &mut Vec<PlanRefusal>,
) {
    // A name is meant; a label takes what no name and no earlier label has taken.
    let names = |wave: &Wave| match &wave.regions {
        RegionSelector::Names(names) => names.clone(),
        RegionSelector::Labels(_) | RegionSelector::Rest => Vec::new(),
    };
    let mut taken: BTreeSet<RegionId> = stage.waves.iter().flat_map(names).collect();
    let chosen: Vec<Vec<RegionId>> = stage
        .waves
        .iter()
        .map(|wave| {
            let regions = select(wave, inventory, &taken);
            taken.extend(regions.iter().cloned());
            regions
        })
        .collect();
    for (wave, regions) in stage.waves.iter().zip(chosen) {
        let regions = match &wave.regions {
            RegionSelector::Rest => {
                let rest = inventory.regions.iter().filter(|(region, _)| !taken.contains(*region));
                rest.filter(|(_, facts)| drain::may_take(facts, inventory)).map(|(region, _)| region.clone()).collect()
            }
            RegionSelector::Names(_) | RegionSelector::Labels(_) => regions,
        };
        if regions.is_empty() {
            refused.push(PlanRefusal::EmptyWave { wave: wave.id.to_string() });
        }
        for region in regions.iter().filter(|region| !inventory.regions.contains_key(*region)) {
            refused.push(PlanRefusal::UnknownRegion { wave: wave.id.to_string(), region: region.clone() });
        }
        plan_wave(stage, wave, regions, inventory, out, refused);
    }
}

/// The wave, or its parts.
fn plan_wave(
    stage: &Stage,
    wave: &Wave,
    mut regions: Vec<RegionId>,
    inventory: &Inventory,
    out: &mut Vec<PlannedWave>,
    refused: &mut Vec<PlanRefusal>,
) {
    let step = |s: &Step| {
        let Step { weight, cohort, bake, requests } = s.clone();
        PlannedStep { weight, cohort, bake, requests }
    };
    let whole = |id, regions: Vec<RegionId>, is_first: bool| PlannedWave {
        id,
        stage: stage.kind,
        max_parallel: wave.max_parallel,
        max_skew: wave.max_skew,
        steps: wave.steps.iter().map(step).chain(rehearsal(stage, wave, &regions, inventory)).collect(),
        regions,
        soak: wave.soak,
        approvals: if is_first { wave.approvals.clone() } else { Vec::new() },
        callbacks: if is_first { wave.callbacks.clone() } else { Vec::new() },
        staging: stage.staging.clone(),
    };
    let Some(spread) = wave.spread else {
        out.push(whole(wave.id.clone(), regions, true));
        return;
    };
    if spread.order == SpreadOrder::LowTraffic {
        let share = |region: &RegionId| inventory.regions.get(region).and_then(|facts| facts.share);
        let unknown =
            regions.iter().filter(|region| share(region).is_none() && inventory.regions.contains_key(*region));
        let wave = || wave.id.to_string();
        refused.extend(unknown.map(|region| PlanRefusal::OrderUnknown { wave: wave(), region: region.clone() }));
        regions.sort_by_key(share);
    }
    for (number, size) in spread.parts(regions.len()).into_iter().enumerate() {
        let rest = regions.split_off(size);
        let name = format!("{}-{}", wave.id, number + 1);
        match WaveId::new(name.as_str()) {
            Ok(id) => out.push(whole(id, regions, number == 0)),
            Err(_) => refused.push(PlanRefusal::PartName { wave: wave.id.to_string(), part: name }),
        }
        regions = rest;
    }
}

/// Down to the old release and up again, each with the bake of the last step; nothing where nothing has served before.
fn rehearsal(stage: &Stage, wave: &Wave, regions: &[RegionId], inventory: &Inventory) -> Vec<PlannedStep> {
    let has_base = |region: &RegionId| inventory.regions.get(region).is_some_and(|facts| facts.lane.stable.is_some());
    let is_asked = stage.staging.as_ref().is_some_and(|staging| staging.rehearsal);
    let Some(last) = wave.steps.last().filter(|_| is_asked && regions.iter().any(has_base)) else {
        return Vec::new();
    };
    let leg = |weight, requests| PlannedStep { weight, cohort: None, bake: last.bake, requests };
    // On the way down the new release answers nobody.
    vec![leg(Weight::NONE, 0), leg(Weight::WHOLE, last.requests)]
}

/// Parts have names and a number like waves that were written down.
fn check_waves(waves: &[PlannedWave], refused: &mut Vec<PlanRefusal>) {
    if waves.len() > WAVES_MAX {
        refused.push(PlanRefusal::TooManyWaves(waves.len()));
    }
    let mut names = BTreeSet::new();
    for planned in waves.iter().filter(|planned| !names.insert(&planned.id)) {
        // Names that were written down differ, so this one is a part's: the wave's and a number.
        let part = planned.id.to_string();
        let wave = part.rsplit_once('-').map_or(part.as_str(), |(wave, _)| wave).to_owned();
        refused.push(PlanRefusal::PartName { wave, part });
    }
}

/// The regions that a selector names by itself; the rest is known only after every other wave has chosen.
fn select(wave: &Wave, inventory: &Inventory, taken: &BTreeSet<RegionId>) -> Vec<RegionId> {
    match &wave.regions {
        RegionSelector::Names(names) => names.clone(),
        RegionSelector::Rest => Vec::new(),
        RegionSelector::Labels(labels) => {
            let fits = |facts: &RegionFacts| labels.iter().all(|(k, v)| facts.labels.get(k) == Some(v));
            let free = inventory.regions.iter().filter(|(region, facts)| fits(facts) && !taken.contains(*region));
            let free = free.filter(|(_, facts)| drain::may_take(facts, inventory));
            free.map(|(region, _)| region.clone()).collect()
        }
    }
}

/// A lane is free, or held by the rollout that is superseded.
fn check_held(region: &RegionId, facts: &RegionFacts, inventory: &Inventory, refused: &mut Vec<PlanRefusal>) {
    let from = inventory.superseding.as_ref().map(|over| &over.record.id);
    if let Some(rollout) = facts.lane.held_from(from) {
        refused.push(PlanRefusal::LaneHeld { region: region.clone(), rollout: rollout.clone() });
    }
}

pub(super) fn check_region(
    region: &RegionId,
    facts: &RegionFacts,
    release: &Release,
    waves: &[PlannedWave],
    refused: &mut Vec<PlanRefusal>,
) {
    let region = || region.clone();
    if facts.cordoned {
        refused.push(PlanRefusal::Cordoned { region: region() });
    }
    let stable = facts.lane.stable.as_ref().map(|placed| &placed.release);
    // The same bytes under another version are no way back from themselves.
    if let Some(stable) = stable.filter(|stable| stable.digest == release.digest) {
        refused.push(PlanRefusal::NothingToDo { region: region(), version: stable.version.clone() });
    }
    let mut weight = Weight::NONE;
    for wave in waves.iter().filter(|wave| wave.regions.contains(&region())) {
        if wave.staging.is_some() && facts.load == Some(false) {
            refused.push(PlanRefusal::NoLoad { region: region(), wave: wave.id.to_string() });
        }
        for step in &wave.steps {
            let partial = step.weight != Weight::WHOLE && stable.is_some();
            let wants = [
                ("weights", partial && step.weight != Weight::NONE, facts.weights),
                ("cohorts", step.cohort.is_some() && stable.is_some(), facts.cohorts),
            ];
            for (ability, wanted, able) in wants {
                let refusal = PlanRefusal::CannotDo { region: region(), wave: wave.id.to_string(), ability };
                if wanted && able == Some(false) && !refused.contains(&refusal) {
                    refused.push(refusal);
                }
            }
        }
        let (first, last) = (wave.steps.first(), wave.steps.last());
        if first.is_some_and(|step| step.weight < weight) {
            refused.push(PlanRefusal::WeightFalls { region: region(), wave: wave.id.to_string() });
        }
        weight = last.map_or(weight, |step| step.weight);
    }
    if weight != Weight::WHOLE {
        refused.push(PlanRefusal::NotWhole { region: region(), weight });
    }
}
