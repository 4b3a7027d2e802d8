//! The small fleet that is checked: a plan over a few regions, its moments, and the bounds of what may befall it.

use std::collections::BTreeMap;

use meridian_core::digest::Digest;
use meridian_core::epoch::Epoch;
use meridian_core::evidence::{Check, EvidencePolicy, Measure};
use meridian_core::id::{PlaybookId, RegionId, RolloutId, ServiceId, WaveId};
use meridian_core::lane::{LaneState, Placed};
use meridian_core::plan::parameters::Values;
use meridian_core::plan::{Inventory, Plan, RegionFacts, compile};
use meridian_core::playbook::{
    Limits, Playbook, RegionSelector, RollbackPolicy, SafetyPolicy, Stage, StageKind, Step, Wave, validate,
};
use meridian_core::release::{Notes, Release, Reversibility};
use meridian_core::slot::Slot;
use meridian_core::time::{Span, Timestamp};
use meridian_core::weight::Weight;

/// How long the things take that have a limit; a tick of the model's clock passes all of them but the last.
const LIMIT: Span = Span::from_secs(600);
const TICK: Span = Span::from_secs(1200);
const TOTAL: Span = Span::from_secs(1_000_000);

/// What is checked, and how much of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fleet {
    /// Equal servers.
    pub servers: usize,
    /// Regions, each with an agent.
    pub regions: usize,
    /// Weights of the steps in percent.
    pub steps: &'static [u64],
    /// Whether each region has a wave of its own.
    pub in_turn: bool,
    /// Things that may go wrong.
    pub faults: u8,
    /// Orders that people may give.
    pub orders: u8,
    /// How often all limits may pass.
    pub ticks: u8,
    /// Backups that may be restored.
    pub restores: u8,
    /// Decisions after which nothing is looked at any more.
    pub decisions: u8,
}

impl Fleet {
    /// The plan of the new release over the fleet, and the lanes it was made over.
    ///
    /// # Panics
    /// If the fleet is no sound plan.
    #[must_use]
    pub fn plan(&self) -> (Plan, BTreeMap<RegionId, LaneState>) {
        let base = |id: RegionId| {
            let stable =
                Some(Placed { slot: Slot::Blue, release: release("1.0.0").reference(), parameters: Values::new() });
            (id, LaneState { stable, rollout: None, held: false, epoch: Epoch::new(1, 0) })
        };
        let lanes: BTreeMap<RegionId, LaneState> = (0..self.regions).map(region).map(base).collect();
        let facts = |(id, lane): (&RegionId, &LaneState)| {
            (id.clone(), RegionFacts { lane: lane.clone(), ..RegionFacts::default() })
        };
        let inventory = Inventory { regions: lanes.iter().map(facts).collect(), ..Inventory::default() };
        let playbook = validate(self.playbook()).expect("the model's playbook is sound");
        let plan = compile(&playbook, 1, &release("2.0.0"), &inventory).expect("the model's plan is sound");
        (plan, lanes)
    }

    fn playbook(&self) -> Playbook {
        let groups: Vec<Vec<usize>> = if self.in_turn {
            (0..self.regions).map(|one| vec![one]).collect()
        } else {
            vec![(0..self.regions).collect()]
        };
        let waves = groups.into_iter().enumerate().map(|(index, regions)| self.wave(index, &regions)).collect();
        Playbook {
            timetable: meridian_core::calendar::Timetable::default(),
            watch: meridian_core::watch::WatchPolicy::default(),
            checklist: Vec::new(),
            hotfix: None,
            joiners: meridian_core::playbook::Joiners::default(),
            concurrency: meridian_core::playbook::Concurrency::Reject,
            id: PlaybookId::new("model").expect("a name"),
            stages: vec![Stage { kind: StageKind::Production, staging: None, waves }],
            evidence: EvidencePolicy { checks: vec![check()], window: LIMIT, extend_max: LIMIT },
            rollback: RollbackPolicy { retention: LIMIT, ..RollbackPolicy::default() },
            limits: Limits { prepare: LIMIT, shift: LIMIT, revert: LIMIT, total: TOTAL },
            safety: SafetyPolicy::default(),
        }
    }

    fn wave(&self, index: usize, regions: &[usize]) -> Wave {
        let step = |percent: &u64| {
            let weight = Weight::from_basis_points(percent * 100).expect("at most the whole");
            // No time is asked for, so that every order of events is reached without waiting.
            Step { weight, cohort: None, bake: Span::ZERO, requests: 0 }
        };
        Wave {
            id: WaveId::new(format!("w{index}")).expect("a name"),
            regions: RegionSelector::Names(regions.iter().copied().map(region).collect()),
            max_parallel: 9,
            max_skew: 9,
            steps: self.steps.iter().map(step).collect(),
            soak: Span::ZERO,
            approvals: Vec::new(),
            callbacks: Vec::new(),
            spread: None,
        }
    }
}

/// A region by its number.
///
/// # Panics
/// Never: the name is sound.
#[must_use]
pub fn region(number: usize) -> RegionId {
    RegionId::new(format!("r{number}")).expect("a name")
}

/// A rollout by its number.
///
/// # Panics
/// Never: the name is sound.
#[must_use]
pub fn rollout(number: u8) -> RolloutId {
    RolloutId::new(format!("rollout-{number}")).expect("a name")
}

/// The time after some ticks.
#[must_use]
pub fn now(ticks: u8) -> Timestamp {
    Timestamp::from_millis(1_000_000).after(TICK.times(u64::from(ticks)))
}

/// Since when a region can be reached, if it can.
#[must_use]
pub fn reached() -> Timestamp {
    now(0)
}

fn release(version: &str) -> Release {
    Release {
        service: ServiceId::new("checkout").expect("a name"),
        version: version.parse().expect("a version"),
        digest: Digest::of(version.as_bytes()),
        notes: Notes::default(),
        reversibility: Reversibility::Free,
        prepares: None,
    }
}

/// At most one percent of errors, over at least a hundred requests.
fn check() -> Check {
    let max = Weight::from_basis_points(100).expect("at most the whole");
    Check { name: "errors".to_owned(), measure: Measure::ErrorRatio { max }, sample_min: 100 }
}
