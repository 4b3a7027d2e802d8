//! Plans to test with: written down in a few words, checked and compiled like those of operators.

use std::collections::BTreeMap;

use meridian_core::calendar::Timetable;
use meridian_core::cohort::{CohortRule, RequestKey};
use meridian_core::digest::Digest;
use meridian_core::evidence::{Check, EvidencePolicy, LoadMeasure, Measure};
use meridian_core::id::{CallbackId, ItemId, PlaybookId, RegionId, RoleId, RolloutId, ServiceId, WaveId};
use meridian_core::lane::LaneState;
use meridian_core::plan::parameters::Values;
use meridian_core::plan::{Inventory, Plan, PlanRefusal, RegionFacts, SetPlan, Superseding, TrafficShare, compile};
use meridian_core::playbook::{
    ApprovalRule, BackPace, Callback, ChecklistItem, Earns, Electorate, HotfixPolicy, ItemKind, Limits, Load,
    LoadRequest, Method, Playbook, Pooling, RegionSelector, RollbackPolicy, SafetyPolicy, Stage, StageKind, Staging,
    Step, VotePolicy, Wave, validate,
};
use meridian_core::release::{Notes, Release, Reversibility};
use meridian_core::time::Span;
use meridian_core::watch::{Decimal, FeedbackPolicy, WatchPolicy};
use meridian_core::weight::Weight;

/// What may have to be signed off, and by whom.
pub const ITEMS: [(ItemKind, &str); 2] = [(ItemKind::Uat, "bob"), (ItemKind::Briefing, "carl")];
/// How long a sign-off holds.
pub const SIGN_OFF_SECS: u64 = 1000;
/// How long a consent holds.
pub const APPROVAL_SECS: u64 = 1000;

/// How long a callback is waited for.
pub const CALLBACK_SECS: u64 = 60;

/// A wave in a few words.
#[derive(Clone, Debug)]
pub struct WaveDesign {
    /// Numbers of the regions.
    pub regions: Vec<usize>,
    /// Weight in percent and seconds of bake; a weight of nought takes a cohort.
    pub steps: Vec<(u64, u64)>,
    pub max_parallel: u32,
    pub max_skew: u32,
    /// Seconds.
    pub soak: u64,
    /// People of the role `sre` who must consent.
    pub approvals: u32,
}

/// The role that is asked.
pub fn role() -> RoleId {
    RoleId::new("sre").unwrap()
}

/// A playbook in a few words.
#[derive(Clone, Debug)]
pub struct Design {
    pub waves: Vec<WaveDesign>,
    pub checked: bool,
    pub votes: VotePolicy,
    /// `None`: as far as a rollback reaches.
    pub over: Option<Electorate>,
    /// The pool's minimum sample.
    pub pooled: Option<u64>,
    /// Traffic shares of the regions by number; fewer are declared than there are if it is shorter.
    pub shares: Vec<u64>,
    pub fleet: bool,
    pub reversibility: Reversibility,
    /// Seconds.
    pub retention: u64,
    pub pace: Option<BackPace>,
    pub limits: Limits,
    pub safety: SafetyPolicy,
    pub timetable: Timetable,
    /// So many of [`ITEMS`] must be signed off first.
    pub items: usize,
    /// So many answers the first wave waits for, as a pilot; nought: for none.
    pub answers: u32,
    /// Whether the first wave is under load, and if so whether the way back is rehearsed.
    pub staged: Option<bool>,
    /// Endpoints that are asked before the first wave.
    pub callbacks: usize,
    /// That the new release must answer in every bake.
    pub requests: u64,
    /// What stable releases were started with, and what the new one is.
    pub parameters: Option<(Values, Values)>,
    /// Whose rollout it is, called what, as a member of which set; `None`: of none.
    pub member: Option<(ServiceId, RolloutId, SetPlan)>,
}

impl WaveDesign {
    /// All at once to 20 %, then to the whole, ten seconds each.
    pub fn of(regions: &[usize]) -> Self {
        let steps = vec![(20, 10), (100, 10)];
        Self { regions: regions.to_vec(), steps, max_parallel: 9, max_skew: 9, soak: 0, approvals: 0 }
    }
}

impl Design {
    pub fn of(waves: &[&[usize]]) -> Self {
        Self {
            waves: waves.iter().map(|regions| WaveDesign::of(regions)).collect(),
            checked: true,
            votes: VotePolicy::Any,
            over: None,
            pooled: None,
            shares: Vec::new(),
            fleet: true,
            reversibility: Reversibility::Free,
            retention: 100,
            pace: None,
            limits: Limits::default(),
            safety: SafetyPolicy::default(),
            timetable: Timetable::default(),
            items: 0,
            answers: 0,
            staged: None,
            callbacks: 0,
            requests: 0,
            parameters: None,
            member: None,
        }
    }

    pub fn regions(&self) -> Vec<RegionId> {
        let most = self.waves.iter().flat_map(|wave| wave.regions.iter()).max().copied().unwrap_or(0);
        (0..=most).map(region).collect()
    }

    pub fn playbook(&self) -> Playbook {
        Playbook {
            id: PlaybookId::new("steps").unwrap(),
            stages: self.waves.iter().enumerate().map(|(index, wave)| self.stage(index, wave)).collect(),
            evidence: EvidencePolicy {
                checks: self.checks(),
                window: Span::from_secs(60),
                extend_max: Span::from_secs(300),
            },
            rollback: RollbackPolicy {
                votes: self.votes,
                over: self.over.unwrap_or(Electorate::of(self.fleet)),
                pooled: self.pooled.map(|sample_min| Pooling { sample_min }),
                fleet: self.fleet,
                retention: Span::from_secs(self.retention),
                pace: self.pace,
            },
            limits: self.limits.clone(),
            safety: self.safety.clone(),
            timetable: self.timetable.clone(),
            watch: WatchPolicy { feedback: self.feedback(), ..WatchPolicy::default() },
            checklist: ITEMS[..self.items].iter().map(item).collect(),
            hotfix: Some(self.hotfix()),
            joiners: meridian_core::playbook::Joiners::default(),
            concurrency: meridian_core::playbook::Concurrency::Reject,
        }
    }

    fn checks(&self) -> Vec<Check> {
        let load = self.staged.map(|_| load_check());
        self.checked.then(check).into_iter().chain(load).collect()
    }

    fn stage(&self, index: usize, wave: &WaveDesign) -> Stage {
        let stage = stage(index, wave, self);
        match self.staged.filter(|_| index == 0) {
            Some(rehearsal) => {
                Stage { kind: StageKind::Staging, staging: Some(Staging { load: load(), rehearsal }), ..stage }
            }
            None => stage,
        }
    }

    /// Half of every bake, on the word of one, with the first of [`ITEMS`] left for later.
    fn hotfix(&self) -> HotfixPolicy {
        let waives = ITEMS[..self.items.min(1)].iter().map(|of| item(of).id).collect();
        HotfixPolicy { bake: percent(50), approvals: vec![consent_of(1)], earns: Earns::Patch, waives }
    }

    /// Four of five at least, and no blocker; of one wave there is nothing behind a pilot.
    fn feedback(&self) -> Option<FeedbackPolicy> {
        let score_min = Decimal::from_millionths(4_000_000).unwrap();
        let policy = FeedbackPolicy { score_min, answers_min: self.answers, blockers_max: 0, pilot_waits: true };
        (self.answers > 0 && self.waves.len() > 1 && self.staged.is_none()).then_some(policy)
    }

    /// The plan of a version over lanes as they are now.
    pub fn plan(&self, version: &str, lanes: &BTreeMap<RegionId, LaneState>) -> Plan {
        self.plan_over(version, lanes, None).unwrap()
    }

    /// The same, taking over the lanes of a rollout.
    pub fn plan_over(
        &self,
        version: &str,
        lanes: &BTreeMap<RegionId, LaneState>,
        superseding: Option<Superseding>,
    ) -> Result<Plan, Vec<PlanRefusal>> {
        let (service, set) = self.member.clone().map_or((service(), None), |(service, _, set)| (service, Some(set)));
        let release = Release { service, reversibility: self.reversibility, ..release(version) };
        let facts = |region: RegionId| {
            let lane = lanes.get(&region).cloned().unwrap_or_default();
            let number = self.regions().iter().position(|id| *id == region);
            let share =
                number.and_then(|number| self.shares.get(number)).map(|share| TrafficShare::new(*share).unwrap());
            let parameters = self.parameters.clone().map(|(_, new)| new).unwrap_or_default();
            (region, RegionFacts { lane, share, parameters, ..RegionFacts::default() })
        };
        let regions = self.regions().into_iter().map(facts).collect();
        let inventory = Inventory { regions, superseding, set, ..Inventory::default() };
        compile(&validate(self.playbook()).unwrap(), 1, &release, &inventory)
    }
}

/// Of so many people.
fn consent_of(count: u32) -> ApprovalRule {
    ApprovalRule { role: role(), count, valid_for: Span::from_secs(APPROVAL_SECS) }
}

fn item((kind, owner): &(ItemKind, &str)) -> ChecklistItem {
    let valid_for = Span::from_secs(SIGN_OFF_SECS);
    ChecklistItem { id: ItemId::new(kind.as_str()).unwrap(), kind: *kind, owner: (*owner).to_owned(), valid_for }
}

pub fn region(number: usize) -> RegionId {
    RegionId::new(format!("r{number}")).unwrap()
}

pub fn percent(percent: u64) -> Weight {
    Weight::from_basis_points(percent * 100).unwrap()
}

pub fn service() -> ServiceId {
    ServiceId::new("checkout").unwrap()
}

pub fn release(version: &str) -> Release {
    Release {
        service: service(),
        version: version.parse().unwrap(),
        digest: Digest::of(version.as_bytes()),
        notes: Notes::default(),
        reversibility: Reversibility::Free,
        prepares: None,
    }
}

/// At most one percent of errors, over at least a hundred requests.
pub fn check() -> Check {
    let measure = Measure::ErrorRatio { max: percent(1) };
    Check { name: "errors".to_owned(), measure, sample_min: 100 }
}

/// At most one percent of the load fails, over at least a hundred requests.
pub fn load_check() -> Check {
    let measure = Measure::Load(LoadMeasure::Errors { max: percent(1) });
    Check { name: "load".to_owned(), measure, sample_min: 100 }
}

/// Two hundred a second at once.
pub fn load() -> Load {
    let request = LoadRequest {
        method: Method::Get,
        path: "/".to_owned(),
        headers: BTreeMap::new(),
        body: String::new(),
        weight: 1,
    };
    let (connections, timeout) = (Load::CONNECTIONS, Load::TIMEOUT);
    Load { rate: 200, ramp: Span::ZERO, requests: vec![request], connections, timeout }
}

fn stage(index: usize, wave: &WaveDesign, design: &Design) -> Stage {
    let requests = design.requests;
    let callback = |number| Callback {
        id: CallbackId::new(format!("gate-{number}")).unwrap(),
        url: "https://gate.example/ask".to_owned(),
        timeout: Span::from_secs(CALLBACK_SECS),
        secret: None,
    };
    let step = |(weight, bake): &(u64, u64)| {
        let key = RequestKey::Header("x-pilot".to_owned());
        let cohort = (*weight == 0).then(|| CohortRule::Equals(key, "yes".to_owned()));
        Step { weight: percent(*weight), cohort, bake: Span::from_secs(*bake), requests }
    };
    let wave = Wave {
        id: WaveId::new(format!("w{index}")).unwrap(),
        regions: RegionSelector::Names(wave.regions.iter().copied().map(region).collect()),
        max_parallel: wave.max_parallel,
        max_skew: wave.max_skew,
        steps: wave.steps.iter().map(step).collect(),
        soak: Span::from_secs(wave.soak),
        spread: None,
        callbacks: (0..if index == 0 { design.callbacks } else { 0 }).map(callback).collect(),
        approvals: (wave.approvals > 0).then(|| consent_of(wave.approvals)).into_iter().collect(),
    };
    let kind = if index == 0 { StageKind::Pilot } else { StageKind::Production };
    Stage { kind, staging: None, waves: vec![wave] }
}
